"""The SQL of partnerships: reading. Every list is a range of one index of one company's rows."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

import orjson

from tracewell.extraction import PartnershipType
from tracewell.kernel.database import Sql, Transaction
from tracewell.trace.companies.heads import Head
from tracewell.trace.partnerships.model import Sight
from tracewell.trace.texts import like_pattern

Sort = Literal[
    "last_observed_at", "-last_observed_at", "first_observed_at", "-first_observed_at",
    "observation_count", "-observation_count",
]  # fmt: skip

# Ascending is descending turned round, equal ones too.
_TIES = ("p.partner_key", "p.partnership_type", "p.company_id")
_SORTS: dict[str, str] = {
    sort: ", ".join((f"p.{column} {way}", *(f"{tie} {tie_way}" for tie in _TIES)))
    for column in ("last_observed_at", "first_observed_at", "observation_count")
    for sort, way, tie_way in ((column, "ASC", "DESC"), (f"-{column}", "DESC", "ASC"))
}
_PARTNER = """p.partner_id, COALESCE(c.name, p.partner_name),
    COALESCE(c.primary_domain, p.partner_domain), c.slug"""
_TIMES = "p.partnership_type, p.first_observed_at, p.last_observed_at, p.observation_count"
_TYPES = Sql(
    sqlite="AND p.partnership_type IN (SELECT value FROM json_each(:types))",
    postgresql="AND p.partnership_type = ANY(CAST(:types AS TEXT[]))",
)
_NAMED = """AND (c.search_text LIKE :q ESCAPE '\\' OR LOWER(p.partner_name) LIKE :q ESCAPE '\\'
      OR p.partner_domain LIKE :q ESCAPE '\\')"""
_SIGHT = (
    "e.source_url, e.source_kind, e.excerpt, e.capture, e.start_byte, e.end_byte, e.observed_at"
)


@dataclass(frozen=True, slots=True)
class Wanted:
    """Which partnerships, and in which order. No types are all types."""

    q: str | None = None
    types: tuple[PartnershipType, ...] = ()
    sort: Sort = "-last_observed_at"


@dataclass(frozen=True, slots=True)
class PartnerRow:
    """A partnership as its company's row tells it; ids and slug are None for one we do not have."""

    partner_id: int | None
    name: str
    domain: str | None
    slug: str | None
    partnership_type: PartnershipType
    first_observed_at: int
    last_observed_at: int
    observation_count: int


@dataclass(frozen=True, slots=True)
class PartnerPage:
    """A page of partnerships, how many fit, and how many there are of each type unfiltered."""

    rows: list[PartnerRow]
    total: int
    type_counts: dict[str, int]


@dataclass(frozen=True, slots=True)
class SharedPartner:
    """A partner of two companies, and in which kinds of partnership with either."""

    partner_id: int | None
    name: str
    domain: str | None
    slug: str | None
    types_with_first: tuple[PartnershipType, ...]
    types_with_second: tuple[PartnershipType, ...]


@dataclass(frozen=True, slots=True)
class Published:
    """One sight of a pair, and who published the page."""

    publisher_id: int
    partnership_type: PartnershipType
    sight: Sight


async def page_of_company(
    tx: Transaction, company_id: int, wanted: Wanted, *, limit: int, offset: int
) -> PartnerPage:
    """The partners of a company, whichever side told it."""
    where = "p.company_id = :company_id"
    return await _page(tx, where, {"company_id": company_id}, wanted, limit, offset)


async def page_of_publishers(
    tx: Transaction, partner_id: int, wanted: Wanted, *, limit: int, offset: int
) -> PartnerPage:
    """The companies whose own pages name the partner, which is one of ours."""
    where = "p.company_id = :company_id AND p.is_listed_by = 1"
    return await _page(tx, where, {"company_id": partner_id}, wanted, limit, offset)


async def page_of_namers(
    tx: Transaction, key: str, wanted: Wanted, *, limit: int, offset: int
) -> PartnerPage:
    """The companies whose pages name a partner that is none of our companies."""
    return await _page(
        tx, "p.partner_key = :key", {"key": key}, wanted, limit, offset, of_publisher=True
    )


async def _page(
    tx: Transaction,
    where: str,
    params: dict[str, Any],
    wanted: Wanted,
    limit: int,
    offset: int,
    *,
    of_publisher: bool = False,
) -> PartnerPage:
    other = "p.company_id" if of_publisher else "p.partner_id"
    partner = "p.company_id, c.name, c.primary_domain, c.slug" if of_publisher else _PARTNER
    source = f"FROM partnerships AS p LEFT JOIN companies AS c ON c.company_id = {other}"
    counts = await tx.fetch_all(
        "SELECT p.partnership_type, COUNT(*) FROM partnerships AS p"  # noqa: S608 - our own words
        f" WHERE {where} GROUP BY p.partnership_type",
        **params,
    )
    type_counts = {row[0]: row[1] for row in counts}
    filters = ""
    given = dict(params)
    if wanted.types:
        filters += f" {_TYPES.of(tx.dialect)}"
        types = list(wanted.types)
        given["types"] = orjson.dumps(types).decode() if tx.dialect == "sqlite" else types
    if wanted.q:
        filters += f" {_NAMED}"
        given["q"] = like_pattern(wanted.q)
    if wanted.q:
        total = await tx.fetch_value(
            f"SELECT COUNT(*) {source} WHERE {where}{filters}",
            **given,
        )
    else:
        total = sum(type_counts.get(one, 0) for one in wanted.types or type_counts)
    rows = await tx.fetch_all(
        f"SELECT {partner}, {_TIMES} {source} WHERE {where}{filters}"
        f" ORDER BY {_SORTS[wanted.sort]}"
        " LIMIT :limit OFFSET :offset",
        **given,
        limit=limit,
        offset=offset,
    )
    return PartnerPage([PartnerRow(*row) for row in rows], total, type_counts)


