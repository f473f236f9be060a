"""The SQL of lookups. Their results are in the reports."""

from __future__ import annotations

from collections.abc import Sequence

from tracewell.intrace.lookups.model import LookupSummary
from tracewell.kernel.database import Transaction
from tracewell.kernel.sealing import Sealer

_COLUMNS = (
    "request_id, owner, depth, identifier_count, status, confidence, entity_count,"
    " queried_at, expires_at"
)
_ADD = f"""
    INSERT INTO lookups ({_COLUMNS})
    VALUES (:request_id, :owner, :depth, :identifier_count, :status, :confidence, :entity_count,
      :queried_at, :expires_at)
"""  # noqa: S608 - a constant list of columns
_LIST = f"""
    SELECT {_COLUMNS} FROM lookups
    WHERE owner = :owner AND expires_at > :now AND request_id < :before
      AND queried_at >= :from_ms AND queried_at <= :to_ms
    ORDER BY request_id DESC LIMIT :limit
"""  # noqa: S608 - a constant list of columns
_SIZES = """
    SELECT lookups.request_id, length(reports.payload) FROM lookups
    JOIN reports ON reports.request_id = lookups.request_id
    WHERE lookups.owner = :owner AND lookups.expires_at > :now
    ORDER BY lookups.request_id DESC LIMIT :limit
"""
_PAYLOADS = """
    SELECT lookups.request_id, reports.payload, lookups.expires_at FROM lookups
    JOIN reports ON reports.request_id = lookups.request_id
    WHERE lookups.owner = :owner AND lookups.expires_at > :now AND lookups.request_id >= :oldest
    ORDER BY lookups.request_id DESC LIMIT :limit
"""
_AFTER_ALL = "req_~"
_TIME_MIN, _TIME_MAX = -(1 << 62), 1 << 62


async def add_lookup(tx: Transaction, lookup: LookupSummary) -> None:
    """Stores the summary of a lookup whose report is stored."""
    await tx.execute(
        _ADD,
        request_id=lookup.request_id,
        owner=lookup.owner,
        depth=lookup.depth,
        identifier_count=lookup.identifier_count,
        status=lookup.status,
        confidence=lookup.confidence,
        entity_count=lookup.entity_count,
        queried_at=lookup.queried_at,
        expires_at=lookup.expires_at,
    )


async def list_lookups(
    tx: Transaction,
    owner: str,
    before: str | None,
    limit: int,
    now: int,
    *,
    from_ms: int | None = None,
    to_ms: int | None = None,
) -> Sequence[LookupSummary]:
    """An owner's lookups whose results can be fetched, the newest first. Both bounds are inclusive,
    in milliseconds since the epoch."""
    rows = await tx.fetch_all(
        _LIST,
        owner=owner,
        before=before or _AFTER_ALL,
        limit=limit,
        now=now,
        from_ms=_TIME_MIN if from_ms is None else from_ms,
        to_ms=_TIME_MAX if to_ms is None else to_ms,
    )
    return [LookupSummary(*row) for row in rows]


async def list_payloads(
    tx: Transaction,
    owner: str,
    now: int,
    sealer: Sealer,
    *,
    results_max: int,
    bytes_max: int,
) -> tuple[Sequence[tuple[bytes, int]], bool]:
    """The owner's results within both bounds with their expiry, the newest first.

    And whether there are more. For a snapshot: two statements. Raises SealBroken.
    """
    sizes = await tx.fetch_all(_SIZES, owner=owner, now=now, limit=results_max + 1)
    total, kept = 0, 0
    for _, size in sizes[:results_max]:
        total += size
        if total > bytes_max:
            break
        kept += 1
    if not kept:
        return (), bool(sizes)
    oldest = sizes[kept - 1][0]
    rows = await tx.fetch_all(_PAYLOADS, owner=owner, now=now, oldest=oldest, limit=kept)
    opened = [(sealer.open(bytes(payload), key), expires_at) for key, payload, expires_at in rows]
    return opened, kept < len(sizes)
