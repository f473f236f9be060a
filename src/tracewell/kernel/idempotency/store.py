"""The SQL of kept answers. A row is one key of one caller; an expired row is as good as none."""

from __future__ import annotations

from tracewell.kernel.database import Sql, Transaction
from tracewell.kernel.idempotency.model import Claim

_ROW_BYTES = 200
"""What a row takes besides the answer, roughly."""

_FIND = """
    SELECT fingerprint, answer FROM idempotency_answers
    WHERE org_id = :org_id AND caller = :caller AND digest = :digest AND expires_at > :now"""
_ADD = """
    INSERT INTO idempotency_answers (org_id, caller, digest, fingerprint, answer, expires_at)
    VALUES (:org_id, :caller, :digest, :fingerprint, :answer, :expires_at)"""
_REMOVE_EXPIRED = """
    DELETE FROM idempotency_answers
    WHERE org_id = :org_id AND caller = :caller AND digest = :digest AND expires_at <= :now
    RETURNING LENGTH(answer)"""
_PURGE_TEXT = """
    DELETE FROM idempotency_answers WHERE (org_id, caller, digest) IN (
      SELECT org_id, caller, digest FROM idempotency_answers
      WHERE expires_at <= :now LIMIT :most{locking})
    RETURNING org_id, LENGTH(answer)"""
_PURGE = Sql(
    sqlite=_PURGE_TEXT.format(locking=""),
    postgresql=_PURGE_TEXT.format(locking=" FOR UPDATE SKIP LOCKED"),
)
_USE = """
    INSERT INTO idempotency_usage (org_id, bytes) VALUES (:org_id, :bytes)
    ON CONFLICT (org_id) DO UPDATE SET bytes = idempotency_usage.bytes + excluded.bytes
    RETURNING bytes"""


async def try_lock(tx: Transaction, claim: Claim) -> bool:
    """Whether nobody else is at the claim's row until the transaction ends.

    SQLite has one writer, who is in this transaction. On PostgreSQL this is a statement of its own:
    what is read after it sees what its last holder committed.
    """
    if tx.dialect == "sqlite":
        return True
    return bool(await tx.fetch_value("SELECT pg_try_advisory_xact_lock(:lock)", lock=claim.lock))


async def find_answer(tx: Transaction, claim: Claim, now: int) -> tuple[bytes, bytes] | None:
    """The fingerprint of the first request and its answer as stored."""
    row = await tx.fetch_one(
        _FIND, org_id=claim.org_id, caller=claim.caller, digest=claim.digest, now=now
    )
    return None if row is None else (row[0], row[1])


async def add_answer(
    tx: Transaction, claim: Claim, answer: bytes, *, now: int, expires_at: int
) -> int:
    """Keeps an answer; how many bytes the org's take then. The caller holds the lock."""
    row = {"org_id": claim.org_id, "caller": claim.caller, "digest": claim.digest}
    freed = await tx.fetch_value(_REMOVE_EXPIRED, **row, now=now)
    await tx.execute(
        _ADD, **row, fingerprint=claim.fingerprint, answer=answer, expires_at=expires_at
    )
    taken = len(answer) + _ROW_BYTES - (0 if freed is None else freed + _ROW_BYTES)
    return int(await tx.fetch_value(_USE, org_id=claim.org_id, bytes=taken))


async def remove_expired(tx: Transaction, now: int, most: int) -> int:
    """Removes up to so many expired answers; how many there were."""
    rows = await tx.fetch_all(_PURGE, now=now, most=most)
    freed: dict[int, int] = {}
    for org_id, size in rows:
        freed[org_id] = freed.get(org_id, 0) + size + _ROW_BYTES
    for org_id in sorted(freed):
        await tx.execute(_USE, org_id=org_id, bytes=-freed[org_id])
    return len(rows)
