"""Rows of JSON Lines, of one large JSON document, and of Parquet files, as streams."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any, BinaryIO, Final

import ijson
import orjson
import pyarrow as pa
import pyarrow.parquet as pq

from tracewell.trace.loading.delimited import (
    REJECT_CHARS_MAX,
    ROW_BYTES_MAX,
    HeaderWrong,
)
from tracewell.trace.loading.model import Reject, Row
from tracewell.trace.loading.streams import SourceUnreadable

RECORD_BYTES_MAX: Final = 16 * 1024 * 1024
"""Of one record of a JSON document; the largest of GLEIF's have some tens of kilobytes."""
DEPTH_MAX: Final = 1_000
"""Of a JSON document."""
ROW_GROUP_BYTES_MAX: Final = 2 * 1024 * 1024 * 1024
_PARQUET_ROWS: Final = 1_000
_READ_BYTES: Final = 1 << 16


def iter_json_lines(stream: BinaryIO) -> Iterator[Row | Reject]:
    """The object of each line. Raises SourceUnreadable."""
    number = 0
    while line := stream.readline(ROW_BYTES_MAX + 1):
        if len(line) > ROW_BYTES_MAX:
            while line and not line.endswith(b"\n"):
                line = stream.readline(ROW_BYTES_MAX)
            number += 1
            yield Reject(number, "the line is longer than 1 MiB", None)
            continue
        line = line.removeprefix(b"\xef\xbb\xbf").strip() if number == 0 else line.strip()
        if not line:
            continue
        number += 1
        try:
            value = orjson.loads(line)
        except orjson.JSONDecodeError as error:
            told = line.decode("utf-8", "replace")[:REJECT_CHARS_MAX]
            yield Reject(number, f"not JSON: {error}", told)
            continue
        if isinstance(value, dict):
            yield Row(number, value)
        else:
            yield Reject(number, "not a JSON object", line.decode()[:REJECT_CHARS_MAX])


class _Bounded:
    """A stream that stops when too much of it goes into one record."""

    def __init__(self, stream: BinaryIO, head: bytes) -> None:
        self._stream = stream
        self._head = head
        self._left = RECORD_BYTES_MAX
        self._depth = 0

    def read(self, size: int = -1) -> bytes:
        if size == 0:
            return b""
        if self._head:
            data, self._head = self._head, b""
        else:
            self._left -= size
            if self._left < 0:
                raise SourceUnreadable("a record is larger than 16 MiB")
            data = self._stream.read(size)
        # ijson's work grows with the square of the depth. Brackets in texts count as well: that
        # many more open ones than closed ones are no name of a company's.
        self._depth += sum(data.count(one) for one in (b"[", b"{"))
        self._depth -= sum(data.count(one) for one in (b"]", b"}"))
        if self._depth > DEPTH_MAX:
            raise SourceUnreadable("is nested too deeply")
        return data

    def begin_record(self) -> None:
        self._left = RECORD_BYTES_MAX
        self._depth = 0
        self._depth = 0


def iter_json_document(stream: BinaryIO, member: str) -> Iterator[Row | Reject]:
    """The records of `{"<member>": [...]}` or of `[...]`, one at a time.

    Raises SourceUnreadable: behind a place where the document is no JSON nothing can be read.
    """
    head = stream.read(_READ_BYTES).removeprefix(b"\xef\xbb\xbf").lstrip()
    if not head.startswith((b"{", b"[")):
        raise SourceUnreadable("is no JSON document")
    bounded = _Bounded(stream, head)
    path = "item" if head.startswith(b"[") else f"{member}.item"
    number = 0
    try:
        for value in ijson.items(bounded, path, buf_size=_READ_BYTES, use_float=True):
            bounded.begin_record()
            number += 1
            if isinstance(value, dict):
                yield Row(number, value)
            else:
                yield Reject(number, "not a JSON object", str(value)[:REJECT_CHARS_MAX])
    except ijson.IncompleteJSONError as error:
        is_cut = "EOF" in str(error) or "ncomplete" in str(error)
        what = "the JSON ends in the middle, after" if is_cut else "is no JSON behind"
        raise SourceUnreadable(f"{what} record {number}") from error
    except (ijson.JSONError, ValueError, RecursionError) as error:
        raise SourceUnreadable(f"is no JSON behind record {number}") from error
    if number == 0:
        raise SourceUnreadable(f"the JSON document holds no records under {member!r}")


class ParquetRows:
    """A Parquet file, row group by row group."""

    def __init__(self, file: str) -> None:
        """Raises SourceUnreadable, HeaderWrong."""
        try:
            self._file = pq.ParquetFile(file)
        except (pa.ArrowException, OSError) as error:
            raise SourceUnreadable("is damaged, or no Parquet file") from error
        meta = self._file.metadata
        for group in range(meta.num_row_groups):
            if meta.row_group(group).total_byte_size > ROW_GROUP_BYTES_MAX:
                raise HeaderWrong("a row group is larger than 2 GiB; write smaller ones")
        self.rows_total = meta.num_rows
        self.columns: list[str] = list(self._file.schema_arrow.names)

    def rows(self, columns: Iterable[str]) -> Iterator[Row | Reject]:
        """Every row, of these columns. Raises SourceUnreadable."""
        number = 0
        batches = self._file.iter_batches(batch_size=_PARQUET_ROWS, columns=list(columns))
        try:
            for batch in batches:
                rows: list[Mapping[str, Any]] = batch.to_pylist()
                for fields in rows:
                    number += 1
                    yield Row(number, dict(fields))
        except (pa.ArrowException, OSError, UnicodeDecodeError) as error:
            raise SourceUnreadable(f"is damaged behind row {number}") from error
