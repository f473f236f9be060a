"""Which technologies two companies, or two segments of companies, have in common."""

from __future__ import annotations

import asyncio
import math
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from pyroaring import BitMap

from tracewell.kernel.credits import Call, Charge, Ledger
from tracewell.kernel.credits.batch import Found
from tracewell.kernel.database import Database, Transaction
from tracewell.trace.companies import store as companies
from tracewell.trace.companies.heads import get_head
from tracewell.trace.companies.model import Summary
from tracewell.trace.computations import rules
from tracewell.trace.computations.model import (
    CompanyOverlap,
    Compared,
    OverlapSort,
    Part,
    Segment,
    SegmentOverlap,
    Side,
)
from tracewell.trace.computations.segments import Segments, records
from tracewell.trace.computations.stacks import StackKeeper, Stacks
from tracewell.trace.computations.traits import list_traits
from tracewell.trace.metering import metered
from tracewell.trace.paging import Page
from tracewell.trace.search.service import Search
from tracewell.trace.technologies.store import fetch_technologies

_TECHNOLOGIES_AT_ONCE = 100

Numbers = npt.NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Overlap:
    """Overlaps. All raise CreditsExhausted (nothing was charged) and DatabaseFailed."""

    database: Database
    ledger: Ledger
    search: Search
    segments: Segments
    stacks: StackKeeper

    async def of_companies(
        self, call: Call, first: str, second: str
    ) -> tuple[CompanyOverlap, Charge]:
        """Two stacks side by side; both companies are charged. Raises ApiError
        (company_not_found)."""

        async def read(tx: Transaction) -> Found[CompanyOverlap]:
            head, other = await get_head(tx, first), await get_head(tx, second)
            stacks = await self.stacks.read(tx)
            a, b = stacks.of(head.company_id), stacks.of(other.company_id)
            common, of_a, of_b = (rules.total(some, stacks.weights) for some in (a & b, a, b))
            found = CompanyOverlap(
                head,
                other,
                await list_traits(tx, stacks, a & b),
                await list_traits(tx, stacks, a - b),
                await list_traits(tx, stacks, b - a),
                rules.jaccard(len(a & b), len(a), len(b)),
                rules.similarity(common, of_a, of_b),
            )
            return Found(found, tuple({head.company_id, other.company_id}))

        return await metered(self.database, self.ledger, call, read)

    async def of_segments(
        self, call: Call, a: Segment, b: Segment, side: Side, sort: OverlapSort, page: Page
    ) -> tuple[SegmentOverlap, Charge]:
        """Technologies of two segments. Free, but for segments so small that they are records.

        Raises ApiError (list_not_found, stale_registry_version).
        """
        await self.segments.prepare((a, b))
        async with self.database.snapshot() as tx:
            sources = await self.search.sources(tx)
            of_a = await self.segments.read(sources, a)
            of_b = await self.segments.read(sources, b)
            stacks = await self.stacks.read(tx)
        compared = await _compare(stacks, of_a, of_b)
        shown = _ordered(compared, side, sort, len(of_a), len(of_b))
        rows = compared.rows(shown[page.offset : page.offset + page.limit])
        counts = len(of_a), len(of_b), of_a.intersection_cardinality(of_b)

        async def read(tx: Transaction) -> Found[SegmentOverlap]:
            names = await fetch_technologies(tx, [row.technology_id for row in rows])
            return Found(SegmentOverlap(*counts, rows, len(shown), names), records(of_a, of_b))

        return await metered(self.database, self.ledger, call, read)

    async def list_companies(
        self, call: Call, a: Segment, b: Segment, part: Part, page: Page
    ) -> tuple[tuple[list[Summary], int], Charge]:
        """A page of the companies in both segments, or in one alone, by name; charged for them.

        Raises ApiError (list_not_found, stale_registry_version).
        """
        await self.segments.prepare((a, b))

        async def read(tx: Transaction) -> Found[tuple[list[Summary], int]]:
            sources = await self.search.sources(tx)
            of_a = await self.segments.read(sources, a)
            of_b = await self.segments.read(sources, b)
            wanted = {"both": of_a & of_b, "only_a": of_a - of_b, "only_b": of_b - of_a}[part]
            ids = await sources.columns.page(
                tx, wanted, "name", descending=False, limit=page.limit, offset=page.offset
            )
            return Found((await companies.fetch_summaries(tx, ids), len(wanted)), tuple(ids))

        return await metered(self.database, self.ledger, call, read)


@dataclass(frozen=True, slots=True)
class _Counts:
    """Technologies that a company of either segment runs: columns of one length."""

    technology_ids: Numbers
    in_a: Numbers
    in_b: Numbers
    in_both: Numbers
    p_values: npt.NDArray[np.float64]
    q_values: npt.NDArray[np.float64]

    def rows(self, places: Numbers) -> list[Compared]:
        """Those at these places; what is not a number is None."""
        columns = (self.technology_ids, self.in_a, self.in_b, self.in_both)
        return [
            Compared(*counts, *(None if math.isnan(one) else one for one in told))
            for *counts, told in zip(
                *(column[places].tolist() for column in columns),
                zip(self.p_values[places].tolist(), self.q_values[places].tolist(), strict=True),
                strict=True,
            )
        ]


async def _compare(stacks: Stacks, a: BitMap, b: BitMap) -> _Counts:
    both = a & b
    counts: list[tuple[int, int, int, int]] = []
    for number, (technology_id, users) in enumerate(stacks.users.items()):
        if number % _TECHNOLOGIES_AT_ONCE == 0:
            await asyncio.sleep(0)  # others are served in between
        in_a = users.intersection_cardinality(a)
        in_b = users.intersection_cardinality(b)
        if in_a or in_b:
            in_both = users.intersection_cardinality(both) if in_a and in_b and both else 0
            counts.append((technology_id, in_a, in_b, in_both))
    ids, of_a, of_b, of_both = np.array(counts, np.int64).reshape(-1, 4).T
    alone = len(a) - len(both), len(b) - len(both)
    p_values = rules.significance(of_a - of_both, alone[0], of_b - of_both, alone[1])
    return _Counts(ids, of_a, of_b, of_both, p_values, rules.adjusted(p_values))


def _ordered(found: _Counts, side: Side, sort: OverlapSort, a_total: int, b_total: int) -> Numbers:
    """The places of a side's technologies in the order asked for, then those of more companies
    first, then by id; `lift` is `-lift` turned round."""
    runs = {"shared": (True, True), "only_a": (True, False), "only_b": (False, True)}
    shown = np.arange(len(found.in_a))
    if side != "all":
        is_in_a, is_in_b = runs[side]
        shown = np.flatnonzero(((found.in_a > 0) == is_in_a) & ((found.in_b > 0) == is_in_b))
    # Shares and lifts times what all rows have in common, so that they stay whole numbers.
    in_a, in_b = found.in_a[shown] * b_total, found.in_b[shown] * a_total
    with np.errstate(divide="ignore", invalid="ignore"):
        first = {
            "common_share": -np.minimum(in_a, in_b),
            "lift": np.where(in_b > 0, -in_a / in_b, -np.inf),
            "p_value": found.p_values[shown],
        }[sort.removeprefix("-")]
    ids, together = found.technology_ids[shown], found.in_a[shown] + found.in_b[shown]
    order = np.lexsort((ids, -together, -np.maximum(in_a, in_b), first))
    return shown[order[::-1] if sort == "lift" else order]
