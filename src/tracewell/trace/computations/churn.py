"""From which technology to which: of those who dropped one, who adopted another around that time.

An adoption follows a drop if it was seen from so many months before it to so many after: a
successor is often tried before its predecessor goes.
"""

from __future__ import annotations

import asyncio
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
import numpy.typing as npt
from pyroaring import BitMap

from tracewell.kernel.credits import Call, Charge, Ledger
from tracewell.kernel.credits.batch import Found
from tracewell.kernel.database import Database, Transaction
from tracewell.trace.companies import store as companies
from tracewell.trace.computations import store
from tracewell.trace.computations.model import (
    Churn,
    Churned,
    Months,
    Segment,
    Successor,
    Switch,
    Switcher,
    SwitcherPage,
)
from tracewell.trace.computations.rules import format_month, parse_month
from tracewell.trace.computations.segments import Segments, records
from tracewell.trace.computations.switches import Drops, Event, Followed, follow
from tracewell.trace.index.bitmaps import read_ranges
from tracewell.trace.metering import metered
from tracewell.trace.paging import Page
from tracewell.trace.search.service import Search
from tracewell.trace.technologies.service import get_category, get_technology, get_vendor
from tracewell.trace.technologies.store import fetch_technologies

_TECHNOLOGIES_AT_ONCE = 20


@dataclass(frozen=True, slots=True)
class TechnologyGroup:
    """A technology, or all of a category or of a vendor."""

    kind: Literal["technology", "category", "vendor"]
    slug: str


@dataclass(frozen=True, slots=True)
class ChurnQuery:
    """Who dropped what in which months and adopted what; without `adopted`, what shares a
    category with what was dropped."""

    dropped: TechnologyGroup
    adopted: TechnologyGroup | None
    months: Months
    months_before: int
    months_after: int
    within: Segment | None


@dataclass(frozen=True, slots=True)
class _Found:
    """The drops, by technology in the order of `rows`, and what followed them."""

    rows: Sequence[int]
    drops: Drops
    followed: Sequence[Followed]
    within: BitMap


@dataclass(frozen=True, slots=True)
class Churns:
    """Churn. Both raise ApiError (technology_not_found, category_not_found, vendor_not_found,
    list_not_found, stale_registry_version), CreditsExhausted (nothing was charged) and
    DatabaseFailed."""

    database: Database
    ledger: Ledger
    search: Search
    segments: Segments

    async def read_matrix(self, call: Call, asked: ChurnQuery, top: int) -> tuple[Churn, Charge]:
        """The technologies that most companies dropped, each with its `top` successors. Free, but
        for a segment so small that its companies are records."""
        found = await self._find(asked)
        rows, switched = _matrix(found, top)
        drops = found.drops

        async def read(tx: Transaction) -> Found[Churn]:
            ids = {row.technology_id for row in rows}
            ids |= {one.technology_id for row in rows for one in row.successors}
            churn = Churn(
                len(np.unique(drops.companies)), len(np.unique(drops.companies[switched])),
                len(np.unique(drops.rows)), rows[:top], await fetch_technologies(tx, sorted(ids)),
            )  # fmt: skip
            return Found(churn, () if asked.within is None else records(found.within))

        return await metered(self.database, self.ledger, call, read)

    async def list_switchers(
        self, call: Call, asked: ChurnQuery, page: Page
    ) -> tuple[SwitcherPage, Charge]:
        """A page of the companies that switched, by name, with what they switched from and to."""
        found = await self._find(asked)
        switches = _switches(found)

        async def read(tx: Transaction) -> Found[SwitcherPage]:
            sources = await self.search.sources(tx)
            ids = await sources.columns.page(
                tx, BitMap(switches), "name", descending=False,
                limit=page.limit, offset=page.offset,
            )  # fmt: skip
            rows = [
                Switcher(summary, switches[summary.company_id])
                for summary in await companies.fetch_summaries(tx, ids)
            ]
            named = {x for row in rows for s in row.switches for x in (s.dropped_id, s.adopted_id)}
            names = await fetch_technologies(tx, sorted(named))
            return Found(SwitcherPage(rows, len(switches), names), tuple(ids))

        return await metered(self.database, self.ledger, call, read)

    async def _find(self, asked: ChurnQuery) -> _Found:
        await self.segments.prepare([asked.within])
        async with self.database.snapshot() as tx:
            dropped = await _list_technologies(tx, asked.dropped)
            if asked.adopted is None:
                successors = await store.fetch_alike(tx, dropped)
            else:
                all_of = set(await _list_technologies(tx, asked.adopted))
                successors = {one: all_of - {one} for one in dropped}
            within = await self.segments.read(await self.search.sources(tx), asked.within)
            events = await _read_events(tx, "dropped", dropped, asked.months)
            drops = Drops.of([events.get(one, ()) for one in dropped], within)
            window = Months(
                asked.months.first - asked.months_before, asked.months.last + asked.months_after
            )
            followed = []
            candidates = sorted({one for some in successors.values() for one in some})
            for first in range(0, len(candidates) if len(drops) else 0, _TECHNOLOGIES_AT_ONCE):
                some = candidates[first : first + _TECHNOLOGIES_AT_ONCE]
                adopted = await _read_events(tx, "adopted", some, window)
                for technology_id, by_month in adopted.items():
                    fits = np.array([technology_id in successors.get(x, ()) for x in dropped])
                    followed.append(
                        follow(
                            drops, technology_id, by_month, fits,
                            months_before=asked.months_before, months_after=asked.months_after,
                        )
                    )  # fmt: skip
        return _Found(dropped, drops, followed, within)


