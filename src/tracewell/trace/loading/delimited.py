"""Rows of CSV files (RFC 4180), as streams: a wrong row is told and takes no other along.

Quotes that stay open would swallow the rest of a file: a row holds a bounded number of lines, and
what turns out wrong over several lines is taken for its first line alone, the others being read
again.
"""

from __future__ import annotations

import csv
from collections import deque
from collections.abc import Iterator
from typing import BinaryIO, Final

from tracewell.trace.loading.model import Reject, Row

ROW_BYTES_MAX: Final = 1 << 20
ROW_LINES_MAX: Final = 100
COLUMNS_MAX: Final = 2_000
REJECT_CHARS_MAX: Final = 10_000
_TOO_LONG = "longer than 1 MiB"
_BOMS: Final = {b"\xff\xfe": "UTF-16", b"\xfe\xff": "UTF-16"}


class HeaderWrong(Exception):  # noqa: N818 - a sentence: "the header is wrong"
    """The file's beginning does not say what its columns are."""


class Delimited:
    """A CSV file: its header has been read, its rows are to come."""

    def __init__(self, stream: BinaryIO, *, encoding: str = "utf-8") -> None:
        """Raises HeaderWrong, LookupError for an unknown encoding."""
        self._stream = stream
        self._encoding = encoding
        self._again: deque[str] = deque()
        self._number = 0
        csv.field_size_limit(ROW_BYTES_MAX)
        self._first = self._read_first()
        self._delimiter = max(",;\t|", key=self._first.count)
        self.columns = self._read_header()

    def _read_first(self) -> str:
        line = self._stream.readline(ROW_BYTES_MAX + 1)
        if line[:2] in _BOMS:
            raise HeaderWrong(f"the file is {_BOMS[line[:2]]}; convert it to UTF-8")
        line = line.removeprefix(b"\xef\xbb\xbf")
        if not line.strip():
            raise HeaderWrong("the file has no header")
        if b"\0" in line or len(line) > ROW_BYTES_MAX:
            raise HeaderWrong("the first line is no header of a CSV file")
        try:
            return line.decode(self._encoding).rstrip("\r\n")
        except UnicodeDecodeError as error:
            raise HeaderWrong(f"the header is not {self._encoding}; see --encoding") from error

    def _read_header(self) -> list[str]:
        try:
            columns = next(csv.reader([self._first], delimiter=self._delimiter, strict=True))
        except csv.Error as error:
            raise HeaderWrong(f"the header cannot be read: {error}") from error
        columns = [column.strip() for column in columns]
        if len(columns) > COLUMNS_MAX:
            raise HeaderWrong(f"more than {COLUMNS_MAX} columns")
        twice = {column for column in columns if column and columns.count(column) > 1}
        if twice:
            raise HeaderWrong(f"the header names {', '.join(sorted(twice)[:5])} twice")
        return columns

    def take_header_for_row(self) -> None:
        """For files without a header: the first line is a row, and the columns are nameless."""
        self._again.appendleft(self._first)

    def __iter__(self) -> Iterator[Row | Reject]:
        """Every row, blank lines left out. Raises SourceUnreadable."""
        columns, width = self.columns, len(self.columns)
        for line in iter(self._next_line, None):
            if line == "":
                continue
            self._number += 1
            if line is _OVERLONG:
                yield Reject(self._number, f"the line is {_TOO_LONG}", None)
                continue
            values, reason = self._parse(line)
            if reason is None and len(values) != width:
                reason = f"{len(values)} fields under {width} columns"
            if reason is None:
                yield Row(self._number, dict(zip(columns, values, strict=True)))
            else:
                yield Reject(self._number, reason, line[:REJECT_CHARS_MAX])

    def _parse(self, line: str) -> tuple[list[str], str | None]:
        """The fields of the row that begins with the line, and why there are none."""
        if line.count('"') % 2 == 0:
            return self._split(line)
        lines, size, is_open = [line], len(line), True
        while is_open and len(lines) < ROW_LINES_MAX and size <= ROW_BYTES_MAX:
            further = self._next_line()
            if further is None:
                break
            lines.append(further)
            if further is _OVERLONG:
                break
            size += len(further)
            is_open = further.count('"') % 2 == 0
        if not is_open:
            values, reason = self._split("\n".join(lines))
            if reason is None and len(values) == len(self.columns):
                return values, None
        self._again.extendleft(reversed(lines[1:]))
        return [], "a quote is opened and not closed"

    def _split(self, text: str) -> tuple[list[str], str | None]:
        try:
            return next(csv.reader([text], delimiter=self._delimiter, strict=True)), None
        except csv.Error as error:
            return [], f"not as CSV is written: {error}"
        except StopIteration:
            return [], "an empty row"

    def _next_line(self) -> str | None:
        if self._again:
            return self._again.popleft()
        line = self._stream.readline(ROW_BYTES_MAX + 1)
        if not line:
            return None
        if len(line) > ROW_BYTES_MAX:
            while line and not line.endswith(b"\n"):
                line = self._stream.readline(ROW_BYTES_MAX)
            return _OVERLONG
        # What is not text in this encoding stays as lone surrogates, which fields do not accept.
        return line.decode(self._encoding, "surrogateescape").rstrip("\r\n")


_OVERLONG: Final = "\udfff overlong"
"""Stands for a line that was too long to be held; no decoder makes it."""
