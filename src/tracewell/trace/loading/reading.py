"""A file as rows and the function that understands them: which format it has, which columns."""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import partial
from itertools import islice
from pathlib import Path
from typing import Final

from tracewell.kernel.clock import DAY_MS
from tracewell.trace.loading import companies_house, gleif, lists
from tracewell.trace.loading.delimited import Delimited, HeaderWrong
from tracewell.trace.loading.documents import ParquetRows, iter_json_document, iter_json_lines
from tracewell.trace.loading.model import Record, Reject, Row, RowRefused
from tracewell.trace.loading.service import Item, Parse
from tracewell.trace.loading.streams import STDIN, OpenSource, SourceUnreadable, open_source
from tracewell.trace.loading.values import parse_moment, parse_site

GLEIF_RECORDS: Final = "records"
"""Under what name the JSON golden copy holds its records."""

_PARQUET = b"PAR1"
_COLUMNS_LOOKED_AT: Final = 100
"""Objects of JSON Lines whose names are taken for the columns."""
_DATE_IN_NAME = re.compile(r"(?<!\d)(20\d\d)-?([01]\d)-?([0-3]\d)(?!\d)")


@dataclass(frozen=True, slots=True)
class Reading:
    """How files of a kind are read."""

    source: str
    encoding: str = "utf-8"
    columns: Mapping[str, str] | None = None
    as_of: int | None = None


@dataclass(frozen=True, slots=True)
class OpenRows:
    """A file being read as rows; `done` tells bytes read of `size`."""

    items: Iterator[Item]
    parse: Parse
    size: int
    done: Callable[[], int]


RowParser = Callable[[Mapping[str, object], int, str], Record]
_REGISTERS: Final[Mapping[str, tuple[tuple[str, ...], RowParser]]] = {
    gleif.SOURCE: (gleif.COLUMNS, gleif.parse),
    companies_house.SOURCE: (companies_house.COLUMNS, companies_house.parse),
}
SOURCES: Final = (lists.COMPANIES, lists.DOMAINS, *_REGISTERS)


@contextmanager
def open_rows(file: str, reading: Reading, now: int) -> Iterator[OpenRows]:
    """Opens a file. Raises SourceUnreadable, HeaderWrong; the former in reading, too.

    `now` dates what neither the row, nor the reading, nor the file's name or date do.
    """
    at = _date_of(file, reading, now)
    if file != STDIN and _is_parquet(file):
        yield _none_ahead(_parquet(file, reading, at), max(now, at))
        return
    with open_source(file) as source:
        if reading.source in _REGISTERS:
            items, parse = _register(source, reading.source, at)
        else:
            items, parse = _list(source, reading, at, _file_url(file))
        yield _none_ahead(OpenRows(items, parse, source.size, source.read_bytes), max(now, at))


def _none_ahead(rows: OpenRows, latest: int) -> OpenRows:
    """Refuses rows of a day to come: nothing that is observed until then would count beside them.
    A day is left to clocks and time zones."""

    def parse(fields: Mapping[str, object]) -> Record:
        record = rows.parse(fields)
        if record.observed_at > latest + DAY_MS:
            raise RowRefused("its date lies in the future")
        return record

    return replace(rows, parse=parse)


def _is_parquet(file: str) -> bool:
    try:
        with Path(file).open("rb") as raw:
            return raw.read(4) == _PARQUET
    except OSError as error:
        raise SourceUnreadable(error.strerror or str(error)) from error


def _file_url(file: str) -> str:
    return "file:standard-input" if file == STDIN else f"file:{Path(file).name[:200]}"


