"""One record file in memory: its mapped columns and, per identifier type, a sorted hash index.

A row costs its own text and 8 bytes per indexed value. Everything here blocks: call it in a thread.
"""

from __future__ import annotations

import codecs
import hashlib
from array import array
from bisect import bisect_left
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv as pa_csv
import pyarrow.parquet as pq

from tracewell.intrace.connectors.screening import NameIndex, build_name_index
from tracewell.intrace.connectors.sources.record_cells import NAMED, Row, keys_and_bad_cells
from tracewell.intrace.connectors.sources.record_manifest import (
    RecordFile,
)
from tracewell.intrace.identifiers import IdentifierType
from tracewell.resolution import Kind

ROWS_MAX: Final = 10_000_000
NAMES_MAX: Final = 2_000_000
"""Names of a file that are found by other spellings as well; beyond, by the same words only."""
NEAR_ROWS_MAX: Final = 20
NAME_SCORE_MIN: Final = 0.8
FILE_BYTES_MAX: Final = 2 << 30
_ROW_BITS: Final = 24  # up to 16.7 million rows; the other 40 bits are the value's hash
_BATCH_ROWS: Final = 65_536


assert ROWS_MAX < 1 << _ROW_BITS


class RecordFileError(Exception):
    """A file that cannot be used at all; the message names columns, never content."""


@dataclass(frozen=True, slots=True)
class LoadReport:
    """What loading a file met: all counts are rows or cells, `problem` a sentence or None.

    A bad cell does not read as what its column is said to hold. A bad row has nothing left by
    which it could be found. Malformed rows do not have as many cells as the header.
    """

    file: str
    rows: int = 0
    bad_rows: int = 0
    bad_cells: int = 0
    malformed_rows: int = 0
    is_truncated: bool = False
    problem: str | None = None

    @property
    def is_complete(self) -> bool:
        """Whether a record of the file can be missing from answers."""
        return not (self.problem or self.is_truncated or self.malformed_rows or self.bad_rows)

    def describe(self) -> str | None:
        """What was wrong with the file, or None."""
        if self.problem:
            return f"{self.file}: {self.problem}"
        parts = [
            f"{count} {words}"
            for count, words in (
                (self.malformed_rows, "malformed rows"),
                (self.bad_rows, "rows without a usable identifier"),
                (self.bad_cells, "unreadable cells"),
            )
            if count
        ]
        if self.is_truncated:
            parts.append(f"only the first {self.rows} rows are read")
        return f"{self.file}: {', '.join(parts)}" if parts else None


@dataclass(frozen=True, slots=True)
class NamedRows:
    """Names of a file with their index, and the row of each."""

    index: NameIndex
    rows: Sequence[int]


class RecordIndex:
    """A loaded file: exact look-up by the key of an identifier."""

    def __init__(
        self,
        entry: RecordFile,
        table: pa.Table,
        indexes: Mapping[IdentifierType, memoryview],
        report: LoadReport,
        names: Mapping[IdentifierType, NamedRows] | None = None,
    ) -> None:
        self.entry = entry
        self.report = report
        self._table = table
        self._indexes = indexes
        self._names = names or {}

    def iter_rows(self, kind: IdentifierType, key: str) -> Iterator[tuple[int, Row]]:
        """The (number, cells) of the rows that hold the identifier, in file order."""
        index = self._indexes.get(kind)
        if index is None:
            return
        prefix = _hash(key) << _ROW_BITS
        place = bisect_left(index, prefix)
        while place < len(index) and index[place] >> _ROW_BITS == prefix >> _ROW_BITS:
            number = index[place] & ((1 << _ROW_BITS) - 1)
            row = self._row(number)
            # Two values may share a hash: what is answered is compared in full.
            if any(
                k == kind and found == key for k, found in keys_and_bad_cells(self.entry, row)[0]
            ):
                yield number, row
            place += 1

    def has_names(self, kind: IdentifierType) -> bool:
        """Whether names of that kind are found by other spellings as well."""
        return kind in self._names

    def list_near_rows(self, kind: IdentifierType, name: str) -> list[tuple[int, Row]]:
        """The (number, cells) of rows whose names are near, the nearest first. Takes milliseconds.

        Nothing where the file has no names of that kind, or too many (`NAMES_MAX`).
        """
        named = self._names.get(kind)
        if named is None:
            return []
        compared = Kind.PERSON if kind is IdentifierType.NAME else Kind.ORGANIZATION
        found = named.index.search(name, compared, score_min=NAME_SCORE_MIN, limit=NEAR_ROWS_MAX)
        numbers = dict.fromkeys(named.rows[candidate.place] for candidate in found)
        return [(number, self._row(number)) for number in numbers]

    def _row(self, number: int) -> Row:
        cells = self._table.slice(number, 1).to_pylist()[0]
        return {column: text for column, text in cells.items() if text}


def load_records(directory: Path, entry: RecordFile, *, rows_max: int = ROWS_MAX) -> RecordIndex:
    """Reads a file of the manifest; one that cannot be used gives an empty index that says so."""
    try:
        return _load(directory, entry, rows_max)
    except RecordFileError as error:
        problem = str(error)
    except OSError as error:
        problem = f"could not be read ({type(error).__name__})"
    except pa.ArrowException as error:
        # Arrow's messages quote cells: only the kind of the error is told.
        problem = f"could not be read ({type(error).__name__})"
    return RecordIndex(entry, pa.table({}), {}, LoadReport(entry.file, problem=problem))


