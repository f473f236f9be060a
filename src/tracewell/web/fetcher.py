"""The guarded, polite HTTP client: one URL in, a typed outcome out, redirects followed by us.

Choosing pages is not here (see `crawl`), nor is keeping what came (see `archive`).
"""

from __future__ import annotations

import asyncio
import ssl
import time
from collections.abc import Awaitable, Callable, Iterable
from dataclasses import dataclass, field
from types import TracebackType
from typing import Any, Self

import aiohttp
from aiohttp.abc import AbstractResolver
from yarl import URL

from tracewell.values import Capture
from tracewell.web.codings import ACCEPT_ENCODING, BodyError
from tracewell.web.exchange import (
    BodyLimits,
    Exchange,
    FailureCode,
    Fetched,
    FetchFailure,
    FetchOutcome,
    build_capture,
    find_header,
)
from tracewell.web.guard import (
    PEER,
    AddressPolicy,
    AddressRefusedError,
    Allow,
    GuardedConnector,
    Peer,
    build_policy,
)
from tracewell.web.pace import HostPace
from tracewell.web.product import PRODUCT, build_user_agent
from tracewell.web.robots import RobotsCache, RobotsRules
from tracewell.web.urls import BadUrlError, host_of, parse_url

REDIRECT_STATUSES = frozenset({301, 302, 303, 307, 308})
_ACCEPT = "text/html,application/xhtml+xml;q=0.9,*/*;q=0.8"
# Bigger bodies are decoded in a thread, so that other fetches go on meanwhile.
_DECODE_INLINE_BYTES_MAX = 64 << 10


@dataclass(frozen=True, slots=True)
class FetchLimits:
    """Bounds of one fetch, all hops together where nothing else is said."""

    total_timeout_s: float = 30.0
    connect_timeout_s: float = 10.0
    redirects_max: int = 5
    header_line_bytes_max: int = 16 << 10
    header_bytes_max: int = 64 << 10
    headers_max: int = 128
    body: BodyLimits = field(default_factory=BodyLimits)


@dataclass(frozen=True, slots=True)
class Manners:
    """How a host is treated: seconds between requests, connections at a time, patience."""

    pause_s: float = 1.0
    connections_per_host: int = 1
    connections_max: int = 100
    crawl_delay_s_max: float = 10.0


class _FetchError(Exception):
    """A failure on its way out of one hop."""

    def __init__(self, code: FailureCode, message: str) -> None:
        super().__init__(message)
        self.code: FailureCode = code


