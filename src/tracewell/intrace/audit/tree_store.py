"""The SQL of the tree over the log: leaves, inner nodes, signed heads. Nothing changes a row."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass

from tracewell.intrace.audit.cells import read_bytes
from tracewell.kernel.database import Transaction
from tracewell.kernel.merkle import Node, Span, completed_by, fold, joined_by, nodes_of

_LOCK = 0x6175646974  # "audit"

_SIZE = "SELECT COALESCE(MAX(idx), -1) + 1 FROM audit_nodes WHERE level = 0"
_ADD_NODE = "INSERT INTO audit_nodes (level, idx, hash) VALUES (:level, :idx, :hash)"
_LEAF_HASHES = """
    SELECT hash FROM audit_nodes WHERE level = 0 AND idx >= :first AND idx < :end ORDER BY idx
"""
_LEVEL = """
    SELECT idx, hash FROM audit_nodes WHERE level = :level AND idx >= :first AND idx < :end
"""
_ADD_CHECKPOINT = """
    INSERT INTO audit_checkpoints (size, note, key_id, signed_at)
    VALUES (:size, :note, :key_id, :signed_at)
"""
_CHECKPOINT_COLUMNS = "size, note, key_id, signed_at"
_LAST_CHECKPOINT = f"""
    SELECT {_CHECKPOINT_COLUMNS} FROM audit_checkpoints ORDER BY size DESC LIMIT 1
"""  # noqa: S608 - a constant list of columns
_CHECKPOINTS = f"""
    SELECT {_CHECKPOINT_COLUMNS} FROM audit_checkpoints WHERE size > :after
    ORDER BY size LIMIT :limit
"""  # noqa: S608 - a constant list of columns


@dataclass(frozen=True, slots=True)
class StoredCheckpoint:
    """A signed head as it is kept; `signed_at` in milliseconds since the epoch."""

    size: int
    note: str
    key_id: str
    signed_at: int


async def lock_next_leaf(tx: Transaction) -> int:
    """The number of the next leaf, held until the transaction ends."""
    if tx.dialect == "postgresql":
        # One writer at a time: the numbers have no gap, the times are in their order.
        await tx.execute("SELECT pg_advisory_xact_lock(:lock)", lock=_LOCK)
    return await get_size(tx)


async def get_size(tx: Transaction) -> int:
    """How many leaves the tree has."""
    size: int = await tx.fetch_value(_SIZE)
    return size


async def count_leaves(tx: Transaction) -> int:
    """How many leaves the tree holds: as many as it has, unless somebody took or added some."""
    count: int = await tx.fetch_value("SELECT COUNT(*) FROM audit_nodes WHERE level = 0")
    return count


async def add_leaf(tx: Transaction, leaf: int, leaf_hash: bytes) -> None:
    """Appends a leaf and every node that it completes."""
    siblings = joined_by(leaf)
    hashes = await fetch_nodes(tx, siblings)
    nodes = completed_by(leaf, leaf_hash, [hashes[node] for node in siblings])
    await add_nodes(tx, list(nodes))


async def add_nodes(tx: Transaction, nodes: Sequence[tuple[Node, bytes]]) -> None:
    """Stores nodes; those of one level in their order."""
    rows = [{"level": node.level, "idx": node.place, "hash": hashed} for node, hashed in nodes]
    if len(rows) == 1:  # every second leaf
        await tx.execute(_ADD_NODE, **rows[0])
    else:
        await tx.execute_many(_ADD_NODE, rows)


async def fetch_nodes(tx: Transaction, nodes: Collection[Node]) -> dict[Node, bytes]:
    """The hashes of nodes. KeyError from the result: the tree has no such node."""
    if not nodes:
        return {}
    wanted = ", ".join(
        f"(CAST(:l{n} AS INTEGER), CAST(:i{n} AS BIGINT))" for n in range(len(nodes))
    )
    params = {}
    for number, node in enumerate(nodes):
        params[f"l{number}"], params[f"i{number}"] = node
    rows = await tx.fetch_all(
        "SELECT level, idx, hash FROM audit_nodes"  # noqa: S608 - numbered parameters
        f" WHERE (level, idx) IN (VALUES {wanted})",
        **params,
    )
    return {Node(row[0], row[1]): bytes(row[2]) for row in rows}


async def hash_spans(tx: Transaction, spans: Sequence[Span]) -> list[bytes]:
    """The hash of each subtree. Raises KeyError where the tree lacks one of its nodes."""
    hashes = await fetch_nodes(tx, {node for span in spans for node in nodes_of(span)})
    return [fold([hashes[node] for node in nodes_of(span)]) for span in spans]


async def list_leaf_hashes(tx: Transaction, span: Span) -> list[bytes]:
    """The hashes of leaves, as many of the span as there are."""
    rows = await tx.fetch_all(_LEAF_HASHES, first=span.first, end=span.end)
    return [read_bytes(row[0]) for row in rows]


async def list_inner_nodes(tx: Transaction, span: Span) -> dict[Node, bytes]:
    """The nodes above the leaves that the leaves of a span complete."""
    nodes: dict[Node, bytes] = {}
    for level in range(1, span.end.bit_length()):
        rows = await tx.fetch_all(
            _LEVEL, level=level, first=span.first >> level, end=span.end >> level
        )
        nodes.update({Node(level, row[0]): read_bytes(row[1]) for row in rows})
    return nodes


async def find_last_checkpoint(tx: Transaction) -> StoredCheckpoint | None:
    """The head of the largest tree that was signed."""
    row = await tx.fetch_one(_LAST_CHECKPOINT)
    return None if row is None else StoredCheckpoint(*row)


async def list_checkpoints(tx: Transaction, after: int, limit: int) -> list[StoredCheckpoint]:
    """Signed heads of trees larger than `after`, the smallest first."""
    rows = await tx.fetch_all(_CHECKPOINTS, after=after, limit=limit)
    return [StoredCheckpoint(*row) for row in rows]


async def add_checkpoint(tx: Transaction, checkpoint: StoredCheckpoint) -> None:
    """Keeps a signed head of a tree that is larger than that of any other."""
    await tx.execute(
        _ADD_CHECKPOINT,
        size=checkpoint.size,
        note=checkpoint.note,
        key_id=checkpoint.key_id,
        signed_at=checkpoint.signed_at,
    )