def _load(directory: Path, entry: RecordFile, rows_max: int) -> RecordIndex:
    path = directory / entry.file
    if path.resolve().parent != directory.resolve():
        raise RecordFileError("lies outside the directory")
    if path.stat().st_size > FILE_BYTES_MAX:
        raise RecordFileError("is larger than 2 GiB")
    malformed = [0]
    batches: list[pa.RecordBatch] = []
    collected: dict[IdentifierType, array[int]] = defaultdict(lambda: array("Q"))
    names: dict[IdentifierType, tuple[list[str], array[int]]] = defaultdict(
        lambda: ([], array("I"))
    )
    rows = bad_rows = bad_cells = 0
    is_truncated = False
    for whole in _iter_batches(path, entry, malformed):
        batch = whole.slice(0, rows_max - rows)
        is_truncated = is_truncated or batch.num_rows < whole.num_rows
        for cells in batch.to_pylist():
            row = {column: text for column, text in cells.items() if text}
            keys, bad = keys_and_bad_cells(entry, row)
            bad_cells += bad
            bad_rows += not keys
            for kind, key in keys:
                collected[kind].append(_hash(key) << _ROW_BITS | rows)
                if kind in NAMED:
                    names[kind][0].append(key)
                    names[kind][1].append(rows)
            rows += 1
        batches.append(batch)
        if is_truncated:
            break
    table = pa.Table.from_batches(batches) if batches else pa.table({})
    report = LoadReport(entry.file, rows, bad_rows, bad_cells, malformed[0], is_truncated)
    indexes = {kind: _sorted_view(entries) for kind, entries in collected.items()}
    named = {
        kind: NamedRows(build_name_index(texts), numbers)
        for kind, (texts, numbers) in names.items()
        if len(texts) <= NAMES_MAX
    }
    return RecordIndex(entry, table, indexes, report, named)


def _iter_batches(path: Path, entry: RecordFile, malformed: list[int]) -> Iterator[pa.RecordBatch]:
    """Batches of text columns, exactly those that the manifest names."""
    columns = list(entry.columns_read)
    if entry.file.endswith(".parquet"):
        with pq.ParquetFile(path) as parquet:
            _require_columns(columns, parquet.schema_arrow.names)
            for batch in parquet.iter_batches(batch_size=_BATCH_ROWS, columns=columns):
                arrays = [_as_text(batch.column(column)) for column in columns]
                yield pa.RecordBatch.from_arrays(arrays, names=columns)
        return

    def count(row: Any) -> str:
        malformed[0] += 1
        return "skip"

    _require_utf8(path)
    # The header is read by itself: Arrow's own error for a missing column comes too late to tell.
    parse = pa_csv.ParseOptions(
        delimiter=entry.delimiter, newlines_in_values=True, invalid_row_handler=count
    )
    names = _read_header(path, parse)
    _require_columns(columns, names)
    convert = pa_csv.ConvertOptions(
        include_columns=columns, column_types=dict.fromkeys(columns, pa.string())
    )
    malformed[0] = 0
    with pa_csv.open_csv(
        path,
        read_options=pa_csv.ReadOptions(use_threads=False, block_size=4 << 20),
        parse_options=parse,
        convert_options=convert,
    ) as reader:
        yield from reader


def _require_utf8(path: Path) -> None:
    """Arrow drops a malformed row that is not UTF-8 without telling: so it is told beforehand."""
    decoder = codecs.getincrementaldecoder("utf-8")()
    try:
        with path.open("rb") as file:
            while chunk := file.read(1 << 20):
                decoder.decode(chunk)
        decoder.decode(b"", final=True)
    except UnicodeDecodeError:
        raise RecordFileError("is not UTF-8") from None


def _read_header(path: Path, parse: pa_csv.ParseOptions) -> list[str]:
    with pa_csv.open_csv(
        path,
        read_options=pa_csv.ReadOptions(use_threads=False, block_size=1 << 20),
        parse_options=parse,
    ) as reader:
        return list(reader.schema.names)


def _require_columns(wanted: list[str], present: list[str]) -> None:
    missing = [column for column in wanted if column not in present]
    if missing:
        raise RecordFileError(f"lacks the column {missing[0]!r}")
    doubled = [column for column in wanted if present.count(column) > 1]
    if doubled:
        raise RecordFileError(f"has the column {doubled[0]!r} twice")


def _as_text(column: pa.Array) -> pa.Array:
    """A column as text: whole numbers without a fraction, times as dates."""
    if pa.types.is_timestamp(column.type):
        column = column.cast(pa.date32(), safe=False)
    elif pa.types.is_floating(column.type):
        whole = pc.all(pc.equal(column, pc.floor(column))).as_py()
        column = column.cast(pa.int64()) if whole in (True, None) else column
    elif pa.types.is_nested(column.type):
        raise RecordFileError("holds a nested column where text is expected")
    return column.cast(pa.string())


def _sorted_view(entries: array[int]) -> memoryview:
    unsorted = pa.Array.from_buffers(pa.uint64(), len(entries), [None, pa.py_buffer(entries)])
    ordered = unsorted.take(pc.array_sort_indices(unsorted))
    return memoryview(ordered.buffers()[1]).cast("Q")[: len(entries)]


def _hash(key: str) -> int:
    digest = hashlib.blake2b(key.encode("utf-8"), digest_size=5).digest()
    return int.from_bytes(digest, "big")
