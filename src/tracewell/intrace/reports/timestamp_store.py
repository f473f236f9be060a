"""The SQL of reports' time stamps."""

from __future__ import annotations

from typing import NamedTuple

from tracewell.kernel.database import Transaction
from tracewell.kernel.signing import TimestampMissing

_ADD = """
    INSERT INTO report_timestamps (request_id, tries, next_at) VALUES (:request_id, 0, :next_at)
"""
_DUE = """
    SELECT t.request_id, r.signature, t.tries
    FROM report_timestamps t JOIN reports r ON r.request_id = t.request_id
    WHERE t.response IS NULL AND t.next_at <= :now AND r.expires_at > :now
    ORDER BY t.next_at LIMIT :limit
"""
_CLAIM = """
    UPDATE report_timestamps SET next_at = :until
    WHERE request_id = :request_id AND response IS NULL AND next_at <= :now
"""
_KEEP = """
    UPDATE report_timestamps SET response = :response, failure = NULL, tries = tries + 1
    WHERE request_id = :request_id AND response IS NULL
"""
_FAIL = """
    UPDATE report_timestamps SET failure = :failure, tries = tries + 1, next_at = :next_at
    WHERE request_id = :request_id AND response IS NULL
"""
_FIND = "SELECT response, failure FROM report_timestamps WHERE request_id = :request_id"


class Due(NamedTuple):
    """A report without a stamp."""

    request_id: str
    signature: str
    tries: int


async def add_wanted(tx: Transaction, request_id: str, at: int) -> None:
    """Notes, in the transaction that stores a report, that it is to be stamped."""
    await tx.execute(_ADD, request_id=request_id, next_at=at)


async def claim_due(tx: Transaction, now: int, until: int, limit: int) -> list[Due]:
    """Reports to be stamped now, the longest waiting first; no other process gets them before
    `until`.
    """
    rows = [Due(*row) for row in await tx.fetch_all(_DUE, now=now, limit=limit)]
    return [
        due
        for due in rows
        if await tx.execute(_CLAIM, request_id=due.request_id, now=now, until=until) > 0
    ]


async def keep_response(tx: Transaction, request_id: str, response: bytes) -> None:
    """Keeps a stamp; a first one is never replaced."""
    await tx.execute(_KEEP, request_id=request_id, response=response)


async def record_failure(
    tx: Transaction, request_id: str, failure: TimestampMissing, next_at: int
) -> None:
    """Notes why there is no stamp yet and when to ask again."""
    await tx.execute(_FAIL, request_id=request_id, failure=str(failure), next_at=next_at)


async def find_timestamp(tx: Transaction, request_id: str) -> bytes | TimestampMissing | None:
    """The stamp, or why there is none; None for a report that is not to be stamped."""
    row = await tx.fetch_one(_FIND, request_id=request_id)
    if row is None:
        return None
    response, failure = row
    if response is not None:
        return bytes(response)
    return TimestampMissing(failure) if failure is not None else TimestampMissing.PENDING
