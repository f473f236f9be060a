"""Many companies at once, set by set: ids, domains and slugs looked up, new companies written.

What stands in the database afterwards is what `store.save_company` would have written of each.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import orjson
from pyroaring import BitMap

from tracewell.kernel.database import Sql, Transaction, reserve_ids
from tracewell.trace.companies.collecting import PropertyCollector
from tracewell.trace.companies.model import Company
from tracewell.trace.companies.rows import (
    DOMAIN_COLUMNS,
    FACT_COLUMNS,
    SIGN_COLUMNS,
    USE_COLUMNS,
    CompanyRow,
    Values,
    company_row,
    domain_rows,
    fact_rows,
    sign_rows,
    use_rows,
)
from tracewell.trace.index.bitmaps import Property, add_properties

_NEXT_CHANGES = """
    UPDATE company_changes SET change_number = change_number + :count RETURNING change_number"""
_IDS_BY_DOMAIN = Sql(
    sqlite="""
        SELECT domain, company_id FROM company_domains
        WHERE domain IN (SELECT value FROM json_each(:keys))""",
    postgresql="""
        SELECT domain, company_id FROM company_domains
        WHERE domain = ANY(CAST(:keys AS TEXT[]))""",
)
_SLUGS = Sql(
    sqlite="SELECT slug FROM companies WHERE slug IN (SELECT value FROM json_each(:keys))",
    postgresql="SELECT slug FROM companies WHERE slug = ANY(CAST(:keys AS TEXT[]))",
)

_PARTS = (
    ("company_domains", DOMAIN_COLUMNS, domain_rows),
    ("technology_uses", USE_COLUMNS, use_rows),
    ("technology_evidence", SIGN_COLUMNS, sign_rows),
    ("firmographics", FACT_COLUMNS, fact_rows),
)


async def find_company_ids(tx: Transaction, domains: Sequence[str]) -> dict[str, int]:
    """The companies that domains lead to; a domain of none is left out."""
    keys = orjson.dumps(domains).decode() if tx.dialect == "sqlite" else list(domains)
    return {row[0]: row[1] for row in await tx.fetch_all(_IDS_BY_DOMAIN, keys=keys)}


async def list_taken_slugs(tx: Transaction, slugs: Sequence[str]) -> set[str]:
    """Those of the slugs that a company has."""
    keys = orjson.dumps(slugs).decode() if tx.dialect == "sqlite" else list(slugs)
    return {row[0] for row in await tx.fetch_all(_SLUGS, keys=keys)}


async def reserve_company_ids(tx: Transaction, count: int) -> list[int]:
    """Ids for that many new companies, ascending. The caller has locked the companies and inserts
    them in this transaction."""
    return await reserve_ids(tx, "companies", "company_id", count)


@dataclass(frozen=True, slots=True)
class CompanyBatch:
    """New companies as what will be written of them; `parts` are rows by table."""

    rows: list[CompanyRow]
    parts: list[list[Values]]
    properties: dict[Property, BitMap]


def prepare_companies(companies: Iterable[Company]) -> CompanyBatch:
    """Makes all rows, without a database: the work that need not wait for other writers.

    Everything is held in memory: some kilobytes a company.
    """
    rows: list[CompanyRow] = []
    parts: list[list[Values]] = [[] for _ in _PARTS]
    collector = PropertyCollector()
    for company in companies:
        row = company_row(company, 0)
        rows.append(row)
        collector.add(company, row)
        for part, (_, _, rows_of) in zip(parts, _PARTS, strict=True):
            part += rows_of(company)
    return CompanyBatch(rows, parts, collector.properties())


async def insert_companies(tx: Transaction, companies: Iterable[Company]) -> None:
    """As `insert_batch`, of companies of which nothing has been prepared."""
    await insert_batch(tx, prepare_companies(companies))


async def insert_batch(tx: Transaction, batch: CompanyBatch) -> None:
    """Writes companies that are not there yet, with ids of `reserve_company_ids`, and what the
    index says of them. The caller has locked the companies.

    Raises DatabaseFailed when a slug or domain is taken.
    """
    count = len(batch.rows)
    first = await tx.fetch_value(_NEXT_CHANGES, count=count) + 1 - count
    rows = (row._replace(change_number=first + n) for n, row in enumerate(batch.rows))
    await tx.copy_rows("companies", CompanyRow._fields, rows)
    if tx.dialect == "sqlite":
        texts = ((row.company_id, row.search_text) for row in batch.rows)
        await tx.copy_rows("company_texts", ("rowid", "search_text"), texts)
    for part, (table, columns, _) in zip(batch.parts, _PARTS, strict=True):
        await tx.copy_rows(table, columns, part)
    await add_properties(tx, batch.properties)
