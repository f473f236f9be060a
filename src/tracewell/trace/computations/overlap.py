"""Which technologies two companies, or two segments of companies, have in common."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, replace

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
        compared = _of_side(await _compare(stacks, of_a, of_b), side)
        shown = _sorted(compared, sort, len(of_a), len(of_b))
        rows, total = shown[page.offset : page.offset + page.limit], len(shown)
        counts = len(of_a), len(of_b), of_a.intersection_cardinality(of_b)

        async def read(tx: Transaction) -> Found[SegmentOverlap]:
            names = await fetch_technologies(tx, [row.technology_id for row in rows])
            return Found(SegmentOverlap(*counts, rows, total, names), records(of_a, of_b))

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


async def _compare(stacks: Stacks, a: BitMap, b: BitMap) -> list[Compared]:
    """Every technology that a company of either runs."""
    both = a & b
    a_alone, b_alone = len(a) - len(both), len(b) - len(both)
    rows: list[Compared] = []
    for number, (technology_id, users) in enumerate(stacks.users.items()):
        if number % _TECHNOLOGIES_AT_ONCE == 0:
            await asyncio.sleep(0)  # others are served in between
        in_a = users.intersection_cardinality(a)
        in_b = users.intersection_cardinality(b)
        if in_a or in_b:
            in_both = users.intersection_cardinality(both) if in_a and in_b and both else 0
            p = rules.significance(in_a - in_both, a_alone, in_b - in_both, b_alone)
            rows.append(Compared(technology_id, in_a, in_b, in_both, p, None))
    q_values = rules.adjusted([row.p_value for row in rows])
    return [replace(row, q_value=q) for row, q in zip(rows, q_values, strict=True)]


def _of_side(rows: Sequence[Compared], side: Side) -> list[Compared]:
    runs: dict[Side, tuple[bool, bool]] = {
        "shared": (True, True), "only_a": (True, False), "only_b": (False, True)
    }  # fmt: skip
    return [
        row for row in rows if side == "all" or (row.a_count > 0, row.b_count > 0) == runs[side]
    ]


def _sorted(
    rows: Sequence[Compared], sort: OverlapSort, a_total: int, b_total: int
) -> list[Compared]:
    """In the order asked for, then those of more companies first, then by id; `lift` is `-lift`
    turned round."""

    def key(row: Compared) -> tuple[float, float, int, int]:
        # Shares and lifts times what all rows have in common, so that they stay whole numbers.
        in_a, in_b = row.a_count * b_total, row.b_count * a_total
        lift = in_a / in_b if in_b else float("inf")
        p = float("inf") if row.p_value is None else row.p_value
        by = {"common_share": -min(in_a, in_b), "lift": -lift, "p_value": p}
        first = by[sort.removeprefix("-")]
        return first, -max(in_a, in_b), -(row.a_count + row.b_count), row.technology_id

    return sorted(rows, key=key, reverse=sort == "lift")
