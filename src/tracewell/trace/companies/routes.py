"""The wire models and routes of companies. Both are metered: one credit per net-new company."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Generic, Literal, TypeVar

from fastapi import Path, Request
from pydantic import BaseModel, ConfigDict
from starlette.responses import Response

from tracewell.kernel.http.answer import Answer, as_response
from tracewell.kernel.http.app import passed
from tracewell.kernel.http.endpoint import Access, Endpoint
from tracewell.kernel.http.gate import FastHandler, Passed
from tracewell.trace import errors
from tracewell.trace.companies.service import Companies
from tracewell.trace.paging import Pager

_TAG = "Companies"
_VALUES_MAX = 20
_LOOKUP = "/v1/companies/{identifier}"

Value = TypeVar("Value")


class _Model(BaseModel):
    model_config = ConfigDict(extra="forbid")


class DomainAnswer(_Model):
    """A domain that leads to the company."""

    domain: str
    is_primary: bool
    first_observed_at: datetime
    last_observed_at: datetime


class Told(_Model, Generic[Value]):
    """A value and the page, or the record of a register or list, that told it."""

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
    last_crawled_at: datetime | None


def company_endpoints(service: Companies, pager: Pager) -> tuple[Endpoint, ...]:
    """The endpoints of companies."""

    async def get_company(
        request: Request,
        identifier: Annotated[str, Path(description="A domain or a slug.")],
    ) -> Response:
        """The profile of one company by a domain of it or by its slug."""
        return as_response(await service.lookup_answer(passed(request)))

    return (
        Endpoint(
            "GET", _LOOKUP, get_company, Access(charges="1 credit unless it is unlocked"),
            "Get a company", CompanyProfile, _TAG,
            errors=(errors.COMPANY_NOT_FOUND, errors.CREDIT_EXHAUSTED),
        ),
    )  # fmt: skip


def company_fast_handlers(service: Companies) -> dict[str, FastHandler]:
    """Endpoints that the gate answers itself, by name; None leaves a request to its route."""

    async def get_company(request: Passed) -> Answer | None:
        if request.scope["query_string"]:
            return None
        return await service.lookup_answer(request)

    return {f"GET {_LOOKUP}": get_company}
