"""What a queue is to those who put tasks and to those who do them. Only counts are read here."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Protocol

from tracewell.kernel.database import Sql, Transaction

Stopping = asyncio.Event
"""Set when the worker is to end: a handler gives its task back instead of going on."""
Handler = Callable[[str, Stopping], Awaitable[None]]
"""Does the task of that payload. Returns when it is done for good; raises to have it done again."""

RETRY_DELAY_S = 5.0
"""After a handler failed; it counts its attempts itself, and ends what cannot be done."""
POLL_S = 0.5

_DEPTH = Sql(
    sqlite="""
        SELECT COUNT(*) - COUNT(worker), COUNT(worker) FROM queue_tasks WHERE kind = :kind""",
    postgresql="""
        SELECT COUNT(*) FILTER (WHERE status = 'queued'), COUNT(*) FILTER (WHERE status = 'picked')
        FROM pgqueuer WHERE entrypoint = :kind""",
)


class TaskReturned(Exception):  # noqa: N818 - no failure
    """A handler gives its task back: whoever comes next does it from where it stands."""


@dataclass(frozen=True, slots=True)
class Depth:
    """Tasks that wait, and those that a worker holds."""

    waiting: int
    running: int


class Queue(Protocol):
    """The worker's side of a queue."""

    async def work(self, kind: str, handler: Handler, concurrency: int, stopping: Stopping) -> None:
        """Does tasks of that kind, `concurrency` at a time, until `stopping` is set and what was
        begun is finished or given back. Survives failures of the database.
        """
        ...


async def count_tasks(tx: Transaction, kind: str) -> Depth:
    """How many tasks of the kind there are."""
    row = await tx.fetch_one(_DEPTH, kind=kind)
    assert row is not None, "a count has a row"
    return Depth(row[0], row[1])
