"""The one HTTP client of all connectors: guarded, bounded, with what is remembered per host.

What one question may do with it is `asking`; what an answer means is `replies`.
"""

from __future__ import annotations

import asyncio
import ssl
from collections import OrderedDict
from collections.abc import Mapping, Sequence
from typing import Final

import aiohttp
from aiohttp.abc import AbstractResolver
from yarl import URL

from tracewell.intrace.connectors.failures import SourceFailedError
from tracewell.intrace.connectors.lent import Reply
from tracewell.intrace.connectors.model import Clock, Rate
from tracewell.intrace.connectors.network.pace import Host, OwnHost, Pace
from tracewell.intrace.connectors.network.shared_pace import SharedPace
from tracewell.web.codings import BodyError, decode_body
from tracewell.web.connecting import GuardedConnector
from tracewell.web.guard import (
    AddressPolicy,
    AddressRefusedError,
    Allow,
    build_policy,
)
from tracewell.web.product import build_user_agent
from tracewell.web.urls import BadUrlError

CONNECTIONS_MAX: Final = 512
CONNECTIONS_PER_HOST_MAX: Final = 32
HOSTS_MAX: Final = 4_096
HEADER_BYTES_MAX: Final = 64 << 10
RATIO_MAX: Final = 200
_DECODE_INLINE_BYTES_MAX: Final = 64 << 10


class TransportError(Exception):
    """No whole answer came. `was_sent` tells whether the source may have taken the question.

    `is_lasting` marks what trying again does not mend.
    """

    def __init__(self, reason: str, *, was_sent: bool, is_lasting: bool = False) -> None:
        super().__init__(reason)
        self.reason = reason
        self.was_sent = was_sent
        self.is_lasting = is_lasting


class HttpClient:
    """Connections, and what is remembered of the hosts: one for all connectors of a process.

    `allow` are the guard's holes: a host pattern and the one address that it leads to. The client
    opens at the first question, in the loop that asks it. `pace` is shared with other processes;
    without it, this one has a pace of its own.
    """

    def __init__(
        self,
        *,
        clock: Clock,
        contact_url: str,
        allow: Sequence[Allow | str] = (),
        resolver: AbstractResolver | None = None,
        tls: ssl.SSLContext | None = None,
        pace: SharedPace | None = None,
    ) -> None:
        self.clock = clock
        self.policy: AddressPolicy = build_policy(allow)
        self._user_agent = build_user_agent(contact_url)
        self._resolver = resolver
        self._tls = tls
        self._pace = pace
        self._session: aiohttp.ClientSession | None = None
        self._hosts: OrderedDict[tuple[str, str], Host] = OrderedDict()

    def host(self, connector_id: str, origin: str, rate: Rate) -> Host:
        """What is remembered of a host of a connector."""
        key = (connector_id, origin)
        host = self._hosts.get(key)
        if host is None:
            if self._pace is not None:
                host = self._pace.host(connector_id, origin, rate)
            else:
                host = OwnHost(Pace(rate.requests, rate.per_s))
            self._hosts[key] = host
            if len(self._hosts) > HOSTS_MAX:
                self._hosts.popitem(last=False)
        self._hosts.move_to_end(key)
        return host

    async def close(self) -> None:
        """Closes every connection."""
        if self._session is not None:
            await self._session.close()
            self._session = None

    async def exchange(self, url: str, headers: Mapping[str, str], *, body_bytes_max: int) -> Reply:
        """One GET, its whole body decoded, redirects not followed.

        Raises `TransportError`; whoever calls bounds the time.
        """
        try:
            checked = self.policy.check_url(url)
        except (BadUrlError, AddressRefusedError):
            raise TransportError(
                "its address is not one that may be connected to", was_sent=False, is_lasting=True
            ) from None
        try:
            async with self._open().get(
                URL(checked, encoded=True), headers=headers, allow_redirects=False
            ) as response:
                wire = await _read(response, body_bytes_max)
                told = {name.lower(): value for name, value in response.headers.items()}
        except (aiohttp.ClientError, OSError, ValueError) as error:
            raise _failure_of(error) from None
        body = await _decode(wire, told.get("content-encoding"), body_bytes_max)
        return Reply(response.status, told, body, url)

    def _open(self) -> aiohttp.ClientSession:
        if self._session is None:
            connector = GuardedConnector(
                self.policy,
                resolver=self._resolver,
                limit=CONNECTIONS_MAX,
                limit_per_host=CONNECTIONS_PER_HOST_MAX,
                ssl=self._tls or True,
            )
            self._session = aiohttp.ClientSession(
                connector=connector,
                cookie_jar=aiohttp.DummyCookieJar(),
                auto_decompress=False,
                trust_env=False,
                headers={"User-Agent": self._user_agent, "Accept-Encoding": "gzip, deflate"},
                timeout=aiohttp.ClientTimeout(total=None),
                max_line_size=16 << 10,
                max_field_size=16 << 10,
            )
            # aiohttp asks again by itself where a connection ends early; what is asked twice, and
            # perhaps charged twice, is decided in `asking`.
            self._session._retry_connection = False
        return self._session


