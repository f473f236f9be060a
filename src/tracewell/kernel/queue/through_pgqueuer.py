"""The queue in PostgreSQL: PgQueuer over asyncpg, told by LISTEN/NOTIFY, leases by heartbeats.

What this module adds: a task is put in the caller's transaction, and a worker outlives its
connection. Why PgQueuer: docs/decisions/0185.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import Sequence
from datetime import timedelta

import asyncpg
from pgqueuer import AsyncpgDriver, Job, QueueManager
from pgqueuer.adapters.persistence.qb import (
    QueryBuilderEnvironment,
    QueryQueueBuilder,
    QuerySchedulerBuilder,
)
from pgqueuer.domain.errors import RetryRequested
from pgqueuer.domain.settings import DBSettings, Durability
from pgqueuer.domain.types import Channel
from pgqueuer.queries import Queries

from tracewell.kernel.database import Transaction
from tracewell.kernel.database.postgresql import CONNECT_TIMEOUT_S, PostgresqlTransaction
from tracewell.kernel.queue.model import RETRY_DELAY_S, Handler, Stopping, TaskReturned

RECONNECT_S = 1.0
LOG_KEPT = "7 days"
_FORGET_LOG = f"DELETE FROM pgqueuer_log WHERE created < now() - INTERVAL '{LOG_KEPT}'"  # noqa: S608
_FORGET_COUNTS = f"DELETE FROM pgqueuer_statistics WHERE created < now() - INTERVAL '{LOG_KEPT}'"  # noqa: S608

# All names given: PgQueuer would take any that is left out from the environment.
_NAMES = DBSettings(
    prefix="",
    db_schema=None,
    channel=Channel("ch_pgqueuer"),
    function="fn_pgqueuer_changed",
    statistics_table="pgqueuer_statistics",
    queue_status_type="pgqueuer_status",
    queue_table="pgqueuer",
    queue_table_log="pgqueuer_log",
    trigger="tg_pgqueuer_changed",
    schedules_table="pgqueuer_schedules",
    durability=Durability.durable,
)

_log = logging.getLogger("tracewell.queue")


def make_queries(connection: asyncpg.Connection) -> Queries:
    """PgQueuer's statements over a connection, with the names of our migration."""
    return Queries(
        AsyncpgDriver(connection),
        QueryBuilderEnvironment(_NAMES),
        QueryQueueBuilder(_NAMES),
        QuerySchedulerBuilder(_NAMES),
    )


async def put_in_postgresql(tx: Transaction, kind: str, payloads: Sequence[str]) -> None:
    """Queues a task for each payload in the transaction. Raises DatabaseFailed."""
    assert isinstance(tx, PostgresqlTransaction)
    if not payloads:
        return
    with tx.driver() as connection:
        await make_queries(connection).enqueue(
            [kind] * len(payloads), [text.encode() for text in payloads], [0] * len(payloads)
        )


class PgQueuerQueue:
    """The worker's side, on a connection of its own."""

    def __init__(self, url: str, lease_s: float) -> None:
        self._url = url
        self._lease = timedelta(seconds=lease_s)

    async def work(self, kind: str, handler: Handler, concurrency: int, stopping: Stopping) -> None:
        """Does tasks until it is told to stop (see `Queue`)."""
        while not stopping.is_set():
            try:
                connection = await asyncpg.connect(self._url, timeout=CONNECT_TIMEOUT_S)
                try:
                    await self._work_on(connection, kind, handler, concurrency, stopping)
                finally:
                    connection.terminate()
            except (asyncpg.PostgresError, asyncpg.InterfaceError, OSError, TimeoutError) as error:
                _log.warning("the queue's connection failed: %s", type(error).__name__)
                with contextlib.suppress(TimeoutError):
                    await asyncio.wait_for(stopping.wait(), RECONNECT_S)

    async def _work_on(
        self,
        connection: asyncpg.Connection,
        kind: str,
        handler: Handler,
        concurrency: int,
        stopping: Stopping,
    ) -> None:
        for statement in (_FORGET_LOG, _FORGET_COUNTS):
            await connection.execute(statement)
        manager = QueueManager(make_queries(connection), channel=_NAMES.channel)
        places = asyncio.Semaphore(concurrency)

        @manager.entrypoint(kind)
        async def do(job: Job) -> None:
            async with places:
                await _do(job, handler, stopping)

        # A connection that breaks wakes nobody who only listens: the end of it does.
        lost = asyncio.Event()
        connection.add_termination_listener(lambda _: lost.set())
        running = asyncio.create_task(
            manager.run(
                dequeue_timeout=min(timedelta(seconds=10), self._lease / 2),
                batch_size=max(1, concurrency // 2),
                # PgQueuer asks for twice the batch at least; `places` holds one worker to one.
                max_concurrent_tasks=max(2, concurrency),
                shutdown_on_listener_failure=True,
                heartbeat_timeout=self._lease,
            )
        )
        ends = [asyncio.create_task(event.wait()) for event in (stopping, lost)]
        try:
            await asyncio.wait({running, *ends}, return_when=asyncio.FIRST_COMPLETED)
            manager.shutdown.set()
            await running
        finally:
            for task in (running, *ends):
                task.cancel()
            await asyncio.gather(running, *ends, return_exceptions=True)


async def _do(job: Job, handler: Handler, stopping: Stopping) -> None:
    if stopping.is_set():
        raise RetryRequested
    try:
        await handler((job.payload or b"").decode(), stopping)
    except TaskReturned:
        raise RetryRequested from None
    except Exception as error:
        _log.exception("a task failed")
        raise RetryRequested(timedelta(seconds=RETRY_DELAY_S)) from error
