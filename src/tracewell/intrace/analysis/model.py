"""What is asked of an analysis and what comes of it. No SQL, no HTTP, no algorithm."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, Final

from tracewell.intrace.audit.model import AuditRecord
from tracewell.kernel.clock import format_utc

Json = dict[str, Any]

RESULTS_MAX: Final = 200
"""How many of the caller's stored results an analysis reads, the newest first."""
PAYLOAD_BYTES_MAX: Final = 64 << 20
"""How many bytes of them, all together."""
TIMEOUT_S: Final = 20.0


class FailureCode(StrEnum):
    """Why an analysis has no result: told in `error`, with status 200."""

    ENTITY_NOT_FOUND = "entity_not_found"
    NOT_APPLICABLE = "not_applicable"
    SOURCE_UNAVAILABLE = "source_unavailable"
    TIMED_OUT = "timed_out"


MESSAGES: Final[Mapping[FailureCode, str]] = {
    FailureCode.ENTITY_NOT_FOUND: "None of the caller's stored lookup results holds this entity.",
    FailureCode.NOT_APPLICABLE: "The entity has nothing that this analysis works on.",
    FailureCode.SOURCE_UNAVAILABLE: "A source that this analysis needs is not available.",
    FailureCode.TIMED_OUT: f"The analysis took longer than {TIMEOUT_S:.0f} seconds.",
}


class AnalysisFailed(Exception):  # noqa: N818 - a sentence: "the analysis failed"
    """An analysis that cannot be made; `reason` holds nothing of anybody's data."""

    def __init__(self, code: FailureCode, reason: str | None = None) -> None:
        super().__init__(code)
        self.code = code
        self.reason = reason or MESSAGES[code]


@dataclass(frozen=True, slots=True)
class AnalysisRequest:
    """An analysis as it was asked for."""

    entity_id: str
    analysis_type: str
    requester_reference: str | None = field(default=None, repr=False)


@dataclass(frozen=True, slots=True)
class Conclusion:
    """The result of an algorithm: JSON data, 0..1, and what it could not see."""

    data: Json = field(repr=False)
    confidence: float
    coverage_note: str


@dataclass(frozen=True, slots=True)
class Analysis:
    """A finished analysis and which results it read. Times are milliseconds since the epoch.

    It does not outlive what it was made from: `expires_at` is that of the first of them to go.
    """

    analysis_id: str
    request: AnalysisRequest
    record: AuditRecord
    completed_at: int
    outcome: Conclusion | AnalysisFailed
    expires_at: int
    inputs: tuple[str, ...] = ()

    @property
    def status(self) -> str:
        """The contract's word."""
        return "failed" if isinstance(self.outcome, AnalysisFailed) else "complete"

    def to_wire(self) -> Json:
        """The contract's members."""
        result, error = None, None
        if isinstance(self.outcome, AnalysisFailed):
            error = {"code": str(self.outcome.code), "message": self.outcome.reason}
        else:
            result = {
                "data": self.outcome.data,
                "confidence": self.outcome.confidence,
                "coverage_note": self.outcome.coverage_note,
            }
        return {
            "analysis_id": self.analysis_id,
            "analysis_type": self.request.analysis_type,
            "status": self.status,
            "subject": {"type": "entity", "entity_id": self.request.entity_id},
            "queried_at": format_utc(self.record.logged_at),
            "audit": self.record.to_wire(),
            "completed_at": format_utc(self.completed_at),
            "result": result,
            "error": error,
        }
