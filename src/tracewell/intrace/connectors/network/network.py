"""All of the network of one process: what connectors are lent for each question comes from here."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Callable, Mapping, Sequence

from tracewell.intrace.connectors.failures import SourceFailedError
from tracewell.intrace.connectors.lent import NoNetwork, Pages
from tracewell.intrace.connectors.model import AskContext, Clock, ConnectorSpec
from tracewell.intrace.connectors.network.asking import AskedHttp
from tracewell.intrace.connectors.network.client import HttpClient, check_base_url
from tracewell.intrace.connectors.network.dns_client import AskedDns, NameServer
from tracewell.intrace.connectors.network.secrecy import Redaction, SourceOptions
from tracewell.web.exchange import FetchOutcome
from tracewell.web.fetcher import Fetcher

_NO_OPTIONS = SourceOptions()


class Network:
    """`options` by connector id; `random` gives 0..1 for the jitter between tries."""

    def __init__(
        self,
        http: HttpClient,
        *,
        name_servers: Sequence[NameServer] = (),
        options: Mapping[str, SourceOptions] | None = None,
        fetcher: Fetcher | None = None,
        random: Callable[[], float] = random.random,
    ) -> None:
        self._http = http
        self._name_servers = tuple(name_servers)
        self._options = dict(options or {})
        self._random = random
        self._pages: Pages = _OpenedPages(fetcher) if fetcher else NoNetwork()
        keys = [found.key for found in self._options.values() if found.key]
        self.redaction = Redaction(keys)

    def lend(
        self, spec: ConnectorSpec, clock: Clock, started_at: int, allowed_s: float
    ) -> AskContext:
        """What one question of a connector may use for `allowed_s` seconds from now."""
        deadline = asyncio.get_running_loop().time() + allowed_s
        return AskContext(
            clock,
            started_at + int(allowed_s * 1000),
            AskedHttp(
                self._http,
                spec,
                self._options.get(spec.id, _NO_OPTIONS),
                deadline=deadline,
                random=self._random,
            ),
            AskedDns(self._name_servers, deadline=deadline),
            self._pages,
        )

    def find_obstacle(self, spec: ConnectorSpec) -> str | None:
        """What a connector's source lacks to be asked: a key, an address that is open."""
        if spec.upstream is None:
            return None
        options = self._options.get(spec.id, _NO_OPTIONS)
        if spec.upstream.auth and spec.upstream.auth.is_required and not options.key:
            return "no key is configured for it (CONNECTOR_KEYS)"
        base_url = options.base_url or spec.upstream.base_url
        if base_url is not None:
            try:
                check_base_url(self._http.policy, base_url)
            except SourceFailedError as error:
                return error.reason
        return None

    async def close(self) -> None:
        """Closes every connection."""
        await self._http.close()
        if isinstance(self._pages, _OpenedPages):
            await self._pages.close()


class _OpenedPages:
    """The crawler's fetcher, opened at the first page in the loop that asks for it."""

    def __init__(self, fetcher: Fetcher) -> None:
        self._fetcher = fetcher
        self._opening: asyncio.Task[Fetcher] | None = None

    async def fetch(self, url: str) -> FetchOutcome:
        """As `lent.Pages`."""
        if self._opening is None:
            self._opening = asyncio.ensure_future(self._fetcher.__aenter__())
        return await (await asyncio.shield(self._opening)).fetch(url)

    async def close(self) -> None:
        """Closes what was opened."""
        if self._opening is not None:
            await (await self._opening).close()
