"""Sockets behind the guard: resolved, judged, opened, and spoken to in the protocol agreed on.

What travels over a connection is in `fetcher` (HTTP/1.1) and `http2`.
"""

from __future__ import annotations

import asyncio
import socket
from contextvars import ContextVar
from dataclasses import dataclass
from typing import Any

import aiohttp
from aiohttp.abc import AbstractResolver
from aiohttp.client_proto import ResponseHandler

from tracewell.web.guard import AddressPolicy
from tracewell.web.http2 import Http2Connection, Http2Limits
from tracewell.web.resolving import GuardedResolver, SystemResolver

ALPN_BOTH = ("h2", "http/1.1")
ALPN_HTTP11 = ("http/1.1",)


@dataclass
class Peer:
    """Who answered: filled in by the connector while a request is under way.

    `certificate` is the DER form of the leaf, `tls` the version as Python names it (`TLSv1.3`).
    """

    address: str | None = None
    certificate: bytes | None = None
    tls: str | None = None


PEER: ContextVar[Peer | None] = ContextVar("PEER", default=None)


class Http2AgreedError(Exception):
    """Not a failure: the server speaks HTTP/2, and here is the connection to speak it on."""

    def __init__(self, connection: Http2Connection) -> None:
        super().__init__("the connection speaks HTTP/2")
        self.connection = connection


class _Negotiating(ResponseHandler):
    """Aiohttp's side of a connection, which steps aside where TLS agreed on HTTP/2 (RFC 7301).

    It does so before any byte is read: an HTTP/2 server may speak first.
    """

    def __init__(self, loop: asyncio.AbstractEventLoop, limits: Http2Limits) -> None:
        super().__init__(loop)
        self._limits = limits
        self.http2: Http2Connection | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        super().connection_made(transport)
        tls = transport.get_extra_info("ssl_object")
        if tls is not None and tls.selected_alpn_protocol() == "h2":
            assert isinstance(transport, asyncio.Transport)
            self.http2 = Http2Connection(self._limits)
            transport.set_protocol(self.http2)
            self.http2.connection_made(transport)
            # For this side the connection is over; closing it must not close the other's.
            super().connection_lost(None)


class GuardedConnector(aiohttp.TCPConnector):
    """A TCP connector behind an `AddressPolicy`: guarded resolver, and a wall at every socket.

    Addresses are not cached between connections, so there is no gap between judging and using one.
    """

    def __init__(
        self,
        policy: AddressPolicy,
        *,
        resolver: AbstractResolver | None = None,
        http2: Http2Limits | None = None,
        **options: Any,
    ) -> None:
        def open_socket(info: tuple[Any, Any, int, str, tuple[Any, ...]]) -> socket.socket:
            family, kind, protocol, _, endpoint = info
            policy.check_endpoint(endpoint[0], endpoint[1])
            return socket.socket(family, kind, protocol)

        super().__init__(
            resolver=GuardedResolver(policy, resolver or SystemResolver()),
            use_dns_cache=False,
            socket_factory=open_socket,
            **options,
        )
        limits = http2 or Http2Limits()
        loop = asyncio.get_running_loop()
        self._factory = lambda: _Negotiating(loop, limits)  # type: ignore[assignment]

    async def connect(self, *args: Any, **kwargs: Any) -> aiohttp.connector.Connection:
        """As the base class, telling the current `PEER` whom the connection leads to.

        Raises `Http2AgreedError` with the connection where the server chose HTTP/2.
        """
        connection = await super().connect(*args, **kwargs)
        protocol = connection.protocol
        if isinstance(protocol, _Negotiating) and protocol.http2 is not None:
            connection.close()
            describe_peer(protocol.http2.transport)
            raise Http2AgreedError(protocol.http2)
        describe_peer(connection.transport)
        return connection


def describe_peer(transport: asyncio.BaseTransport | None) -> None:
    """Tell the current `PEER` who is at the other end."""
    peer = PEER.get()
    if peer is None or transport is None:
        return
    name = transport.get_extra_info("peername")
    peer.address = str(name[0]) if name else None
    tls = transport.get_extra_info("ssl_object")
    if tls is not None:
        peer.certificate = tls.getpeercert(binary_form=True)
        peer.tls = tls.version()
