"""The wire models and routes of a company's details. Metered: one credit for the company."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any, Literal

import orjson
from fastapi import Path, Query, Request
from pydantic import BaseModel, ConfigDict, Field, StringConstraints
from starlette.responses import Response

from tracewell.kernel.clock import format_utc, format_utc_or_none
from tracewell.kernel.http.answer import as_response, json_answer
from tracewell.kernel.http.app import passed
from tracewell.kernel.http.endpoint import Access, Endpoint
from tracewell.trace import errors
from tracewell.trace.companies.heads import Head
from tracewell.trace.companies.model import Sign
from tracewell.trace.companies.routes import CompanyProfile, TechnologyUseAnswer
from tracewell.trace.details.model import Event, PostingRow, UseFilter, UseRow
from tracewell.trace.details.service import Details
from tracewell.trace.metering import call_of, charge_headers
from tracewell.trace.paging import (
    LIMIT_DEFAULT,
    Page,
    PageLimit,
    PageNumber,
    Pager,
    Pagination,
)
from tracewell.trace.texts import SLUG_CHARS_MAX, SLUG_PATTERN

BATCH_MAX = 100

Identifier = Annotated[str, Path(description="A domain or a slug.")]
Slug = Annotated[str, Query(max_length=SLUG_CHARS_MAX, pattern=f"^{SLUG_PATTERN}$")]


class _Model(BaseModel):
    model_config = ConfigDict(extra="forbid")


class CompanyHead(_Model):
    """The company that the rows are about."""

    slug: str
    name: str
    primary_domain: str


class EvidenceAnswer(_Model):
    """Why a use is claimed; `capture` is the record in the archive of what was fetched, and bytes
    `start_byte` to `end_byte` of its body are the excerpt, where the sign stands in the body."""

    kind: str
    name: str
    pattern: str
    excerpt: str
    url: str
    capture: str
    start_byte: int | None
    end_byte: int | None
    observed_at: datetime


class UseWithEvidence(TechnologyUseAnswer):
    """A use; `evidence` with `include=evidence`, else null."""

    evidence: list[EvidenceAnswer] | None


class CompanyTechnologies(_Model):
    """A page of a company's technologies."""

    company: CompanyHead
    data: list[UseWithEvidence]
    pagination: Pagination


class EventAnswer(_Model):
    """A technology was adopted, or dropped; the day is what is known of the time."""

    slug: str
    name: str
    event: Literal["adopted", "dropped"]
    occurred_at: datetime


class CompanyHistory(_Model):
    """A page of a company's adoptions and drops."""

    company: CompanyHead
    data: list[EventAnswer]
    pagination: Pagination


class NamedTechnology(_Model):
    """A technology that a posting names."""

    slug: str
    name: str


class PostingAnswer(_Model):
    """A job posting as the company's pages tell it."""

    title: str
    location: str | None
    remote: bool | None
    employment_type: str | None
    posted_at: datetime | None
    expires_at: datetime | None
    url: str
    capture: str
    first_observed_at: datetime
    last_observed_at: datetime
    technologies: list[NamedTechnology]


class CompanyPostings(_Model):
    """A page of a company's job postings."""

    company: CompanyHead
    data: list[PostingAnswer]
    pagination: Pagination


class BatchQuestion(_Model):
    """The domains of the companies that are wanted."""

    domains: Annotated[
        list[Annotated[str, StringConstraints(max_length=2_048)]],
        Field(min_length=1, max_length=BATCH_MAX),
    ]


class BatchRow(_Model):
    """One domain as it was asked for; `company` is null when it is not tracked."""

    domain: str
    status: Literal["found", "not_tracked"]
    company: CompanyProfile | None


class BatchAnswer(_Model):
    """One result for each domain, in the request's order."""

    results: list[BatchRow]
    total_domains_requested: int
    domains_found: int


