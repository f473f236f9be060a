"""uvicorn's HTTP/1.1 protocol with the bound that it lacks: bytes of the request line and headers.

Without it a client could send headers without end into memory; and what is not HTTP at all would be
answered in a shape of no product.
"""

from __future__ import annotations

from collections.abc import Callable

from uvicorn.protocols.http.httptools_impl import STATUS_LINE, HttpToolsProtocol

from tracewell.kernel.http.answer import Answer
from tracewell.kernel.http.failures import GateFailure, HeadersTooLarge, RequestUnreadable
from tracewell.kernel.http.gate import HEADER_BYTES_MAX

Describe = Callable[[str, GateFailure], Answer]
"""From the path, as far as it is known, and the failure to the product's answer."""


def bounded_protocol(describe: Describe) -> type[HttpToolsProtocol]:
    """The protocol class for uvicorn's `http` setting."""

    class BoundedProtocol(HttpToolsProtocol):
        """Counts what arrives before the headers are complete."""

        _head_bytes = 0
        _in_head = True

        def data_received(self, data: bytes) -> None:
            if self._in_head:
                self._head_bytes += len(data)
            super().data_received(data)
            # A body that came with the last of the headers is not counted against them.
            if self._in_head and self._head_bytes > 2 * HEADER_BYTES_MAX:
                self._refuse(HeadersTooLarge(HEADER_BYTES_MAX))

        def on_message_begin(self) -> None:
            self._in_head = True
            self._head_bytes = 0
            super().on_message_begin()

        def on_headers_complete(self) -> None:
            self._in_head = False
            super().on_headers_complete()

        def send_400_response(self, msg: str) -> None:
            self._refuse(RequestUnreadable())

        def _refuse(self, failure: GateFailure) -> None:
            if self.transport.is_closing():
                return
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
            self.transport.close()

    return BoundedProtocol
