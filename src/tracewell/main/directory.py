"""Trace's companies as Intrace's connector wants them: the one place where the products meet."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import orjson

from tracewell.intrace.analysis.kinds import CompanyTechnologies, TechnologyUse
from tracewell.intrace.connectors.sources.trace import CompanyFacts
from tracewell.kernel.clock import parse_utc
from tracewell.kernel.database import Database
from tracewell.trace.companies.store import read_profiles

TECHNOLOGIES_TOLD_MAX = 200


@dataclass(frozen=True, slots=True)
class TraceDirectory:
    """Finds companies in the database of this deployment; not metered, since it is its own."""

    database: Database
    base_url: str

    async def find_company(self, domain: str) -> CompanyFacts | None:
        """The company that has the domain among its own, or None. Raises DatabaseFailed."""
        profile = await self._find_profile(domain)
        if profile is None:
            return None
        told = profile["firmographics"]
        headquarters = _value(told, "headquarters") or {}
        return CompanyFacts(
            id=str(profile["company_id"]),
            name=profile["name"],
            url=f"{self.base_url}/v1/companies/{profile['slug']}",
            observed_at=parse_utc(profile["last_observed_at"]),
            legal_name=_value(told, "legal_name") or "",
            domains=tuple(entry["domain"] for entry in profile["domains"]),
            description=_value(told, "description") or "",
            industry=_value(told, "industry") or "",
            country=headquarters.get("country") or "",
            employee_range=_value(told, "employee_range") or "",
            founded_year=str(_value(told, "founded_year") or ""),
            technologies=tuple(
                use["name"] for use in profile["technologies"] if use["status"] == "active"
            )[:TECHNOLOGIES_TOLD_MAX],
        )

    async def find_technologies(self, domain: str) -> CompanyTechnologies | None:
        """What the company runs, dropped technologies included. Raises DatabaseFailed."""
        profile = await self._find_profile(domain)
        if profile is None:
            return None
        return CompanyTechnologies(
            id=str(profile["company_id"]),
            name=profile["name"],
            url=f"{self.base_url}/v1/companies/{profile['slug']}",
            last_observed_at=profile["last_observed_at"],
            uses=tuple(
                TechnologyUse(
                    name=use["name"],
                    categories=tuple(use["categories"]),
                    vendor=use["vendor"],
                    version=use["version"],
                    confidence=use["confidence"] / 100,
                    status=use["status"],
                    first_observed_at=use["first_observed_at"],
                    last_observed_at=use["last_observed_at"],
                )
                for use in profile["technologies"]
            ),
        )

    async def _find_profile(self, domain: str) -> dict[str, Any] | None:
        async with self.database.statement() as tx:
            (found,) = await read_profiles(tx, [domain])
        if found is None:
            return None
        profile: dict[str, Any] = orjson.loads(found.answer)
        return profile


def _value(firmographics: Mapping[str, Any], field: str) -> Any:
    told = firmographics[field]
    return None if told is None else told["value"]
