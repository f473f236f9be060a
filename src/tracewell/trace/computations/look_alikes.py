"""The companies whose stacks say the most of what a company's stack says."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from pyroaring import BitMap

from tracewell.kernel.credits import Call, Charge, Ledger
from tracewell.kernel.credits.batch import Found
from tracewell.kernel.database import Database, Transaction
from tracewell.trace.companies import store as companies
from tracewell.trace.companies.heads import get_head
from tracewell.trace.computations import rules
from tracewell.trace.computations.model import (
    LOOK_ALIKES_MAX,
    REASONS_MAX,
    LookAlike,
    LookAlikePage,
    Segment,
)
from tracewell.trace.computations.segments import Segments
from tracewell.trace.computations.stacks import Ids, StackKeeper, Stacks, as_ids
from tracewell.trace.computations.traits import by_information, list_traits
from tracewell.trace.metering import metered
from tracewell.trace.paging import Page
from tracewell.trace.search.service import Search

_SAMPLED = 16

Scores = npt.NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class LookAlikes:
    """Look-alikes by stack."""

    database: Database
    ledger: Ledger
    search: Search
    segments: Segments
    stacks: StackKeeper

    async def list_look_alikes(
        self, call: Call, identifier: str, within: Segment | None, page: Page
    ) -> tuple[LookAlikePage, Charge]:
        """A page of the most similar, and how many are told at most; charged for the page, the
        company itself is free.

        Raises ApiError (company_not_found, list_not_found, stale_registry_version),
        CreditsExhausted (nothing was charged) and DatabaseFailed.
        """
        await self.segments.prepare([within])
        async with self.database.snapshot() as tx:
            head = await get_head(tx, identifier)
            stacks = await self.stacks.read(tx)
            sources = await self.search.sources(tx)
            among = None if within is None else await self.segments.read(sources, within)
        ids, scores = await rank(stacks, head.company_id, among)
        own = stacks.of(head.company_id)
        shown = slice(page.offset, page.offset + page.limit)

        async def read(tx: Transaction) -> Found[LookAlikePage]:
            summaries = await companies.fetch_summaries(tx, ids[shown].tolist())
            shared = [{x for x in own if one.company_id in stacks.users[x]} for one in summaries]
            told = [by_information(some, stacks.weights)[:REASONS_MAX] for some in shared]
            traits = {
                one.technology.technology_id: one
                for one in await list_traits(tx, stacks, {x for reasons in told for x in reasons})
            }
            rows = [
                LookAlike(summary, score, len(some), [traits[one] for one in reasons])
                for summary, score, some, reasons in zip(
                    summaries, scores[shown].tolist(), shared, told, strict=True
                )
            ]
            return Found(LookAlikePage(head, rows, len(ids)), tuple(ids[shown].tolist()))

        return await metered(self.database, self.ledger, call, read)


async def rank(stacks: Stacks, company_id: int, among: BitMap | None) -> tuple[Ids, Scores]:
    """The `LOOK_ALIKES_MAX` most similar companies and their scores; equal ones by id."""
    own = stacks.of(company_id)
    common = await _common(stacks, own, among)
    if company_id < len(common):
        common[company_id] = 0
    said = stacks.totals + rules.total(own, stacks.weights)
    scores: Scores = np.divide(2 * common, said, out=np.zeros(len(common)), where=said > 0)
    ids = np.flatnonzero(scores >= _threshold(scores)).astype(np.uint32)
    ids = ids[scores[ids] > 0]
    order = np.lexsort((ids, -scores[ids]))[:LOOK_ALIKES_MAX]
    return ids[order], scores[ids[order]]


def _threshold(scores: Scores) -> float:
    """A score that enough companies reach, and not many more: read off a part of them first, which
    is as good as all where it is confirmed by a count."""
    wanted = LOOK_ALIKES_MAX
    if len(scores) <= wanted:
        return 0.0
    sample = scores[::_SAMPLED]
    place = 2 * wanted // _SAMPLED
    if len(sample) > place:
        likely = float(np.partition(sample, -place)[-place])
        if np.count_nonzero(scores >= likely) >= wanted:
            return likely
    return float(np.partition(scores, -wanted)[-wanted])


async def _common(
    stacks: Stacks, technology_ids: Iterable[int], among: BitMap | None
) -> npt.NDArray[np.int64]:
    """By company id: what those of the technologies say that it runs."""
    common = np.zeros(len(stacks.totals), np.int64)
    for technology_id in technology_ids:
        weight = stacks.weights[technology_id]
        if weight:
            users = stacks.users[technology_id]
            ids = as_ids(users if among is None else users & among).astype(np.intp)
            common[ids] += weight
            await asyncio.sleep(0)  # others are served in between
    return common
