"""Which queue a database has: ours in SQLite, PgQueuer's in PostgreSQL."""

from __future__ import annotations

from collections.abc import Sequence

from tracewell.kernel.clock import Clock
from tracewell.kernel.database import Database, Transaction
from tracewell.kernel.queue.embedded import EmbeddedQueue, put_embedded
from tracewell.kernel.queue.model import Queue


async def put_tasks(tx: Transaction, kind: str, payloads: Sequence[str], now: int) -> None:
    """Queues a task for each payload; they are there when the transaction is committed."""
    if tx.dialect == "sqlite":
        await put_embedded(tx, kind, payloads, now)
    else:
        # Here and not above: SQLite needs none of it.
        from tracewell.kernel.queue.through_pgqueuer import put_in_postgresql

        await put_in_postgresql(tx, kind, payloads)


def open_queue(database: Database, url: str, clock: Clock, lease_s: float) -> Queue:
    """The queue of a database, `url` being its address.

    A worker that has not been heard of for `lease_s` seconds loses its tasks to others.
    """
    if database.dialect == "sqlite":
        return EmbeddedQueue(database, clock, lease_s)
    from tracewell.kernel.queue.through_pgqueuer import PgQueuerQueue

    return PgQueuerQueue(url, lease_s)
