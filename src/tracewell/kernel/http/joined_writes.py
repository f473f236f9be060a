"""One system call for what one turn of the loop writes to a connection.

uvicorn writes an answer's head and its body one after the other, and each would be a call of its
own: a tenth of the time of a short answer.
"""

from __future__ import annotations

import asyncio
from typing import Any

WAITING_BYTES_MAX = 64 * 1024
"""More than this is written at once, so that the transport's flow control sees a stream."""


class JoinedWrites:
    """A transport whose writes wait for the end of the loop's turn; all else is the transport's."""

    __slots__ = ("_loop", "_size", "_transport", "_waiting")

    def __init__(self, transport: asyncio.Transport, loop: asyncio.AbstractEventLoop) -> None:
        self._transport = transport
        self._loop = loop
        self._waiting: list[bytes] = []
        self._size = 0

    def __getattr__(self, name: str) -> Any:
        return getattr(self._transport, name)

    def write(self, data: bytes) -> None:
        """Writes in this turn of the loop, together with what else is written in it."""
        if not self._waiting:
            self._loop.call_soon(self._flush)
        self._waiting.append(data)
        self._size += len(data)
        if self._size > WAITING_BYTES_MAX:
            self._flush()

    def write_eof(self) -> None:
        """Ends our direction behind what was written."""
        self._flush()
        self._transport.write_eof()

    def close(self) -> None:
        """Closes behind what was written."""
        self._flush()
        self._transport.close()

    def _flush(self) -> None:
        if self._waiting:
            waiting, self._waiting, self._size = self._waiting, [], 0
            self._transport.write(waiting[0] if len(waiting) == 1 else b"".join(waiting))
