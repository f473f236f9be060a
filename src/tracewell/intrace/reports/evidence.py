"""What proves a report besides its signature, and how a reader is told of it. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from tracewell.kernel.clock import format_utc
from tracewell.kernel.signing import LogProof, TimestampMissing, parse_checkpoint
from tracewell.kernel.signing.timestamps import verify_timestamp

_MISSING: Final = {
    TimestampMissing.PENDING: "none yet: the authority is being asked",
    TimestampMissing.NOT_ANSWERED: "none yet: the authority did not answer",
    TimestampMissing.REFUSED: "none yet: the authority refused",
    TimestampMissing.INVALID: "none yet: the authority’s answer is not valid",
}


@dataclass(frozen=True, slots=True)
class Evidence:
    """The audit log's proof, and the time stamp or why there is none (None: none is wanted)."""

    log: LogProof | None
    timestamp: bytes | TimestampMissing | None


def describe_evidence(evidence: Evidence, signature: str) -> list[tuple[str, str]]:
    """Label and text for the pages of a report."""
    told = []
    if evidence.log is not None:
        head = parse_checkpoint(evidence.log.head)
        place = f"entry {evidence.log.leaf + 1:,} of {head.size:,}, proven in the attached report"
        told.append(("Audit log", place))
    return [*told, ("Time stamp", _timestamp(evidence.timestamp, signature))]


def _timestamp(timestamp: bytes | TimestampMissing | None, signature: str) -> str:
    if timestamp is None:
        return "none: no authority is configured"
    if isinstance(timestamp, TimestampMissing):
        return _MISSING[timestamp]
    # Checked when it was accepted; here only its time is read.
    at_ms = verify_timestamp(timestamp, signature.encode(), ()).at_ms
    moment = format_utc(at_ms).replace("T", " ").replace("Z", " UTC")
    return f"{moment}, by an authority (RFC 3161), in the attached report"
