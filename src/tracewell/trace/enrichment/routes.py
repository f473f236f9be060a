"""The wire models and the route of enrichment. Metered: one credit for each partner of ours."""

from __future__ import annotations

from datetime import datetime
from typing import Any, Literal

from fastapi import Request
from pydantic import BaseModel, ConfigDict, Field
from starlette.responses import Response

from tracewell.kernel.clock import format_utc
from tracewell.kernel.errors import ApiError
from tracewell.kernel.http.answer import as_response, json_answer
from tracewell.kernel.http.app import passed
from tracewell.kernel.http.endpoint import Access, Endpoint
from tracewell.trace import errors
from tracewell.trace.enrichment.service import Enriched, EnrichedPartner, Enrichment, clean_domains
from tracewell.trace.metering import call_of, charge_headers

DOMAINS_MAX = 100


class _Model(BaseModel):
    model_config = ConfigDict(extra="forbid")


class EnrichmentQuestion(_Model):
    """Up to 100 domains. Those without a dot or over 253 characters are dropped."""

    domains: list[str] = Field(min_length=1)


class EnrichedPartnership(_Model):
    """A partner; domain and slug are null where it is known by name alone."""

    partner_name: str
    partner_domain: str | None
    partner_slug: str | None
    first_observed_at: datetime
    last_observed_at: datetime
    observation_count: int
    category: str | None
    description: str | None


class EnrichedDomain(_Model):
    """One domain. Name, id and slug are null when it is not tracked."""

    domain: str
    status: Literal["found", "no_partnerships", "not_tracked"]
    company_name: str | None
    company_id: int | None
    slug: str | None
    partnerships: list[EnrichedPartnership]
    partnership_count: int


class EnrichmentAnswer(_Model):
    """One result for each domain, in the request's order."""

    results: list[EnrichedDomain]
    total_domains_requested: int
    domains_found: int
    domains_with_partnerships: int


def enrichment_endpoints(service: Enrichment) -> tuple[Endpoint, ...]:
    """The endpoint of enrichment."""

    async def enrich_partnerships(request: Request, question: EnrichmentQuestion) -> Response:
        """The partnerships of many domains, the last observed first."""
        if len(question.domains) > DOMAINS_MAX:
            raise ApiError(errors.BATCH_TOO_LARGE)
        domains = clean_domains(question.domains)
        found, charge = await service.enrich(call_of(passed(request)), domains)
        body = {
            "results": [_domain(one) for one in found],
            "total_domains_requested": len(found),
            "domains_found": sum(one.head is not None for one in found),
            "domains_with_partnerships": sum(bool(one.partners) for one in found),
        }
        return as_response(json_answer(body, headers=charge_headers(charge)))

    return (
        Endpoint(
            "POST", "/v1/enrich/partnerships", enrich_partnerships,
            Access(charges="1 credit per partner company that is not unlocked"),
            "Enrich domains with partnerships", EnrichmentAnswer, "Enrichment",
            errors=(errors.BATCH_TOO_LARGE, errors.CREDIT_EXHAUSTED), takes_body=True,
        ),
    )  # fmt: skip


def _domain(one: Enriched) -> dict[str, Any]:
    status = "not_tracked" if one.head is None else "found" if one.partners else "no_partnerships"
    return {
        "domain": one.domain,
        "status": status,
        "company_name": one.head.name if one.head else None,
        "company_id": one.head.company_id if one.head else None,
        "slug": one.head.slug if one.head else None,
        "partnerships": [_partnership(partner) for partner in one.partners],
        "partnership_count": len(one.partners),
    }


def _partnership(partner: EnrichedPartner) -> dict[str, Any]:
    return {
        "partner_name": partner.name,
        "partner_domain": partner.domain,
        "partner_slug": partner.slug,
        "first_observed_at": format_utc(partner.first_observed_at),
        "last_observed_at": format_utc(partner.last_observed_at),
        "observation_count": partner.observation_count,
        "category": partner.category,
        "description": partner.description,
    }
