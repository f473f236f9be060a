"""The SQL of analyses."""

from __future__ import annotations

from dataclasses import dataclass, field

from tracewell.intrace.analysis.model import Analysis
from tracewell.kernel.database import Transaction
from tracewell.kernel.sealing import Sealer

_ADD = """
    INSERT INTO analyses (analysis_id, request_id, owner, analysis_type, status, body, expires_at)
    VALUES (:analysis_id, :request_id, :owner, :analysis_type, :status, :body, :expires_at)
"""
_ADD_INPUT = """
    INSERT INTO analysis_inputs (analysis_id, request_id)
    SELECT :analysis_id, request_id FROM reports WHERE request_id = :request_id
"""
_FIND = """
    SELECT owner, request_id, body FROM analyses
    WHERE analysis_id = :analysis_id AND expires_at > :now
"""
_REMOVE_EXPIRED = "DELETE FROM analyses WHERE expires_at <= :now"


class InputGone(Exception):  # noqa: N818 - a sentence: "an input is gone"
    """A result was erased while it was being analysed."""


@dataclass(frozen=True, slots=True)
class StoredAnalysis:
    """An analysis at rest."""

    owner: str
    request_id: str
    body: bytes = field(repr=False)


async def add_analysis(tx: Transaction, analysis: Analysis, body: bytes, sealer: Sealer) -> None:
    """Stores an analysis, sealed, whose audit record is written. Raises InputGone."""
    await tx.execute(
        _ADD,
        analysis_id=analysis.analysis_id,
        request_id=analysis.record.caller.request_id,
        owner=analysis.record.caller.owner,
        analysis_type=analysis.request.analysis_type,
        status=analysis.status,
        body=sealer.seal(body, analysis.analysis_id),
        expires_at=analysis.expires_at,
    )
    for request_id in analysis.inputs:
        ids = {"analysis_id": analysis.analysis_id, "request_id": request_id}
        if await tx.execute(_ADD_INPUT, **ids) == 0:
            raise InputGone


async def find_analysis(
    tx: Transaction, analysis_id: str, now: int, sealer: Sealer
) -> StoredAnalysis | None:
    """An analysis that has not expired. Raises SealBroken."""
    row = await tx.fetch_one(_FIND, analysis_id=analysis_id, now=now)
    if row is None:
        return None
    return StoredAnalysis(row[0], row[1], sealer.open(bytes(row[2]), analysis_id))


async def remove_expired(tx: Transaction, now: int) -> None:
    """Erases every analysis whose time is over."""
    await tx.execute(_REMOVE_EXPIRED, now=now)
