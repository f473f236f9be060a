"""The SQL of companies: paid reads by group, searches, and whole companies in and out."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

import orjson

from tracewell.extraction import Fact
from tracewell.kernel.credits.batch import Found
from tracewell.kernel.database import Row, Sql, Transaction
from tracewell.trace.companies.days import add_days, day_of, unpack_days
from tracewell.trace.companies.model import Company, Domain, Sign, Summary, Use
from tracewell.trace.companies.properties import StoredUse, stored_properties
from tracewell.trace.companies.rows import (
    DOMAIN_COLUMNS,
    FACT_COLUMNS,
    SIGN_COLUMNS,
    USE_COLUMNS,
    company_row,
    domain_rows,
    fact_rows,
    properties_of_row,
    sign_rows,
    use_rows,
)
from tracewell.trace.companies.rules import unpack_types
from tracewell.trace.index.bitmaps import Property, change_properties
from tracewell.trace.technologies.model import Technology

_BY_DOMAIN = Sql(
    sqlite="""
        SELECT d.domain, c.company_id, c.profile
        FROM json_each(:keys) AS asked
        JOIN company_domains AS d ON d.domain = asked.value
        JOIN companies AS c ON c.company_id = d.company_id""",
    postgresql="""
        SELECT d.domain, c.company_id, c.profile
        FROM company_domains AS d JOIN companies AS c ON c.company_id = d.company_id
        WHERE d.domain = ANY(CAST(:keys AS TEXT[]))""",
)

_BY_SLUG = Sql(
    sqlite="""
        SELECT c.slug, c.company_id, c.profile
        FROM json_each(:keys) AS asked JOIN companies AS c ON c.slug = asked.value""",
    postgresql="""
        SELECT slug, company_id, profile FROM companies
        WHERE slug = ANY(CAST(:keys AS TEXT[]))""",
)

_SUMMARY = """c.company_id, c.slug, c.name, c.primary_domain, c.country, c.technology_count,
    c.partnership_count, c.posting_count, c.first_observed_at, c.last_observed_at"""

_SUMMARIES = Sql(
    sqlite=f"""
        SELECT {_SUMMARY} FROM companies AS c
        WHERE c.company_id IN (SELECT value FROM json_each(:ids))""",  # noqa: S608 - our own words
    postgresql=f"""
        SELECT {_SUMMARY} FROM companies AS c
        WHERE c.company_id = ANY(CAST(:ids AS BIGINT[]))""",  # noqa: S608
)


async def read_profiles(tx: Transaction, wanted: Sequence[str]) -> Sequence[Found[bytes] | None]:
    """The stored profile for each wanted domain or slug, all in one statement of either kind; None
    where there is none."""
    # A domain has a dot and a slug has none, so that no key is found by both.
    domains = [key for key in dict.fromkeys(wanted) if "." in key]
    slugs = [key for key in dict.fromkeys(wanted) if "." not in key]
    found: dict[str, Found[bytes]] = {}
    for statement, keys in ((_BY_DOMAIN, domains), (_BY_SLUG, slugs)):
        if keys:
            asked = orjson.dumps(keys).decode() if tx.dialect == "sqlite" else keys
            for key, company_id, profile in await tx.fetch_all(statement, keys=asked):
                found[key] = Found(profile.encode(), (company_id,))
    return [found.get(key) for key in wanted]


async def fetch_summaries(tx: Transaction, company_ids: Sequence[int]) -> list[Summary]:
    """The companies as rows of a search, in the order of the ids."""
    asked = orjson.dumps(company_ids).decode() if tx.dialect == "sqlite" else list(company_ids)
    rows = {row[0]: Summary(*row) for row in await tx.fetch_all(_SUMMARIES, ids=asked)}
    return [rows[company_id] for company_id in company_ids]


# Writers of companies take turns: what is read here is written back whole.
_LOCK = 0x74726163_65636F

_COMPANY = """company_id, slug, primary_domain, partnership_count, posting_count,
    first_observed_at, last_observed_at, last_crawled_at, visit_days, partnership_kinds"""
_ADD = """
    INSERT INTO companies (slug, name, sort_name, search_text, primary_domain, technology_count,
      first_observed_at, last_observed_at, last_crawled_at, profile)
    VALUES (:slug, :slug, :slug, '', :domain, 0, :at, :at, :at, '') RETURNING company_id"""
_SAVE = """
    UPDATE companies SET name = :name, sort_name = :sort_name, search_text = :search_text,
      name_key = :name_key, country = :country, industry = :industry,
      employee_range = :employee_range, founded_year = :founded_year,
      technology_count = :technology_count, partnership_count = :partnership_count,
      partnership_kinds = :partnership_kinds, posting_count = :posting_count,
      visit_days = :visit_days, change_number = :change_number,
      first_observed_at = :first_observed_at, last_observed_at = :last_observed_at,
      last_crawled_at = :last_crawled_at, profile = :profile
    WHERE company_id = :company_id"""
_NEXT_CHANGE = """
    UPDATE company_changes SET change_number = change_number + 1 RETURNING change_number"""
_SAVE_TEXT = """
    INSERT OR REPLACE INTO company_texts (rowid, search_text) VALUES (:company_id, :search_text)"""
# A company that was added and not saved yet has no profile.
_FIRMOGRAPHICS = """
    SELECT profile = '', search_text, country, industry, employee_range FROM companies
    WHERE company_id = :company_id"""
_USES = """
    SELECT technology_id, status, confidence, version, first_observed_at, dropped_at
    FROM technology_uses WHERE company_id = :company_id"""
_SAVE_DOMAIN = """
    INSERT INTO company_domains
      (domain, company_id, is_primary, first_observed_at, last_observed_at)
    VALUES (:domain, :company_id, :is_primary, :first_observed_at, :last_observed_at)
    ON CONFLICT (domain) DO UPDATE SET first_observed_at = excluded.first_observed_at,
      last_observed_at = excluded.last_observed_at"""
_SAVE_USE = """
    INSERT INTO technology_uses (company_id, technology_id, version, version_observed_at,
      confidence, status, first_observed_at, last_observed_at, observation_count, seen_days,
      dropped_at)
    VALUES (:company_id, :technology_id, :version, :version_observed_at, :confidence, :status,
      :first_observed_at, :last_observed_at, :observation_count, :seen_days, :dropped_at)
    ON CONFLICT (company_id, technology_id) DO UPDATE SET version = excluded.version,
      version_observed_at = excluded.version_observed_at, confidence = excluded.confidence,
      status = excluded.status, first_observed_at = excluded.first_observed_at,
      last_observed_at = excluded.last_observed_at,
      observation_count = excluded.observation_count, seen_days = excluded.seen_days,
      dropped_at = excluded.dropped_at"""
_FORGET = (
    "DELETE FROM technology_evidence WHERE company_id = :company_id",
    "DELETE FROM firmographics WHERE company_id = :company_id",
)
_DROP_USE = """
    DELETE FROM technology_uses WHERE company_id = :company_id AND technology_id = :technology_id"""
_ADD_SIGN = """
    INSERT INTO technology_evidence (company_id, technology_id, place, kind, name, pattern, excerpt,
      url, capture, start_byte, end_byte, observed_at)
    VALUES (:company_id, :technology_id, :place, :kind, :name, :pattern, :excerpt, :url, :capture,
      :start_byte, :end_byte, :observed_at)"""
_ADD_FACT = """
    INSERT INTO firmographics (company_id, place, field, value, weight, source_url, observed_at)
    VALUES (:company_id, :place, :field, :value, :weight, :source_url, :observed_at)"""


async def lock_companies(tx: Transaction) -> None:
    """Waits until no other transaction changes companies. Reads go on."""
    if tx.dialect == "postgresql":
        await tx.execute("SELECT pg_advisory_xact_lock(:lock)", lock=_LOCK)


async def find_company_id(tx: Transaction, domain: str) -> int | None:
    """The company that a domain leads to."""
    found: int | None = await tx.fetch_value(
        "SELECT company_id FROM company_domains WHERE domain = :domain", domain=domain
    )
    return found


async def is_slug_taken(tx: Transaction, slug: str) -> bool:
    """Whether a company has the slug."""
    found = await tx.fetch_value("SELECT 1 FROM companies WHERE slug = :slug", slug=slug)
    return found is not None


async def add_company(tx: Transaction, slug: str, domain: str, at: int) -> Company:
    """A new company of which nothing is known yet; `save_company` must follow."""
    company_id = await tx.fetch_value(_ADD, slug=slug, domain=domain, at=at)
    primary = Domain(domain, True, at, at)
    return Company(company_id, slug, domain, (primary,), (), (), 0, 0, at, at, at, ())


async def get_company(
    tx: Transaction, company_id: int, catalogue: Mapping[int, Technology]
) -> Company:
    """All that is known of a company. Raises LookupError."""
    row = await tx.fetch_one(
        f"SELECT {_COMPANY} FROM companies WHERE company_id = :id",  # noqa: S608 - our own words
        id=company_id,
    )
    if row is None:
        raise LookupError(company_id)
    _, slug, primary_domain, partnerships, postings, first, last, crawled, visits, kinds = row
    domains = await tx.fetch_all(
        "SELECT domain, is_primary, first_observed_at, last_observed_at FROM company_domains"
        " WHERE company_id = :id",
        id=company_id,
    )
    facts = await tx.fetch_all(
        "SELECT field, value, weight, source_url, observed_at FROM firmographics"
        " WHERE company_id = :id",
        id=company_id,
    )
    return Company(
        company_id,
        slug,
        primary_domain,
        tuple(Domain(name, bool(primary), begun, seen) for name, primary, begun, seen in domains),
        await _fetch_uses(tx, company_id, catalogue),
        tuple(Fact(*fact) for fact in facts),
        partnerships,
        postings,
        first,
        last,
        crawled,
        unpack_days(visits),
        unpack_types(kinds),
    )


async def _fetch_uses(
    tx: Transaction, company_id: int, catalogue: Mapping[int, Technology]
) -> tuple[Use, ...]:
    rows = await tx.fetch_all(
        "SELECT technology_id, kind, name, pattern, excerpt, url, capture, start_byte, end_byte,"
        " observed_at FROM technology_evidence WHERE company_id = :id",
        id=company_id,
    )
    signs: dict[int, list[Sign]] = {}
    for row in rows:
        signs.setdefault(row[0], []).append(Sign(*list(row)[1:]))
    rows = await tx.fetch_all(
        "SELECT technology_id, version, version_observed_at, confidence, status,"
        " first_observed_at, last_observed_at, observation_count, seen_days, dropped_at"
        " FROM technology_uses"
        " WHERE company_id = :id",
        id=company_id,
    )
    return tuple(_use(row, catalogue, signs) for row in rows)


def _use(row: Row, catalogue: Mapping[int, Technology], signs: Mapping[int, list[Sign]]) -> Use:
    technology_id, version, told_at, confidence, status, first, last, count, days, dropped = row
    # Of uses that were written before days were kept, the first and the last are known.
    seen = unpack_days(days) or add_days((), (day_of(first), day_of(last)))
    return Use(
        catalogue[technology_id], version, told_at, confidence, status, first, last, count,
        tuple(signs.get(technology_id, ())), seen, dropped,
    )  # fmt: skip


async def save_company(tx: Transaction, company: Company, gone: Sequence[Use] = ()) -> None:
    """Writes the company whole, its profile rendered anew, and what the index says of it.

    Stored uses that it has no more must be `gone`: they are taken away.
    """
    before = await _stored_properties(tx, company, gone)
    row = company_row(company, await tx.fetch_value(_NEXT_CHANGE))
    await tx.execute(_SAVE, **row._asdict())
    if tx.dialect == "sqlite":
        await tx.execute(_SAVE_TEXT, company_id=row.company_id, search_text=row.search_text)
    await change_properties(tx, company.company_id, before, properties_of_row(company, row))
    await _save_parts(tx, company, gone)


async def _save_parts(tx: Transaction, company: Company, gone: Sequence[Use]) -> None:
    of_company = {"company_id": company.company_id}
    for statement in _FORGET:
        await tx.execute(statement, **of_company)
    await tx.execute_many(
        _DROP_USE, [{**of_company, "technology_id": use.technology.technology_id} for use in gone]
    )
    for statement, columns, rows in (
        (_SAVE_DOMAIN, DOMAIN_COLUMNS, domain_rows(company)),
        (_SAVE_USE, USE_COLUMNS, use_rows(company)),
        (_ADD_SIGN, SIGN_COLUMNS, sign_rows(company)),
        (_ADD_FACT, FACT_COLUMNS, fact_rows(company)),
    ):
        await tx.execute_many(statement, [dict(zip(columns, row, strict=True)) for row in rows])


async def _stored_properties(
    tx: Transaction, company: Company, gone: Sequence[Use]
) -> frozenset[Property]:
    of_company = {"company_id": company.company_id}
    row = await tx.fetch_one(_FIRMOGRAPHICS, **of_company)
    assert row is not None, "a company is added before it is saved"
    is_new, search_text, country, industry, employee_range = row
    if is_new:
        return frozenset()
    rows = await tx.fetch_all(_USES, **of_company)
    return frozenset(
        stored_properties(
            replace(company, uses=(*company.uses, *gone)),
            search_text,
            [StoredUse(*row) for row in rows],
            (country, industry, employee_range),
        )
    )
