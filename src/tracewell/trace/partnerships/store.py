"""The SQL of partnerships: writing. Every statement adds up, in any order, to the same rows."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import asdict, replace

import orjson

from tracewell.extraction import PartnershipType
from tracewell.kernel.database import Row, Sql, Transaction
from tracewell.trace.companies.model import Company
from tracewell.trace.partnerships.model import Claim, Side, Sight
from tracewell.trace.partnerships.rules import (
    company_key,
    keep_sights,
    key_of,
    mirror,
    resolve_claims,
    sides_of,
)
from tracewell.trace.texts import name_key

_SIDE = """company_id, partner_key, partnership_type, partner_id, partner_domain, partner_name,
    is_listed, is_listed_by, first_observed_at, last_observed_at, observation_count"""
_ADD_SIDE_TEXT = """
    INSERT INTO partnerships ({columns})
    VALUES (:company_id, :partner_key, :partnership_type, :partner_id, :partner_domain,
      :partner_name, :is_listed, :is_listed_by, :first_observed_at, :last_observed_at,
      :observation_count)
    ON CONFLICT (company_id, partner_key, partnership_type) DO UPDATE SET
      is_listed = {most}(partnerships.is_listed, excluded.is_listed),
      is_listed_by = {most}(partnerships.is_listed_by, excluded.is_listed_by),
      partner_name = CASE WHEN (excluded.last_observed_at, excluded.partner_name)
        > (partnerships.last_observed_at, partnerships.partner_name)
        THEN excluded.partner_name ELSE partnerships.partner_name END,
      first_observed_at = {least}(partnerships.first_observed_at, excluded.first_observed_at),
      last_observed_at = {most}(partnerships.last_observed_at, excluded.last_observed_at),
      observation_count = partnerships.observation_count + excluded.observation_count"""
_ADD_SIDE = Sql(
    sqlite=_ADD_SIDE_TEXT.format(columns=_SIDE, least="MIN", most="MAX"),
    postgresql=_ADD_SIDE_TEXT.format(columns=_SIDE, least="LEAST", most="GREATEST"),
)
_COMPANIES_BY_DOMAIN = Sql(
    sqlite="""
        SELECT domain, company_id FROM company_domains
        WHERE domain IN (SELECT value FROM json_each(:keys))""",
    postgresql="""
        SELECT domain, company_id FROM company_domains
        WHERE domain = ANY(CAST(:keys AS TEXT[]))""",
)
_COMPANIES_BY_NAME = Sql(
    sqlite="""
        SELECT name_key, MIN(company_id) FROM companies
        WHERE name_key IN (SELECT value FROM json_each(:keys))
        GROUP BY name_key HAVING COUNT(*) = 1""",
    postgresql="""
        SELECT name_key, MIN(company_id) FROM companies
        WHERE name_key = ANY(CAST(:keys AS TEXT[]))
        GROUP BY name_key HAVING COUNT(*) = 1""",
)
_NAMES_THAT_LEAD_TO_ONE = """
    SELECT p.partner_key, MIN(c.company_id) FROM partnerships AS p
    JOIN companies AS c ON c.name_key = SUBSTR(p.partner_key, 6)
    WHERE p.partner_key >= 'name:' AND p.partner_key < 'name;'
    GROUP BY p.partner_key HAVING COUNT(DISTINCT c.company_id) = 1"""
_SIGHT = """source_url, source_kind, excerpt, capture, start_byte, end_byte, observed_at"""
_OF_CLAIM = """company_id = :company_id AND partner_key = :partner_key
      AND partnership_type = :partnership_type"""
_ADD_SIGHT = f"""
    INSERT INTO partnership_evidence (company_id, partner_key, partnership_type, place, {_SIGHT})
    VALUES (:company_id, :partner_key, :partnership_type, :place, :source_url, :source_kind,
      :excerpt, :capture, :start_byte, :end_byte, :observed_at)"""  # noqa: S608 - our own words
_TYPES = "SELECT DISTINCT partnership_type FROM partnerships WHERE company_id = :company_id"
_COUNT = "SELECT COUNT(DISTINCT partner_key) FROM partnerships WHERE company_id = :company_id"


async def save_claims(
    tx: Transaction, publisher_id: int, publisher: tuple[str, str], claims: Sequence[Claim]
) -> set[int]:
    """Notes what a company's pages say of its partners; `publisher` is its name and domain.

    Returns the partners among our companies: their counts have changed.
    """
    touched: set[int] = set()
    sides: list[Side] = []
    for claim, partner_id in await _resolve(tx, claims):
        if partner_id == publisher_id:
            continue
        sides += sides_of(publisher_id, publisher, claim, partner_id)
        key = key_of(claim.partner_name, claim.partner_domain) or ""
        if partner_id is not None:
            touched.add(partner_id)
            key = company_key(partner_id)
        await _add_sights(tx, publisher_id, key, claim.partnership_type, claim.sights)
    await _add_sides(tx, sides)
    return touched


async def _resolve(tx: Transaction, claims: Sequence[Claim]) -> list[tuple[Claim, int | None]]:
    by_domain = await _companies(
        tx, _COMPANIES_BY_DOMAIN, (one.partner_domain for one in claims if one.partner_domain)
    )
    by_name = await _companies(
        tx,
        _COMPANIES_BY_NAME,
        (name_key(one.partner_name) for one in claims if one.partner_domain is None),
    )
    return resolve_claims(claims, by_domain, by_name)


async def lead_to_company(tx: Transaction, key: str, company_id: int) -> set[int]:
    """Partners known by a domain or a name until now turn out to be a company of ours.

    Returns the companies whose counts may have changed.
    """
    rows = await tx.fetch_all(
        "SELECT p.company_id, p.partner_key, p.partnership_type, p.partner_id, p.partner_domain,"
        " p.partner_name, p.is_listed, p.is_listed_by, p.first_observed_at, p.last_observed_at,"
        " p.observation_count, c.name, c.primary_domain FROM partnerships AS p"
        " JOIN companies AS c ON c.company_id = p.company_id WHERE p.partner_key = :key",
        key=key,
    )
    touched: set[int] = set()
    for row in rows:
        side = _side(row)
        await _move(tx, side, company_key(company_id))
        if side.company_id == company_id:
            continue
        led = replace(side, partner_key=company_key(company_id), partner_id=company_id)
        await _add_sides(tx, [led, mirror(led, (row[11], row[12]))])
        touched.add(side.company_id)
    return touched | ({company_id} if touched else set())


async def resolve_names(tx: Transaction) -> set[int]:
    """Leads partners that are known by name alone to the one company that bears it now.

    Returns the companies whose counts may have changed.
    """
    touched: set[int] = set()
    for key, company_id in await tx.fetch_all(_NAMES_THAT_LEAD_TO_ONE):
        touched |= await lead_to_company(tx, key, company_id)
    return touched


async def list_sides(tx: Transaction, company_id: int) -> list[Side]:
    """Every partnership as it stands at the company."""
    rows = await tx.fetch_all(
        f"SELECT {_SIDE} FROM partnerships WHERE company_id = :company_id",  # noqa: S608
        company_id=company_id,
    )
    return [_side(row) for row in rows]


async def keys_of(tx: Transaction, claims: Sequence[Claim]) -> list[tuple[str, Claim]]:
    """Each claim and the key under which `save_claims` would note it."""
    return [
        (
            key_of(claim.partner_name, claim.partner_domain) or ""
            if partner_id is None
            else company_key(partner_id),
            claim,
        )
        for claim, partner_id in await _resolve(tx, claims)
    ]


async def fetch_sights(tx: Transaction, side: Side) -> list[Sight]:
    """The evidence on the company's own pages."""
    return await _fetch_sights(tx, side.company_id, side.partner_key, side.partnership_type)


