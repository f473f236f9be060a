"""`company_technology_profile`: what the company behind the subject runs, as Trace has seen it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import asdict
from typing import Any, Final

from pydantic import Field

from tracewell.intrace.analysis.kinds import (
    AnalysisType,
    CompanyTechnologies,
    Instruments,
    Parameters,
    TechnologyUse,
)
from tracewell.intrace.analysis.material import Material, best_first
from tracewell.intrace.analysis.model import AnalysisFailed, Conclusion, FailureCode

DOMAINS_MAX: Final = 20


class TechnologyParameters(Parameters):
    """Which uses are told."""

    include_dropped: bool = Field(
        default=False, description="Also what the company does not run any more."
    )
    confidence_min: float = Field(
        default=0.0, ge=0, le=1, description="Uses below it are not told."
    )
    categories: list[str] | None = Field(
        default=None, min_length=1, max_length=100, description="Only uses of these categories."
    )
    limit: int = Field(default=200, ge=1, le=2000, description="Uses that are listed.")


async def analyse(
    material: Material, parameters: TechnologyParameters, instruments: Instruments
) -> Conclusion:
    """Asks for each domain of the organisation, the surest first."""
    directory = instruments.technologies
    if directory is None:
        told = "The Trace product is not part of this deployment."
        raise AnalysisFailed(FailureCode.SOURCE_UNAVAILABLE, told)
    domains = best_first(material.subject.points, "domains")[:DOMAINS_MAX]
    if material.subject.kind == "person" or not domains:
        told = "The entity is not an organisation with a domain."
        raise AnalysisFailed(FailureCode.NOT_APPLICABLE, told)
    companies: dict[str, tuple[CompanyTechnologies, float]] = {}
    for point in domains:
        found = await directory.find_technologies(point.value)
        if found is not None and found.id not in companies:
            companies[found.id] = (found, point.confidence)
    uses = [
        (use, company, sure)
        for company, sure in companies.values()
        for use in company.uses
        if _is_wanted(use, parameters)
    ]
    uses.sort(key=lambda u: (-u[0].confidence, u[0].name, u[1].id))
    counted = Counter(category for use, _, _ in uses for category in use.categories)
    data = {
        "domains": [point.value for point in domains],
        "companies": [
            {"id": c.id, "name": c.name, "url": c.url, "last_observed_at": c.last_observed_at}
            for c, _ in companies.values()
        ],
        "technology_count": len(uses),
        "categories": [
            {"category": name, "count": count}
            for name, count in sorted(counted.items(), key=lambda c: (-c[1], c[0]))
        ],
        "technologies": [_row(use, company) for use, company, _ in uses[: parameters.limit]],
    }
    sure = [use.confidence * domain for use, _, domain in uses]
    confidence = sum(sure) / len(sure) if sure else domains[0].confidence
    notes = [] if companies else ["Trace knows no company behind these domains."]
    return Conclusion(data, round(confidence, 3), material.coverage_note(*notes))


def _is_wanted(use: TechnologyUse, parameters: TechnologyParameters) -> bool:
    if use.status != "active" and not parameters.include_dropped:
        return False
    if use.confidence < parameters.confidence_min:
        return False
    wanted = parameters.categories
    return wanted is None or not set(use.categories).isdisjoint(wanted)


def _row(use: TechnologyUse, company: CompanyTechnologies) -> Mapping[str, Any]:
    return {**asdict(use), "categories": list(use.categories), "company_id": company.id}


COMPANY_TECHNOLOGY_PROFILE: Final = AnalysisType(
    name="company_technology_profile",
    title="Company technology profile",
    description="The technologies of the company behind the entity's domains, from Trace.",
    result_description="`companies` that were found; `technologies` with categories, vendor, "
    "version, status, confidence (0..1) and when they were observed, the surest first; how many "
    "are of each category. Confidence: the mean of the uses, each times the confidence of the "
    "domain that led to it; without any, of the domain.",
    parameters=TechnologyParameters,
    analyse=analyse,
)
