"""How far a load has come: written in each batch's transaction, read by whoever takes it up."""

from __future__ import annotations

from dataclasses import asdict, dataclass

import orjson

from tracewell.kernel.database import Transaction
from tracewell.trace.loading.model import Counts

_READ = """
    SELECT file_number, rows_done, counts, rejects_bytes, undecided_bytes, finished_at IS NOT NULL
    FROM loads WHERE load_id = :load_id"""
_WRITE = """
    INSERT INTO loads (load_id, source, files, file_number, rows_done, counts, rejects_bytes,
      undecided_bytes, started_at, updated_at, finished_at)
    VALUES (:load_id, :source, :files, :file_number, :rows_done, :counts, :rejects_bytes,
      :undecided_bytes, :now, :now, :finished_at)
    ON CONFLICT (load_id) DO UPDATE SET file_number = excluded.file_number,
      rows_done = excluded.rows_done, counts = excluded.counts,
      rejects_bytes = excluded.rejects_bytes, undecided_bytes = excluded.undecided_bytes,
      updated_at = excluded.updated_at, finished_at = excluded.finished_at"""


@dataclass(slots=True)
class Checkpoint:
    """`rows_done` rows of file `file_number` (from 0) are in, all files before it whole.

    The bytes are the lengths of the files of rejected and undecided rows, None where none is kept.
    """

    load_id: str
    source: str
    files: tuple[str, ...]
    file_number: int
    rows_done: int
    counts: Counts
    rejects_bytes: int | None = None
    undecided_bytes: int | None = None
    is_finished: bool = False


async def find_checkpoint(tx: Transaction, begun: Checkpoint) -> Checkpoint | None:
    """How far the same load has come; None where it never ran."""
    row = await tx.fetch_one(_READ, load_id=begun.load_id)
    if row is None:
        return None
    counts = Counts(**orjson.loads(row[2]))
    return Checkpoint(
        begun.load_id, begun.source, begun.files, row[0], row[1], counts, row[3], row[4],
        bool(row[5]),
    )  # fmt: skip


async def save_checkpoint(
    tx: Transaction, checkpoint: Checkpoint, now: int, *, is_finished: bool
) -> None:
    """Notes how far the load is."""
    await tx.execute(
        _WRITE,
        load_id=checkpoint.load_id,
        source=checkpoint.source,
        files=orjson.dumps(checkpoint.files).decode(),
        file_number=checkpoint.file_number,
        rows_done=checkpoint.rows_done,
        counts=orjson.dumps(asdict(checkpoint.counts)).decode(),
        rejects_bytes=checkpoint.rejects_bytes,
        undecided_bytes=checkpoint.undecided_bytes,
        now=now,
        finished_at=now if is_finished else None,
    )