async def write_sights(tx: Transaction, side: Side, sights: Sequence[Sight]) -> None:
    """Puts these in the place of the evidence on the company's own pages."""
    of_claim = {
        "company_id": side.company_id,
        "partner_key": side.partner_key,
        "partnership_type": side.partnership_type,
    }
    await tx.execute(f"DELETE FROM partnership_evidence WHERE {_OF_CLAIM}", **of_claim)  # noqa: S608
    if sights:
        key = side.partner_key
        await _add_sights(tx, side.company_id, key, side.partnership_type, sights)


async def count_partners(tx: Transaction, company_id: int) -> int:
    """How many partners a company has, in whatever kinds of partnership."""
    found: int = await tx.fetch_value(_COUNT, company_id=company_id)
    return found


async def with_partners(tx: Transaction, company: Company) -> Company:
    """The company with how many partners it has by now, and in which kinds of partnership."""
    rows = await tx.fetch_all(_TYPES, company_id=company.company_id)
    return replace(
        company,
        partnership_count=await count_partners(tx, company.company_id),
        partnership_types=tuple(row[0] for row in rows),
    )


async def _companies(tx: Transaction, statement: Sql, keys: Iterable[str]) -> dict[str, int]:
    asked = sorted(set(keys))
    if not asked:
        return {}
    listed = orjson.dumps(asked).decode() if tx.dialect == "sqlite" else asked
    return {row[0]: row[1] for row in await tx.fetch_all(statement, keys=listed)}


async def _add_sides(tx: Transaction, sides: Sequence[Side]) -> None:
    values = [
        {**asdict(side), "is_listed": int(side.is_listed), "is_listed_by": int(side.is_listed_by)}
        for side in sides
    ]
    await tx.execute_many(_ADD_SIDE, values)


async def _move(tx: Transaction, side: Side, key: str) -> None:
    """Takes a side away, and its evidence to another key; a company's own name goes whole."""
    of_claim = {
        "company_id": side.company_id,
        "partner_key": side.partner_key,
        "partnership_type": side.partnership_type,
    }
    sights = await _fetch_sights(tx, side.company_id, side.partner_key, side.partnership_type)
    for table in ("partnership_evidence", "partnerships"):
        await tx.execute(f"DELETE FROM {table} WHERE {_OF_CLAIM}", **of_claim)  # noqa: S608
    if key != company_key(side.company_id):
        await _add_sights(tx, side.company_id, key, side.partnership_type, sights)


async def _add_sights(
    tx: Transaction, company_id: int, key: str, kind: PartnershipType, sights: Sequence[Sight]
) -> None:
    known = await _fetch_sights(tx, company_id, key, kind)
    of_claim = {"company_id": company_id, "partner_key": key, "partnership_type": kind}
    if known:
        await tx.execute(f"DELETE FROM partnership_evidence WHERE {_OF_CLAIM}", **of_claim)  # noqa: S608
    await tx.execute_many(
        _ADD_SIGHT,
        [
            {**of_claim, "place": place, **asdict(sight)}
            for place, sight in enumerate(keep_sights((*known, *sights)))
        ],
    )


async def _fetch_sights(
    tx: Transaction, company_id: int, key: str, kind: PartnershipType
) -> list[Sight]:
    rows = await tx.fetch_all(
        f"SELECT {_SIGHT} FROM partnership_evidence WHERE {_OF_CLAIM}",  # noqa: S608
        company_id=company_id,
        partner_key=key,
        partnership_type=kind,
    )
    return [Sight(*row) for row in rows]


def _side(row: Row) -> Side:
    values = list(row[:11])
    values[6:8] = [bool(value) for value in values[6:8]]
    return Side(*values)
