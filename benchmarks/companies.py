"""Companies for benchmarks: made by a seed, rendered by the product's own code, written in bulk."""

from __future__ import annotations

import random
from collections.abc import Iterator
from typing import Any

from tracewell.extraction import Fact
from tracewell.extraction.model import Field
from tracewell.kernel.database import Database, open_database
from tracewell.main.ground import all_migrations
from tracewell.trace.companies.days import day_of
from tracewell.trace.companies.model import Company, Domain, Use
from tracewell.trace.companies.profile import render_profile
from tracewell.trace.technologies.model import Technology

COMPANIES = 120_000
SEED = 20_261_122
AT = 1_780_000_000_000
_BATCH = 5_000
_TECHNOLOGIES = tuple(
    Technology(number, f"technology-{number}", f"Technology {number}", None, None,
               f"Vendor {number % 60}", ("JavaScript libraries", "Analytics")[: 1 + number % 2])
    for number in range(1, 301)
)  # fmt: skip

_INSERT = """
    INSERT INTO companies (company_id, slug, name, sort_name, search_text, primary_domain, country,
      technology_count, first_observed_at, last_observed_at, last_crawled_at, profile)
    VALUES (:id, :slug, :slug, :slug, :slug, :domain, 'DE', :count, :at, :at, :at, :profile)"""
_INSERT_DOMAIN = """
    INSERT INTO company_domains
      (domain, company_id, is_primary, first_observed_at, last_observed_at)
    VALUES (:domain, :id, 1, :at, :at)"""


def make_company(number: int, chance: random.Random) -> Company:
    """A company with some twelve technologies and the usual facts."""
    domain = f"c{number}.example"
    url = f"https://{domain}/about"
    uses = tuple(
        Use(technology, f"{chance.randint(1, 9)}.{chance.randint(0, 20)}", AT, 100, "active",
            AT, AT, chance.randint(1, 9), (), (day_of(AT),), None)
        for technology in chance.sample(_TECHNOLOGIES, chance.randint(6, 18))
    )  # fmt: skip
    told: tuple[tuple[Field, str], ...] = (
        ("legal_name", f"Company {number} GmbH"),
        ("description", "Makes things that other companies need, and sells them. " * 2),
        ("phone", "+49 30 123456"),
        ("logo", f"https://{domain}/logo.svg"),
        ("social_profile", f"https://www.linkedin.com/company/c{number}"),
    )
    facts = tuple(Fact(field, value, 90, url, AT) for field, value in told)
    return Company(
        number + 1, f"c{number}", domain, (Domain(domain, True, AT, AT),), uses, facts, 0, 0,
        AT, AT, AT, (day_of(AT),),
    )  # fmt: skip


def _rows(first: int, last: int) -> Iterator[dict[str, Any]]:
    for number in range(first, last):
        company = make_company(number, random.Random(SEED + number))
        yield {
            "id": company.company_id,
            "slug": company.slug,
            "domain": company.primary_domain,
            "count": len(company.uses),
            "at": AT,
            "profile": render_profile(company),
        }


async def insert_companies(url: str, count: int) -> None:
    """Writes companies `c0.example` to `c<count - 1>.example` into a database."""
    database: Database = await open_database(url)
    try:
        await all_migrations().up(database)
        for first in range(0, count, _BATCH):
            rows = list(_rows(first, min(first + _BATCH, count)))
            async with database.transaction() as tx:
                await tx.execute_many(_INSERT, rows)
                await tx.execute_many(_INSERT_DOMAIN, rows)
    finally:
        await database.close()
