"""`source_agreement`: which sources say the same of the subject, and where they contradict."""

from __future__ import annotations

import asyncio
import itertools
from collections import defaultdict
from collections.abc import Mapping, Sequence
from typing import Any, Final

from pydantic import Field

from tracewell.intrace.analysis.kinds import AnalysisType, Instruments, Parameters
from tracewell.intrace.analysis.material import DataPoint, Material
from tracewell.intrace.analysis.model import AnalysisFailed, Conclusion, FailureCode

Json = dict[str, Any]
Witnessed = Sequence[tuple[DataPoint, frozenset[str]]]


class AgreementParameters(Parameters):
    """Which data points are compared."""

    confidence_min: float = Field(
        default=0.0, ge=0, le=1, description="Data points below it are not compared."
    )
    limit: int = Field(default=200, ge=1, le=2000, description="Data points that are listed.")


async def analyse(
    material: Material, parameters: AgreementParameters, instruments: Instruments
) -> Conclusion:
    """Compares in a thread."""
    del instruments
    return await asyncio.to_thread(_compare, material, parameters)


def _compare(material: Material, parameters: AgreementParameters) -> Conclusion:
    witnessed = [
        (point, frozenset(filter(None, map(material.connector_of, point.sources))))
        for point in material.subject.points
        if point.confidence >= parameters.confidence_min
    ]
    if not witnessed:
        raise AnalysisFailed(FailureCode.NOT_APPLICABLE)
    contradictions = _contradictions(witnessed)
    contradicted = {(c["field"], v["value"]) for c in contradictions for v in c["values"]}
    corroborated = sum(len(connectors) > 1 for _, connectors in witnessed)
    rows: list[Json] = sorted(
        (
            {
                "field": point.field,
                "value": point.value,
                "confidence": point.confidence,
                "connectors": sorted(connectors),
                "is_contradicted": (point.field, point.value) in contradicted,
            }
            for point, connectors in witnessed
        ),
        key=lambda row: (-len(row["connectors"]), row["field"], row["value"]),
    )
    data = {
        "data_point_count": len(witnessed),
        "corroborated_count": corroborated,
        "corroborated_share": round(corroborated / len(witnessed), 3),
        "connectors": _connectors(witnessed, contradicted),
        "pairs": _pairs(witnessed, contradictions),
        "contradictions": contradictions,
        "data_points": rows[: parameters.limit],
    }
    return Conclusion(data, material.subject.confidence, material.coverage_note())


def _contradictions(witnessed: Witnessed) -> list[Json]:
    """Fields with one true value for which different values are told."""
    told: dict[str, list[tuple[DataPoint, frozenset[str]]]] = defaultdict(list)
    for point, connectors in witnessed:
        if point.is_single:
            told[point.field].append((point, connectors))
    return [
        {
            "field": name,
            "values": [
                {"value": p.value, "confidence": p.confidence, "connectors": sorted(connectors)}
                for p, connectors in sorted(values, key=lambda v: (-v[0].confidence, v[0].value))
            ],
        }
        for name, values in sorted(told.items())
        if len(values) > 1
    ]


def _connectors(witnessed: Witnessed, contradicted: set[tuple[str, str]]) -> list[Json]:
    names = sorted({name for _, connectors in witnessed for name in connectors})
    rows = []
    for name in names:
        own = [(point, others) for point, others in witnessed if name in others]
        rows.append(
            {
                "connector_id": name,
                "stated": len(own),
                "corroborated": sum(len(others) > 1 for _, others in own),
                "contradicted": sum((p.field, p.value) in contradicted for p, _ in own),
            }
        )
    return rows


def _pairs(witnessed: Witnessed, contradictions: Sequence[Json]) -> list[Json]:
    """Jaccard's index of what two connectors state, and in how many fields they contradict."""
    stated: Mapping[str, set[tuple[str, str]]] = defaultdict(set)
    for point, connectors in witnessed:
        for name in connectors:
            stated[name].add(point.key)
    rows = []
    for left, right in itertools.combinations(sorted(stated), 2):
        common = len(stated[left] & stated[right])
        either = len(stated[left] | stated[right])
        opposed = sum(_oppose(contradiction, left, right) for contradiction in contradictions)
        rows.append(
            {
                "connectors": [left, right],
                "agreed": common,
                "jaccard": round(common / either, 3),
                "contradicted_fields": opposed,
            }
        )
    return rows


def _oppose(contradiction: Json, left: str, right: str) -> bool:
    """Whether both tell the field and have no value of it in common."""
    mine = {v["value"] for v in contradiction["values"] if left in v["connectors"]}
    theirs = {v["value"] for v in contradiction["values"] if right in v["connectors"]}
    return bool(mine and theirs and not mine & theirs)


SOURCE_AGREEMENT: Final = AnalysisType(
    name="source_agreement",
    title="Source agreement",
    description="Which connectors state the same of the entity, which stand alone, and where they "
    "contradict each other.",
    result_description="`data_points` with the connectors behind each, the best supported first; "
    "`connectors`: how much of what each states is corroborated or contradicted; `pairs`: "
    "Jaccard's index of two connectors' statements; `contradictions`: fields of one true value "
    "with several. Confidence: of the entity.",
    parameters=AgreementParameters,
    analyse=analyse,
)
