"""Columns of all companies in memory, kept by each server process for all of its readers.

Brought up to date by the numbers of the companies' changes. A reader gets a view of the state of
its own transaction, although others may take in later ones (decision 0221).
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Sequence
from typing import Any

import numpy as np

from tracewell.kernel.database import Database, Row, Transaction
from tracewell.trace.companies.days import DAY_MS
from tracewell.trace.companies.lines import LinesGathering, LinesPart, lines_of
from tracewell.trace.companies.table import (
    NAME_COLUMNS,
    NUMBER_COLUMNS,
    Past,
    Table,
    Values,
    values_of,
)
from tracewell.trace.companies.views import ColumnsView
from tracewell.trace.index.bitmaps import read_state

_ROWS_AT_ONCE = 20_000
_COLUMNS = """change_number, company_id, sort_name, last_observed_at, first_observed_at,
    last_crawled_at, technology_count, partnership_count, posting_count, founded_year,
    partnership_kinds"""
_BEHIND = f"""FROM companies
    WHERE (change_number, company_id) > (:change_number, :company_id)
    ORDER BY change_number, company_id LIMIT {_ROWS_AT_ONCE}"""
_READ_BEHIND = f"SELECT {_COLUMNS} {_BEHIND}"
_READ_BEHIND_WITH_LINES = f"SELECT {_COLUMNS}, search_text {_BEHIND}"
_LINES_AT_ONCE = 5_000
# From the indexes that have them: whole rows of companies are a hundred times as large.
_READ_NAMES = f"""
    SELECT company_id, sort_name, change_number FROM companies
    WHERE (change_number, company_id) > (:first, :second)
    ORDER BY change_number, company_id LIMIT {_LINES_AT_ONCE}"""  # noqa: S608
_READ_SLUGS = f"""
    SELECT company_id, slug FROM companies WHERE slug > :first
    ORDER BY slug LIMIT {_LINES_AT_ONCE}"""  # noqa: S608
_READ_DOMAINS = f"""
    SELECT company_id, domain FROM company_domains WHERE (company_id, domain) > (:first, :second)
    ORDER BY company_id, domain LIMIT {_LINES_AT_ONCE}"""  # noqa: S608
_ALL_COMPANIES = 2**62
_NAME_BYTES = 8 * len(NAME_COLUMNS)

REPLACED_MAX = 100_000
"""Companies whose replaced values are kept for transactions that began before that."""
_LINK_WEIGHT = 50
"""What a link of the past takes besides the companies in it, counted in companies."""


class CompanyColumns:
    """The columns after the newest change that any reader has seen; 64 bytes a company."""

    def __init__(self, replaced_max: int = REPLACED_MAX) -> None:
        self._replaced_max = replaced_max
        self._table = Table()
        self._number = 0
        self._lines_number = 0
        self._past = Past(0)
        self._kept: deque[tuple[Past, int]] = deque()
        self._kept_weight = 0
        self._lock = asyncio.Lock()

    async def read(self, tx: Transaction) -> ColumnsView:
        """The columns in the state of the transaction; cheap when nothing has changed."""
        number = (await read_state(tx)).number
        if number > self._number:
            async with self._lock:
                if number > self._number:
                    number = await self._take_in(tx)
        if number == self._number:
            has_lines = self._has_lines(number)
            return ColumnsView(self._table, number, self._past, has_lines=has_lines)
        return await self._read_earlier(tx, number)

    async def _take_in(self, tx: Transaction) -> int:
        """Takes in what the transaction sees; returns the number of its state."""
        # The number stays until all is there: views of the state before know what was replaced.
        past, replaced = self._past, 0
        place = (self._number, _ALL_COMPANIES if self._number else 0)
        while True:
            # Before the rows and after the last of them: outside a snapshot others may commit.
            state = await read_state(tx)
            rows = await self._read_behind(tx, place)
            if not rows and (await read_state(tx)).number == state.number:
                break
            if rows:
                before = self._table.put(_parse(rows), [row[0] for row in rows])
                if self._number:
                    past.replaced.append(before)
                    replaced += len(rows)
                place = (rows[-1][0], rows[-1][1])
            await asyncio.sleep(0)  # others are served between the portions
        self._number, self._table.rebuilt_number = state
        self._past = past.later = Past(state.number)
        self._keep(past, replaced + _LINK_WEIGHT)
        return state.number

    def _keep(self, past: Past, weight: int) -> None:
        self._kept.append((past, weight))
        self._kept_weight += weight
        while self._kept_weight > self._replaced_max:
            self._kept_weight -= self._kept.popleft()[1]

    async def _read_earlier(self, tx: Transaction, number: int) -> ColumnsView:
        """The view of a transaction that began before changes which others have taken in."""
        past = next((one for one, _ in reversed(self._kept) if 0 < one.number <= number), None)
        if past is None:
            return await CompanyColumns().read(tx)
        has_lines = self._has_lines(past.number)
        own: list[Values] = []
        place = (past.number, _ALL_COMPANIES)
        while past.number < number:
            rows = await self._read_behind(tx, place)
            if not rows:
                break
            own.append(_parse(rows))
            place = (rows[-1][0], rows[-1][1])
        return ColumnsView(self._table, number, past, tuple(own), has_lines=has_lines)

    def _has_lines(self, number: int) -> bool:
        return self._table.lines is not None and number >= self._lines_number

    async def _read_behind(self, tx: Transaction, place: tuple[int, int]) -> Sequence[Row]:
        statement = _READ_BEHIND if self._table.lines is None else _READ_BEHIND_WITH_LINES
        return await tx.fetch_all(statement, change_number=place[0], company_id=place[1])

    async def read_lines(self, database: Database) -> None:
        """Reads names, slugs and domains; until it is done, views have none. Others are served in
        between."""
        async with database.snapshot() as tx:
            began = (await read_state(tx)).number
            parts = await _read_lines(tx)
        async with self._lock, database.snapshot() as tx:
            await self._take_in(tx)
            self._table.lines = parts
            place = (began, _ALL_COMPANIES)
            while rows := await self._read_behind(tx, place):
                self._table.put(_parse(rows), [row[0] for row in rows])
                place = (rows[-1][0], rows[-1][1])
            # Of the states before, nothing tells which lines were there.
            self._lines_number = self._number


async def _read_lines(tx: Transaction) -> list[LinesPart]:
    gathering = LinesGathering()
    for statement, first, following in (
        (_READ_NAMES, (0, 0), lambda row: (row[2], row[0])),
        (_READ_SLUGS, ("", None), lambda row: (row[1], None)),
        (_READ_DOMAINS, (0, ""), lambda row: (row[0], row[1])),
    ):
        place: tuple[Any, Any] = first
        while rows := await tx.fetch_all(statement, first=place[0], second=place[1]):
            gathering.add([row[0] for row in rows], [row[1] for row in rows])
            place = following(rows[-1])
            await asyncio.sleep(0)  # others are served between the portions
    return await asyncio.to_thread(gathering.parts)


def _parse(rows: Sequence[Row]) -> Values:
    _, ids, names, last_at, first_at, crawled_at, *further = zip(*rows, strict=True)
    numbers, texts = further[:5], further[5:]
    # 0 of a company that was never crawled.
    days = (
        [at // DAY_MS for at in first_at],
        [at // DAY_MS for at in last_at],
        [at // DAY_MS if at else None for at in crawled_at],
    )
    words = np.frombuffer(
        b"".join(name.encode()[:_NAME_BYTES].ljust(_NAME_BYTES, b"\0") for name in names), ">u8"
    ).reshape(-1, len(NAME_COLUMNS))
    columns = dict(zip(NUMBER_COLUMNS, (*days, *numbers), strict=True))
    found = values_of(ids, {**columns, "last_observed_at": last_at})
    by_name = {name: words[:, place] for place, name in enumerate(NAME_COLUMNS)}
    lines = tuple(map(lines_of, names, texts[0])) if texts else ()
    return Values(found.ids, {**found.columns, **by_name}, lines)
