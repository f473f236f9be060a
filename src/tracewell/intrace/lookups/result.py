"""From what the sources said to the result that is signed. Pure: no I/O, no clock."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import astuple, dataclass, field
from typing import Any, Final

from tracewell.intrace.audit.model import AuditRecord
from tracewell.intrace.connectors.model import Outcome, OutcomeStatus
from tracewell.intrace.connectors.runner import Source
from tracewell.intrace.identifiers import as_queried
from tracewell.intrace.lookups.model import Asked, Findings
from tracewell.kernel.clock import format_utc
from tracewell.kernel.signing import canonical_json
from tracewell.resolution import (
    Resolution,
    render_facts,
    render_resolution,
    resolve_observations,
)

Json = dict[str, Any]

_INTEGER_MAX: Final = 2**53 - 1

_GAPS: Final = (
    (OutcomeStatus.TIMED_OUT, "did not answer in time"),
    (OutcomeStatus.FAILED, "failed"),
    (OutcomeStatus.RATE_LIMITED, "refused because of too many questions"),
    (OutcomeStatus.PARTIAL, "answered in part"),
    (OutcomeStatus.NOT_CONFIGURED, "not configured"),
)
_SOUND: Final = (OutcomeStatus.ANSWERED, OutcomeStatus.EMPTY)


@dataclass(frozen=True, slots=True)
class Result:
    """The members of an answer without its `report`, as canonical JSON, and what a list tells."""

    payload: bytes = field(repr=False)
    status: str
    confidence: float
    entity_count: int


def resolve(findings: Findings, id_key: bytes) -> Resolution:
    """Who is meant: judged by what the caller asked, not by what was followed from it."""
    queried = [as_queried(a.identifier) for a in findings.asked if a.round == 0]
    return resolve_observations(findings.observations, queried, id_key=id_key)


def build_result(findings: Findings, record: AuditRecord, resolution: Resolution) -> Result:
    """The result in the contract's members."""
    members: Json = {
        "request_id": record.caller.request_id,
        "queried_at": format_utc(record.logged_at),
        **render_resolution(resolution),
        "identifiers": _identifiers(findings.asked, resolution),
        "sources": [_source(source) for source in findings.sources],
        "coverage": [_outcome(outcome) for outcome in findings.coverage],
        "coverage_note": coverage_note(findings),
        "audit": record.to_wire(),
    }
    return Result(
        payload=canonical_json(portable(members)),
        status=str(resolution.status),
        confidence=resolution.confidence,
        entity_count=len(resolution.entities),
    )


def _identifiers(asked: Sequence[Asked], resolution: Resolution) -> list[Json]:
    facts = render_facts(resolution.facts)
    return [
        {
            "type": str(a.identifier.type),
            "submitted": a.identifier.submitted if a.round == 0 else None,
            "normalized": a.identifier.value,
            "round": a.round,
            "details": dict(a.identifier.details),
            "facts": facts.get(astuple(as_queried(a.identifier)), []),
        }
        for a in asked
    ]


def _source(source: Source) -> Json:
    return {
        "source_id": source.source_id,
        "connector_id": source.connector_id,
        "retrieved_at": format_utc(source.retrieved_at),
        "url": source.url,
        "record_hash": source.record_hash,
        "licence": source.licence,
    }


def _outcome(outcome: Outcome) -> Json:
    return {
        "connector_id": outcome.connector_id,
        "status": str(outcome.status),
        "latency_ms": outcome.latency_ms,
        "reason": outcome.reason,
    }


def coverage_note(findings: Findings) -> str:
    """One paragraph: who answered, who did not, and what that means."""
    coverage = findings.coverage
    answered = [outcome for outcome in coverage if outcome.status in _SOUND]
    asked = [
        outcome
        for outcome in coverage
        if outcome.status not in (OutcomeStatus.SKIPPED, OutcomeStatus.NOT_CONFIGURED)
    ]
    if not asked:
        note = "No connector was asked."
    elif len(answered) == len(asked):
        note = f"All connectors that were asked answered ({len(asked)})."
    else:
        note = f"{len(answered)} of {len(asked)} connectors that were asked answered in full."
    gaps = [
        f"{words}: {', '.join(names)}."
        for status, words in _GAPS
        if (names := [o.connector_id for o in coverage if o.status is status])
    ]
    if findings.left_out:
        gaps.append(f"{findings.left_out} statements above the bound of a lookup were left out.")
    told = " ".join([note, *(gap[0].upper() + gap[1:] for gap in gaps)])
    silent = len(answered) < len(asked)
    return f"{told} A silent source is no evidence of absence." if silent else told


def portable(value: Any) -> Any:
    """The value as JSON that every reader reads alike (RFC 7493), whatever a source said.

    A number that has no such form becomes null or text, a lone surrogate U+FFFD. One odd record
    must not fail a lookup.
    """
    match value:
        case dict():
            return {portable(key): portable(member) for key, member in value.items()}
        case list() | tuple():
            return [portable(member) for member in value]
        case str():
            return value.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
        case bool():
            return value
        case int():
            return value if abs(value) <= _INTEGER_MAX else str(value)
        case float():
            return value if math.isfinite(value) else None
        case _:
            return value
