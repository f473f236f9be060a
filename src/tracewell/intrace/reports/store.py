"""The SQL of reports."""

from __future__ import annotations

from tracewell.intrace.reports import timestamp_store
from tracewell.intrace.reports.model import Report
from tracewell.kernel.database import Transaction
from tracewell.kernel.sealing import Sealer

_COLUMNS = "request_id, owner, payload, signature, key_id, report_hash, signed_at, expires_at"
_ADD = f"""
    INSERT INTO reports ({_COLUMNS})
    VALUES (:request_id, :owner, :payload, :signature, :key_id, :report_hash, :signed_at,
      :expires_at)
"""  # noqa: S608 - a constant list of columns
_FIND = f"""
    SELECT {_COLUMNS} FROM reports WHERE request_id = :request_id AND expires_at > :now
"""  # noqa: S608 - a constant list of columns
_REMOVE = """
    DELETE FROM reports
    WHERE request_id = :request_id AND owner = :owner AND expires_at > :now
"""
_REMOVE_EXPIRED = "DELETE FROM reports WHERE expires_at <= :now"


async def add_report(tx: Transaction, report: Report, sealer: Sealer) -> None:
    """Stores a report, sealed; its lookup must be in the audit log."""
    await tx.execute(
        _ADD,
        request_id=report.request_id,
        owner=report.owner,
        payload=sealer.seal(report.payload, report.request_id),
        signature=report.signature,
        key_id=report.key_id,
        report_hash=report.report_hash,
        signed_at=report.signed_at,
        expires_at=report.expires_at,
    )
    if report.wants_timestamp:
        await timestamp_store.add_wanted(tx, report.request_id, report.signed_at)


async def find_report(tx: Transaction, request_id: str, now: int, sealer: Sealer) -> Report | None:
    """A report that has not expired. Raises SealBroken."""
    row = await tx.fetch_one(_FIND, request_id=request_id, now=now)
    if row is None:
        return None
    owner, payload, *rest = row[1:]
    return Report(request_id, owner, sealer.open(bytes(payload), request_id), *rest)


async def remove_report(tx: Transaction, request_id: str, owner: str, now: int) -> bool:
    """Erases an owner's report and with it the lookup; False when there is none."""
    return await tx.execute(_REMOVE, request_id=request_id, owner=owner, now=now) > 0


async def remove_expired(tx: Transaction, now: int) -> None:
    """Erases every report whose time is over, and its lookup."""
    await tx.execute(_REMOVE_EXPIRED, now=now)