class Fetcher:
    """Fetches public web pages; use as an async context manager.

    `contact_url` stands in the user agent, so that a site's owner knows whom to ask. `clock` gives
    milliseconds since the epoch. `resolver` and `tls` replace the system's name resolution and
    trust store. Proxy variables of the environment are ignored.
    """

    def __init__(
        self,
        *,
        contact_url: str,
        clock: Callable[[], int],
        allow: Iterable[Allow | str] = (),
        limits: FetchLimits | None = None,
        manners: Manners | None = None,
        resolver: AbstractResolver | None = None,
        tls: ssl.SSLContext | None = None,
        monotonic: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        self.policy: AddressPolicy = build_policy(allow)
        self.limits = limits or FetchLimits()
        self.user_agent = build_user_agent(contact_url)
        self._manners = manners or Manners()
        self._clock = clock
        self._monotonic = monotonic
        self._resolver = resolver
        self._tls = tls
        self._pace = HostPace(
            connections=self._manners.connections_per_host, monotonic=monotonic, sleep=sleep
        )
        self._robots = RobotsCache(self._fetch_robots_file, PRODUCT, clock)
        self._session: aiohttp.ClientSession | None = None

    async def __aenter__(self) -> Self:
        limits = self.limits
        connector = GuardedConnector(
            self.policy,
            resolver=self._resolver,
            limit=self._manners.connections_max,
            ssl=self._tls or True,
        )
        self._session = aiohttp.ClientSession(
            connector=connector,
            cookie_jar=aiohttp.DummyCookieJar(),
            auto_decompress=False,
            trust_env=False,
            headers={
                "User-Agent": self.user_agent,
                "Accept": _ACCEPT,
                "Accept-Encoding": ACCEPT_ENCODING,
            },
            timeout=aiohttp.ClientTimeout(total=None, sock_connect=limits.connect_timeout_s),
            max_line_size=limits.header_line_bytes_max,
            max_field_size=limits.header_line_bytes_max,
            max_headers=limits.headers_max,
        )
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        await self.close()

    async def close(self) -> None:
        """Close every connection; the fetcher is of no use afterwards."""
        await self._robots.close()
        if self._session is not None:
            await self._session.close()
            self._session = None

    async def fetch(self, url: str) -> FetchOutcome:
        """GET `url` and follow its redirects, robots.txt obeyed at every hop.

        What the web does wrong comes back as a `FetchFailure`; nothing of it is raised.
        """
        return await self._follow(url, obey_robots=True)

    async def get_robots(self, url: str) -> RobotsRules:
        """The robots rules of the URL's origin, asked once. Raises `BadUrlError`."""
        return await self._robots.get_rules(parse_url(url))

    async def _fetch_robots_file(self, url: str) -> FetchOutcome:
        return await self._follow(url, obey_robots=False)

    async def _follow(self, url: str, *, obey_robots: bool) -> FetchOutcome:
        exchanges: list[Exchange] = []
        target, left_s = url, self.limits.total_timeout_s
        try:
            for _ in range(self.limits.redirects_max + 1):
                target = self._check(target)
                delay_s = await self._check_robots(target) if obey_robots else 0.0
                async with self._pace.turn(host_of(target), max(self._manners.pause_s, delay_s)):
                    started = self._monotonic()
                    exchange = await self._exchange(target, left_s)
                    left_s -= self._monotonic() - started
                exchanges.append(exchange)
                onward = _redirect_target(exchange)
                if onward is None:
                    return Fetched(tuple(exchanges), await self._capture(exchange))
                target = onward
            raise _FetchError("too_many_redirects", f"more than {self.limits.redirects_max}")
        except _FetchError as error:
            return FetchFailure(error.code, str(error), target, tuple(exchanges))
        except BodyError as error:
            return FetchFailure(error.code, str(error), target, tuple(exchanges))

    def _check(self, target: str) -> str:
        try:
            return self.policy.check_url(target)
        except BadUrlError as error:
            raise _FetchError("bad_url", str(error)) from error
        except AddressRefusedError as error:
            raise _FetchError("address_refused", str(error)) from error

    async def _check_robots(self, target: str) -> float:
        """The bounded crawl delay of the target's origin, once it is known to be open to us."""
        rules = await self._robots.get_rules(target)
        if not rules.allows(target):
            if isinstance(rules.outcome, FetchFailure):
                # Nobody forbade anything: the host could not be asked, and that is the news.
                raise _FetchError(rules.outcome.code, f"robots.txt: {rules.outcome.message}")
            raise _FetchError("robots_disallowed", "robots.txt does not allow this page")
        return min(rules.crawl_delay_s, self._manners.crawl_delay_s_max)

    async def _exchange(self, target: str, timeout_s: float) -> Exchange:
        try:
            async with asyncio.timeout(max(timeout_s, 0.0)):
                return await self._get(target)
        except TimeoutError as error:
            raise _FetchError("timed_out", "no complete answer in time") from error
        except (aiohttp.ClientError, OSError) as error:
            raise _failure_of(error) from error

    async def _get(self, target: str) -> Exchange:
        assert self._session is not None, "a Fetcher is used as an async context manager"
        peer = Peer()
        token = PEER.set(peer)
        try:
            async with self._session.get(
                URL(target, encoded=True), allow_redirects=False
            ) as response:
                headers = response.raw_headers
                header_bytes = sum(len(name) + len(value) + 4 for name, value in headers)
                if header_bytes > self.limits.header_bytes_max:
                    raise _FetchError("headers_too_large", f"{header_bytes} bytes of headers")
                body = await self._read(response)
        finally:
            PEER.reset(token)
        version = response.version or aiohttp.HttpVersion11
        return Exchange(
            url=target,
            request_headers=tuple(
                (name.encode("latin-1"), value.encode("latin-1"))
                for name, value in response.request_info.headers.items()
            ),
            http_version=f"HTTP/{version.major}.{version.minor}",
            status=response.status,
            reason=response.reason or "",
            response_headers=tuple(headers),
            wire_body=body,
            fetched_at=self._clock(),
            remote_address=peer.address,
            certificate_issuer=_issuer(peer.certificate),
        )

    async def _read(self, response: aiohttp.ClientResponse) -> bytes:
        bytes_max = self.limits.body.wire_bytes_max
        parts: list[bytes] = []
        total = response.content_length or 0
        if total <= bytes_max:
            total = 0
            async for part in response.content.iter_any():
                parts.append(part)
                total += len(part)
                if total > bytes_max:
                    break
        if total > bytes_max:
            raise _FetchError("too_large", f"the body has more than {bytes_max} bytes on the wire")
        return b"".join(parts)

    async def _capture(self, exchange: Exchange) -> Capture:
        if len(exchange.wire_body) <= _DECODE_INLINE_BYTES_MAX:
            return build_capture(exchange, self.limits.body)
        return await asyncio.to_thread(build_capture, exchange, self.limits.body)


def _redirect_target(exchange: Exchange) -> str | None:
    """Where the response sends us, as one URL, or None. Raises `_FetchError` where it is none."""
    if exchange.status not in REDIRECT_STATUSES:
        return None
    location = find_header(exchange.response_headers, "location")
    if location is None:
        return None
    try:
        return parse_url(location, exchange.url)
    except BadUrlError as error:
        raise _FetchError("bad_url", f"a redirect leads to no web page: {error}") from error


def _failure_of(error: BaseException) -> _FetchError:
    """The failure that a client error means; messages name nothing of our own network."""
    refusal = _find_refused(error)
    if refusal is not None:
        return _FetchError("address_refused", str(refusal))
    if isinstance(error, aiohttp.InvalidURL):
        return _FetchError("bad_url", "the URL cannot be requested")
    if isinstance(error, aiohttp.ClientConnectorDNSError):
        return _FetchError("dns_failed", "the name does not resolve")
    if isinstance(error, aiohttp.ClientSSLError | ssl.SSLError):
        return _FetchError("tls_failed", "no trusted TLS connection")
    if isinstance(error, aiohttp.ClientConnectorError):
        return _FetchError("connect_failed", "no connection")
    if isinstance(error, aiohttp.ClientResponseError):
        # The parser's only words for a header line or a count of headers above its bounds.
        is_large = "Got more than" in error.message or "Too many" in error.message
        return _FetchError(
            "headers_too_large" if is_large else "bad_response",
            "headers beyond their bounds" if is_large else "the answer is not valid HTTP",
        )
    if isinstance(error, aiohttp.ClientPayloadError | aiohttp.ClientConnectionError | OSError):
        return _FetchError("connection_lost", "the connection ended before the answer did")
    return _FetchError("bad_response", "the answer is not valid HTTP")


def _find_refused(error: BaseException | None) -> AddressRefusedError | None:
    for _ in range(8):
        if error is None or isinstance(error, AddressRefusedError):
            return error
        error = error.__cause__ or error.__context__
    return None


def _issuer(certificate: dict[str, Any]) -> str | None:
    """The organisation that signed the certificate, else its common name."""
    names = {name: value for part in certificate.get("issuer", ()) for name, value in part}
    found = names.get("organizationName") or names.get("commonName")
    return str(found) if found else None
