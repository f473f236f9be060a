"""`shared_identifiers`: which other entities hold values of the subject."""

from __future__ import annotations

import asyncio
import math
from typing import Any, Final

from pydantic import Field

from tracewell.intrace.analysis.kinds import AnalysisType, Instruments, Parameters
from tracewell.intrace.analysis.linking import (
    STRENGTHS,
    Holder,
    LinkField,
    ValueKey,
    gather_holders,
    holders_of_values,
)
from tracewell.intrace.analysis.material import Material
from tracewell.intrace.analysis.model import Conclusion

_DEFAULT: Final[list[LinkField]] = list(STRENGTHS)  # type: ignore[arg-type]


class SharedParameters(Parameters):
    """Which values count."""

    fields: list[LinkField] = Field(
        default=_DEFAULT, min_length=1, max_length=len(STRENGTHS),
        description="Lists of the profile that are compared.",
    )  # fmt: skip
    confidence_min: float = Field(
        default=0.0, ge=0, le=1, description="Data points below it are not compared."
    )
    strength_min: float = Field(
        default=0.0, ge=0, le=1, description="Entities below it are not listed."
    )
    limit: int = Field(default=100, ge=1, le=1000, description="Entities that are listed.")


async def analyse(
    material: Material, parameters: SharedParameters, instruments: Instruments
) -> Conclusion:
    """Compares in a thread."""
    del instruments
    return await asyncio.to_thread(_compare, material, parameters)


def _compare(material: Material, parameters: SharedParameters) -> Conclusion:
    holders = gather_holders(material, parameters.fields, parameters.confidence_min)
    held = holders_of_values(holders)
    subject = holders[material.entity_id]
    shared: dict[str, list[ValueKey]] = {}
    for key in sorted(subject.points):
        for other in held[key]:
            if other != subject.entity_id:
                shared.setdefault(other, []).append(key)
    doubts = material.subject.possibly_same_as
    rows = []
    for other, keys in shared.items():
        values = [_value(key, subject, holders[other], len(held[key])) for key in keys]
        values.sort(key=lambda value: (-value["strength"], value["field"], value["value"]))
        strength = 1 - math.prod(1 - value["strength"] for value in values)
        if strength >= parameters.strength_min:
            rows.append(
                {
                    "entity_id": other,
                    "kind": holders[other].kind,
                    "name": holders[other].name,
                    "strength": round(strength, 3),
                    "possibly_same": doubts.get(other),
                    "shared": values,
                    "request_ids": list(holders[other].request_ids),
                }
            )
    rows.sort(key=lambda row: (-row["strength"], row["entity_id"]))
    data = {
        "compared_values": len(subject.points),
        "entity_count": len(rows),
        "entities": rows[: parameters.limit],
    }
    best = rows[0]["strength"] if rows else 1.0
    return Conclusion(data, round(subject.confidence * best, 3), material.coverage_note())


def _value(key: ValueKey, subject: Holder, other: Holder, holders: int) -> dict[str, Any]:
    """What one shared value says: less, the more entities hold it."""
    mine, theirs = subject.points[key], other.points[key]
    strength = STRENGTHS[mine.field] * mine.confidence * theirs.confidence / (holders - 1)
    return {
        "field": mine.field,
        "value": mine.value,
        "holders": holders,
        "strength": round(strength, 3),
        "sources": list(dict.fromkeys((*mine.sources, *theirs.sources))),
    }


SHARED_IDENTIFIERS: Final = AnalysisType(
    name="shared_identifiers",
    title="Shared identifiers",
    description="Other entities of the caller's stored lookups that hold an identifier, address or "
    "company of this one.",
    result_description="`entities`, the most strongly related first: what is `shared`, how many "
    "hold each value, and `strength`, 1 - product of (1 - the strength of each value), 0..1; "
    "`possibly_same` is the probability that a lookup told of the two being one. Confidence: of "
    "the entity times the greatest strength; without any relation, of the entity.",
    parameters=SharedParameters,
    analyse=analyse,
    reads_others=True,
)
