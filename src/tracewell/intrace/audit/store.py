"""The audit log's SQL: records and completions. Nothing here changes or removes a row."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from tracewell.intrace.audit import tree_store
from tracewell.intrace.audit.model import (
    AuditFilter,
    AuditRecord,
    Completion,
    MakeRecord,
    encode_completion,
    encode_record,
    whole_second,
)
from tracewell.kernel.clock import Clock
from tracewell.kernel.database import Transaction
from tracewell.kernel.merkle import hash_leaf

_NEXT = "SELECT COALESCE(MAX(seq), 0) + 1 FROM audit_records"
ADD_RECORD = """
    INSERT INTO audit_records (seq, request_id, user_id, logged_at, record, leaf_hash, leaf)
    VALUES (:seq, :request_id, :user_id, :logged_at, :record, :leaf_hash, :leaf)
"""
ADD_COMPLETION = """
    INSERT INTO audit_completions (request_id, completed_at, failure, report_hash, leaf)
    VALUES (:request_id, :completed_at, :failure, :report_hash, :leaf)
"""
_FIND = "SELECT record FROM audit_records WHERE request_id = :request_id"
_FIND_COMPLETION = """
    SELECT completed_at, failure, report_hash FROM audit_completions WHERE request_id = :request_id
"""

_FIND_LEAVES = """
    SELECT r.leaf, r.record, c.leaf, c.completed_at, c.failure, c.report_hash
    FROM audit_records r LEFT JOIN audit_completions c ON c.request_id = r.request_id
    WHERE r.request_id = :request_id
"""


@dataclass(frozen=True, slots=True)
class RequestLeaves:
    """The leaves of one request; `record` is empty once it was purged."""

    record_leaf: int
    record: bytes
    completion_leaf: int
    completion: Completion | None


async def add_record(tx: Transaction, make: MakeRecord, clock: Clock) -> AuditRecord:
    """Appends a record at the next place of the log."""
    leaf = await tree_store.lock_next_leaf(tx)
    seq = await tx.fetch_value(_NEXT)
    record = make(whole_second(clock()))
    encoded = encode_record(record)
    hashed = hash_leaf(encoded)
    await tx.execute(
        ADD_RECORD,
        seq=seq,
        request_id=record.caller.request_id,
        user_id=record.caller.principal.user_id,
        logged_at=record.logged_at,
        record=encoded,
        leaf_hash=hashed,
        leaf=leaf,
    )
    await tree_store.add_leaf(tx, leaf, hashed)
    return record


async def add_completion(tx: Transaction, request_id: str, completion: Completion) -> None:
    """Appends what became of a lookup; there is at most one for each."""
    leaf = await tree_store.lock_next_leaf(tx)
    await tx.execute(
        ADD_COMPLETION,
        request_id=request_id,
        completed_at=completion.completed_at,
        failure=completion.failure,
        report_hash=completion.report_hash,
        leaf=leaf,
    )
    await tree_store.add_leaf(tx, leaf, hash_leaf(encode_completion(request_id, completion)))


async def find_record(tx: Transaction, request_id: str) -> bytes | None:
    """The record's bytes."""
    found: bytes | None = await tx.fetch_value(_FIND, request_id=request_id)
    return found


async def find_completion(tx: Transaction, request_id: str) -> Completion | None:
    """What became of a lookup, once something has."""
    row = await tx.fetch_one(_FIND_COMPLETION, request_id=request_id)
    return None if row is None else Completion(row[0], row[1], row[2])


async def find_leaves(tx: Transaction, request_id: str) -> RequestLeaves | None:
    """The leaves of a request's record and, if there is one, of its completion."""
    row = await tx.fetch_one(_FIND_LEAVES, request_id=request_id)
    if row is None:
        return None
    leaf, record, completion_leaf, completed_at, failure, report_hash = row
    if completion_leaf is None:
        return RequestLeaves(leaf, bytes(record), -1, None)
    completion = Completion(completed_at, failure, report_hash)
    return RequestLeaves(leaf, bytes(record), completion_leaf, completion)


def _where(wanted: AuditFilter, purged_through: int) -> tuple[str, dict[str, object]]:
    conditions = ["seq > :purged_through"]
    params: dict[str, object] = {"purged_through": purged_through}
    if wanted.from_ms is not None:
        conditions.append("logged_at >= :from_ms")
        params["from_ms"] = wanted.from_ms
    if wanted.to_ms is not None:
        conditions.append("logged_at <= :to_ms")
        params["to_ms"] = wanted.to_ms
    if wanted.user_id is not None:
        conditions.append("user_id = :user_id")
        params["user_id"] = wanted.user_id
    return " AND ".join(conditions), params


async def count_records(tx: Transaction, wanted: AuditFilter, purged_through: int) -> int:
    """How many records match, of those that have their content."""
    where, params = _where(wanted, purged_through)
    count: int = await tx.fetch_value(
        f"SELECT COUNT(*) FROM audit_records WHERE {where}",  # noqa: S608 - fixed conditions
        **params,
    )
    return count


async def list_records(
    tx: Transaction,
    wanted: AuditFilter,
    purged_through: int,
    before_seq: int | None,
    limit: int,
) -> Sequence[tuple[int, bytes]]:
    """Places and records, the newest first, of those that have their content."""
    where, params = _where(wanted, purged_through)
    if before_seq is not None:
        where += " AND seq < :before_seq"
        params["before_seq"] = before_seq
    rows = await tx.fetch_all(
        f"SELECT seq, record FROM audit_records WHERE {where}"  # noqa: S608 - fixed conditions
        " ORDER BY seq DESC LIMIT :limit",
        **params,
        limit=limit,
    )
    return [(row[0], row[1]) for row in rows]
