"""HTTP by hand, over a bare socket: for what no client library would send."""

from __future__ import annotations

import contextlib
import socket
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import orjson

TIMEOUT_S = 20


@dataclass(frozen=True)
class RawAnswer:
    """An answer as it stood on the wire. Header names are in lower case."""

    status: int
    headers: Mapping[str, str]
    body: bytes

    @property
    def json(self) -> Any:
        """The body, parsed."""
        return orjson.loads(self.body)


class RawConnection:
    """A connection on which bytes are sent as they are."""

    def __init__(self, port: int) -> None:
        self._port = port
        self.reopen()

    def reopen(self) -> None:
        """Begins anew on a connection that nothing was sent on."""
        self._socket = socket.create_connection(("127.0.0.1", self._port), TIMEOUT_S)
        self._kept = b""

    def send(self, data: bytes) -> bool:
        """False when the server does not take any more."""
        try:
            self._socket.sendall(data)
        except OSError:
            return False
        return True

    def finish(self) -> None:
        """Says that nothing more will come; answers can still be read."""
        self._socket.shutdown(socket.SHUT_WR)

    def _more(self) -> bytes:
        return self._socket.recv(65536)

    def answer(self, *, has_body: bool = True) -> RawAnswer:
        """The next answer. Raises EOFError when the connection was closed instead."""
        while b"\r\n\r\n" not in self._kept:
            more = self._more()
            if not more:
                raise EOFError(self._kept)
            self._kept += more
        head, _, rest = self._kept.partition(b"\r\n\r\n")
        status_line, *lines = head.decode("latin-1").split("\r\n")
        headers = {}
        for line in lines:
            name, _, value = line.partition(":")
            headers[name.strip().lower()] = value.strip()
        length = int(headers.get("content-length", 0)) if has_body else 0
        while len(rest) < length:
            more = self._more()
            if not more:
                raise EOFError(rest)
            rest += more
        self._kept = rest[length:]
        return RawAnswer(int(status_line.split()[1]), headers, rest[:length])

    def is_closed(self) -> bool:
        """Waits until the server closes the connection; False when more comes instead."""
        return not self._kept and self._more() == b""

    def close(self) -> None:
        """Closes our end."""
        self._socket.close()


@contextlib.contextmanager
def connected(port: int) -> Iterator[RawConnection]:
    """A connection for the length of a block."""
    connection = RawConnection(port)
    try:
        yield connection
    finally:
        connection.close()


def exchange(port: int, data: bytes) -> RawAnswer:
    """The answer to bytes on a connection of their own."""
    with connected(port) as connection:
        connection.send(data)
        return connection.answer()


def request(
    method: str, path: str, key: str | None = None, body: bytes | None = None, /, **headers: str
) -> bytes:
    """A well-formed request; `headers` by their names with underscores for hyphens."""
    lines = [f"{method} {path} HTTP/1.1", "Host: test"]
    if key is not None:
        lines.append(f"X-API-Key: {key}")
    if body is not None:
        headers = {"Content_Type": "application/json", "Content_Length": str(len(body))} | headers
    lines += [f"{name.replace('_', '-')}: {value}" for name, value in headers.items()]
    return "\r\n".join([*lines, "", ""]).encode("latin-1") + (body or b"")