def detail_endpoints(service: Details, pager: Pager) -> tuple[Endpoint, ...]:
    """The endpoints of a company's details."""

    async def list_company_technologies(
        request: Request,
        identifier: Identifier,
        category: Slug | None = None,
        vendor: Slug | None = None,
        status: Literal["active", "dropped"] | None = None,
        include: Literal["evidence"] | None = None,
        page: PageNumber = 1,
        limit: PageLimit = LIMIT_DEFAULT,
    ) -> Response:
        """What the company runs and has run, the active ones first, by name."""
        wanted, call = Page(page, limit), call_of(passed(request))
        use_filter = UseFilter(category, vendor, status, include == "evidence")
        (head, (rows, total)), charge = await service.list_uses(
            call, identifier, use_filter, wanted
        )
        body = pager.envelope(request.scope, wanted, [_use(row) for row in rows], total)
        return _answer(head, body, charge_headers(charge))

    async def list_company_history(
        request: Request,
        identifier: Identifier,
        page: PageNumber = 1,
        limit: PageLimit = LIMIT_DEFAULT,
    ) -> Response:
        """What the company adopted and dropped, and when, the newest first."""
        wanted, call = Page(page, limit), call_of(passed(request))
        (head, (rows, total)), charge = await service.list_events(call, identifier, wanted)
        body = pager.envelope(request.scope, wanted, [_event(row) for row in rows], total)
        return _answer(head, body, charge_headers(charge))

    async def list_company_postings(
        request: Request,
        identifier: Identifier,
        technology: Slug | None = None,
        page: PageNumber = 1,
        limit: PageLimit = LIMIT_DEFAULT,
    ) -> Response:
        """The company's job postings, the last seen first."""
        wanted, call = Page(page, limit), call_of(passed(request))
        (head, (rows, total)), charge = await service.list_postings(
            call, identifier, technology, wanted
        )
        body = pager.envelope(request.scope, wanted, [_posting(row) for row in rows], total)
        return _answer(head, body, charge_headers(charge))

    async def get_companies(request: Request, question: BatchQuestion) -> Response:
        """The profiles of up to 100 companies by domain; each company is charged once."""
        profiles, charge = await service.get_profiles(call_of(passed(request)), question.domains)
        results = [
            {
                "domain": domain,
                "status": "not_tracked" if profile is None else "found",
                # The stored bytes are told as they are.
                "company": None if profile is None else orjson.Fragment(profile),
            }
            for domain, profile in zip(question.domains, profiles, strict=True)
        ]
        body = {
            "results": results,
            "total_domains_requested": len(results),
            "domains_found": sum(profile is not None for profile in profiles),
        }
        return as_response(json_answer(body, headers=charge_headers(charge)))

    one = Access(charges="1 credit unless the company is unlocked")
    batch = Access(charges="1 credit per company found that is not unlocked")
    may_fail = (errors.COMPANY_NOT_FOUND, errors.CREDIT_EXHAUSTED)
    base = "/v1/companies/{identifier}"
    return (
        Endpoint(
            "GET", f"{base}/technologies", list_company_technologies, one,
            "List a company's technologies", CompanyTechnologies, "Companies", errors=may_fail,
        ),
        Endpoint(
            "GET", f"{base}/technologies/history", list_company_history, one,
            "List a company's adoptions and drops", CompanyHistory, "Companies", errors=may_fail,
        ),
        Endpoint(
            "GET", f"{base}/postings", list_company_postings, one,
            "List a company's job postings", CompanyPostings, "Companies", errors=may_fail,
        ),
        Endpoint(
            "POST", "/v1/companies/batch", get_companies, batch, "Get companies by domain",
            BatchAnswer, "Companies", errors=(errors.CREDIT_EXHAUSTED,), takes_body=True,
        ),
    )  # fmt: skip


def _answer(head: Head, body: dict[str, Any], headers: Any) -> Response:
    company = {"slug": head.slug, "name": head.name, "primary_domain": head.primary_domain}
    return as_response(json_answer({"company": company, **body}, headers=headers))


def _use(row: UseRow) -> dict[str, Any]:
    return {
        "slug": row.slug,
        "name": row.name,
        "categories": row.categories,
        "vendor": row.vendor,
        "version": row.version,
        "confidence": row.confidence,
        "status": row.status,
        "first_observed_at": format_utc(row.first_observed_at),
        "last_observed_at": format_utc(row.last_observed_at),
        "observation_count": row.observation_count,
        "evidence": None if row.signs is None else [_sign(sign) for sign in row.signs],
    }


def _sign(sign: Sign) -> dict[str, Any]:
    return {
        "kind": sign.kind,
        "name": sign.name,
        "pattern": sign.pattern,
        "excerpt": sign.excerpt,
        "url": sign.url,
        "capture": sign.capture,
        "start_byte": sign.start_byte,
        "end_byte": sign.end_byte,
        "observed_at": format_utc(sign.observed_at),
    }


def _event(row: Event) -> dict[str, Any]:
    return {
        "slug": row.slug,
        "name": row.name,
        "event": row.event,
        "occurred_at": format_utc(row.at),
    }


def _posting(row: PostingRow) -> dict[str, Any]:
    return {
        "title": row.title,
        "location": row.location,
        "remote": row.is_remote,
        "employment_type": row.employment_type,
        "posted_at": format_utc_or_none(row.posted_at),
        "expires_at": format_utc_or_none(row.expires_at),
        "url": row.url,
        "capture": row.capture,
        "first_observed_at": format_utc(row.first_observed_at),
        "last_observed_at": format_utc(row.last_observed_at),
        "technologies": [{"slug": slug, "name": name} for slug, name in row.technologies],
    }