def _date_of(file: str, reading: Reading, now: int) -> int:
    """Publishers write the day into the name; else it is the file's own date."""
    if reading.as_of is not None:
        return reading.as_of
    if file == STDIN:
        return now
    found = _DATE_IN_NAME.search(Path(file).name)
    try:
        if found:
            return parse_moment("-".join(found.groups()), now)
        return min(now, os.stat(file).st_mtime_ns // 1_000_000)
    except (RowRefused, OSError):
        return now


def _register(source: OpenSource, name: str, at: int) -> tuple[Iterator[Item], Parse]:
    columns, parse = _REGISTERS[name]
    if name == gleif.SOURCE and _begins_as_json(source):
        flat = _flattened(iter_json_document(source.stream, GLEIF_RECORDS))
        return flat, partial(_parse_at, parse, at, "")
    rows = Delimited(source.stream)
    missing = [column for column in columns if column not in rows.columns]
    if missing:
        raise HeaderWrong(
            f"is no {name} file: {', '.join(missing)} missing among {len(rows.columns)} columns"
        )
    return iter(rows), partial(_parse_at, parse, at, "")


def _parse_at(parse: RowParser, at: int, url: str, fields: Mapping[str, object]) -> Record:
    return parse(fields, at, url)


def _flattened(items: Iterator[Item]) -> Iterator[Item]:
    for item in items:
        if isinstance(item, Row):
            try:
                yield Row(item.number, gleif.flatten(item.fields))
            except RowRefused as error:
                yield Reject(item.number, str(error), None)
        else:
            yield item


def _begins_as_json(source: OpenSource) -> bool:
    head: bytes = source.stream.peek(64)  # type: ignore[attr-defined]
    return head.removeprefix(b"\xef\xbb\xbf").lstrip()[:1] in (b"{", b"[")


def _list(source: OpenSource, reading: Reading, at: int, url: str) -> tuple[Iterator[Item], Parse]:
    if _begins_as_json(source):
        items = iter_json_lines(source.stream)
        first = list(islice(items, _COLUMNS_LOOKED_AT))
        columns = [name for one in first if isinstance(one, Row) for name in one.fields]
        found = _mapped(list(dict.fromkeys(columns)), reading)
        return _chained(first, items), _parse_list(reading, found, at, url)
    rows = Delimited(source.stream, encoding=reading.encoding)
    if reading.source == lists.DOMAINS and _is_bare_domain(rows.columns):
        column = rows.columns[0]
        rows.take_header_for_row()
        return iter(rows), _parse_list(reading, {"domain": column}, at, url)
    return iter(rows), _parse_list(reading, _mapped(rows.columns, reading), at, url)


def _chained(first: list[Item], rest: Iterator[Item]) -> Iterator[Item]:
    yield from first
    yield from rest


def _is_bare_domain(columns: list[str]) -> bool:
    """Whether what should be a header is the first domain of a list that has none."""
    if len(columns) != 1 or "." not in columns[0]:
        return False
    try:
        return parse_site(columns[0]) is not None
    except RowRefused:
        return False


def _mapped(columns: list[str], reading: Reading) -> dict[str, str]:
    needs_domain = reading.source == lists.DOMAINS
    try:
        return lists.map_columns(columns, reading.columns or {}, needs_domain=needs_domain)
    except RowRefused as error:
        raise HeaderWrong(str(error)) from error


def _parse_list(reading: Reading, found: Mapping[str, str], at: int, url: str) -> Parse:
    pairs = tuple(found.items())

    def parse(fields: Mapping[str, object]) -> Record:
        ours = {name: fields.get(column) for name, column in pairs}
        return lists.parse(reading.source, ours, at, url)

    return parse


def _parquet(file: str, reading: Reading, at: int) -> OpenRows:
    if reading.source in _REGISTERS:
        raise HeaderWrong(f"{reading.source} is not published as Parquet")
    rows = ParquetRows(file)
    found = _mapped(rows.columns, reading)
    done = 0

    def counted() -> Iterator[Item]:
        nonlocal done
        for item in rows.rows(dict.fromkeys(found.values())):
            done += 1
            yield item

    parse = _parse_list(reading, found, at, _file_url(file))
    return OpenRows(counted(), parse, rows.rows_total, lambda: done)
