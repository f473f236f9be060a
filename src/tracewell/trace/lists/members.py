"""The use cases of a list's members: counted, computed and kept, paged, exported.

Members are kept as bitmaps with the state of the list and of the companies that they are right for.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Any, NamedTuple

from pyroaring import BitMap

from tracewell.kernel.clock import Clock
from tracewell.kernel.credits import Call, Charge, Ledger
from tracewell.kernel.credits.batch import Found
from tracewell.kernel.database import Database, Transaction
from tracewell.kernel.errors import ApiError
from tracewell.trace import errors
from tracewell.trace.companies import store as companies
from tracewell.trace.companies.model import Summary
from tracewell.trace.filters.evaluation import evaluate
from tracewell.trace.filters.model import Leaf, Node
from tracewell.trace.filters.sources import Sources
from tracewell.trace.lists import contents, store
from tracewell.trace.lists.access import get_list, lock_list
from tracewell.trace.lists.definitions import current_definition
from tracewell.trace.lists.model import (
    EXPORT_MEMBERS_MAX,
    TIERS,
    CompanyList,
    Materialization,
    Member,
    Tier,
)
from tracewell.trace.lists.rules import parse_definition, tiers_of
from tracewell.trace.metering import metered
from tracewell.trace.search.service import Search

MEMBERS_AGE_MAX_MS = 15 * 60 * 1000
"""How long members are told as computed although companies have changed since."""
_EXPORTED_AT_ONCE = 5_000
_LEAST = {"high": 90, "medium": 60, "exploratory": 0}


class ListMember(NamedTuple):
    """A company as a member; `is_added`: by hand."""

    company: Summary
    tier: Tier
    is_added: bool


@dataclass(frozen=True, slots=True)
class MembersQuery:
    """Which members are wanted; `text` is a part of name, slug or domain, `as_of` the number of the
    computation that a walk began with."""

    limit: int
    offset: int
    tier: Tier | None = None
    text: str | None = None
    as_of: int | None = None


@dataclass(frozen=True, slots=True)
class MembersPage:
    """A page, how many there are of the query, and what they were read from.

    `is_stale`: companies have changed since, or the list has in this moment.
    """

    rows: list[ListMember]
    total: int
    materialization: Materialization
    is_stale: bool


class Members:
    """Members of lists."""

    def __init__(self, database: Database, ledger: Ledger, search: Search, clock: Clock) -> None:
        self._database = database
        self._ledger = ledger
        self._search = search
        self._clock = clock

    async def preview(self, registry_version: int, root: Any) -> dict[Tier, BitMap]:
        """The companies of a tree that is not saved, by tier.

        Raises ApiError (stale_registry_version, invalid_definition).
        """
        tree = parse_definition(registry_version, root)
        async with self._database.snapshot() as tx:
            return await self._tiers(await self._search.sources(tx), tree, BitMap(), BitMap())

    async def materialize(
        self, member: Member, list_id: str, *, force: bool = True
    ) -> Materialization:
        """Computes and keeps the members, unless what is kept is good enough and `force` is not
        given. Raises ApiError (list_not_found, stale_registry_version)."""
        async with self._database.snapshot() as tx:
            found = await get_list(tx, member, list_id)
            kept = await contents.find_members(tx, list_id)
            number = await contents.fetch_change_number(tx)
            if not force and kept is not None and self._is_good(kept, found, number):
                return kept
            made = await self._compute(tx, found, number)
        async with self._database.transaction() as tx:
            # The list may have gone meanwhile; a later state of it is not overwritten.
            await lock_list(tx, member, list_id, "viewer")
            await contents.save_members(tx, list_id, made)
        return made

    async def read_whole(self, tx: Transaction, member: Member, list_id: str) -> BitMap:
        """All members as `materialize` has kept them. Raises ApiError (list_not_found)."""
        await get_list(tx, member, list_id)
        kept = await _get_kept(tx, list_id)
        known = await (await self._search.sources(tx)).all()
        return BitMap.union(*(kept.of_tier(tier) for tier in TIERS)) & known

    def _is_good(self, kept: Materialization, found: CompanyList, number: int) -> bool:
        if kept.revision != found.revision:
            return False
        age_ms = self._clock() - kept.materialized_at
        return kept.change_number == number or age_ms < MEMBERS_AGE_MAX_MS

    async def _compute(self, tx: Transaction, found: CompanyList, number: int) -> Materialization:
        definition = await current_definition(tx, found)
        tree = None
        if definition.root is not None:
            tree = parse_definition(definition.registry_version, definition.root)
        added = await contents.read_companies(tx, found.list_id, "added")
        excluded = await contents.read_companies(tx, found.list_id, "excluded")
        tiers = await self._tiers(await self._search.sources(tx), tree, added, excluded)
        return Materialization(
            found.revision, definition.version, number, self._clock(),
            tiers["high"], tiers["medium"], tiers["exploratory"], added - excluded,
        )  # fmt: skip

    async def _tiers(
        self, sources: Sources, tree: Node | None, added: BitMap, excluded: BitMap
    ) -> dict[Tier, BitMap]:
        # From the largest to the smallest: what a leaf finds for one tier serves the next.
        exploratory, medium, high = [
            BitMap() if tree is None else await evaluate(tree, sources.at(_LEAST[tier]))
            for tier in reversed(TIERS)
        ]
        return tiers_of(high, medium, exploratory, added, excluded)

    async def page(
        self, call: Call, member: Member, list_id: str, query: MembersQuery, *, force: bool
    ) -> tuple[MembersPage, Charge]:
        """A page of members: tier by tier, by name within a tier; charged for its companies.

        Raises CreditsExhausted (nothing was charged), DatabaseFailed, and ApiError as
        `materialize`, or members_not_kept.
        """
        if query.as_of is None:
            await self.materialize(member, list_id, force=force)

        async def read(tx: Transaction) -> Found[MembersPage]:
            found = await get_list(tx, member, list_id)
            page = await self._read_page(tx, found, query)
            return Found(page, tuple(row.company.company_id for row in page.rows))

        return await metered(self._database, self._ledger, call, read)

    async def _read_page(
        self, tx: Transaction, found: CompanyList, query: MembersQuery
    ) -> MembersPage:
        kept = await _get_kept(tx, found.list_id, query.as_of)
        sources = await self._search.sources(tx)
        wanted = await sources.all()
        if query.text:
            leaf = Leaf("name", "contains", query.text)
            wanted = await evaluate(leaf, sources, among=wanted)
        ids: list[tuple[int, Tier]] = []
        total, offset = 0, query.offset
        for tier in TIERS if query.tier is None else (query.tier,):
            of_tier = kept.of_tier(tier) & wanted
            total += len(of_tier)
            if len(ids) < query.limit:
                page = await sources.columns.page(
                    tx, of_tier, "name", descending=False,
                    limit=query.limit - len(ids), offset=max(0, offset),
                )  # fmt: skip
                ids += [(company_id, tier) for company_id in page]
            offset -= len(of_tier)
        number = await contents.fetch_change_number(tx)
        is_stale = kept.change_number != number or kept.revision != found.revision
        return MembersPage(await _rows(tx, ids, kept.added), total, kept, is_stale)

    async def export(
        self, call: Call, member: Member, list_id: str, tier: Tier | None, *, force: bool
    ) -> tuple[AsyncIterator[list[ListMember]], Charge]:
        """All members, or those of a tier, in portions; charged when this returns.

        Raises like `page`, and ApiError (list_too_large).
        """
        await self.materialize(member, list_id, force=force)

        async def read(tx: Transaction) -> Found[Materialization]:
            await get_list(tx, member, list_id)
            kept = await _get_kept(tx, list_id)
            known = await (await self._search.sources(tx)).all()
            members = BitMap.union(*(kept.of_tier(one) for one in _tiers(tier))) & known
            if len(members) > EXPORT_MEMBERS_MAX:
                raise ApiError(errors.LIST_TOO_LARGE, limit=EXPORT_MEMBERS_MAX)
            return Found(kept, tuple(members))

        kept, charge = await metered(self._database, self._ledger, call, read)
        async with self._database.transaction() as tx:
            found = await store.find_list(tx, member, list_id, locked=True)
            if found is not None:
                count = sum(len(kept.of_tier(one)) for one in _tiers(tier))
                details = {"count": count, "tier": tier}
                now = self._clock()
                await store.add_audit(tx, list_id, member.user_id, "members.exported", details, now)
        return self._iter_rows(kept, tier), charge

    async def _iter_rows(
        self, kept: Materialization, tier: Tier | None
    ) -> AsyncIterator[list[ListMember]]:
        for one in _tiers(tier):
            async with self._database.snapshot() as tx:
                sources = await self._search.sources(tx)
                of_tier = kept.of_tier(one) & await sources.all()
                ordered = await sources.columns.page(
                    tx, of_tier, "name", descending=False, limit=len(of_tier), offset=0
                )
            for first in range(0, len(ordered), _EXPORTED_AT_ONCE):
                part = [
                    (company_id, one) for company_id in ordered[first : first + _EXPORTED_AT_ONCE]
                ]
                async with self._database.snapshot() as tx:
                    rows = await _rows(tx, part, kept.added)
                yield rows


def _tiers(tier: Tier | None) -> tuple[Tier, ...]:
    return TIERS if tier is None else (tier,)


async def _get_kept(tx: Transaction, list_id: str, number: int | None = None) -> Materialization:
    kept = await contents.find_members(tx, list_id, number)
    if kept is None and number is not None:
        raise ApiError(errors.MEMBERS_NOT_KEPT)
    assert kept is not None, "members were materialised before, and go only with their list"
    return kept


async def _rows(tx: Transaction, ids: list[tuple[int, Tier]], added: BitMap) -> list[ListMember]:
    summaries = await companies.fetch_summaries(tx, [company_id for company_id, _ in ids])
    return [
        ListMember(summary, tier, summary.company_id in added)
        for summary, (_, tier) in zip(summaries, ids, strict=True)
    ]
