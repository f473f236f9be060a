"""Members as files, portion by portion: CSV (RFC 4180), JSON Lines, Parquet. No I/O."""

from __future__ import annotations

import csv
import io
from collections.abc import Sequence
from typing import Any, Literal, Protocol

import orjson
import pyarrow as pa
import pyarrow.parquet as pq

from tracewell.kernel.clock import format_utc
from tracewell.trace.lists.members import ListMember
from tracewell.trace.search.routes import summaries

ExportFormat = Literal["csv", "jsonl", "parquet"]

MEDIA_TYPES: dict[ExportFormat, str] = {
    "csv": "text/csv; charset=utf-8",
    "jsonl": "application/jsonl",
    "parquet": "application/vnd.apache.parquet",
}
COLUMNS = (
    "company_id", "slug", "name", "primary_domain", "country", "technology_count",
    "partnership_count", "posting_count", "first_observed_at", "last_observed_at", "tier",
    "source",
)  # fmt: skip
# A spreadsheet takes a text that begins so for a formula (OWASP: CSV injection).
_FORMULA = ("=", "+", "-", "@", "\t", "\r")
_TIME = pa.timestamp("ms", tz="UTC")
_SCHEMA = pa.schema(
    [
        ("company_id", pa.int64()), ("slug", pa.string()), ("name", pa.string()),
        ("primary_domain", pa.string()), ("country", pa.string()),
        ("technology_count", pa.int32()), ("partnership_count", pa.int32()),
        ("posting_count", pa.int32()), ("first_observed_at", _TIME), ("last_observed_at", _TIME),
        ("tier", pa.string()), ("source", pa.string()),
    ]
)  # fmt: skip


class Writer(Protocol):
    """A file in the making: what is returned is to be sent in this order."""

    def rows(self, members: Sequence[ListMember]) -> bytes:
        """The bytes that these members add."""
        ...

    def end(self) -> bytes:
        """The last bytes."""
        ...


def open_writer(file_format: ExportFormat) -> Writer:
    """A writer of the format."""
    writers: dict[ExportFormat, type[Writer]] = {
        "csv": CsvWriter, "jsonl": JsonLinesWriter, "parquet": ParquetWriter
    }  # fmt: skip
    return writers[file_format]()


def member_rows(members: Sequence[ListMember]) -> list[dict[str, Any]]:
    """Members as they are told in JSON: the columns of a search, tier and source."""
    return [
        {**row, "tier": member.tier, "source": _source(member)}
        for row, member in zip(summaries([one.company for one in members]), members, strict=True)
    ]


class JsonLinesWriter:
    """A JSON object a line."""

    def rows(self, members: Sequence[ListMember]) -> bytes:
        """A line for each member."""
        return b"".join(orjson.dumps(row) + b"\n" for row in member_rows(members))

    def end(self) -> bytes:
        """Nothing more."""
        return b""


class CsvWriter:
    """A header and a record a member. A text that a spreadsheet would run gets a `'` before it."""

    def __init__(self) -> None:
        self._text = io.StringIO(newline="")
        self._csv = csv.writer(self._text)
        self._csv.writerow(COLUMNS)

    def rows(self, members: Sequence[ListMember]) -> bytes:
        """A record for each member; the first time the header before them."""
        self._csv.writerows(_record(member) for member in members)
        return self._taken()

    def end(self) -> bytes:
        """The header, where there was no member."""
        return self._taken()

    def _taken(self) -> bytes:
        taken = self._text.getvalue().encode()
        self._text.seek(0)
        self._text.truncate()
        return taken


class ParquetWriter:
    """A row group for each portion, and the footer."""

    def __init__(self) -> None:
        self._kept = _Forgetting()
        self._parquet = pq.ParquetWriter(pa.PythonFile(self._kept, "w"), _SCHEMA)

    def rows(self, members: Sequence[ListMember]) -> bytes:
        """A row group."""
        columns = zip(*(_values(member) for member in members), strict=True)
        arrays = [
            pa.array(column, kind) for column, kind in zip(columns, _SCHEMA.types, strict=True)
        ]
        self._parquet.write_table(pa.Table.from_arrays(arrays, schema=_SCHEMA))
        return self._kept.take()

    def end(self) -> bytes:
        """The footer, which readers begin with."""
        self._parquet.close()
        return self._kept.take()


class _Forgetting(io.RawIOBase):
    """A file that keeps only what was not taken yet, and knows how far it has come."""

    def __init__(self) -> None:
        self._parts: list[bytes] = []
        self._position = 0

    def writable(self) -> bool:
        return True

    def write(self, data: Any) -> int:
        part = bytes(data)
        self._parts.append(part)
        self._position += len(part)
        return len(part)

    def tell(self) -> int:
        return self._position

    def take(self) -> bytes:
        taken = b"".join(self._parts)
        self._parts.clear()
        return taken


def _values(member: ListMember) -> tuple[Any, ...]:
    one = member.company
    return (
        one.company_id, one.slug, one.name, one.primary_domain, one.country, one.technology_count,
        one.partnership_count, one.posting_count, one.first_observed_at, one.last_observed_at,
        member.tier, _source(member),
    )  # fmt: skip


def _record(member: ListMember) -> tuple[Any, ...]:
    number, slug, name, domain, country, uses, partners, postings, first, last, *rest = _values(
        member
    )
    times = (format_utc(first), format_utc(last))
    safe = (_safe(name), _safe(domain), _safe(country))
    return (number, _safe(slug), *safe, uses, partners, postings, *times, *rest)


def _safe(text: str | None) -> str | None:
    return f"'{text}" if text and text.startswith(_FORMULA) else text


def _source(member: ListMember) -> str:
    return "added" if member.is_added else "definition"