class _TooLargeError(ValueError):
    """A body above its bound."""


async def _read(response: aiohttp.ClientResponse, bytes_max: int) -> bytes:
    header_bytes = sum(len(name) + len(value) for name, value in response.raw_headers)
    if header_bytes > HEADER_BYTES_MAX or (response.content_length or 0) > bytes_max:
        raise _TooLargeError
    parts: list[bytes] = []
    total = 0
    async for part in response.content.iter_any():
        parts.append(part)
        total += len(part)
        if total > bytes_max:
            raise _TooLargeError
    return b"".join(parts)


async def _decode(wire: bytes, coding: str | None, bytes_max: int) -> bytes:
    def decode() -> bytes:
        return decode_body(wire, coding, body_bytes_max=bytes_max, ratio_max=RATIO_MAX)

    try:
        if not coding or len(wire) <= _DECODE_INLINE_BYTES_MAX:
            return decode()
        return await asyncio.to_thread(decode)
    except BodyError as error:
        too_large = error.code == "too_large"
        reason = "the answer is too large" if too_large else "the answer's coding cannot be undone"
        raise TransportError(reason, was_sent=True, is_lasting=True) from None


def _failure_of(error: BaseException) -> TransportError:
    """The failure in our words: a library's own may quote the address, and with it the query."""
    if _is_refused(error):
        reason = "its address is not one that may be connected to"
        return TransportError(reason, was_sent=False, is_lasting=True)
    for kinds, reason, was_sent, is_lasting in _FAILURES:
        if isinstance(error, kinds):
            return TransportError(reason, was_sent=was_sent, is_lasting=is_lasting)
    return TransportError("the answer is not valid HTTP", was_sent=True, is_lasting=True)


_FAILURES: Final[tuple[tuple[tuple[type[BaseException], ...], str, bool, bool], ...]] = (
    # (kinds, reason, was the question sent, does it last)
    ((_TooLargeError,), "the answer is too large", True, True),
    ((aiohttp.InvalidURL,), "its address cannot be requested", False, True),
    ((aiohttp.ClientConnectorDNSError,), "the source's name does not resolve", False, False),
    ((aiohttp.ClientSSLError, ssl.SSLError), "no trusted TLS connection", False, True),
    ((aiohttp.ClientConnectorError,), "no connection to the source", False, False),
    ((aiohttp.ClientPayloadError,), "the answer was cut short", True, False),
    ((aiohttp.ClientResponseError,), "the answer is not valid HTTP", True, True),
    (
        (aiohttp.ClientConnectionError, OSError),
        "the connection ended before the answer did",
        True,
        False,
    ),
)


def _is_refused(error: BaseException | None) -> bool:
    for _ in range(8):
        if error is None or isinstance(error, AddressRefusedError):
            return error is not None
        error = error.__cause__ or error.__context__
    return False


def check_base_url(policy: AddressPolicy, base_url: str) -> None:
    """Raises `SourceFailedError` where the guard would refuse a configured address."""
    try:
        policy.check_url(base_url)
    except (BadUrlError, AddressRefusedError):
        raise SourceFailedError("its address is refused; CONNECTOR_ALLOW can open it") from None
