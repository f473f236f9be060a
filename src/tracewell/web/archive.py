"""Captures in WARC files (ISO 28500), read through FastWARC; see `archive_writer` for writing.

Nothing here judges what a page means. Broken archives are the rule: what cannot be read is told.
"""

from __future__ import annotations

import os
import re
import sys
import zlib
from collections.abc import Callable, Generator, Iterator
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import BinaryIO

from fastwarc.warc import ArchiveIterator, WarcRecord, WarcRecordType

from tracewell.values import Capture
from tracewell.web.codings import BodyError, decode_chunked
from tracewell.web.exchange import (
    BodyLimits,
    Exchange,
    RawHeaders,
    build_capture,
    decode_header_text,
    find_header,
)
from tracewell.web.urls import BadUrlError, parse_url

# Archives hold what a crawler took, not what a stranger sends now: the ratio bound is gzip's own.
ARCHIVE_LIMITS = BodyLimits(wire_bytes_max=32 << 20, body_bytes_max=32 << 20, ratio_max=1_100)
HTTP_HEADER_BYTES_MAX = 256 << 10
# A field of ours beside the standard ones: the organisation that signed the server's certificate.
ISSUER_FIELD = "X-Certificate-Issuer"
# IIPC's proposal for telling the protocol; the heads themselves are in HTTP/1.1's form.
PROTOCOL_FIELD = "WARC-Protocol"
# Common Crawl's way to keep headers that no longer describe the bytes stored under them.
SET_ASIDE_PREFIX = b"X-Crawler-"

_GZIP_MAGIC = b"\x1f\x8b\x08"
_WARC_MAGIC = b"WARC/1."
_SCAN_BYTES = 1 << 20
_SET_ASIDE_NAMES = (b"transfer-encoding", b"content-encoding", b"content-length")
STATUS_LINE = re.compile(rb"(HTTP/\d(?:\.\d)?) (\d{3})(?: ([^\r\n]*))?\r?\n")
HEAD_END = re.compile(rb"\r?\n\r?\n")

OnProblem = Callable[[int, str], None]
OnProgress = Callable[[int, int], None]


class ArchiveError(ValueError):
    """A place in an archive that holds no capture, or one that cannot be read."""


@dataclass(frozen=True, slots=True)
class ArchivePart:
    """The records that start at offsets from `start` on and before `stop` (None: all to the end).

    A part cut by `iter_parts` is a guess: a page may hold what looks like the start of a record.
    Only reading the part before tells whether a record really starts there.
    """

    start: int = 0
    stop: int | None = None


WHOLE = ArchivePart()


def iter_captures(
    path: str | os.PathLike[str],
    on_problem: OnProblem,
    *,
    on_progress: OnProgress | None = None,
    limits: BodyLimits = ARCHIVE_LIMITS,
) -> Iterator[Capture]:
    """The HTTP response records of a .warc or .warc.gz file (gzip per record), in order.

    A record that is broken, cut or beyond `limits` goes to `on_problem(offset, reason)` and the
    reading goes on behind it. `on_progress(bytes_read, bytes_total)` is called for every record.
    Raises OSError when the file itself cannot be opened or read.
    """
    yield from read_part(path, WHOLE, on_problem, on_progress=on_progress, limits=limits)


def read_part(
    path: str | os.PathLike[str],
    part: ArchivePart,
    on_problem: OnProblem,
    *,
    name: str = "",
    resources: bool = False,
    on_progress: OnProgress | None = None,
    limits: BodyLimits = ARCHIVE_LIMITS,
) -> Generator[Capture, None, int | None]:
    """`iter_captures` for a part of the file, which starts at a record; `resources` adds the
    resource records of http(s) addresses, `name` stands in the capture ids for the file's own.

    Returns the offset of the first record at or behind `part.stop`, where the next part starts, or
    None at the end of the file. Parts read so one after the other yield what the whole would.
    """
    path = Path(path)
    name = name or path.name
    with path.open("rb") as file:
        total = os.fstat(file.fileno()).st_size
        blocks = _iter_blocks(file, part, on_problem, limits, resources=resources)
        while True:
            try:
                offset, record, block = next(blocks)
            except StopIteration as finished:
                end: int | None = finished.value
                break
            if on_progress is not None:
                on_progress(offset, total)
            try:
                capture = _read_block(record, block, f"{name}:{offset}", limits)
            except (ArchiveError, BodyError) as error:
                on_problem(offset, str(error))
            else:
                yield capture
        if on_progress is not None:
            on_progress(total if end is None else end, total)
        return end


def opens_archive(opening: bytes) -> bool:
    """Whether a file that begins with these bytes (some kilobytes) is a WARC file."""
    if not opening.startswith(_GZIP_MAGIC):
        return opening.startswith(_WARC_MAGIC)
    try:
        plain = zlib.decompressobj(16 + zlib.MAX_WBITS).decompress(opening, len(_WARC_MAGIC))
    except zlib.error:
        return False
    return plain == _WARC_MAGIC


