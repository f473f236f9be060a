"""The wire models and routes of searches. Metered: one credit per net-new company on the page."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Annotated, Any

from fastapi import Depends, Request
from fastapi import Query as Parameter
from pydantic import BaseModel, ConfigDict
from starlette.responses import Response

from tracewell.kernel.clock import format_utc
from tracewell.kernel.http.answer import as_response, json_answer
from tracewell.kernel.http.app import passed
from tracewell.kernel.http.endpoint import Access, Endpoint
from tracewell.trace import errors
from tracewell.trace.companies.domains import parse_identifier
from tracewell.trace.companies.model import Summary
from tracewell.trace.filters.kinds import Day
from tracewell.trace.metering import call_of, charge_headers
from tracewell.trace.paging import LIMIT_DEFAULT, Page, Paged, PageLimit, PageNumber, Pager
from tracewell.trace.search.model import CompanyQuery, Sort
from tracewell.trace.search.service import Search
from tracewell.trace.texts import SLUG_PATTERN, SearchText

VALUES_MAX = 20
PAID_PAGE = Access(charges="1 credit per company on the page that is not unlocked")

_TEXT_PATTERN = r"[^,\u0000]{1,200}"

Slugs = Annotated[
    str,
    Parameter(
        max_length=1_000,
        pattern=f"^{SLUG_PATTERN}(?:,{SLUG_PATTERN}){{0,{VALUES_MAX - 1}}}$",
        description=f"Slugs, comma-separated, at most {VALUES_MAX}.",
    ),
]
Countries = Annotated[
    str,
    Parameter(
        pattern=f"^[A-Za-z]{{2}}(?:,[A-Za-z]{{2}}){{0,{VALUES_MAX - 1}}}$",
        description="ISO 3166-1 alpha-2 codes of the headquarters, comma-separated: any of them.",
    ),
]
Texts = Annotated[
    str,
    Parameter(
        max_length=2_000,
        pattern=f"^{_TEXT_PATTERN}(?:,{_TEXT_PATTERN}){{0,{VALUES_MAX - 1}}}$",
        description=f"Values, comma-separated, at most {VALUES_MAX}: any of them.",
    ),
]
Partners = Annotated[
    str,
    Parameter(
        max_length=2_000,
        pattern=r"^[^,\u0000]{1,253}(?:,[^,\u0000]{1,253}){0,19}$",
        description=f"Domains or slugs, comma-separated, at most {VALUES_MAX}: any of them.",
    ),
]


class CompanySummary(BaseModel):
    """A company as a row of a search."""

    model_config = ConfigDict(extra="forbid")

    company_id: int
    slug: str
    name: str
    primary_domain: str
    country: str | None
    technology_count: int
    partnership_count: int
    posting_count: int
    first_observed_at: datetime
    last_observed_at: datetime


def company_query(
    q: Annotated[
        SearchText | None,
        Parameter(description="Part of name, slug or domain."),
    ] = None,
    technology: Slugs | None = None,
    technology_any: Slugs | None = None,
    without_technology: Slugs | None = None,
    vendor: Slugs | None = None,
    category: Slugs | None = None,
    country: Countries | None = None,
    industry: Texts | None = None,
    employee_range: Texts | None = None,
    partner: Partners | None = None,
    hiring: Annotated[bool | None, Parameter(description="Whether a job posting is open.")] = None,
    first_seen_after: Annotated[
        Day | None, Parameter(description="First observed after this day.")
    ] = None,
    last_seen_after: Annotated[
        Day | None, Parameter(description="Last observed after this day.")
    ] = None,
    sort: Annotated[
        Sort | None,
        Parameter(description="By name, with `q` by relevance, unless said otherwise."),
    ] = None,
) -> CompanyQuery:
    """The company filters of a request, which several endpoints share."""
    return CompanyQuery(
        q=q or None,
        technology=_parts(technology),
        technology_any=_parts(technology_any),
        without_technology=_parts(without_technology),
        vendor=_parts(vendor),
        category=_parts(category),
        country=_parts(country and country.upper()),
        industry=_parts(industry),
        employee_range=_parts(employee_range),
        partner=_identifiers(partner),
        hiring=hiring,
        first_seen_after=first_seen_after,
        last_seen_after=last_seen_after,
        sort=sort,
    )


CompanyFilters = Annotated[CompanyQuery, Depends(company_query)]


def search_endpoints(service: Search, pager: Pager) -> tuple[Endpoint, ...]:
    """The search of companies."""

    async def search_companies(
        request: Request,
        query: CompanyFilters,
        page: PageNumber = 1,
        limit: PageLimit = LIMIT_DEFAULT,
    ) -> Response:
        """The companies that fit every filter. `technology`: those that run all of these;
        `without_technology`: those that run none; the others: any of the values."""
        wanted, call = Page(page, limit), call_of(passed(request))
        (found, total), charge = await service.search(call, query, wanted)
        body = pager.envelope(request.scope, wanted, summaries(found), total)
        return as_response(json_answer(body, headers=charge_headers(charge)))

    return (
        Endpoint(
            "GET", "/v1/companies", search_companies, PAID_PAGE, "Search companies",
            Paged[CompanySummary], "Companies", errors=(errors.CREDIT_EXHAUSTED,),
        ),
    )  # fmt: skip


def summaries(rows: Sequence[Summary]) -> list[dict[str, Any]]:
    """Rows of a search as they are told."""
    return [
        {
            "company_id": row.company_id,
            "slug": row.slug,
            "name": row.name,
            "primary_domain": row.primary_domain,
            "country": row.country,
            "technology_count": row.technology_count,
            "partnership_count": row.partnership_count,
            "posting_count": row.posting_count,
            "first_observed_at": format_utc(row.first_observed_at),
            "last_observed_at": format_utc(row.last_observed_at),
        }
        for row in rows
    ]


def _parts(text: str | None) -> tuple[str, ...]:
    parts = (part.strip() for part in text.split(",")) if text else ()
    return tuple(dict.fromkeys(part for part in parts if part))


def _identifiers(text: str | None) -> tuple[str, ...]:
    return tuple(dict.fromkeys(map(_identifier, _parts(text))))


def _identifier(text: str) -> str:
    try:
        return parse_identifier(text)
    except ValueError:
        return text  # names no company, and no page can name it as a partner
