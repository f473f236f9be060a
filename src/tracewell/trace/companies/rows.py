"""A company as rows of its tables: pure. A row's values are in the order of its columns.

Whoever writes companies, one by one or in bulk, writes what is said here.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, NamedTuple

from tracewell.extraction import Field
from tracewell.trace.companies.days import pack_days
from tracewell.trace.companies.model import Company
from tracewell.trace.companies.profile import country_among, render_profile
from tracewell.trace.companies.properties import properties_of
from tracewell.trace.companies.rules import best_facts, name_among, pack_types
from tracewell.trace.index.bitmaps import Property
from tracewell.trace.texts import name_key, sort_key


class CompanyRow(NamedTuple):
    """A row of `companies`."""

    company_id: int
    slug: str
    name: str
    sort_name: str
    search_text: str
    name_key: str
    primary_domain: str
    country: str | None
    industry: str | None
    employee_range: str | None
    founded_year: int | None
    technology_count: int
    partnership_count: int
    partnership_kinds: int
    posting_count: int
    visit_days: bytes
    change_number: int
    first_observed_at: int
    last_observed_at: int
    last_crawled_at: int
    profile: str


DOMAIN_COLUMNS = (
    "domain", "company_id", "is_primary", "first_observed_at", "last_observed_at",
)  # fmt: skip
USE_COLUMNS = (
    "company_id", "technology_id", "version", "version_observed_at", "confidence", "status",
    "first_observed_at", "last_observed_at", "observation_count", "seen_days", "dropped_at",
)  # fmt: skip
SIGN_COLUMNS = (
    "company_id", "technology_id", "place", "kind", "name", "pattern", "excerpt", "url", "capture",
    "start_byte", "end_byte", "observed_at",
)  # fmt: skip
FACT_COLUMNS = (
    "company_id", "place", "field", "value", "weight", "source_url", "observed_at",
)  # fmt: skip

Values = tuple[Any, ...]


def company_row(company: Company, change_number: int) -> CompanyRow:
    """The company's row after its change of that number, its profile rendered anew."""
    best = best_facts(company.facts)
    name = name_among(best, company.primary_domain)

    def shown(field: Field) -> str | None:
        return best[field][0].value if field in best else None

    year = shown("founded_year")
    names = [name, company.slug, *(domain.domain for domain in company.domains)]
    return CompanyRow(
        company_id=company.company_id,
        slug=company.slug,
        name=name,
        sort_name=sort_key(name),
        search_text="\n".join(sort_key(text) for text in names),
        name_key=name_key(name),
        primary_domain=company.primary_domain,
        country=country_among(best),
        industry=shown("industry"),
        employee_range=shown("employee_range"),
        founded_year=int(year) if year else None,
        technology_count=sum(use.status == "active" for use in company.uses),
        partnership_count=company.partnership_count,
        partnership_kinds=pack_types(company.partnership_types),
        posting_count=company.posting_count,
        visit_days=pack_days(company.visit_days),
        change_number=change_number,
        first_observed_at=company.first_observed_at,
        last_observed_at=company.last_observed_at,
        last_crawled_at=company.last_crawled_at,
        profile=render_profile(company, best),
    )


def properties_of_row(company: Company, row: CompanyRow) -> Iterator[Property]:
    """Every property of the company, some more than once; `row` is its own."""
    return properties_of(
        row.primary_domain,
        row.search_text,
        company.uses,
        row.country,
        row.industry,
        row.employee_range,
    )


def domain_rows(company: Company) -> Iterator[Values]:
    """Rows of `company_domains`."""
    for one in company.domains:
        yield (
            one.domain, company.company_id, int(one.is_primary), one.first_observed_at,
            one.last_observed_at,
        )  # fmt: skip


def use_rows(company: Company) -> Iterator[Values]:
    """Rows of `technology_uses`."""
    for use in company.uses:
        yield (
            company.company_id, use.technology.technology_id, use.version, use.version_observed_at,
            use.confidence, use.status, use.first_observed_at, use.last_observed_at,
            use.observation_count, pack_days(use.seen_days), use.dropped_at,
        )  # fmt: skip


def sign_rows(company: Company) -> Iterator[Values]:
    """Rows of `technology_evidence`."""
    for use in company.uses:
        for place, sign in enumerate(use.signs):
            yield (
                company.company_id, use.technology.technology_id, place, sign.kind, sign.name,
                sign.pattern, sign.excerpt, sign.url, sign.capture, sign.start_byte,
                sign.end_byte, sign.observed_at,
            )  # fmt: skip


def fact_rows(company: Company) -> Iterator[Values]:
    """Rows of `firmographics`."""
    for place, fact in enumerate(company.facts):
        yield (
            company.company_id, place, fact.field, fact.value, fact.weight, fact.source_url,
            fact.observed_at,
        )  # fmt: skip
