"""Undoing content and transfer codings within bounds, for the fetcher and the archive alike.

No I/O. Bytes come out in pieces, so that a bomb is noticed after one piece and not after the blast.
"""

from __future__ import annotations

import re
import zlib
from collections.abc import Callable, Generator, Iterator
from typing import Literal

import brotli
import zstandard

ACCEPT_ENCODING = "gzip, deflate, br, zstd"
CODINGS_MAX = 3
GZIP_MEMBERS_MAX = 1_000
# RFC 9659: a decoder for the web need not take more than 8 MiB of window.
ZSTD_WINDOW_BYTES_MAX = 8 << 20
# Below this size no ratio is suspicious: a page of blank lines is no bomb.
RATIO_FLOOR_BYTES = 1 << 20

_PIECE_BYTES = 256 << 10
_FEED_BYTES = 64 << 10
_CHUNK_LINE_BYTES_MAX = 4_096
_CHUNK_SIZE = re.compile(rb"([0-9a-fA-F]{1,8})[ \t]*(?:;[^\r\n]*)?\r\n")


class BodyError(ValueError):
    """A body that cannot be decoded (`bad_encoding`) or not within its bounds (`too_large`)."""

    def __init__(self, code: Literal["bad_encoding", "too_large"], message: str) -> None:
        super().__init__(message)
        self.code: Literal["bad_encoding", "too_large"] = code


def decode_body(
    wire: bytes, content_encoding: str | None, *, body_bytes_max: int, ratio_max: int
) -> bytes:
    """The body without its content codings (RFC 9110, 8.4; last applied is first undone).

    Unknown codings and a gzip label over bytes that are not gzip leave the bytes alone, a stream
    that ends early gives what it held: both as browsers do. Raises `BodyError`.
    """
    names = [part.strip().lower() for part in (content_encoding or "").split(",")]
    coders = [_CODERS[name] for name in reversed(names) if name in _CODERS]
    if len(coders) > CODINGS_MAX:
        raise BodyError("bad_encoding", f"{len(coders)} content codings, at most {CODINGS_MAX}")
    body = wire
    for coder in coders:
        ratio_bytes_max = max(RATIO_FLOOR_BYTES, ratio_max * len(wire))
        body = _gather(coder(body), min(body_bytes_max, ratio_bytes_max))
    if len(body) > body_bytes_max:
        raise BodyError("too_large", f"the body holds more than {body_bytes_max} bytes")
    return body


def decode_chunked(wire: bytes) -> bytes:
    """The body without its chunked transfer coding (RFC 9112, 7.1).

    Archives often keep the header over bytes that are chunked no longer: what does not open with a
    chunk size comes back as it is. A body that ends early gives what it held.
    """
    parts: list[bytes] = []
    at = 0
    while True:
        line = _CHUNK_SIZE.match(wire, at, at + _CHUNK_LINE_BYTES_MAX)
        if line is None:
            return b"".join(parts) if parts else wire
        size = int(line[1], 16)
        if size == 0:
            return b"".join(parts)
        start = line.end()
        parts.append(wire[start : start + size])
        at = start + size
        if at >= len(wire):
            return b"".join(parts)
        at += len(b"\r\n")


def _gather(pieces: Iterator[bytes], bytes_max: int) -> bytes:
    parts: list[bytes] = []
    total = 0
    for piece in pieces:
        total += len(piece)
        if total > bytes_max:
            raise BodyError("too_large", f"the body decodes to more than {bytes_max} bytes")
        parts.append(piece)
    return b"".join(parts)


def _inflate(data: bytes, start: int, wbits: int) -> Generator[bytes, None, int]:
    """Pieces of one deflate stream from `start`; returns where its bytes end."""
    stream = zlib.decompressobj(wbits)
    at = start
    try:
        while at < len(data) and not stream.eof:
            feed = data[at : at + _FEED_BYTES]
            at += len(feed)
            while True:
                piece = stream.decompress(feed, _PIECE_BYTES)
                if piece:
                    yield piece
                feed = stream.unconsumed_tail
                # A full piece may hide more output behind input that is already consumed.
                if stream.eof or (not feed and len(piece) < _PIECE_BYTES):
                    break
    except zlib.error as error:
        raise BodyError("bad_encoding", f"broken deflate data: {error}") from error
    return at - len(stream.unused_data)


def _gunzip(wire: bytes) -> Iterator[bytes]:
    at = 0
    for _ in range(GZIP_MEMBERS_MAX):
        if not wire.startswith(b"\x1f\x8b", at):
            if at == 0:
                yield wire
            return
        at = yield from _inflate(wire, at, 16 + zlib.MAX_WBITS)
    raise BodyError("bad_encoding", f"more than {GZIP_MEMBERS_MAX} gzip members")


def _undeflate(wire: bytes) -> Iterator[bytes]:
    # Servers send both the zlib form that the RFC asks for and bare deflate.
    is_zlib = len(wire) > 1 and wire[0] & 0x0F == 8 and (wire[0] << 8 | wire[1]) % 31 == 0
    yield from _inflate(wire, 0, zlib.MAX_WBITS if is_zlib else -zlib.MAX_WBITS)


def _unbrotli(wire: bytes) -> Iterator[bytes]:
    stream = brotli.Decompressor()
    try:
        for at in range(0, len(wire), _FEED_BYTES):
            piece = stream.process(wire[at : at + _FEED_BYTES], output_buffer_limit=_PIECE_BYTES)
            yield piece
            while not stream.can_accept_more_data():
                yield stream.process(b"", output_buffer_limit=_PIECE_BYTES)
            if stream.is_finished():
                return
    except brotli.error as error:
        raise BodyError("bad_encoding", f"broken brotli data: {error}") from error


def _unzstd(wire: bytes) -> Iterator[bytes]:
    decoder = zstandard.ZstdDecompressor(max_window_size=ZSTD_WINDOW_BYTES_MAX)
    try:
        with decoder.stream_reader(wire, read_across_frames=True) as stream:
            while piece := stream.read(_PIECE_BYTES):
                yield piece
    except zstandard.ZstdError as error:
        raise BodyError("bad_encoding", f"broken zstd data: {error}") from error


_CODERS: dict[str, Callable[[bytes], Iterator[bytes]]] = {
    "gzip": _gunzip,
    "x-gzip": _gunzip,
    "deflate": _undeflate,
    "br": _unbrotli,
    "zstd": _unzstd,
}
