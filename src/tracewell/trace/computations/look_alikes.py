"""The companies whose stacks say the most of what a company's stack says."""

from __future__ import annotations

import asyncio
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
from tracewell.trace.computations.rules import Weights
from tracewell.trace.computations.segments import Segments
from tracewell.trace.computations.stacks import Ids, StackKeeper, Stacks, as_ids
from tracewell.trace.computations.traits import by_information, list_traits
from tracewell.trace.metering import metered
from tracewell.trace.paging import Page
from tracewell.trace.search.service import Search

_FIRST_LOOK = 4 * LOOK_ALIKES_MAX
_COMPANIES_AT_ONCE = 20_000

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
        weights = rules.weigh(stacks.user_counts(), len(stacks.companies))
        ids, scores = await rank(stacks, weights, head.company_id, among)
        shown = slice(page.offset, page.offset + page.limit)

        async def read(tx: Transaction) -> Found[LookAlikePage]:
            summaries = await companies.fetch_summaries(tx, ids[shown].tolist())
            own = set(stacks.of(head.company_id).tolist())
            shared = [own.intersection(stacks.of(one.company_id).tolist()) for one in summaries]
            told = [by_information(some, weights)[:REASONS_MAX] for some in shared]
            traits = {
                one.technology.technology_id: one
                for one in await list_traits(tx, stacks, weights, {x for ids in told for x in ids})
            }
            rows = [
                LookAlike(summary, score, len(some), [traits[one] for one in reasons])
                for summary, score, some, reasons in zip(
                    summaries, scores[shown].tolist(), shared, told, strict=True
                )
            ]
            return Found(LookAlikePage(head, rows, len(ids)), tuple(ids[shown].tolist()))

        return await metered(self.database, self.ledger, call, read)


async def rank(
    stacks: Stacks, weights: Weights, company_id: int, among: BitMap | None
) -> tuple[Ids, Scores]:
    """The `LOOK_ALIKES_MAX` most similar companies and their scores; equal ones by id.

    Exact: a company is left unread only where what it shares cannot lift it among them.
    """
    common = await _common(stacks, weights, company_id, among)
    candidates = np.flatnonzero(common).astype(np.uint32)
    shared = common[candidates]
    own = int(weights[stacks.of(company_id)].sum())
    # Who shares so much scores at most this: as if its stack said nothing else.
    at_most = 2 * shared / (own + shared)
    first = np.arange(len(candidates))
    if len(candidates) > _FIRST_LOOK:
        first = np.argpartition(-shared, _FIRST_LOOK)[:_FIRST_LOOK]
    scores = np.full(len(candidates), -1.0)
    scores[first] = await _scores(stacks, weights, candidates[first], shared[first], own)
    if len(candidates) > _FIRST_LOOK:
        least = np.partition(scores, -LOOK_ALIKES_MAX)[-LOOK_ALIKES_MAX]
        rest = np.flatnonzero((at_most >= least) & (scores < 0))
        scores[rest] = await _scores(stacks, weights, candidates[rest], shared[rest], own)
    order = np.lexsort((candidates, -scores))[:LOOK_ALIKES_MAX]
    order = order[scores[order] > 0]
    return candidates[order], scores[order]


async def _common(
    stacks: Stacks, weights: Weights, company_id: int, among: BitMap | None
) -> npt.NDArray[np.int64]:
    """By company id: the information of what it shares with the company."""
    common = np.zeros(len(stacks.starts), np.int64)
    for technology_id in stacks.of(company_id).tolist():
        weight = weights[technology_id]
        if weight:
            users = stacks.users[technology_id]
            common[as_ids(users if among is None else users & among)] += weight
            await asyncio.sleep(0)  # others are served in between
    if company_id < len(common):
        common[company_id] = 0
    return common


async def _scores(
    stacks: Stacks, weights: Weights, ids: Ids, shared: npt.NDArray[np.int64], own: int
) -> Scores:
    """The similarity of each company, which shares so much."""
    totals = np.zeros(len(ids), np.int64)
    for first in range(0, len(ids), _COMPANIES_AT_ONCE):
        part = slice(first, first + _COMPANIES_AT_ONCE)
        totals[part] = stacks.totals(ids[part], weights)
        await asyncio.sleep(0)
    found: Scores = 2 * shared / (own + totals)
    return found
