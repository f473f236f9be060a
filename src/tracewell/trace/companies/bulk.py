"""Many companies at once, set by set: ids, domains and slugs looked up, new companies written.

What stands in the database afterwards is what `store.save_company` would have written of each.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence

import orjson

from tracewell.kernel.database import Sql, Transaction, reserve_ids
from tracewell.trace.companies.model import Company
from tracewell.trace.companies.rows import (
    DOMAIN_COLUMNS,
    FACT_COLUMNS,
    SIGN_COLUMNS,
    USE_COLUMNS,
    CompanyRow,
    company_row,
    domain_rows,
    fact_rows,
    properties_of_row,
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


async def insert_companies(tx: Transaction, companies: Sequence[Company]) -> None:
    """Writes companies that are not there yet, with ids of `reserve_company_ids`, and what the
    index says of them. The caller has locked the companies.

    Held in memory at once: some thousands are a good portion. Quickest are portions that end where
    a row of bitmaps does (`CHUNK_BITS`). Raises DatabaseFailed when a slug or domain is taken.
    """
    if not companies:
        return
    last = await tx.fetch_value(_NEXT_CHANGES, count=len(companies))
    numbers = range(last + 1 - len(companies), last + 1)
    rows = [company_row(one, number) for one, number in zip(companies, numbers, strict=True)]
    await tx.copy_rows("companies", CompanyRow._fields, rows)
    if tx.dialect == "sqlite":
        texts = ((row.company_id, row.search_text) for row in rows)
        await tx.copy_rows("company_texts", ("rowid", "search_text"), texts)
    for table, columns, rows_of in (
        ("company_domains", DOMAIN_COLUMNS, domain_rows),
        ("technology_uses", USE_COLUMNS, use_rows),
        ("technology_evidence", SIGN_COLUMNS, sign_rows),
        ("firmographics", FACT_COLUMNS, fact_rows),
    ):
        await tx.copy_rows(table, columns, (row for one in companies for row in rows_of(one)))
    found: dict[Property, list[int]] = defaultdict(list)
    for company, row in zip(companies, rows, strict=True):
        for one in properties_of_row(company, row):
            found[one].append(row.company_id)
    await add_properties(tx, found)
