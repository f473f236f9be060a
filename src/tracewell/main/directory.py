"""Trace's companies as Intrace's connector wants them: the one place where the products meet."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import orjson

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
        async with self.database.statement() as tx:
            (found,) = await read_profiles(tx, [domain])
        if found is None:
            return None
        profile = orjson.loads(found.answer)
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


def _value(firmographics: Mapping[str, Any], field: str) -> Any:
    told = firmographics[field]
    return None if told is None else told["value"]