async def list_sides(tx: Transaction, company_id: int, partner_key: str) -> list[PartnerRow]:
    """What there is between a company and a partner, a row for each type."""
    rows = await tx.fetch_all(
        f"SELECT {_PARTNER}, {_TIMES} FROM partnerships AS p"  # noqa: S608
        " LEFT JOIN companies AS c ON c.company_id = p.partner_id"
        " WHERE p.company_id = :company_id AND p.partner_key = :key ORDER BY p.partnership_type",
        company_id=company_id,
        key=partner_key,
    )
    return [PartnerRow(*row) for row in rows]


async def list_published(tx: Transaction, company_id: int, partner_key: str) -> list[Published]:
    """The sights on the company's pages, the newest first."""
    rows = await tx.fetch_all(
        f"SELECT e.company_id, e.partnership_type, {_SIGHT} FROM partnership_evidence AS e"  # noqa: S608
        " WHERE e.company_id = :company_id AND e.partner_key = :key"
        " ORDER BY e.observed_at DESC, e.source_url, e.partnership_type",
        company_id=company_id,
        key=partner_key,
    )
    return [Published(row[0], row[1], Sight(*list(row)[2:])) for row in rows]


async def find_named(tx: Transaction, key: str) -> tuple[str, str | None] | None:
    """Name and domain, as told last, of a partner that is none of our companies."""
    row = await tx.fetch_one(
        "SELECT partner_name, partner_domain FROM partnerships WHERE partner_key = :key"
        " ORDER BY last_observed_at DESC, partner_name DESC LIMIT 1",
        key=key,
    )
    return None if row is None else (row[0], row[1])


_SHARED = """
    FROM partnerships AS p LEFT JOIN companies AS c ON c.company_id = p.partner_id
    WHERE p.company_id = :few AND EXISTS (
      SELECT 1 FROM partnerships AS q
      WHERE q.company_id = :many AND q.partner_key = p.partner_key)"""


async def page_of_shared(
    tx: Transaction, first: Head, second: Head, *, limit: int, offset: int
) -> tuple[list[SharedPartner], int]:
    """The partners that both companies have, by name, and how many there are."""
    # From the side of the company that has fewer.
    few, many = sorted((first, second), key=lambda head: (head.partnership_count, head.company_id))
    params = {"few": few.company_id, "many": many.company_id}
    total = await tx.fetch_value(f"SELECT COUNT(DISTINCT p.partner_key) {_SHARED}", **params)
    rows = await tx.fetch_all(
        "SELECT p.partner_key, p.partner_id, COALESCE(MIN(c.name), MIN(p.partner_name)),"
        " COALESCE(MIN(c.primary_domain), MIN(p.partner_domain)), MIN(c.slug)"
        f" {_SHARED} GROUP BY p.partner_key, p.partner_id"
        " ORDER BY 3, p.partner_key LIMIT :limit OFFSET :offset",
        **params,
        limit=limit,
        offset=offset,
    )
    keys = [row[0] for row in rows]
    with_first = await fetch_types(tx, first.company_id, keys)
    with_second = await fetch_types(tx, second.company_id, keys)
    return [
        SharedPartner(
            partner_id, name, domain, slug, tuple(with_first[key]), tuple(with_second[key])
        )
        for key, partner_id, name, domain, slug in rows
    ], total


async def fetch_types(
    tx: Transaction, company_id: int, partner_keys: Sequence[str]
) -> dict[str, list[PartnershipType]]:
    """The types of partnership that a company has with each of the partners."""
    keys = list(partner_keys)
    rows = await tx.fetch_all(
        _TYPES_OF,
        company_id=company_id,
        keys=orjson.dumps(keys).decode() if tx.dialect == "sqlite" else keys,
    )
    found: dict[str, list[PartnershipType]] = {}
    for key, partnership_type in rows:
        found.setdefault(key, []).append(partnership_type)
    return found


_TYPES_OF = Sql(
    sqlite="""
        SELECT partner_key, partnership_type FROM partnerships WHERE company_id = :company_id
          AND partner_key IN (SELECT value FROM json_each(:keys)) ORDER BY partnership_type""",
    postgresql="""
        SELECT partner_key, partnership_type FROM partnerships WHERE company_id = :company_id
          AND partner_key = ANY(CAST(:keys AS TEXT[])) ORDER BY partnership_type""",
)
