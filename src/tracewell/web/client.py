"""One GET over the wire: HTTP/1.1 through aiohttp or HTTP/2 through h2, behind one guard.

Robots, redirects, retries and pace are not here (see `fetcher`).
"""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

import aiohttp
from aiohttp.abc import AbstractResolver
from yarl import URL

from tracewell.web.certificates import find_issuer
from tracewell.web.codings import ACCEPT_ENCODING
from tracewell.web.connecting import (
    ALPN_BOTH,
    ALPN_HTTP11,
    PEER,
    GuardedConnector,
    Http2AgreedError,
    Peer,
    describe_peer,
)
from tracewell.web.exchange import BodyLimits, Exchange, FetchError, RawHeaders
from tracewell.web.guard import AddressPolicy, AddressRefusedError
from tracewell.web.http2 import Http2Connection, Http2Limits, Http2Pool, TryAgainError
from tracewell.web.urls import authority_of, origin_of, scheme_of, target_of

_ACCEPT = "text/html,application/xhtml+xml;q=0.9,*/*;q=0.8"


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


class Client:
    """The connections of one fetcher; opened and closed within one event loop."""

    def __init__(
        self,
        policy: AddressPolicy,
        limits: FetchLimits,
        user_agent: str,
        clock: Callable[[], int],
        *,
        connections_max: int,
        resolver: AbstractResolver | None,
        tls: Callable[[], ssl.SSLContext],
    ) -> None:
        self._limits = limits
        self._clock = clock
        self._make_tls = tls
        self._tls: dict[tuple[str, ...], ssl.SSLContext] = {}
        self._http2 = Http2Pool(connections_max)
        # Origins that refused HTTP/2 after they had agreed to it.
        self._http11_only: set[str] = set()
        self._headers = {
            "User-Agent": user_agent,
            "Accept": _ACCEPT,
            "Accept-Encoding": ACCEPT_ENCODING,
        }
        connector = GuardedConnector(
            policy,
            resolver=resolver,
            limit=connections_max,
            http2=Http2Limits(
                limits.body.wire_bytes_max, limits.header_bytes_max, limits.headers_max
            ),
        )
        self._session = aiohttp.ClientSession(
            connector=connector,
            cookie_jar=aiohttp.DummyCookieJar(),
            auto_decompress=False,
            trust_env=False,
            headers=self._headers,
            timeout=aiohttp.ClientTimeout(total=None, sock_connect=limits.connect_timeout_s),
            max_line_size=limits.header_line_bytes_max,
            max_field_size=limits.header_line_bytes_max,
            max_headers=limits.headers_max,
        )

    async def close(self) -> None:
        """Close every connection."""
        self._http2.close()
        await self._session.close()

    async def get(self, url: str, timeout_s: float, more: dict[str, str]) -> Exchange:
        """One exchange, headers `more` sent along. Raises `FetchError`."""
        try:
            async with asyncio.timeout(max(timeout_s, 0.0)):
                return await self._get(url, more)
        except TimeoutError as error:
            raise FetchError("timed_out", "no complete answer in time") from error
        except (aiohttp.ClientError, OSError) as error:
            raise _failure_of(error) from error

    async def _get(self, url: str, more: dict[str, str]) -> Exchange:
        if scheme_of(url) != "https":
            return await self._get_http11(url, more)
        origin = origin_of(url)
        # Twice to agree on HTTP/2 and ask: a kept connection may have been closed while it rested.
        for _ in range(4):
            known = self._http2.find(origin)
            try:
                if known is None:
                    return await self._get_http11(url, more)
                return await self._get_http2(url, more, known)
            except Http2AgreedError as agreed:
                self._http2.keep(origin, agreed.connection)
            except TryAgainError as again:
                if again.http11:
                    self._http11_only.add(origin)
        raise FetchError("connection_lost", "the server takes no request")

    async def _get_http11(self, url: str, more: dict[str, str]) -> Exchange:
        alpn = ALPN_HTTP11 if origin_of(url) in self._http11_only else ALPN_BOTH
        tls = self._find_tls(alpn) if scheme_of(url) == "https" else True
        with _watching() as peer:
            async with self._session.get(
                URL(url, encoded=True), allow_redirects=False, headers=more, ssl=tls
            ) as response:
                headers = response.raw_headers
                header_bytes = sum(len(name) + len(value) + 4 for name, value in headers)
                if header_bytes > self._limits.header_bytes_max:
                    raise FetchError("headers_too_large", f"{header_bytes} bytes of headers")
                body = await self._read(response)
        version = response.version or aiohttp.HttpVersion11
        sent = tuple(
            (name.encode("latin-1"), value.encode("latin-1"))
            for name, value in response.request_info.headers.items()
        )
        return self._exchange(
            url,
            sent,
            f"HTTP/{version.major}.{version.minor}",
            response.status,
            response.reason or "",
            tuple(headers),
            body,
            peer,
        )

    async def _get_http2(
        self, url: str, more: dict[str, str], connection: Http2Connection
    ) -> Exchange:
        sent = tuple(
            (name.encode("latin-1"), value.encode("latin-1"))
            for name, value in (self._headers | more).items()
        )
        authority = authority_of(url)
        with _watching() as peer:
            describe_peer(connection.transport)
            answer = await connection.get(authority, target_of(url), sent)
        # The request is kept in HTTP/1.1's form, which WARC readers know.
        sent = ((b"Host", authority.encode("ascii")), *sent)
        return self._exchange(
            url, sent, "HTTP/2", answer.status, "", answer.headers, answer.body, peer
        )

    def _exchange(
        self,
        url: str,
        sent: RawHeaders,
        version: str,
        status: int,
        reason: str,
        headers: RawHeaders,
        body: bytes,
        peer: Peer,
    ) -> Exchange:
        return Exchange(
            url=url,
            request_headers=sent,
            http_version=version,
            status=status,
            reason=reason,
            response_headers=headers,
            wire_body=body,
            fetched_at=self._clock(),
            remote_address=peer.address,
            certificate_issuer=find_issuer(peer.certificate),
            tls=peer.tls,
            certificate=peer.certificate,
        )

    def _find_tls(self, alpn: tuple[str, ...]) -> ssl.SSLContext:
        context = self._tls.get(alpn)
        if context is None:
            context = self._tls[alpn] = self._make_tls()
            context.set_alpn_protocols(list(alpn))
        return context

    async def _read(self, response: aiohttp.ClientResponse) -> bytes:
        bytes_max = self._limits.body.wire_bytes_max
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
            raise FetchError("too_large", f"the body has more than {bytes_max} bytes on the wire")
        return b"".join(parts)


