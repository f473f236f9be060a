"""Retention: expired records lose their content, their leaves stay, and the log says so itself."""

from __future__ import annotations

from tracewell.intrace.audit import tree_store
from tracewell.intrace.audit.model import Purge, encode_purge
from tracewell.kernel.database import Sql, Transaction
from tracewell.kernel.merkle import hash_leaf

_PURGED_THROUGH = "SELECT COALESCE(MAX(through_seq), 0) FROM audit_purges"
_NEXT_KEPT = """
    SELECT seq FROM audit_records WHERE seq > :after AND logged_at > :cutoff ORDER BY seq LIMIT 1
"""
_LAST = "SELECT COALESCE(MAX(seq), 0) FROM audit_records"
_ADD = """
    INSERT INTO audit_purges (leaf, purged_at, through_seq, record_count)
    VALUES (:leaf, :purged_at, :through_seq, :record_count)
"""
# On PostgreSQL the server's role may not UPDATE: the function takes what the purge covers.
_FORGET = Sql(
    sqlite="UPDATE audit_records SET record = x'', user_id = NULL"
    " WHERE seq > :after AND seq <= :through",
    postgresql="SELECT audit_forget()",
)


async def get_purged_through(tx: Transaction) -> int:
    """The last place of the log whose record has lost its content; 0 for none."""
    through: int = await tx.fetch_value(_PURGED_THROUGH)
    return through


async def purge_expired(
    tx: Transaction, cutoff_ms: int, purged_at: int, count_max: int
) -> Purge | None:
    """Logs a purge of the oldest records that were logged at or before a time, and does it.

    None: there is none. Records go in their order, so that a clock that was once set back keeps
    records longer, never shorter.
    """
    leaf = await tree_store.lock_next_leaf(tx)
    after = await get_purged_through(tx)
    kept = await tx.fetch_value(_NEXT_KEPT, after=after, cutoff=cutoff_ms)
    last = await tx.fetch_value(_LAST) if kept is None else kept - 1
    through = min(last, after + count_max)
    if through <= after:
        return None
    purge = Purge(purged_at, through, through - after)
    await tx.execute(
        _ADD, leaf=leaf, purged_at=purged_at, through_seq=through, record_count=purge.record_count
    )
    await tree_store.add_leaf(tx, leaf, hash_leaf(encode_purge(purge)))
    await tx.execute(_FORGET, after=after, through=through)
    return purge
