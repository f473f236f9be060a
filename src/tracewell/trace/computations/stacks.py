"""What every company runs now, in memory: companies by technology, and what each stack says.

Read from the index when first asked for, then brought up to date by the numbers of the companies'
changes within the transaction that reads (docs/decisions/0206-stacks-in-memory.md).
"""

from __future__ import annotations

import asyncio
from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from pyroaring import BitMap

from tracewell.kernel.database import Transaction
from tracewell.trace.companies.properties import ALL
from tracewell.trace.computations import store
from tracewell.trace.computations.rules import Weights, weigh
from tracewell.trace.index.bitmaps import iter_facet, read_any

CHANGES_MAX = 20_000
"""Companies that are taken in one by one; after more of them everything is read anew."""
_PORTION = 2_000
_TECHNOLOGIES_AT_ONCE = 100
_FACET = "technology_0"

Ids = npt.NDArray[np.uint32]
Totals = npt.NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Stacks:
    """One state, which never changes: whoever has taken it may wait while others go on.

    `users` are the companies of each technology, `weights` what running it says, both by
    technology id; `totals` what all that a company runs says together, by company id.
    """

    companies: BitMap
    users: Mapping[int, BitMap]
    weights: Weights
    totals: Totals

    def of(self, company_id: int) -> set[int]:
        """The technologies of a company; none of one that is not known."""
        return {one for one, users in self.users.items() if company_id in users}

    async def changed(self, stacks: Mapping[int, set[int]]) -> Stacks:
        """The state after these companies came to run these technologies."""
        changed = BitMap(stacks)
        runs: dict[int, BitMap] = defaultdict(BitMap)
        for company_id, stack in stacks.items():
            for technology_id in stack:
                runs[technology_id].add(company_id)
        users = dict(self.users)
        for number, technology_id in enumerate({**users, **runs}):
            before, now = users.get(technology_id, BitMap()), runs.get(technology_id, BitMap())
            if before & changed != now:
                users[technology_id] = (before - changed) | now
            if number % _TECHNOLOGIES_AT_ONCE == 0:
                await asyncio.sleep(0)  # others are served in between
        companies = self.companies | changed
        weights = _weights(companies, users)
        totals = np.zeros(max(len(self.totals), changed.max() + 1), np.int64)
        totals[: len(self.totals)] = self.totals
        known = np.zeros(len(weights), np.int64)
        known[: len(self.weights)] = self.weights
        # Few weights change with few companies; of those that do all users' totals do.
        for technology_id in np.flatnonzero(weights != known).tolist():
            ids = as_ids(users[technology_id])
            totals[ids] += weights[technology_id] - known[technology_id]
            await asyncio.sleep(0)
        for company_id, stack in stacks.items():
            totals[company_id] = weights[list(stack)].sum()
        return Stacks(companies, users, weights, totals)


async def make_stacks(companies: BitMap, users: Mapping[int, BitMap]) -> Stacks:
    """The state of these companies, which are known by technology."""
    weights = _weights(companies, users)
    size = max((one.max() for one in (companies, *users.values()) if one), default=-1) + 1
    totals = np.zeros(size, np.int64)
    for technology_id, users_of in users.items():
        totals[as_ids(users_of)] += weights[technology_id]
        await asyncio.sleep(0)  # others are served in between
    return Stacks(companies, users, weights, totals)


def _weights(companies: BitMap, users: Mapping[int, BitMap]) -> Weights:
    return weigh({one: len(users_of) for one, users_of in users.items()}, len(companies))


def as_ids(companies: BitMap) -> Ids:
    """The ids in ascending order."""
    return np.frombuffer(companies.to_array(), np.uint32)


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
            await asyncio.sleep(0)
        return await self._stacks.changed(stacks) if stacks else self._stacks


async def _load(tx: Transaction) -> Stacks:
    users = {int(value): companies async for value, companies in iter_facet(tx, _FACET)}
    return await make_stacks(await read_any(tx, ALL.facet, [ALL.value]), users)
