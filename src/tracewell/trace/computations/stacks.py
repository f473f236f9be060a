"""What every company runs now, in memory: companies by technology, technologies by company.

Read from the index when first asked for, then brought up to date by the numbers of the companies'
changes within the transaction that reads (docs/decisions/0206-stacks-in-memory.md).
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
from pyroaring import BitMap

from tracewell.kernel.database import Transaction
from tracewell.trace.companies.properties import ALL
from tracewell.trace.computations import store
from tracewell.trace.computations.rules import Weights
from tracewell.trace.index.bitmaps import iter_facet, read_any

CHANGES_MAX = 20_000
"""Companies that are taken in one by one; after more of them everything is read anew."""
_PORTION = 2_000
_FACET = "technology_0"

Ids = npt.NDArray[np.uint32]
Offsets = npt.NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Stacks:
    """One state, which never changes: whoever has taken it may wait while others go on.

    `pool[starts[c] : starts[c] + counts[c]]` are the technologies of company `c`. Behind `used`
    the pool is free; later states write there.
    """

    companies: BitMap
    users: Mapping[int, BitMap]
    starts: Offsets
    counts: npt.NDArray[np.int32]
    pool: npt.NDArray[Any]
    used: int

    def of(self, company_id: int) -> npt.NDArray[Any]:
        """The technologies of a company in ascending order; none of one that is not known."""
        if company_id >= len(self.starts):
            return self.pool[:0]
        start = self.starts[company_id]
        return self.pool[start : start + self.counts[company_id]]

    def user_counts(self) -> dict[int, int]:
        """How many companies run each technology."""
        return {technology_id: len(companies) for technology_id, companies in self.users.items()}

    def totals(self, ids: Ids, weights: Weights) -> npt.NDArray[np.int64]:
        """The sum of the weights of each company's technologies."""
        counts = self.counts[ids].astype(np.int64)
        ends = np.cumsum(counts)
        total = int(ends[-1]) if len(ends) else 0
        places = np.arange(total) + np.repeat(self.starts[ids] - (ends - counts), counts)
        sums = np.zeros(total + 1, np.int64)
        np.cumsum(weights[self.pool[places]], out=sums[1:])
        found: npt.NDArray[np.int64] = sums[ends] - sums[ends - counts]
        return found

    async def changed(self, stacks: Mapping[int, set[int]]) -> Stacks:
        """The state after these companies came to run these technologies."""
        companies, users = self.companies | BitMap(stacks), dict(self.users)
        copied: set[int] = set()
        for company_id, after in stacks.items():
            before = set(self.of(company_id).tolist())
            for technology_id in before ^ after:
                if technology_id not in copied:
                    copied.add(technology_id)
                    users[technology_id] = BitMap(users.get(technology_id, ()))
                if technology_id in after:
                    users[technology_id].add(company_id)
                else:
                    users[technology_id].discard(company_id)
        added = sum(map(len, stacks.values()))
        is_too_large = max(users, default=0) > np.iinfo(self.pool.dtype).max
        if self.used + added > len(self.pool) or is_too_large:
            return await make_stacks(companies, users)
        size = companies.max() + 1
        starts, counts = _grown(self.starts, size), _grown(self.counts, size)
        place = self.used
        for company_id, after in stacks.items():
            starts[company_id], counts[company_id] = place, len(after)
            self.pool[place : place + len(after)] = sorted(after)
            place += len(after)
        return Stacks(companies, users, starts, counts, self.pool, place)


async def make_stacks(companies: BitMap, users: Mapping[int, BitMap]) -> Stacks:
    """The state of these companies by technology; others are served in between."""
    size = max(
        (users_of.max() for users_of in (companies, *users.values()) if users_of), default=-1
    )
    counts = np.zeros(size + 1, np.int32)
    for of_technology in users.values():
        counts[as_ids(of_technology)] += 1
        await asyncio.sleep(0)
    ends = np.cumsum(counts, dtype=np.int64)
    total = int(ends[-1]) if len(ends) else 0
    # Two bytes do for every id of a catalogue of usual size.
    kind = np.uint16 if max(users, default=0) <= np.iinfo(np.uint16).max else np.uint32
    pool = np.zeros(total + total // 8 + _PORTION, kind)
    free = ends - counts
    for technology_id in sorted(users):
        ids = as_ids(users[technology_id])
        pool[free[ids]] = technology_id
        free[ids] += 1
        await asyncio.sleep(0)
    return Stacks(companies, users, ends - counts, counts, pool, total)


def as_ids(companies: BitMap) -> Ids:
    """The ids in ascending order."""
    return np.frombuffer(companies.to_array(), np.uint32)


def _grown(column: npt.NDArray[Any], size: int) -> npt.NDArray[Any]:
    grown = np.zeros(max(size, len(column)), column.dtype)
    grown[: len(column)] = column
    return grown


class StackKeeper:
    """The newest state that any reader of this process has needed."""

    def __init__(self) -> None:
        self._lock = asyncio.Lock()
        self._stacks: Stacks | None = None
        self._seen = 0

    async def read(self, tx: Transaction) -> Stacks:
        """The state of the transaction, or a later one that another reader has taken in."""
        number = await store.fetch_change_number(tx)
        if self._stacks is None or number > self._seen:
            async with self._lock:
                if self._stacks is None or number > self._seen:
                    self._stacks = await self._renewed(tx)
                    self._seen = number
        return self._stacks

    async def _renewed(self, tx: Transaction) -> Stacks:
        if self._stacks is None:
            return await _load(tx)
        changed = await store.list_changed(tx, self._seen, CHANGES_MAX + 1)
        if len(changed) > CHANGES_MAX:
            return await _load(tx)
        stacks: dict[int, set[int]] = {}
        for first in range(0, len(changed), _PORTION):
            stacks |= await store.fetch_stacks(tx, changed[first : first + _PORTION])
            await asyncio.sleep(0)  # others are served between the portions
        return await self._stacks.changed(stacks) if stacks else self._stacks


async def _load(tx: Transaction) -> Stacks:
    users = {int(value): companies async for value, companies in iter_facet(tx, _FACET)}
    return await make_stacks(await read_any(tx, ALL.facet, [ALL.value]), users)