def iter_parts(path: str | os.PathLike[str], part_bytes: int) -> Iterator[ArchivePart]:
    """The file in parts of about that many bytes, each up to where the next record seems to start.

    Raises OSError.
    """
    with Path(path).open("rb") as file:
        magic, start = _find_magic(file), 0
        while (stop := _find_next(file, start + part_bytes, magic)) is not None:
            yield ArchivePart(start, stop)
            start = stop
        yield ArchivePart(start)


def read_capture(
    path: str | os.PathLike[str], offset: int, *, limits: BodyLimits = ARCHIVE_LIMITS
) -> Capture:
    """The capture that `<file name>:<offset>` names. Raises `ArchiveError`, OSError."""
    path = Path(path)
    with path.open("rb") as file:
        magic = _find_magic(file)
        if os.pread(file.fileno(), len(magic), offset) != magic:
            raise ArchiveError(f"no record starts at {path.name}:{offset}")
        file.seek(offset)
        try:
            record = next(_open_records(file))
            if not (_is_http_response(record) or _is_resource(record)):
                raise ArchiveError(f"no response record starts at {path.name}:{offset}")
            return _read_block(record, _read_all(record, limits), f"{path.name}:{offset}", limits)
        except (StopIteration, BodyError) as error:
            raise ArchiveError(f"{path.name}:{offset} cannot be read: {error}") from error
        except OSError as error:
            raise ArchiveError(f"{path.name}:{offset} is broken: {error}") from error


def parse_capture_id(capture_id: str) -> tuple[str, int]:
    """File name and offset of a capture id. Raises ValueError."""
    name, colon, offset = capture_id.rpartition(":")
    if not colon or not name or "/" in name or not (offset.isascii() and offset.isdigit()):
        raise ValueError(f"not a capture id: {capture_id[:100]!r}")
    return name, int(offset)


def _open_records(file: BinaryIO) -> Iterator[WarcRecord]:
    return iter(ArchiveIterator(file, record_types=WarcRecordType.any_type, parse_http=False))


def _is_http_response(record: WarcRecord) -> bool:
    return record.record_type == WarcRecordType.response and record.is_http


def _is_resource(record: WarcRecord) -> bool:
    """Whether the record holds what a web address stands for, without the HTTP around it."""
    uri = (record.headers.get("WARC-Target-URI") or "").strip("<> ").lower()
    return record.record_type == WarcRecordType.resource and uri.startswith(("http:", "https:"))


def _iter_blocks(
    file: BinaryIO, part: ArchivePart, on_problem: OnProblem, limits: BodyLimits, *, resources: bool
) -> Generator[tuple[int, WarcRecord, bytes], None, int | None]:
    """Offset, record and block of each HTTP response; goes on behind what is broken. Returns the
    offset of the first record that is not of the part, None at the end of the file."""
    magic = _find_magic(file)
    stop = sys.maxsize if part.stop is None else part.stop
    start: int | None = part.start
    # Breakage between two records is told at the record before it, once the next one proves whole.
    behind: tuple[int, str] | None = None
    while start is not None and start < stop:
        last, is_whole = start, False
        file.seek(start)
        try:
            for record in _open_records(file):
                last, is_whole = record.stream_pos, False
                if last >= stop:
                    return last
                if os.pread(file.fileno(), len(magic), last) != magic:
                    on_problem(last, "not compressed record by record; try `warcio recompress`")
                    return None
                if _is_http_response(record) or (resources and _is_resource(record)):
                    yield last, record, _read_all(record, limits)
                is_whole = True
                if behind is not None:
                    on_problem(*behind)
                    behind = None
            return None
        except ArchiveError as error:
            # A length that lies takes the records behind it along: none of it is believed.
            on_problem(last, str(error))
        except OSError as error:
            behind = (last, f"broken data behind this record: {error}") if is_whole else None
            if not is_whole:
                on_problem(last, f"broken record: {error}")
        start = _find_next(file, last + 1, magic)
    if behind is not None:
        on_problem(*behind)
    return start


def _read_all(record: WarcRecord, limits: BodyLimits) -> bytes:
    """The record's block. Raises `ArchiveError` when too large or cut, OSError when broken."""
    bytes_max = limits.wire_bytes_max + HTTP_HEADER_BYTES_MAX
    length = record.content_length
    if length > bytes_max:
        raise ArchiveError(f"the record has {length} bytes, at most {bytes_max} are read")
    block = record.reader.read()
    if len(block) != length:
        raise ArchiveError(f"the record is cut: {len(block)} of {length} bytes")
    return block


