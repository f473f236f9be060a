"""Captures in WARC files (ISO 28500), read through FastWARC; see `archive_writer` for writing.

Nothing here judges what a page means. Broken archives are the rule: what cannot be read is told.
"""

from __future__ import annotations

import os
import sys
import zlib
from collections.abc import Callable, Generator, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from fastwarc.warc import ArchiveIterator, WarcRecord, WarcRecordType

from tracewell.values import Capture
from tracewell.web.codings import BodyError
from tracewell.web.exchange import BodyLimits, Original
from tracewell.web.record_reading import (
    HTTP_HEADER_BYTES_MAX,
    ArchiveError,
    add_browser_findings,
    build_original,
    build_record_capture,
    describes_rendering,
    find_original_id,
    holds_capture,
    is_web_resource,
)

__all__ = [
    "ARCHIVE_LIMITS",
    "WHOLE",
    "ArchiveError",
    "ArchivePart",
    "iter_captures",
    "iter_parts",
    "opens_archive",
    "parse_capture_id",
    "read_capture",
    "read_original",
    "read_part",
]

# Archives hold what a crawler took, not what a stranger sends now: the ratio bound is gzip's own.
ARCHIVE_LIMITS = BodyLimits(wire_bytes_max=32 << 20, body_bytes_max=32 << 20, ratio_max=1_100)

_GZIP_MAGIC = b"\x1f\x8b\x08"
_WARC_MAGIC = b"WARC/1."
_SCAN_BYTES = 1 << 20

OnProblem = Callable[[int, str], None]
OnProgress = Callable[[int, int], None]


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
    """The captures of a .warc or .warc.gz file (gzip per record), in order: HTTP responses,
    revisits that we wrote, DNS lookups and renderings.

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
                capture = _build(path, f"{name}:{offset}", record, block, limits)
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
    return read_original(path, offset, limits=limits).capture


def read_original(
    path: str | os.PathLike[str], offset: int, *, limits: BodyLimits = ARCHIVE_LIMITS
) -> Original:
    """The capture with what a revisit needs to lead to it. Raises `ArchiveError`, OSError."""
    path = Path(path)
    place = f"{path.name}:{offset}"
    with path.open("rb") as file:
        magic = _find_magic(file)
        if os.pread(file.fileno(), len(magic), offset) != magic:
            raise ArchiveError(f"no record starts at {place}")
        file.seek(offset)
        try:
            record = next(_open_records(file))
            if not (holds_capture(record) or is_web_resource(record)):
                raise ArchiveError(f"no response record starts at {place}")
            capture = _build(path, place, record, _read_all(record, limits), limits)
            return build_original(record, capture)
        except (StopIteration, BodyError) as error:
            raise ArchiveError(f"{place} cannot be read: {error}") from error
        except OSError as error:
            raise ArchiveError(f"{place} is broken: {error}") from error


def parse_capture_id(capture_id: str) -> tuple[str, int]:
    """File name and offset of a capture id. Raises ValueError."""
    name, colon, offset = capture_id.rpartition(":")
    if not colon or not name or "/" in name or not (offset.isascii() and offset.isdigit()):
        raise ValueError(f"not a capture id: {capture_id[:100]!r}")
    return name, int(offset)


def _open_records(file: BinaryIO) -> Iterator[WarcRecord]:
    return iter(ArchiveIterator(file, record_types=WarcRecordType.any_type, parse_http=False))


def _build(path: Path, place: str, record: WarcRecord, block: bytes, limits: BodyLimits) -> Capture:
    """The record's capture, with what stands elsewhere: a revisit's original beside its file, and
    what a browser found in the record behind a rendering."""
    original: Capture | None = None
    if (original_id := find_original_id(record)) is not None:
        try:
            name, at = parse_capture_id(original_id)
            original = _read_response(path.with_name(name), at, limits)
        except (ValueError, OSError) as error:
            raise ArchiveError(f"the original {original_id[:200]} cannot be read") from error
    capture = build_record_capture(record, block, place, limits, original)
    if record.record_type == WarcRecordType.conversion:
        findings = _read_findings(path, record.stream_pos, limits)
        return capture if findings is None else add_browser_findings(capture, findings)
    return capture


def _read_response(path: Path, offset: int, limits: BodyLimits) -> Capture:
    """A response record's capture; a revisit is no original, so nothing leads on from here."""
    with path.open("rb") as file:
        file.seek(offset)
        record = next(_open_records(file), None)
        if record is None or record.record_type != WarcRecordType.response:
            raise ArchiveError("no response record")
        block = _read_all(record, limits)
        return build_record_capture(record, block, f"{path.name}:{offset}", limits)


def _read_findings(path: Path, offset: int, limits: BodyLimits) -> bytes | None:
    """What a browser found beside the DOM of the conversion that starts at `offset`."""
    with path.open("rb") as file:
        file.seek(offset)
        records = _open_records(file)
        next(records, None)
        behind = next(records, None)
        if behind is None or not describes_rendering(behind):
            return None
        return _read_all(behind, limits)


def _iter_blocks(
    file: BinaryIO, part: ArchivePart, on_problem: OnProblem, limits: BodyLimits, *, resources: bool
) -> Generator[tuple[int, WarcRecord, bytes], None, int | None]:
    """Offset, record and block of each record of use; goes on behind what is broken. Returns the
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
                if holds_capture(record) or (resources and is_web_resource(record)):
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