async def _list_technologies(tx: Transaction, group: TechnologyGroup) -> list[int]:
    if group.kind == "technology":
        return [(await get_technology(tx, group.slug)).technology.technology_id]
    if group.kind == "vendor":
        await get_vendor(tx, group.slug)
        return await store.list_of_vendor(tx, group.slug)
    await get_category(tx, group.slug)
    return await store.list_of_category(tx, group.slug)


async def _read_events(
    tx: Transaction,
    event: Literal["adopted", "dropped"],
    technology_ids: Sequence[int],
    months: Months,
) -> Mapping[int, Sequence[Event]]:
    """What happened to each technology; those to which nothing did are left out."""
    first, last = format_month(months.first), format_month(months.last)
    found: dict[int, list[Event]] = defaultdict(list)
    for begin in range(0, len(technology_ids), _TECHNOLOGIES_AT_ONCE):
        some = technology_ids[begin : begin + _TECHNOLOGIES_AT_ONCE]
        for value, companies_of in await read_ranges(
            tx, event, [(f"{one}:{first}", f"{one}:{last}") for one in some]
        ):
            technology_id, _, month = value.partition(":")
            found[int(technology_id)].append((parse_month(month), companies_of))
        await asyncio.sleep(0)  # others are served in between
    return found


def _matrix(found: _Found, top: int) -> tuple[list[Churned], npt.NDArray[np.bool_]]:
    """The rows with drops, those of the most companies first; and which drops were followed."""
    drops, size = found.drops, len(found.rows)
    switched = np.zeros(len(drops), np.bool_)
    cells: list[list[Successor]] = [[] for _ in found.rows]
    for one in found.followed:
        switched[one.drops] = True
        counts = np.bincount(drops.rows[one.drops], minlength=size)
        for row in np.flatnonzero(counts).tolist():
            cells[row].append(Successor(one.technology_id, int(counts[row])))
    dropped_counts = np.bincount(drops.rows, minlength=size).tolist()
    switched_counts = np.bincount(drops.rows[switched], minlength=size).tolist()
    rows = [
        Churned(
            technology_id, dropped_counts[row], switched_counts[row], len(cells[row]),
            sorted(cells[row], key=lambda cell: (-cell.count, cell.technology_id))[:top],
        )
        for row, technology_id in enumerate(found.rows)
        if dropped_counts[row]
    ]  # fmt: skip
    return sorted(rows, key=lambda row: (-row.dropped_count, row.technology_id))[:top], switched


def _switches(found: _Found) -> dict[int, list[Switch]]:
    """By company, in the order of the drops."""
    drops = found.drops
    by_company: dict[int, list[Switch]] = {}
    for one in found.followed:
        for place, month in zip(one.drops.tolist(), one.months.tolist(), strict=True):
            by_company.setdefault(int(drops.companies[place]), []).append(
                Switch(
                    found.rows[drops.rows[place]], one.technology_id,
                    int(drops.months[place]), month,
                )
            )  # fmt: skip
    for switches in by_company.values():
        switches.sort(key=lambda s: (s.dropped_month, s.dropped_id, s.adopted_month, s.adopted_id))
    return by_company
