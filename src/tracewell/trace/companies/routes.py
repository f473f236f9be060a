"""The wire models and routes of companies. Both are metered: one credit per net-new company."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any, Generic, Literal, TypeVar

from fastapi import Path, Request
from fastapi import Query as Parameter
from pydantic import BaseModel, ConfigDict
from starlette.responses import Response

from tracewell.kernel.clock import format_utc
from tracewell.kernel.http.answer import Answer, as_response, json_answer
from tracewell.kernel.http.app import passed
from tracewell.kernel.http.endpoint import Access, Endpoint
from tracewell.kernel.http.gate import FastHandler, Passed
from tracewell.trace import errors
from tracewell.trace.companies.model import Query, Sort, Summary
from tracewell.trace.companies.service import Companies
from tracewell.trace.metering import call_of, charge_headers
from tracewell.trace.paging import LIMIT_DEFAULT, Page, Paged, PageLimit, PageNumber, Pager
from tracewell.trace.texts import SLUG_PATTERN, SearchText

_TAG = "Companies"
_VALUES_MAX = 20
_LOOKUP = "/v1/companies/{identifier}"

Value = TypeVar("Value")

Slugs = Annotated[
    str,
    Parameter(
        max_length=1_000,
        pattern=f"^{SLUG_PATTERN}(?:,{SLUG_PATTERN}){{0,{_VALUES_MAX - 1}}}$",
        description=f"Slugs, comma-separated, at most {_VALUES_MAX}.",
    ),
]
Countries = Annotated[
    str,
    Parameter(
        pattern=f"^[A-Za-z]{{2}}(?:,[A-Za-z]{{2}}){{0,{_VALUES_MAX - 1}}}$",
        description="ISO 3166-1 alpha-2 codes of the headquarters, comma-separated: any of them.",
    ),
]


class _Model(BaseModel):
    model_config = ConfigDict(extra="forbid")


class DomainAnswer(_Model):
    """A domain that leads to the company."""

    domain: str
    is_primary: bool
    first_observed_at: datetime
    last_observed_at: datetime


class Told(_Model, Generic[Value]):
    """A value and the page that told it."""

    value: Value
    source_url: str
    observed_at: datetime


class AddressAnswer(_Model):
    """The parts of an address that were told; `country` is an ISO 3166-1 alpha-2 code."""

    street: str | None
    postal_code: str | None
    locality: str | None
    region: str | None
    country: str | None


class RegistryIdentifier(_Model):
    """A number under which a registry knows the company, an LEI for example."""

    kind: str
    value: str


class FirmographicsAnswer(_Model):
    """Who the company is, by its own pages; null where none told."""

    legal_name: Told[str] | None
    description: Told[str] | None
    industry: Told[str] | None
    founded_year: Told[int] | None
    employee_range: Told[str] | None
    headquarters: Told[AddressAnswer] | None
    phone: Told[str] | None
    logo: Told[str] | None
    social_profiles: list[Told[str]]
    registry_identifiers: list[Told[RegistryIdentifier]]


class TechnologyUseAnswer(_Model):
    """A technology that the company runs; `observation_count` counts captures."""

    slug: str
    name: str
    categories: list[str]
    vendor: str | None
    version: str | None
    confidence: int
    status: Literal["active", "dropped"]
    first_observed_at: datetime
    last_observed_at: datetime
    observation_count: int


class CompanyProfile(_Model):
    """All that is known of a company."""

    company_id: int
    slug: str
    name: str
    primary_domain: str
    domains: list[DomainAnswer]
    firmographics: FirmographicsAnswer
    technologies: list[TechnologyUseAnswer]
    technology_count: int
    partnership_count: int
    posting_count: int
    first_observed_at: datetime
    last_observed_at: datetime
    last_crawled_at: datetime


class CompanySummary(_Model):
    """A company as a row of a search."""

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


def company_endpoints(service: Companies, pager: Pager) -> tuple[Endpoint, ...]:
    """The endpoints of companies."""

    async def get_company(
        request: Request,
        identifier: Annotated[str, Path(description="A domain or a slug.")],
    ) -> Response:
        """The profile of one company by a domain of it or by its slug."""
        return as_response(await service.lookup_answer(passed(request)))

    async def search_companies(
        request: Request,
        q: Annotated[SearchText | None, Parameter(description="Part of name or domain.")] = None,
        technology: Slugs | None = None,
        technology_any: Slugs | None = None,
        category: Slugs | None = None,
        country: Countries | None = None,
        sort: Sort = "name",
        page: PageNumber = 1,
        limit: PageLimit = LIMIT_DEFAULT,
    ) -> Response:
        """The companies that fit every filter. `technology`: those that run all of these;
        `technology_any`, `category`, `country`: any of these."""
        query = Query(
            q,
            _parts(technology),
            _parts(technology_any),
            _parts(category),
            _parts(country and country.upper()),
            sort,
        )
        wanted, call = Page(page, limit), call_of(passed(request))
        (found, total), charge = await service.search(call, query, wanted)
        body = pager.envelope(request.scope, wanted, [_summary(row) for row in found], total)
        return as_response(json_answer(body, headers=charge_headers(charge)))

    paid = Access(charges="1 credit per company on the page that is not unlocked")
    return (
        Endpoint(
            "GET", _LOOKUP, get_company, Access(charges="1 credit unless it is unlocked"),
            "Get a company", CompanyProfile, _TAG,
            errors=(errors.COMPANY_NOT_FOUND, errors.CREDIT_EXHAUSTED),
        ),
        Endpoint(
            "GET", "/v1/companies", search_companies, paid, "Search companies",
            Paged[CompanySummary], _TAG, errors=(errors.CREDIT_EXHAUSTED,),
        ),
    )  # fmt: skip


def company_fast_handlers(service: Companies) -> dict[str, FastHandler]:
    """Endpoints that the gate answers itself, by name; None leaves a request to its route."""

    async def get_company(request: Passed) -> Answer | None:
        if request.scope["query_string"]:
            return None
        return await service.lookup_answer(request)

    return {f"GET {_LOOKUP}": get_company}


def _parts(text: str | None) -> tuple[str, ...]:
    return tuple(dict.fromkeys(text.split(","))) if text else ()


def _summary(row: Summary) -> dict[str, Any]:
    return {
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
