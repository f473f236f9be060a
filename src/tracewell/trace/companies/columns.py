"""What companies are sorted and compared by, in memory: an array a column, indexed by company id.

Kept by each server process and brought up to date by the numbers of the companies' changes, so that
a page of a sort is taken from any set of companies without reading its rows.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Any, Literal

import numpy as np
import numpy.typing as npt
import orjson
from pyroaring import BitMap

from tracewell.kernel.database import Row, Sql, Transaction
from tracewell.trace.index.masks import bitmap_of_mask

ColumnName = Literal[
    "first_observed_at",
    "last_observed_at",
    "last_crawled_at",
    "technology_count",
    "partnership_count",
    "posting_count",
    "founded_year",
    "partnership_kinds",
]
SortColumn = Literal["name", "last_observed_at", "technology_count", "partnership_count"]

Ids = npt.NDArray[np.uint32]
Keys = npt.NDArray[np.uint64]

NEVER = np.iinfo(np.int64).min
"""Stands for a value that is not known: no comparison finds it."""

_NAMES: tuple[ColumnName, ...] = (
    "first_observed_at",
    "last_observed_at",
    "last_crawled_at",
    "technology_count",
    "partnership_count",
    "posting_count",
    "founded_year",
    "partnership_kinds",
)
_ROWS_AT_ONCE = 20_000
# The first bytes of a name as numbers that compare as the names do; ties are settled by the rest.
_PREFIX_WORDS = 3
_PREFIX_BYTES = 8 * _PREFIX_WORDS
# 0 of a company that was never crawled.
_EXPRESSIONS = ", ".join(_NAMES).replace("last_crawled_at", "NULLIF(last_crawled_at, 0)")
_READ_TEXT = f"""
    SELECT change_number, company_id, sort_name, {_EXPRESSIONS} FROM companies
    WHERE (change_number, company_id) > (:change_number, :company_id)
    ORDER BY change_number, company_id LIMIT {_ROWS_AT_ONCE}"""  # noqa: S608 - our own words
_SORT_NAMES = Sql(
    sqlite="""
        SELECT company_id FROM companies
        WHERE company_id IN (SELECT value FROM json_each(:ids)) ORDER BY sort_name, company_id""",
    postgresql="""
        SELECT company_id FROM companies
        WHERE company_id = ANY(CAST(:ids AS BIGINT[])) ORDER BY sort_name, company_id""",
)


class CompanyColumns:
    """The columns of all companies as they were at the last `refresh`."""

    def __init__(self) -> None:
        self._seen = (0, 0)
        self._columns: dict[ColumnName, npt.NDArray[np.int64]] = {
            name: np.full(0, NEVER, np.int64) for name in _NAMES
        }
        self._prefixes: list[Keys] = [np.zeros(0, np.uint64) for _ in range(_PREFIX_WORDS)]

    async def refresh(self, tx: Transaction) -> None:
        """Takes in what has changed since the last time; cheap when nothing has."""
        while True:
            change_number, company_id = self._seen
            rows = await tx.fetch_all(
                _READ_TEXT, change_number=change_number, company_id=company_id
            )
            if rows:
                self._take(rows)
            if len(rows) < _ROWS_AT_ONCE:
                return
            await asyncio.sleep(0)  # others are served between the portions

    def _take(self, rows: Sequence[Row]) -> None:
        ids = np.array([row[1] for row in rows], np.int64)
        self._grow(int(ids.max()) + 1)
        names = [row[2].encode()[:_PREFIX_BYTES].ljust(_PREFIX_BYTES, b"\0") for row in rows]
        words = np.frombuffer(b"".join(names), ">u8").reshape(-1, _PREFIX_WORDS)
        for place, prefixes in enumerate(self._prefixes):
            prefixes[ids] = words[:, place]
        for place, name in enumerate(_NAMES, start=3):
            self._columns[name][ids] = [NEVER if row[place] is None else row[place] for row in rows]
        self._seen = (rows[-1][0], rows[-1][1])

    def _grow(self, size: int) -> None:
        have = len(self._prefixes[0])
        if size <= have:
            return
        size = max(size, have + have // 2)
        for name, column in self._columns.items():
            grown = np.full(size, NEVER, np.int64)
            grown[:have] = column
            self._columns[name] = grown
        for place, prefixes in enumerate(self._prefixes):
            longer = np.zeros(size, np.uint64)
            longer[:have] = prefixes
            self._prefixes[place] = longer

    def between(self, name: ColumnName, least: int | None, most: int | None) -> BitMap:
        """The companies whose value is known and lies between, both ends included."""
        column = self._columns[name]
        fits = column != NEVER
        if least is not None:
            fits &= column >= least
        if most is not None:
            fits &= column <= most
        return bitmap_of_mask(fits)

    def having(self, name: ColumnName, bits: int) -> BitMap:
        """The companies whose value is known and has one of the bits."""
        column = self._columns[name]
        fits = (column != NEVER) & (column & bits != 0)
        return bitmap_of_mask(fits)

    async def page(
        self,
        tx: Transaction,
        companies: BitMap,
        sort: SortColumn,
        *,
        descending: bool,
        limit: int,
        offset: int,
    ) -> list[int]:
        """Ids of the companies at places `offset` to `offset + limit` of the sort.

        Equal ones are in the order of their ids, which is turned round with the sort's.
        """
        ids: Ids = np.frombuffer(companies.to_array(), np.uint32)
        first, last = offset, min(offset + limit, len(ids))
        if first >= last:
            return []
        if descending:
            first, last = len(ids) - last, len(ids) - first
        if sort == "name":
            found = await self._named(tx, ids, 0, first, last)
        else:
            column = self._columns[sort]
            found = _window(ids, column[ids], first, last).tolist()
        return found[::-1] if descending else found

    async def _named(
        self, tx: Transaction, ids: Ids, word: int, first: int, last: int
    ) -> list[int]:
        """Places `first` to `last` of the companies by name; all agree in the words before."""
        if word == _PREFIX_WORDS or len(ids) <= last - first:
            ordered = await _by_sort_name(tx, ids)
            return ordered[first:last]
        keys = self._prefixes[word][ids]
        low, high = np.partition(keys, (first, last - 1))[[first, last - 1]]
        before = int(np.count_nonzero(keys < low))
        if low == high:
            same = ids[keys == low]
            return await self._named(tx, same, word + 1, first - before, last - before)
        lowest, highest = ids[keys == low], ids[keys == high]
        between = ids[(keys > low) & (keys < high)]
        head = await self._named(tx, lowest, word + 1, first - before, len(lowest))
        middle = await _by_sort_name(tx, between)
        left = last - first - len(head) - len(middle)
        return [*head, *middle, *await self._named(tx, highest, word + 1, 0, left)]


def _window(ids: Ids, keys: npt.NDArray[Any], first: int, last: int) -> Ids:
    """Places `first` to `last` by key, then by id; `ids` are in ascending order."""
    low, high = np.partition(keys, (first, last - 1))[[first, last - 1]]
    before = int(np.count_nonzero(keys < low))
    inside = (keys >= low) & (keys <= high)
    some, their_keys = ids[inside], keys[inside]
    order = np.argsort(their_keys, kind="stable")[first - before : last - before]
    found: Ids = some[order]
    return found


async def _by_sort_name(tx: Transaction, ids: Ids) -> list[int]:
    if len(ids) == 0:
        return []
    asked = ids.tolist()
    given = orjson.dumps(asked).decode() if tx.dialect == "sqlite" else asked
    return [row[0] for row in await tx.fetch_all(_SORT_NAMES, ids=given)]
