"""The columns of companies as one transaction sees them: sets by value, pages by a sort."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import numpy.typing as npt
import orjson
from pyroaring import BitMap

from tracewell.kernel.database import Sql, Transaction
from tracewell.trace.companies.lines import END
from tracewell.trace.companies.table import (
    NAME_COLUMNS,
    NEVER,
    Array,
    NumberColumn,
    Past,
    Table,
    Values,
)
from tracewell.trace.index.bitmaps import CHUNK_BITS
from tracewell.trace.index.masks import bitmap_of_ids, bitmap_of_masks

SortColumn = Literal["name", "last_observed_at", "technology_count", "partnership_count"]

Ids = npt.NDArray[np.uint32]

_SAMPLED = 64
_SPARE = 8
_FEW_OF = 8

_SORT_NAMES = Sql(
    sqlite="""
        SELECT company_id FROM companies
        WHERE company_id IN (SELECT value FROM json_each(:ids)) ORDER BY sort_name, company_id""",
    postgresql="""
        SELECT company_id FROM companies
        WHERE company_id = ANY(CAST(:ids AS BIGINT[])) ORDER BY sort_name, company_id""",
)


@dataclass(frozen=True, slots=True)
class ColumnsView:
    """The state of that number: the table's arrays, but for what has been replaced since (`past`),
    but for what the transaction itself has read (`own`). `has_lines`: texts are in memory."""

    table: Table
    number: int
    past: Past
    own: tuple[Values, ...] = ()
    has_lines: bool = False

    def changed_since(self, number: int) -> tuple[int, ...] | None:
        """As the table's; parts that changed after this state are among them."""
        return self.table.changed_since(number)

    def between(self, name: NumberColumn, least: int | None, most: int | None) -> BitMap:
        """The companies whose number is known and lies between, both ends included."""
        low = NEVER + 1 if least is None else least

        def fits(values: Array) -> npt.NDArray[np.bool_]:
            found: npt.NDArray[np.bool_] = values >= low
            if most is not None:
                found &= values <= most
            return found

        return self._fitting(name, fits)

    def having(self, name: NumberColumn, bits: int) -> BitMap:
        """The companies whose number is known and has one of the bits."""

        def fits(values: Array) -> npt.NDArray[np.bool_]:
            found: npt.NDArray[np.bool_] = (values != NEVER) & (values & bits != 0)
            return found

        return self._fitting(name, fits)

    def _fitting(
        self, name: NumberColumn, fits: Callable[[Array], npt.NDArray[np.bool_]]
    ) -> BitMap:
        column, size = self.table.columns[name], self.table.size
        # Part by part, so that what is compared stays in the processor's cache.
        step = 1 << CHUNK_BITS
        found = bitmap_of_masks(
            fits(column[first : min(first + step, size)]) for first in range(0, size, step)
        )
        for other in self._others():
            fit = fits(other.columns[name])
            found -= bitmap_of_ids(other.ids[~fit])
            found |= bitmap_of_ids(other.ids[fit])
        return found

    def _others(self) -> Iterator[Values]:
        """Values in place of the table's, in the order in which they are to be put there."""
        yield from reversed([*self.past.since()])
        yield from self.own

    def _values(self, name: str, ids: Ids) -> Array:
        values = self.table.columns[name][ids]
        for other in self._others():
            places = np.searchsorted(ids, other.ids)
            known = places < len(ids)
            known[known] = ids[places[known]] == other.ids[known]
            values[places[known]] = other.columns[name][known]
        return values

    async def holding(self, text: str, among: BitMap, *, at_start: bool) -> BitMap:
        """Those companies of whose name, slug and domains one holds, or begins with, the text.

        It must be casefolded and have no line break; the view must have lines.
        """
        parts = self.table.lines
        assert self.has_lines
        assert parts is not None
        needle = text.encode("utf-8", "surrogatepass")
        ids: Ids = np.frombuffer(among.to_array(), np.uint32)
        found: list[BitMap] = []
        for number in np.unique(ids >> CHUNK_BITS).tolist():
            first = number << CHUNK_BITS
            low, high = np.searchsorted(ids, (first, first + (1 << CHUNK_BITS)))
            if number < len(parts):
                places = parts[number].holding(needle, ids[low:high] - first, at_start=at_start)
                found.append(bitmap_of_ids(places + first))
            await asyncio.sleep(0)  # others are served between the parts
        holding = BitMap.union(*found) if found else BitMap()
        wanted = (END + needle) if at_start else needle
        for other in self._others():
            for company_id, lines in zip(other.ids.tolist(), other.lines, strict=True):
                holding.discard(company_id)
                if wanted in END + lines and company_id in among:
                    holding.add(company_id)
        return holding

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
            found = _window(ids, self._values(sort, ids), first, last).tolist()
        return found[::-1] if descending else found

    async def _named(
        self, tx: Transaction, ids: Ids, word: int, first: int, last: int
    ) -> list[int]:
        """Places `first` to `last` of the companies by name; all agree in the words before."""
        if word == len(NAME_COLUMNS) or len(ids) <= last - first:
            ordered = await self._by_name(tx, ids)
            return ordered[first:last]
        keys = self._values(NAME_COLUMNS[word], ids)
        low, high = keys_at(keys, first, last)
        before = int(np.count_nonzero(keys < low))
        if low == high:
            same = ids[keys == low]
            return await self._named(tx, same, word + 1, first - before, last - before)
        lowest, highest = ids[keys == low], ids[keys == high]
        between = ids[(keys > low) & (keys < high)]
        head = await self._named(tx, lowest, word + 1, first - before, len(lowest))
        middle = await self._by_name(tx, between)
        left = last - first - len(head) - len(middle)
        return [*head, *middle, *await self._named(tx, highest, word + 1, 0, left)]

    async def _by_name(self, tx: Transaction, ids: Ids) -> list[int]:
        """All of the companies by name; names are read only of those that begin alike."""
        words = [self._values(name, ids) for name in NAME_COLUMNS]
        order = np.lexsort(words[::-1])
        ids, words = ids[order], [word[order] for word in words]
        # A name that ends within the words is there whole: its equals stay in the order of ids.
        alike = words[-1][1:] & 0xFF != 0
        for word in words:
            alike &= word[1:] == word[:-1]
        unsettled = np.zeros(len(ids), bool)
        unsettled[1:] |= alike
        unsettled[:-1] |= alike
        # Beginnings keep their order, so that all of them can be settled by one statement.
        ids[unsettled] = await _by_sort_name(tx, ids[unsettled])
        found: list[int] = ids.tolist()
        return found


def keys_at(keys: Array, first: int, last: int) -> tuple[Any, Any]:
    """The keys at places `first` and `last - 1` of their order.

    Near either end a sample tells which keys are worth ordering: there are as many of them as are
    needed, or all are ordered after all.
    """
    needed_last = len(keys) - first
    sample = keys[::_SAMPLED]
    if _FEW_OF * last < len(keys):
        place = min(2 * last // _SAMPLED + _SPARE, len(sample) - 1)
        near = keys[keys <= np.partition(sample, place)[place]]
        if len(near) >= last:
            keys = near
    elif _FEW_OF * needed_last < len(keys):
        place = max(len(sample) - 1 - 2 * needed_last // _SAMPLED - _SPARE, 0)
        near = keys[keys >= np.partition(sample, place)[place]]
        if len(near) >= needed_last:
            before = len(keys) - len(near)
            keys, first, last = near, first - before, last - before
    low, high = np.partition(keys, (first, last - 1))[[first, last - 1]]
    return low, high


def _window(ids: Ids, keys: npt.NDArray[Any], first: int, last: int) -> Ids:
    """Places `first` to `last` by key, then by id; `ids` are in ascending order."""
    low, high = keys_at(keys, first, last)
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
