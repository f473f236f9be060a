"""Columns of all companies in memory, kept by each server process for all of its readers.

Brought up to date by the numbers of the companies' changes. A reader gets a view of the state of
its own transaction, although others may take in later ones (decision 0221).
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Sequence

import numpy as np

from tracewell.kernel.database import Row, Transaction
from tracewell.trace.companies.days import DAY_MS
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
_READ_BEHIND = f"""
    SELECT change_number, company_id, sort_name, last_observed_at, first_observed_at,
      last_crawled_at, technology_count, partnership_count, posting_count, founded_year,
      partnership_kinds FROM companies
    WHERE (change_number, company_id) > (:change_number, :company_id)
    ORDER BY change_number, company_id LIMIT {_ROWS_AT_ONCE}"""  # noqa: S608 - our own words
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
            return ColumnsView(self._table, number, self._past)
        return await self._read_earlier(tx, number)

    async def _take_in(self, tx: Transaction) -> int:
        """Takes in what the transaction sees; returns the number of its state."""
        # The number stays until all is there: views of the state before know what was replaced.
        past, replaced = self._past, 0
        place = (self._number, _ALL_COMPANIES if self._number else 0)
        while True:
            # Before the rows and after the last of them: outside a snapshot others may commit.
            state = await read_state(tx)
            rows = await _read_behind(tx, place)
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
        own: list[Values] = []
        place = (past.number, _ALL_COMPANIES)
        while past.number < number:
            rows = await _read_behind(tx, place)
            if not rows:
                break
            own.append(_parse(rows))
            place = (rows[-1][0], rows[-1][1])
        return ColumnsView(self._table, number, past, tuple(own))


async def _read_behind(tx: Transaction, place: tuple[int, int]) -> Sequence[Row]:
    return await tx.fetch_all(_READ_BEHIND, change_number=place[0], company_id=place[1])


def _parse(rows: Sequence[Row]) -> Values:
    _, ids, names, last_at, first_at, crawled_at, *numbers = zip(*rows, strict=True)
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
    return Values(found.ids, {**found.columns, **by_name})
