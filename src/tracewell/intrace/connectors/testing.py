"""For the tests of connectors: one connector against recorded answers of a real local server.

The connector runs as in a lookup (runner, pace, guard, key); only its source is on this machine.
"""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final
from urllib.parse import unquote_plus, urlsplit

from aiohttp import web

from tracewell.intrace.connectors.declared.connector import DeclaredConnector
from tracewell.intrace.connectors.declared.loading import load_python
from tracewell.intrace.connectors.declared.model import read_manifest
from tracewell.intrace.connectors.means import Means
from tracewell.intrace.connectors.model import Connector, Outcome
from tracewell.intrace.connectors.network.client import HttpClient
from tracewell.intrace.connectors.network.network import Network
from tracewell.intrace.connectors.network.secrecy import SourceOptions
from tracewell.intrace.connectors.runner import run_connectors
from tracewell.intrace.identifiers import parse_identifiers
from tracewell.kernel.clock import system_clock

KEY: Final = "key-of-the-test"
TIMEOUT_S: Final = 10.0
Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


@dataclass(frozen=True, slots=True)
class Told:
    """What came of a question: its outcome, the (predicate, value) pairs, the addresses asked."""

    outcome: Outcome
    statements: tuple[tuple[str, str], ...]
    source_urls: tuple[str, ...]
    asked: tuple[str, ...]


def load_connector(path: Path) -> Connector:
    """The connector of a YAML or Python file. Raises `ManifestError`, `ConnectorFileError`."""
    return load_python(path) if path.suffix == ".py" else DeclaredConnector(read_manifest(path))


def ask_recorded(
    connector: Connector,
    identifier: tuple[str, str],
    answers: Mapping[str, tuple[int, Any]],
) -> Told:
    """Asks about an identifier (type, value).

    `answers` are (status, JSON) by path and query as one would read them, without escapes; what is
    not among them is answered by a web page that says 404.
    """

    async def handler(request: web.Request) -> web.StreamResponse:
        recorded = answers.get(unquote_plus(request.raw_path))
        if recorded is None:
            return web.Response(status=404, text="<html>no such page</html>",
                                content_type="text/html")  # fmt: skip
        status, body = recorded
        return web.json_response(body, status=status)

    return asyncio.run(_ask(connector, identifier, handler))


def ask_faulty(connector: Connector, identifier: tuple[str, str]) -> dict[str, Told]:
    """The same question with each of the customary faults in the source's place, by its name."""
    return {
        name: asyncio.run(_ask(connector, identifier, handler)) for name, handler in _FAULTS.items()
    }


def _constant(status: int, body: str, content_type: str = "application/json") -> Handler:
    async def handler(request: web.Request) -> web.StreamResponse:
        return web.Response(status=status, text=body, content_type=content_type)

    return handler


async def _close(request: web.Request) -> web.StreamResponse:
    assert request.transport is not None
    request.transport.abort()
    return web.Response()


_FAULTS: Final[Mapping[str, Handler]] = {
    "connection lost": _close,
    "refused": _constant(403, "{}"),
    "too many questions": _constant(429, "{}"),
    "server error": _constant(500, "{}"),
    "web page": _constant(200, "<html>sign in</html>", "text/html"),
    "web page that is missing": _constant(404, "<html>no such page</html>", "text/html"),
    "malformed JSON": _constant(200, '{"login": '),
    "another shape": _constant(200, '{"unexpected": true}'),
    "a number": _constant(200, "7"),
}


async def _ask(connector: Connector, identifier: tuple[str, str], handler: Handler) -> Told:
    asked: list[str] = []

    async def recording(request: web.BaseRequest) -> web.StreamResponse:
        assert isinstance(request, web.Request)
        asked.append(request.raw_path)
        return await handler(request)

    runner = web.AppRunner(_catch_all(recording), access_log=None)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    port = runner.addresses[0][1]
    means = _make_means(connector, port)
    try:
        numbers = itertools.count()
        result = await run_connectors(
            [connector],
            parse_identifiers([identifier]),
            clock=system_clock,
            new_source_id=lambda: f"src_{next(numbers)}",
            timeout_s=TIMEOUT_S,
            enabled=(connector.spec.id,),
            means=means,
        )
    finally:
        await means.close()
        await runner.cleanup()
    return Told(
        result.coverage[0],
        tuple((s.observation.predicate, s.observation.value) for s in result.observations),
        tuple(source.url for source in result.sources),
        tuple(asked),
    )


def _catch_all(handler: Callable[[web.Request], Awaitable[web.StreamResponse]]) -> web.Application:
    app = web.Application()
    app.router.add_route("*", "/{tail:.*}", handler)
    return app


def _make_means(connector: Connector, port: int) -> Means:
    """The real means, with the source's own host name leading to this machine."""
    upstream = connector.spec.upstream
    base_url = upstream.base_url if upstream else None
    options: dict[str, SourceOptions] = {}
    allow: tuple[str, ...] = ()
    if base_url is not None:
        parts = urlsplit(base_url)
        allow = (f"{parts.hostname}=127.0.0.1:{port}",)
        options = {connector.spec.id: SourceOptions(KEY, f"http://{parts.hostname}{parts.path}")}
    client = HttpClient(clock=system_clock, contact_url="http://127.0.0.1/", allow=allow)
    return Means(Network(client, options=options, random=lambda: 0.0))