def _find_magic(file: BinaryIO) -> bytes:
    """What every record of the file opens with, judged by its first bytes."""
    is_gzip = os.pread(file.fileno(), len(_GZIP_MAGIC), 0) == _GZIP_MAGIC
    return _GZIP_MAGIC if is_gzip else _WARC_MAGIC


def _find_next(file: BinaryIO, start: int, magic: bytes) -> int | None:
    """The next offset from `start` on where a record seems to open, or None."""
    fd = file.fileno()
    at = start
    while window := os.pread(fd, _SCAN_BYTES, at):
        found = window.find(magic)
        while found >= 0:
            if _opens_record(fd, at + found, magic):
                return at + found
            found = window.find(magic, found + 1)
        if len(window) < _SCAN_BYTES:
            return None
        at += len(window) - len(magic) + 1
    return None


def _opens_record(fd: int, offset: int, magic: bytes) -> bool:
    if magic == _WARC_MAGIC:
        return offset == 0 or os.pread(fd, 1, offset - 1) == b"\n"
    return opens_archive(os.pread(fd, 4_096, offset))


def _read_block(record: WarcRecord, block: bytes, capture_id: str, limits: BodyLimits) -> Capture:
    """The capture in one record's block. Raises `ArchiveError`, `BodyError`."""
    uri = record.headers.get("WARC-Target-URI") or ""
    try:
        url = parse_url(uri.strip().removeprefix("<").removesuffix(">"))
    except BadUrlError as error:
        raise ArchiveError(f"no page: {error}") from error
    if _is_resource(record):
        return _resource(record, url, block, capture_id, limits)
    status_line = STATUS_LINE.match(block)
    # From the end of the status line's text on, so that a response without headers ends too.
    head_from = status_line.end() - 2 if status_line else 0
    head_end = HEAD_END.search(block, max(head_from, 0), HTTP_HEADER_BYTES_MAX)
    if status_line is None or head_end is None:
        raise ArchiveError("the record holds no HTTP response")
    headers = parse_headers(block[status_line.end() : head_end.start()])
    body = block[head_end.end() :]
    if "chunked" in (find_header(headers, "transfer-encoding") or "").lower():
        body = decode_chunked(body)
    exchange = Exchange(
        url=url,
        request_headers=(),
        http_version=status_line[1].decode("ascii"),
        status=int(status_line[2]),
        reason=decode_header_text(status_line[3] or b""),
        response_headers=headers,
        wire_body=body,
        fetched_at=_parse_date(record.headers.get("WARC-Date") or ""),
        certificate_issuer=record.headers.get(ISSUER_FIELD),
    )
    capture = build_capture(exchange, limits, capture_id)
    return replace(capture, headers=_restore(capture.headers))


def _resource(
    record: WarcRecord, url: str, block: bytes, capture_id: str, limits: BodyLimits
) -> Capture:
    if len(block) > limits.body_bytes_max:
        raise ArchiveError(f"the resource has more than {limits.body_bytes_max} bytes")
    content_type = record.headers.get("Content-Type")
    headers = (("Content-Type", content_type),) if content_type else ()
    moment = _parse_date(record.headers.get("WARC-Date") or "")
    return Capture(url, 200, headers, block, moment, capture_id)


def parse_headers(head: bytes) -> RawHeaders:
    """Names and values of the lines behind a status line; what is no header is left out."""
    headers: list[tuple[bytes, bytes]] = []
    for line in head.split(b"\n"):
        name, colon, value = line.rstrip(b"\r").partition(b":")
        if line[:1] in {b" ", b"\t"} and headers:
            # An old folded line belongs to the header before it (RFC 9112, 5.2).
            headers[-1] = (headers[-1][0], headers[-1][1] + b" " + line.strip())
        elif colon:
            headers.append((name.strip(), value.strip(b" \t")))
    return tuple(headers)


def _restore(headers: tuple[tuple[str, str], ...]) -> tuple[tuple[str, str], ...]:
    """The headers as the server sent them: names that a crawler set aside get their own again."""
    prefix = SET_ASIDE_PREFIX.decode().lower()
    names = {prefix + name.decode() for name in _SET_ASIDE_NAMES}
    replaced = {name.lower().removeprefix(prefix) for name, _ in headers if name.lower() in names}
    if not replaced:
        return headers
    return tuple(
        (name[len(prefix) :] if name.lower() in names else name, value)
        for name, value in headers
        if name.lower() not in replaced
    )


def _parse_date(text: str) -> int:
    """Milliseconds since the epoch of a WARC-Date. Raises `ArchiveError`."""
    try:
        moment = datetime.fromisoformat(text)
    except ValueError as error:
        raise ArchiveError(f"WARC-Date is no date: {text[:40]!r}") from error
    utc = moment if moment.tzinfo else moment.replace(tzinfo=UTC)
    return round(utc.timestamp() * 1000)