@contextmanager
def _watching() -> Iterator[Peer]:
    peer = Peer()
    token = PEER.set(peer)
    try:
        yield peer
    finally:
        PEER.reset(token)


def _failure_of(error: BaseException) -> FetchError:
    """The failure that a client error means; messages name nothing of our own network."""
    refusal = _find_refused(error)
    if refusal is not None:
        return FetchError("address_refused", str(refusal))
    if isinstance(error, aiohttp.InvalidURL):
        return FetchError("bad_url", "the URL cannot be requested")
    if isinstance(error, aiohttp.ClientConnectorDNSError):
        return FetchError("dns_failed", "the name does not resolve")
    if isinstance(error, aiohttp.ClientSSLError | ssl.SSLError):
        why = _find_distrust(error)
        return FetchError("tls_failed", f"no trusted TLS connection{f': {why}' if why else ''}")
    if isinstance(error, aiohttp.ClientConnectorError):
        if isinstance(error.os_error, ConnectionResetError):
            # The connection stood already: it was ended over the handshake.
            return FetchError("tls_failed", "the server broke off the TLS handshake")
        return FetchError("connect_failed", "no connection")
    if isinstance(error, aiohttp.ClientResponseError):
        # The parser's only words for a header line or a count of headers above its bounds.
        is_large = "Got more than" in error.message or "Too many" in error.message
        return FetchError(
            "headers_too_large" if is_large else "bad_response",
            "headers beyond their bounds" if is_large else "the answer is not valid HTTP",
        )
    if isinstance(error, aiohttp.ClientPayloadError | aiohttp.ClientConnectionError | OSError):
        return FetchError("connection_lost", "the connection ended before the answer did")
    return FetchError("bad_response", "the answer is not valid HTTP")


def _find_refused(error: BaseException | None) -> AddressRefusedError | None:
    for _ in range(8):
        if error is None or isinstance(error, AddressRefusedError):
            return error
        error = error.__cause__ or error.__context__
    return None


def _find_distrust(error: BaseException | None) -> str | None:
    """OpenSSL's word for what is wrong with the certificate, where that is what is wrong."""
    inner = error.os_error if isinstance(error, aiohttp.ClientConnectorError) else error
    if isinstance(error, aiohttp.ClientConnectorCertificateError):
        inner = error.certificate_error
    return inner.verify_message if isinstance(inner, ssl.SSLCertVerificationError) else None
