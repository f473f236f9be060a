"""How the use of a technology has grown and shrunk, by month, in a segment and in groups of it."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from pyroaring import BitMap

from tracewell.kernel.credits import Call, Charge, Ledger
from tracewell.kernel.credits.batch import Found
from tracewell.kernel.database import Database, Transaction
from tracewell.trace.computations.model import Adoption, Facet, Group, MonthCounts, Months, Segment
from tracewell.trace.computations.rules import parse_month
from tracewell.trace.computations.segments import Segments, records
from tracewell.trace.index.bitmaps import read_prefixed
from tracewell.trace.metering import metered
from tracewell.trace.search.service import Search
from tracewell.trace.technologies.service import get_technology


@dataclass(frozen=True, slots=True)
class AdoptionQuery:
    """Which technology, when, among whom (`within`), told apart by a facet's `top` values with the
    most adopters, or by segments of the caller's own."""

    technology: str
    months: Months
    within: Segment | None
    facet: Facet | None
    top: int
    own: Sequence[tuple[str, Segment]]


@dataclass(frozen=True, slots=True)
class Adoptions:
    """Adoption by month."""

    database: Database
    ledger: Ledger
    search: Search
    segments: Segments

    async def read(self, call: Call, asked: AdoptionQuery) -> tuple[Adoption, Charge]:
        """Counts by month. Free, but for segments so small that they are records.

        Raises ApiError (technology_not_found, list_not_found, stale_registry_version),
        CreditsExhausted (nothing was charged) and DatabaseFailed.
        """
        given = (asked.within, *(segment for _, segment in asked.own))
        await self.segments.prepare(given)
        async with self.database.snapshot() as tx:
            counted = await get_technology(tx, asked.technology)
            history = await _read_history(tx, counted.technology.technology_id)
            sources = await self.search.sources(tx)
            among = await self.segments.read(sources, asked.within)
            own = [
                (name, await self.segments.read(sources, segment) & among)
                for name, segment in asked.own
            ]
            facets: Mapping[str, BitMap] = {}
            if asked.facet is not None:
                facets = await read_prefixed(tx, asked.facet, "")
        by_facet = _largest(facets, history.ever & among)
        groups = own or [(name, facets[name] & among) for name in by_facet[: asked.top]]
        found = []
        for name, companies in [("", among), *groups]:
            found.append(history.count(name, companies, asked.months))
            await asyncio.sleep(0)  # others are served in between
        adoption = Adoption(counted.technology, found[0], len(own or by_facet), found[1:])
        small = [companies for _, companies in own]
        if asked.within is not None:
            small.append(among)

        async def told(tx: Transaction) -> Found[Adoption]:
            return Found(adoption, records(*small))

        return await metered(self.database, self.ledger, call, told)


@dataclass(frozen=True, slots=True)
class _History:
    """Who adopted a technology in which month, and who dropped it. Each company stands once in
    either; who dropped it has adopted it before."""

    adopted: Mapping[int, BitMap]
    dropped: Mapping[int, BitMap]
    ever: BitMap
    gone: BitMap

    def count(self, name: str, companies: BitMap, months: Months) -> Group:
        active = sum(
            sign * companies.intersection_cardinality(changed)
            for sign, events in ((1, self.adopted), (-1, self.dropped))
            for month, changed in events.items()
            if month < months.first
        )
        rows = []
        for month in range(months.first, months.last + 1):
            begun, ended = (
                companies.intersection_cardinality(events[month]) if month in events else 0
                for events in (self.adopted, self.dropped)
            )
            active += begun - ended
            rows.append(MonthCounts(month, begun, ended, active))
        now = companies.intersection_cardinality(self.ever)
        now -= companies.intersection_cardinality(self.gone)
        return Group(name, len(companies), now, rows)


async def _read_history(tx: Transaction, technology_id: int) -> _History:
    adopted = await _read_events(tx, "adopted", technology_id)
    dropped = await _read_events(tx, "dropped", technology_id)
    ever, gone = (BitMap.union(BitMap(), *events.values()) for events in (adopted, dropped))
    return _History(adopted, dropped, ever, gone)


async def _read_events(
    tx: Transaction, event: Literal["adopted", "dropped"], technology_id: int
) -> Mapping[int, BitMap]:
    """The companies by month."""
    prefix = f"{technology_id}:"
    found = await read_prefixed(tx, event, prefix)
    return {
        parse_month(value.removeprefix(prefix)): companies for value, companies in found.items()
    }


def _largest(facets: Mapping[str, BitMap], companies: BitMap) -> list[str]:
    """The values that some of the companies have, those of the most first, then by value."""
    counts = {
        value: found
        for value, of_value in facets.items()
        if (found := of_value.intersection_cardinality(companies))
    }
    return sorted(counts, key=lambda value: (-counts[value], value))
