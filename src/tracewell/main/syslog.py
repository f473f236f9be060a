"""Sends lines to a syslog server: UDP (RFC 5426), TCP with octet counts (RFC 6587), TLS (5425)."""

from __future__ import annotations

import contextlib
import socket
import ssl
from types import TracebackType
from typing import Self
from urllib.parse import urlsplit

TIMEOUT_S = 10.0
DATAGRAM_BYTES_MAX = 65_507
_PORTS = {"udp": 514, "tcp": 514, "tls": 6514}


class SyslogUnreachable(Exception):  # noqa: N818 - a sentence: "the server is unreachable"
    """The syslog server cannot be reached or took no more."""


class SyslogSender:
    """A connection to `udp://HOST[:PORT]`, `tcp://...` or `tls://...`."""

    def __init__(self, address: str) -> None:
        """Connects. Raises ValueError for another address, SyslogUnreachable."""
        parts = urlsplit(address)
        if parts.scheme not in _PORTS or not parts.hostname or parts.path or parts.query:
            raise ValueError("an address is udp://HOST:PORT, tcp://HOST:PORT or tls://HOST:PORT")
        self._is_datagram = parts.scheme == "udp"
        place = (parts.hostname, parts.port or _PORTS[parts.scheme])
        try:
            self._socket = self._connect(parts.scheme, place)
        except OSError as error:
            raise SyslogUnreachable(f"{address}: {error}") from error

    def _connect(self, scheme: str, place: tuple[str, int]) -> socket.socket:
        if scheme == "udp":
            family, kind, protocol, _, address = socket.getaddrinfo(*place, type=socket.SOCK_DGRAM)[
                0
            ]
            datagrams = socket.socket(family, kind, protocol)
            datagrams.connect(address)
            return datagrams
        stream = socket.create_connection(place, timeout=TIMEOUT_S)
        if scheme == "tls":
            context = ssl.create_default_context()
            return context.wrap_socket(stream, server_hostname=place[0])
        return stream

    def send(self, line: bytes) -> None:
        """Sends one message. Raises SyslogUnreachable; ValueError where it fits no datagram."""
        if self._is_datagram and len(line) > DATAGRAM_BYTES_MAX:
            raise ValueError("a record does not fit a datagram: send over tcp:// or tls://")
        frame = line if self._is_datagram else b"%d " % len(line) + line
        try:
            self._socket.sendall(frame)
        except OSError as error:
            raise SyslogUnreachable(f"the syslog server took no more: {error}") from error

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        with self._socket:
            if error is None and not self._is_datagram:
                self._take_leave()

    def _take_leave(self) -> None:
        # Closed with something unread (TLS session tickets), a connection is reset, and what is
        # still on its way is lost: first the end is told, then the other end's is waited for.
        with contextlib.suppress(OSError):
            if isinstance(self._socket, ssl.SSLSocket):
                self._socket.unwrap()
            else:
                self._socket.shutdown(socket.SHUT_WR)
                while self._socket.recv(4096):
                    pass
