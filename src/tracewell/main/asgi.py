"""The one ASGI app of a server: both products, health, metrics, public keys."""

from __future__ import annotations

import contextlib
import gc
import logging
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from starlette.types import Message, Receive, Scope, Send

from tracewell.kernel.http.answer import Answer, json_answer, send_answer
from tracewell.kernel.http.metrics import render_metrics
from tracewell.kernel.http.source_address import TrustedProxies
from tracewell.main.products import Products, open_products
from tracewell.main.settings import Settings

_log = logging.getLogger("tracewell")
_METRICS_TYPE = "text/plain; version=0.0.4; charset=utf-8"


@dataclass(slots=True)
class Drain:
    """Whether the server is on its way out: answers then ask clients to leave the connection."""

    begun: bool = False


@dataclass(slots=True)
class Root:
    """Routes by prefix to the products and answers what belongs to the server as a whole."""

    settings: Settings
    drain: Drain = field(default_factory=Drain)
    _products: Products | None = None
    _proxies: TrustedProxies = field(init=False)
    _stack: contextlib.AsyncExitStack = field(default_factory=contextlib.AsyncExitStack)

    def __post_init__(self) -> None:
        self._proxies = self.settings.proxies

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """One request, or the server's start and end."""
        if scope["type"] == "lifespan":
            await self._live(receive, send)
            return
        if scope["type"] != "http":
            await send({"type": "websocket.close", "code": 1000})
            return
        if self.drain.begun:
            send = _closing(send)
        if self._proxies.networks:
            scope = self._with_source(scope)
        products = self._products
        assert products is not None, "requests come after the start"
        path: str = scope["path"]
        if products.sign_in is not None and path.startswith("/auth/"):
            await products.sign_in(scope, receive, send)
            return
        for prefix, app in products.apps.items():
            if not prefix or path == prefix or path.startswith(prefix + "/"):
                own = _OWN.get(path) if not prefix else None
                if own is None:
                    await app({**scope, "root_path": prefix} if prefix else scope, receive, send)
                    return
        await send_answer(send, await self._own(scope, path, products), [])

    def _with_source(self, scope: Scope) -> Scope:
        peer: str | None = scope["client"][0] if scope.get("client") else None
        source = self._proxies.source_of(peer, scope["headers"])
        # The port is the proxy's and says nothing of the client.
        return scope if source == peer else {**scope, "client": (source, 0)}

    async def _own(self, scope: Scope, path: str, products: Products) -> Answer:
        answer = _OWN.get(path)
        if answer is None:
            return json_answer({"error": "not found"}, 404)
        if scope["method"] not in ("GET", "HEAD"):
            return json_answer({"error": "method not allowed"}, 405, {"Allow": "GET, HEAD"})
        found = await answer(self, products)
        return Answer(found.status, b"", found.headers) if scope["method"] == "HEAD" else found

    async def _live(self, receive: Receive, send: Send) -> None:
        await receive()
        try:
            self._products = await self._stack.enter_async_context(open_products(self.settings))
        except Exception as error:  # noqa: BLE001 - told to the operator, then the server ends
            await send({"type": "lifespan.startup.failed", "message": str(error)})
            return
        _spare_collector()
        await send({"type": "lifespan.startup.complete"})
        await receive()
        await self._stack.aclose()
        await send({"type": "lifespan.shutdown.complete"})


# A request makes no cycles: almost all of it goes when its last reference does.
_YOUNG_OBJECTS_MAX = 50_000


def _spare_collector() -> None:
    """Takes what lives as long as the process out of the garbage collector's sight.

    Each full collection walked all modules and endpoints, 45 ms at a time, twice a second under
    load. And it looks less often: that took a tenth of the time of a paid read.
    """
    gc.collect()
    gc.freeze()
    gc.set_threshold(_YOUNG_OBJECTS_MAX, 10, 10)


def _closing(send: Send) -> Send:
    async def closing(message: Message) -> None:
        if message["type"] == "http.response.start":
            message["headers"] = [*message.get("headers", ()), (b"connection", b"close")]
        await send(message)

    return closing


async def _index(root: Root, products: Products) -> Answer:
    return json_answer(
        {
            "name": "tracewell",
            "products": {
                name: {"api": f"{prefix}/v1", "reference": f"{prefix}/docs"}
                for name, prefix in products.prefixes.items()
            },
        }
    )


async def _alive(root: Root, products: Products) -> Answer:
    return json_answer({"status": "ok"})


async def _ready(root: Root, products: Products) -> Answer:
    checks: dict[str, Any] = await products.check()
    if root.drain.begun:
        checks["server"] = "shutting down"
    ready = all(state == "ok" for state in checks.values())
    body = {"status": "ok" if ready else "unavailable", "checks": checks}
    warnings = products.warnings()
    if warnings:
        body["warnings"] = warnings
    return json_answer(body, 200 if ready else 503)


async def _metrics(root: Root, products: Products) -> Answer:
    return Answer(200, render_metrics() + await products.render_queue(), media_type=_METRICS_TYPE)


async def _public_keys(root: Root, products: Products) -> Answer:
    return json_answer(products.public_keys(), headers={"Cache-Control": "public, max-age=300"})


_OWN: Mapping[str, Callable[[Root, Products], Awaitable[Answer]]] = {
    "/": _index,
    "/healthz": _alive,
    "/readyz": _ready,
    "/metrics": _metrics,
    "/.well-known/jwks.json": _public_keys,
}
