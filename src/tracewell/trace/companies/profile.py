"""The profile of a company as JSON: the bytes that are stored and answered as they are."""

from __future__ import annotations

from functools import lru_cache
from typing import Any

import orjson

from tracewell.extraction import Fact
from tracewell.kernel import clock
from tracewell.kernel.clock import format_utc_or_none
from tracewell.trace.companies.model import Company, Domain, Use
from tracewell.trace.companies.rules import BestFacts, best_facts, name_among
from tracewell.trace.texts import sort_key

# What one capture shows has one time: a company's uses share a few.
format_utc = lru_cache(maxsize=8_192)(clock.format_utc)


def render_profile(company: Company, best: BestFacts | None = None) -> str:
    """The body of GET /v1/companies/{identifier}: compact JSON, keys in their order.

    `best` are the company's best facts, where they are known already.
    """
    best = best_facts(company.facts) if best is None else best
    active = [use for use in company.uses if use.status == "active"]
    body = {
        "company_id": company.company_id,
        "slug": company.slug,
        "name": name_among(best, company.primary_domain),
        "primary_domain": company.primary_domain,
        "domains": [_domain(domain) for domain in sorted(company.domains, key=_domain_order)],
        "firmographics": _firmographics(best),
        "technologies": [_use(use) for use in sorted(company.uses, key=_use_order)],
        "technology_count": len(active),
        "partnership_count": company.partnership_count,
        "posting_count": company.posting_count,
        "first_observed_at": format_utc(company.first_observed_at),
        "last_observed_at": format_utc(company.last_observed_at),
        # 0 of a company that was loaded from a list and of which no page was read yet.
        "last_crawled_at": format_utc_or_none(company.last_crawled_at or None),
    }
    return orjson.dumps(body).decode()


def _domain_order(domain: Domain) -> tuple[bool, str]:
    return (not domain.is_primary, domain.domain)


def _domain(domain: Domain) -> dict[str, Any]:
    return {
        "domain": domain.domain,
        "is_primary": domain.is_primary,
        "first_observed_at": format_utc(domain.first_observed_at),
        "last_observed_at": format_utc(domain.last_observed_at),
    }


def _use_order(use: Use) -> tuple[bool, str, str]:
    return (use.status != "active", _name_order(use.technology.name), use.technology.slug)


@lru_cache(maxsize=16_384)
def _name_order(technology: str) -> str:
    return sort_key(technology)


def _use(use: Use) -> dict[str, Any]:
    return {
        "slug": use.technology.slug,
        "name": use.technology.name,
        "categories": use.technology.categories,
        "vendor": use.technology.vendor,
        "version": use.version,
        "confidence": use.confidence,
        "status": use.status,
        "first_observed_at": format_utc(use.first_observed_at),
        "last_observed_at": format_utc(use.last_observed_at),
        "observation_count": use.observation_count,
    }


def _firmographics(best: BestFacts) -> dict[str, Any]:

    def one(fact: Fact, value: Any) -> dict[str, Any]:
        return {
            "value": value,
            "source_url": fact.source_url,
            "observed_at": format_utc(fact.observed_at),
        }

    def text(field: Any) -> dict[str, Any] | None:
        found = best.get(field)
        return one(found[0], found[0].value) if found else None

    year, headquarters = best.get("founded_year"), best.get("headquarters")
    return {
        "legal_name": text("legal_name"),
        "description": text("description"),
        "industry": text("industry"),
        "founded_year": one(year[0], int(year[0].value)) if year else None,
        "employee_range": text("employee_range"),
        "headquarters": one(headquarters[0], address(headquarters[0])) if headquarters else None,
        "phone": text("phone"),
        "logo": text("logo"),
        "social_profiles": [one(fact, fact.value) for fact in best.get("social_profile", ())],
        "registry_identifiers": [
            one(fact, orjson.loads(fact.value)) for fact in best.get("registry_identifier", ())
        ],
    }


def address(fact: Fact) -> dict[str, str | None]:
    """The parts of a headquarters fact; what was not told is None."""
    told = orjson.loads(fact.value)
    keys = ("street", "postal_code", "locality", "region", "country")
    return {key: told.get(key) for key in keys}


def country_among(best: BestFacts) -> str | None:
    """The code of the country of the headquarters, as far as it is known."""
    headquarters = best.get("headquarters")
    return address(headquarters[0])["country"] if headquarters else None
