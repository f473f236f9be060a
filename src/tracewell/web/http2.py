"""One HTTP/2 connection (RFC 9113) on the h2 state machine: GET requests in, bounded answers out.

Which connection that is, and whether it may be opened, is decided in `connecting`.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field

from h2.config import H2Configuration
from h2.connection import H2Connection
from h2.errors import ErrorCodes
from h2.events import (
    ConnectionTerminated,
    DataReceived,
    Event,
    ResponseReceived,
    StreamEnded,
    StreamReset,
)
from h2.exceptions import DenialOfServiceError, InvalidBodyLengthError, ProtocolError
from h2.settings import SettingCodes, Settings

from tracewell.web.exchange import FetchError, RawHeaders

# Frames that carry no part of an answer (PING, SETTINGS, empty DATA, ...) and yet make work.
IDLE_FRAMES_MAX = 5_000
UNSENT_BYTES_MAX = 256 << 10
IDLE_S_MAX = 15.0

_FRAME_HEAD_BYTES = 9
_FRAME_BYTES_MAX = 16_384
_SETTINGS_TYPE = 4


@dataclass(frozen=True, slots=True)
class Http2Limits:
    """Bounds of one answer: bytes of the body, and of all its header fields, and their number."""

    body_bytes_max: int = 8 << 20
    header_bytes_max: int = 64 << 10
    headers_max: int = 128


@dataclass(frozen=True, slots=True)
class Http2Answer:
    """A complete answer; header names are in lower case, as they are sent in HTTP/2."""

    status: int
    headers: RawHeaders
    body: bytes


class TryAgainError(Exception):
    """The request was surely not worked on; `http11` where the server insists on HTTP/1.1."""

    def __init__(self, *, http11: bool = False) -> None:
        super().__init__("the request was not worked on")
        self.http11 = http11


@dataclass
class _Stream:
    done: asyncio.Future[Http2Answer]
    status: int = 0
    headers: RawHeaders = ()
    parts: list[bytes] = field(default_factory=list)
    size: int = 0


class Http2Connection(asyncio.Protocol):
    """The client's end of one connection; it closes itself after `IDLE_S_MAX` without a request."""

    def __init__(self, limits: Http2Limits) -> None:
        self._limits = limits
        self._loop = asyncio.get_running_loop()
        self._streams: dict[int, _Stream] = {}
        self._idle_frames = 0
        self._idle: asyncio.TimerHandle | None = None
        self._is_reused = False
        self._opening = b""
        self.transport: asyncio.Transport | None = None
        self.is_open = False
        config = H2Configuration(client_side=True, header_encoding=None)
        self._h2 = H2Connection(config)
        self._h2.local_settings = Settings(
            client=True,
            initial_values={
                SettingCodes.ENABLE_PUSH: 0,
                SettingCodes.MAX_CONCURRENT_STREAMS: 1,
                SettingCodes.MAX_HEADER_LIST_SIZE: limits.header_bytes_max,
                SettingCodes.INITIAL_WINDOW_SIZE: 1 << 20,
            },
        )
        # In force from the first frame, not from the server's acknowledgement on.
        self._h2.decoder.max_header_list_size = limits.header_bytes_max

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Send the preface."""
        assert isinstance(transport, asyncio.Transport)
        self.transport = transport
        self.is_open = True
        self._h2.initiate_connection()
        self._h2.increment_flow_control_window(self._limits.body_bytes_max)
        self._send()

    async def get(self, authority: str, target: str, headers: RawHeaders) -> Http2Answer:
        """The answer to GET `target`. Raises `TryAgainError`, `FetchError`."""
        if not self.is_open:
            raise TryAgainError
        self._rest(None)
        was_used, self._is_reused = self._is_reused, True
        stream_id = self._h2.get_next_available_stream_id()
        stream = self._streams[stream_id] = _Stream(self._loop.create_future())
        pseudo = [
            (b":method", b"GET"),
            (b":scheme", b"https"),
            (b":authority", authority.encode("ascii")),
            (b":path", target.encode("ascii")),
        ]
        try:
            fields = [(name.lower(), value) for name, value in headers]
            self._h2.send_headers(stream_id, [*pseudo, *fields], end_stream=True)
            self._send()
            return await stream.done
        except ProtocolError as error:
            self.close()
            raise TryAgainError from error
        except FetchError as error:
            # A connection kept from before may have been closed before the request was seen.
            if was_used and error.code == "connection_lost" and not stream.status:
                raise TryAgainError from error
            raise
        finally:
            self._leave(stream_id)

    def data_received(self, data: bytes) -> None:
        """Feed the state machine and hand out what it found."""
        if len(self._opening) < _FRAME_HEAD_BYTES:
            self._opening += data[: _FRAME_HEAD_BYTES - len(self._opening)]
            if not _may_open(self._opening):
                self._fail(FetchError("bad_response", "the answer is not valid HTTP/2"))
                return
        try:
            for event in self._h2.receive_data(data):
                self._take(event)
        except DenialOfServiceError:
            self._fail(FetchError("headers_too_large", "headers beyond their bounds"))
        except InvalidBodyLengthError:
            self._fail(FetchError("bad_response", "the body is not as long as announced"))
        except (ProtocolError, ValueError):
            self._fail(FetchError("bad_response", "the answer is not valid HTTP/2"))
        else:
            self._send()

    def eof_received(self) -> bool:
        """A half-closed connection is of no use."""
        return False

    def connection_lost(self, exc: BaseException | None) -> None:
        """Whoever still waits is told."""
        self._fail(FetchError("connection_lost", "the connection ended before the answer did"))

    def close_when_idle(self) -> None:
        """Take no more requests, and close once those under way are answered."""
        if self._streams:
            self.is_open = False
        else:
            self.close()

    def close(self) -> None:
        """Say good-bye and close."""
        if self.is_open:
            self.is_open = False
            self._h2.close_connection()
            self._send()
        self._rest(None)
        if self.transport is not None:
            self.transport.close()

    def _take(self, event: Event) -> None:
        stream = self._streams.get(getattr(event, "stream_id", None) or 0)
        if isinstance(event, ConnectionTerminated):
            self._end(event)
        elif isinstance(event, StreamReset) and stream is not None:
            _refuse(stream, _reset_reason(event.error_code))
        elif isinstance(event, ResponseReceived) and stream is not None:
            self._take_headers(stream, event)
        elif isinstance(event, DataReceived):
            self._h2.acknowledge_received_data(
                event.flow_controlled_length or 0, event.stream_id or 0
            )
            if stream is None or not event.data:
                self._count_idle()
            else:
                self._take_data(stream, event.data)
        elif isinstance(event, StreamEnded) and stream is not None:
            if not stream.done.done():
                answer = Http2Answer(stream.status, stream.headers, b"".join(stream.parts))
                stream.done.set_result(answer)
        else:
            self._count_idle()

    def _take_headers(self, stream: _Stream, event: ResponseReceived) -> None:
        fields = [(bytes(name), bytes(value)) for name, value in event.headers or ()]
        size = sum(len(name) + len(value) + 4 for name, value in fields)
        if len(fields) > self._limits.headers_max or size > self._limits.header_bytes_max:
            _refuse(stream, FetchError("headers_too_large", "headers beyond their bounds"))
            return
        status = next((value for name, value in fields if name == b":status"), b"")
        stream.status = int(status)
        stream.headers = tuple(field for field in fields if not field[0].startswith(b":"))

    def _take_data(self, stream: _Stream, data: bytes) -> None:
        stream.size += len(data)
        if stream.size > self._limits.body_bytes_max:
            stream.parts.clear()
            message = f"the body has more than {self._limits.body_bytes_max} bytes on the wire"
            _refuse(stream, FetchError("too_large", message))
        else:
            stream.parts.append(data)

    def _count_idle(self) -> None:
        self._idle_frames += 1
        if self._idle_frames > IDLE_FRAMES_MAX:
            raise ProtocolError("too many frames that carry nothing")

    def _end(self, event: ConnectionTerminated) -> None:
        """GOAWAY: streams above the last one named were not worked on (RFC 9113, 6.8)."""
        self.is_open = False
        last = event.last_stream_id or 0
        http11 = event.error_code == ErrorCodes.HTTP_1_1_REQUIRED
        for stream_id, stream in self._streams.items():
            if stream_id > last or http11:
                _refuse(stream, TryAgainError(http11=http11))

    def _fail(self, error: FetchError) -> None:
        for stream in self._streams.values():
            _refuse(stream, error)
        self.is_open = False
        self._rest(None)
        if self.transport is not None:
            self.transport.abort()

    def _leave(self, stream_id: int) -> None:
        """Nobody waits for this stream any more."""
        stream = self._streams.pop(stream_id)
        is_whole = (
            stream.done.done() and not stream.done.cancelled() and not stream.done.exception()
        )
        if self.is_open and not is_whole:
            # Cut off or refused by us: what is still under way is not worth the bytes.
            self.close()
        elif not self._streams:
            if self.is_open:
                self._rest(IDLE_S_MAX)
            else:
                self.close()

    def _rest(self, seconds: float | None) -> None:
        if self._idle is not None:
            self._idle.cancel()
        self._idle = None if seconds is None else self._loop.call_later(seconds, self.close)

    def _send(self) -> None:
        assert self.transport is not None
        data = self._h2.data_to_send()
        if not data or self.transport.is_closing():
            return
        self.transport.write(data)
        if self.transport.get_write_buffer_size() > UNSENT_BYTES_MAX:
            # It makes us answer and does not read what we say.
            self._fail(FetchError("bad_response", "the server does not read"))


def _may_open(data: bytes) -> bool:
    """Whether a server may begin so: with a SETTINGS frame of decent length (RFC 9113, 3.4).

    Looked at here because h2 waits for the whole of a frame, up to 16 MiB, before it judges it.
    """
    if len(data) < _FRAME_HEAD_BYTES:
        return True
    return data[3] == _SETTINGS_TYPE and int.from_bytes(data[:3], "big") <= _FRAME_BYTES_MAX


def _refuse(stream: _Stream, error: Exception) -> None:
    if not stream.done.done():
        stream.done.set_exception(error)


def _reset_reason(code: ErrorCodes | int | None) -> Exception:
    if code == ErrorCodes.REFUSED_STREAM:
        return TryAgainError()
    if code == ErrorCodes.HTTP_1_1_REQUIRED:
        return TryAgainError(http11=True)
    return FetchError("connection_lost", "the server broke off its answer")


class Http2Pool:
    """The open connections, one for each origin; at most `connections_max`, the oldest go first."""

    def __init__(self, connections_max: int) -> None:
        self._connections_max = connections_max
        self._open: dict[str, Http2Connection] = {}

    def find(self, origin: str) -> Http2Connection | None:
        """The open connection to `origin`, or None."""
        connection = self._open.get(origin)
        if connection is not None and not connection.is_open:
            del self._open[origin]
            return None
        return connection

    def keep(self, origin: str, connection: Http2Connection) -> None:
        """Keep a new connection for later requests."""
        before = self._open.pop(origin, None)
        if before is not None:
            before.close_when_idle()
        self._open[origin] = connection
        while len(self._open) > self._connections_max:
            self._open.pop(next(iter(self._open))).close_when_idle()

    def close(self) -> None:
        """Close all of them."""
        for connection in self._open.values():
            connection.close()
        self._open.clear()
