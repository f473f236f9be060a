"""uvicorn's HTTP/1.1 protocol with bounds that it lacks: bytes and time of a request's head.

Without them a client could send headers without end into memory, or keep connections for ever; and
what is not HTTP at all would be answered in a shape of no product.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from uvicorn.protocols.http.httptools_impl import STATUS_LINE, HttpToolsProtocol

from tracewell.kernel.http.answer import Answer
from tracewell.kernel.http.failures import GateFailure, HeadersTooLarge, RequestUnreadable
from tracewell.kernel.http.gate import ARRIVAL_TIMEOUT_S, HEADER_BYTES_MAX
from tracewell.kernel.http.joined_writes import JoinedWrites

LINGER_S = 2.0
LINGER_BYTES_MAX = 1 << 20
"""How far a refused connection is read on, so that its client gets to the answer: closing with
bytes unread makes the kernel throw it away."""

Describe = Callable[[str, GateFailure], Answer]
"""From the path, as far as it is known, and the failure to the product's answer."""


def bounded_protocol(
    describe: Describe, *, head_timeout_s: float = ARRIVAL_TIMEOUT_S
) -> type[HttpToolsProtocol]:
    """The protocol class for uvicorn's `http` setting.

    `head_timeout_s` is how long it may take from a connection's start, or from the first byte after
    an answer, to the end of a request's headers.
    """

    class BoundedProtocol(HttpToolsProtocol):
        """Counts and times what arrives while no request is worked on."""

        _head_bytes = 0
        _in_head = False
        _failure: GateFailure | None = None
        _refused = False
        _lingered = 0
        _timer: asyncio.TimerHandle | None = None

        def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
            super().connection_made(JoinedWrites(transport, self.loop))  # type: ignore[arg-type]
            self._watch()

        def connection_lost(self, exc: Exception | None) -> None:
            self._unwatch()
            super().connection_lost(exc)

        def data_received(self, data: bytes) -> None:
            if self._failure is not None:
                self._lingered += len(data)
                if self._lingered > LINGER_BYTES_MAX:
                    self.transport.close()
                return
            super().data_received(data)
            if self._in_head:
                self._head_bytes += len(data)
                if self._head_bytes > 2 * HEADER_BYTES_MAX:
                    self._fail(HeadersTooLarge(HEADER_BYTES_MAX))
            if self.cycle is None or self.cycle.response_complete:
                self._watch()

        def on_message_begin(self) -> None:
            self._in_head = True
            self._head_bytes = 0
            super().on_message_begin()

        def on_headers_complete(self) -> None:
            self._in_head = False
            self._unwatch()
            super().on_headers_complete()

        def on_response_complete(self) -> None:
            is_last = not self.pipeline
            super().on_response_complete()
            if self._failure is not None and is_last:
                self._refuse(self._failure)

        def eof_received(self) -> bool:  # type: ignore[override]
            """Answers a client that has closed its own direction once its request was sent; True
            keeps ours open."""
            cycle = self.cycle
            if cycle is None or cycle.response_complete or cycle.more_body:
                return False
            cycle.keep_alive = False
            return True

        def send_400_response(self, msg: str) -> None:
            self._fail(RequestUnreadable())

        def shutdown(self) -> None:
            """Lets a request that has begun to arrive come in, if the head's time allows; the
            server's answers say by then that the connection closes."""
            if not self._in_head or self._refused:
                super().shutdown()

        def _watch(self) -> None:
            if self._timer is None:
                self._timer = self.loop.call_later(head_timeout_s, self.transport.close)

        def _unwatch(self) -> None:
            if self._timer is not None:
                self._timer.cancel()
                self._timer = None

        def _fail(self, failure: GateFailure) -> None:
            """Refuses, but not ahead of the answers to what came before on the connection."""
            self._failure = failure
            self._in_head = False
            cycle = self.cycle
            if cycle is None or cycle.response_complete:
                self._refuse(failure)
            elif cycle.more_body and not self.pipeline:
                # It is this request's own body that cannot be read.
                cycle.disconnected = True
                cycle.message_event.set()
                self._refuse(failure)

        def _refuse(self, failure: GateFailure) -> None:
            if self._refused or self.transport.is_closing():
                return
            self._refused = True
            path = getattr(self, "url", b"").decode("latin-1").split("?")[0]
            answer = describe(path, failure)
            lines = [
                STATUS_LINE[answer.status],
                *(f"{name}: {value}\r\n".encode() for name, value in answer.headers.items()),
                b"content-type: %s\r\n" % answer.media_type.encode(),
                b"content-length: %d\r\n" % len(answer.body),
                b"connection: close\r\n\r\n",
                answer.body,
            ]
            self.transport.write(b"".join(lines))
            if self.transport.can_write_eof():
                self.transport.write_eof()
            self.flow.resume_reading()
            self._unset_keepalive_if_required()
            self._unwatch()
            self._timer = self.loop.call_later(LINGER_S, self.transport.close)

    return BoundedProtocol
