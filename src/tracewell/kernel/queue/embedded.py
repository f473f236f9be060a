"""The queue in SQLite: a table of tasks with leases, polled by the workers of one machine.

Any number of processes may work. A lease is renewed while its task is done; when it runs out, the
worker is dead or stuck, and the task goes to another.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Sequence
from secrets import token_hex

from tracewell.kernel.clock import Clock
from tracewell.kernel.database import Database, DatabaseFailed, Transaction
from tracewell.kernel.queue.model import (
    POLL_S,
    RETRY_DELAY_S,
    Handler,
    Stopping,
    TaskReturned,
)

RENEWALS_PER_LEASE = 3

_PUT = "INSERT INTO queue_tasks (kind, payload, due_at) VALUES (:kind, :payload, :now)"
_ANY_DUE = """
    SELECT 1 FROM queue_tasks WHERE kind = :kind AND due_at <= :now
      AND (worker IS NULL OR leased_until < :now) LIMIT 1"""
_TAKE = """
    UPDATE queue_tasks SET worker = :worker, leased_until = :leased_until
    WHERE task_id IN (
      SELECT task_id FROM queue_tasks WHERE kind = :kind AND due_at <= :now
        AND (worker IS NULL OR leased_until < :now)
      ORDER BY due_at, task_id LIMIT :count)
    RETURNING task_id, payload"""
_RENEW = "UPDATE queue_tasks SET leased_until = :leased_until WHERE worker = :worker"
# Whoever lost the lease meanwhile changes nothing: the task is another's.
_DONE = "DELETE FROM queue_tasks WHERE task_id = :task_id AND worker = :worker"
_AGAIN = """
    UPDATE queue_tasks SET worker = NULL, leased_until = NULL, due_at = :due_at
    WHERE task_id = :task_id AND worker = :worker"""

_log = logging.getLogger("tracewell.queue")


async def put_embedded(tx: Transaction, kind: str, payloads: Sequence[str], now: int) -> None:
    """Queues a task for each payload."""
    rows = [{"kind": kind, "payload": payload, "now": now} for payload in payloads]
    await tx.execute_many(_PUT, rows)


class EmbeddedQueue:
    """The worker's side: one instance for each `work` of a process."""

    def __init__(self, database: Database, clock: Clock, lease_s: float) -> None:
        self._database = database
        self._clock = clock
        self._lease_s = lease_s
        self._worker = token_hex(8)

    async def work(self, kind: str, handler: Handler, concurrency: int, stopping: Stopping) -> None:
        """Does tasks until it is told to stop (see `Queue`)."""
        running: set[asyncio.Task[None]] = set()
        renewing = asyncio.create_task(self._renew_regularly())
        try:
            while not stopping.is_set():
                try:
                    taken = await self._take(kind, concurrency - len(running))
                except DatabaseFailed as error:
                    _log.warning("no tasks were taken: %s", error)
                    taken = []
                for task_id, payload in taken:
                    running.add(asyncio.create_task(self._do(task_id, payload, handler, stopping)))
                running = await _wait(running, stopping, is_full=len(running) >= concurrency)
            if running:
                await asyncio.wait(running)
        finally:
            renewing.cancel()
            for task in running:
                task.cancel()
            await asyncio.gather(renewing, *running, return_exceptions=True)

    async def _take(self, kind: str, count: int) -> list[tuple[int, str]]:
        if count < 1:
            return []
        now = self._clock()
        # Looked at first without writing: an idle worker disturbs nobody.
        async with self._database.statement() as tx:
            if await tx.fetch_value(_ANY_DUE, kind=kind, now=now) is None:
                return []
        async with self._database.transaction() as tx:
            rows = await tx.fetch_all(
                _TAKE,
                kind=kind,
                now=now,
                count=count,
                worker=self._worker,
                leased_until=self._lease_end(),
            )
        return [(row[0], row[1]) for row in rows]

    def _lease_end(self) -> int:
        return self._clock() + round(self._lease_s * 1000)

    async def _renew_regularly(self) -> None:
        while True:
            await asyncio.sleep(self._lease_s / RENEWALS_PER_LEASE)
            try:
                async with self._database.transaction() as tx:
                    await tx.execute(_RENEW, worker=self._worker, leased_until=self._lease_end())
            except DatabaseFailed as error:
                _log.warning("leases were not renewed: %s", error)

    async def _do(self, task_id: int, payload: str, handler: Handler, stopping: Stopping) -> None:
        try:
            await handler(payload, stopping)
        except TaskReturned:
            await self._settle(_AGAIN, task_id, due_at=self._clock())
        except Exception:  # noqa: BLE001 - a worker loop: done again, by whomever
            _log.exception("a task failed")
            await self._settle(_AGAIN, task_id, due_at=self._clock() + round(RETRY_DELAY_S * 1000))
        else:
            await self._settle(_DONE, task_id)

    async def _settle(self, statement: str, task_id: int, **values: int) -> None:
        try:
            async with self._database.transaction() as tx:
                await tx.execute(statement, task_id=task_id, worker=self._worker, **values)
        except DatabaseFailed as error:
            # Its lease runs out; whoever does it again finds it done.
            _log.warning("a task was not settled: %s", error)


async def _wait(
    running: set[asyncio.Task[None]], stopping: Stopping, *, is_full: bool
) -> set[asyncio.Task[None]]:
    """Until a task ends, the worker is to stop, or (with room for more) it is time to look."""
    told = asyncio.create_task(stopping.wait())
    try:
        await asyncio.wait(
            {*running, told},
            timeout=None if is_full else POLL_S,
            return_when=asyncio.FIRST_COMPLETED,
        )
    finally:
        told.cancel()
    return {task for task in running if not task.done()}
