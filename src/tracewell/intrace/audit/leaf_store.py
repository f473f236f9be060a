"""The SQL that reads the log leaf by leaf, whatever a leaf is: to build, check and export it."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass
from enum import StrEnum
from functools import partial

from tracewell.intrace.audit import tree_store
from tracewell.intrace.audit.cells import read_bytes, read_text, read_whole
from tracewell.intrace.audit.model import Completion, Purge, encode_completion, encode_purge
from tracewell.kernel.database import Transaction
from tracewell.kernel.merkle import Frontier, Node, Span, hash_leaf

CHUNK_LEAVES = 5_000

_RECORDS = """
    SELECT leaf, record, seq, request_id, user_id, logged_at, leaf_hash FROM audit_records
    WHERE leaf >= :first AND leaf < :end ORDER BY leaf
"""
_COMPLETIONS = """
    SELECT leaf, request_id, completed_at, failure, report_hash FROM audit_completions
    WHERE leaf >= :first AND leaf < :end ORDER BY leaf
"""
_PURGES = """
    SELECT leaf, purged_at, through_seq, record_count FROM audit_purges
    WHERE leaf >= :first AND leaf < :end ORDER BY leaf
"""
_END = """
    SELECT COALESCE(MAX(leaf), -1) + 1 FROM (
      SELECT MAX(leaf) AS leaf FROM audit_records
      UNION ALL SELECT MAX(leaf) FROM audit_completions
      UNION ALL SELECT MAX(leaf) FROM audit_purges) AS ends
"""
_STRAY = """
    SELECT 'record', request_id FROM audit_records WHERE leaf IS NULL
    UNION ALL SELECT 'completion', request_id FROM audit_completions WHERE leaf IS NULL
    UNION ALL SELECT 'record', request_id FROM audit_records WHERE leaf >= :end OR leaf < 0
    UNION ALL SELECT 'completion', request_id FROM audit_completions WHERE leaf >= :end OR leaf < 0
    LIMIT :limit
"""
_ORPHANS = """
    SELECT leaf, request_id FROM audit_completions c WHERE NOT EXISTS (
      SELECT 1 FROM audit_records r WHERE r.request_id = c.request_id)
    ORDER BY leaf LIMIT :limit
"""
_TOLD_MAX = 1_000


class LeafKind(StrEnum):
    """What a leaf's entry tells."""

    RECORD = "record"
    COMPLETION = "completion"
    PURGE = "purge"


@dataclass(frozen=True, slots=True)
class LeafRow:
    """A row that is a leaf. `entry` is None for a record without content.

    The members from `seq` on are those of records alone; they repeat what the entry says.
    """

    leaf: int
    kind: LeafKind
    entry: bytes | None
    request_id: str | None
    seq: int | None = None
    user_id: str | None = None
    logged_at: int | None = None
    leaf_hash: bytes | None = None


async def list_leaf_rows(tx: Transaction, span: Span) -> list[LeafRow]:
    """The rows that are leaves of a span, in their order; all of them, should two be one leaf."""
    bounds = {"first": span.first, "end": span.end}
    rows = [
        LeafRow(leaf, LeafKind.RECORD, read_bytes(record) or None, read_text(request_id),
                read_whole(seq), read_text(user_id), read_whole(logged_at), read_bytes(leaf_hash))
        for leaf, record, seq, request_id, user_id, logged_at, leaf_hash
        in await tx.fetch_all(_RECORDS, **bounds)
    ]  # fmt: skip
    for leaf, request_id, *completion in await tx.fetch_all(_COMPLETIONS, **bounds):
        entry = _encoded(partial(encode_completion, request_id, Completion(*completion)))
        rows.append(LeafRow(leaf, LeafKind.COMPLETION, entry, read_text(request_id)))
    for leaf, *purge in await tx.fetch_all(_PURGES, **bounds):
        entry = _encoded(partial(encode_purge, Purge(*purge)))
        rows.append(LeafRow(leaf, LeafKind.PURGE, entry, None))
    rows.sort(key=lambda row: row.leaf)
    return rows


def _encoded(encode: Callable[[], bytes]) -> bytes:
    """The entry of a row; none that was ever logged where its cells make none."""
    try:
        return encode()
    except (TypeError, ValueError, OverflowError, AttributeError):
        return b""


async def get_end(tx: Transaction) -> int:
    """One more than the last leaf that any row claims to be."""
    return read_whole(await tx.fetch_value(_END)) or 0


async def iter_leaf_rows(tx: Transaction, span: Span) -> AsyncIterator[list[LeafRow]]:
    """The rows of a span in chunks."""
    for first in range(span.first, span.end, CHUNK_LEAVES):
        yield await list_leaf_rows(tx, Span(first, min(first + CHUNK_LEAVES, span.end)))


async def list_stray_rows(tx: Transaction, end: int) -> list[tuple[str, str]]:
    """Kind and request of the first rows that claim to be no leaf at all, or one from `end` on."""
    rows = await tx.fetch_all(_STRAY, end=end, limit=_TOLD_MAX)
    return [(row[0], read_text(row[1]) or "") for row in rows]


async def list_orphans(tx: Transaction) -> list[tuple[int, str]]:
    """Leaf and request of the first completions that have no record."""
    rows = await tx.fetch_all(_ORPHANS, limit=_TOLD_MAX)
    return [(row[0], read_text(row[1]) or "") for row in rows if read_whole(row[0]) is not None]


async def ensure_built(tx: Transaction) -> None:
    """Makes the nodes of a log that was written before it was a tree; of no other."""
    if await tree_store.lock_next_leaf(tx) != 0:
        return
    made: list[tuple[Node, bytes]] = []
    frontier = Frontier(on_node=lambda node, hashed: made.append((node, hashed)))
    async for rows in iter_leaf_rows(tx, Span(0, await get_end(tx))):
        for row in rows:
            assert row.entry is not None, "nothing was purged before the tree"
            frontier.append(hash_leaf(row.entry))
        await tree_store.add_nodes(tx, made)
        made.clear()
