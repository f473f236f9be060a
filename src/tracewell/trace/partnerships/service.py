"""The paid reads of partnerships: charged for each company of ours that is told as a partner."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from tracewell.extraction import PartnershipType
from tracewell.kernel.credits import Call, Charge, Ledger
from tracewell.kernel.credits.batch import Found
from tracewell.kernel.database import Database, Transaction
from tracewell.kernel.errors import ApiError
from tracewell.trace import errors
from tracewell.trace.companies.domains import parse_identifier
from tracewell.trace.companies.heads import Head, find_heads, get_head
from tracewell.trace.metering import metered
from tracewell.trace.paging import Page
from tracewell.trace.partnerships import reading
from tracewell.trace.partnerships.graph import Graph, read_graph
from tracewell.trace.partnerships.reading import (
    PartnerPage,
    PartnerRow,
    Published,
    SharedPartner,
    Wanted,
)
from tracewell.trace.partnerships.rules import company_key


@dataclass(frozen=True, slots=True)
class Partner:
    """One end of a partnership: a company of ours, or (without `head`) a domain that pages name."""

    key: str
    name: str
    domain: str | None
    head: Head | None


@dataclass(frozen=True, slots=True)
class Pair:
    """What there is between two; without rows they are no partners."""

    first: Partner
    second: Partner
    rows: list[PartnerRow]
    published: list[Published]


@dataclass(frozen=True, slots=True)
class Partnerships:
    """Reads of partnerships. All raise CreditsExhausted (nothing was charged), DatabaseFailed."""

    database: Database
    ledger: Ledger

    async def list_partners(
        self, call: Call, identifier: str, wanted: Wanted, page: Page
    ) -> tuple[tuple[Head, PartnerPage], Charge]:
        """A page of a company's partners. Raises ApiError (company_not_found)."""

        async def read(tx: Transaction) -> Found[tuple[Head, PartnerPage]]:
            head = await get_head(tx, identifier)
            found = await reading.page_of_company(
                tx, head.company_id, wanted, limit=page.limit, offset=page.offset
            )
            return Found((head, found), _ids(row.partner_id for row in found.rows))

        return await metered(self.database, self.ledger, call, read)

    async def list_publishers(
        self, call: Call, identifier: str, wanted: Wanted, page: Page
    ) -> tuple[tuple[Partner, PartnerPage], Charge]:
        """A page of who names the partner. Raises ApiError (partner_not_found)."""

        async def read(tx: Transaction) -> Found[tuple[Partner, PartnerPage]]:
            partner = await _get_partner(tx, identifier)
            if partner.head is not None:
                found = await reading.page_of_publishers(
                    tx, partner.head.company_id, wanted, limit=page.limit, offset=page.offset
                )
            else:
                found = await reading.page_of_namers(
                    tx, partner.key, wanted, limit=page.limit, offset=page.offset
                )
            return Found((partner, found), _ids(row.partner_id for row in found.rows))

        return await metered(self.database, self.ledger, call, read)

    async def get_pair(self, call: Call, first: str, second: str) -> tuple[Pair, Charge]:
        """What there is between two. Raises ApiError (company_not_found, partner_not_found)."""

        async def read(tx: Transaction) -> Found[Pair]:
            one = await get_head(tx, first)
            here = Partner(company_key(one.company_id), one.name, one.primary_domain, one)
            other = await _get_partner(tx, second)
            rows = await reading.list_sides(tx, one.company_id, other.key)
            published = await reading.list_published(tx, one.company_id, other.key)
            if other.head is not None and other.key != here.key:
                published += await reading.list_published(tx, other.head.company_id, here.key)
            published.sort(key=lambda sight: -sight.sight.observed_at)
            told = (one.company_id, other.head.company_id if other.head else None)
            return Found(Pair(here, other, rows, published), _ids(told))

        return await metered(self.database, self.ledger, call, read)

    async def list_shared(
        self, call: Call, first: str, second: str, page: Page
    ) -> tuple[tuple[Head, Head, list[SharedPartner], int], Charge]:
        """A page of the partners of both. Raises ApiError (company_not_found)."""

        async def read(tx: Transaction) -> Found[tuple[Head, Head, list[SharedPartner], int]]:
            one, other = await get_head(tx, first), await get_head(tx, second)
            rows, total = await reading.page_of_shared(
                tx, one, other, limit=page.limit, offset=page.offset
            )
            return Found((one, other, rows, total), _ids(row.partner_id for row in rows))

        return await metered(self.database, self.ledger, call, read)

    async def get_graph(
        self,
        call: Call,
        identifier: str,
        *,
        depth: int,
        nodes_max: int,
        types: Sequence[PartnershipType],
    ) -> tuple[Graph, Charge]:
        """The graph around a company, which is free itself. Raises ApiError (company_not_found)."""

        async def read(tx: Transaction) -> Found[Graph]:
            root = await get_head(tx, identifier)
            graph = await read_graph(tx, root, depth=depth, nodes_max=nodes_max, types=types)
            ids = (node.head.company_id for node in graph.nodes[1:] if node.head is not None)
            return Found(graph, _ids(ids))

        return await metered(self.database, self.ledger, call, read)


async def _get_partner(tx: Transaction, identifier: str) -> Partner:
    """A company of ours, or a domain that somebody names. Raises ApiError (partner_not_found)."""
    try:
        asked = parse_identifier(identifier)
    except ValueError:
        asked = ""
    heads = await find_heads(tx, [asked]) if asked else {}
    if asked in heads:
        head = heads[asked]
        return Partner(company_key(head.company_id), head.name, head.primary_domain, head)
    key = f"domain:{asked}"
    named = await reading.find_named(tx, key) if "." in asked else None
    if named is None:
        raise ApiError(errors.PARTNER_NOT_FOUND, f"No partner found for '{identifier}'")
    return Partner(key, named[0], named[1], None)


def _ids(ids: Iterable[int | None]) -> tuple[int, ...]:
    return tuple(dict.fromkeys(one for one in ids if one is not None))
