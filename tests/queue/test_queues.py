"""Both queues by themselves: tasks of a transaction, leases, failures, the library's own tables."""

from __future__ import annotations

import asyncio
import re
from importlib.resources import files

import asyncpg
import pytest

from tracewell.kernel.clock import system_clock
from tracewell.kernel.database import Database
from tracewell.kernel.queue import (
    Handler,
    Stopping,
    TaskReturned,
    count_tasks,
    open_queue,
    put_tasks,
)
from tracewell.kernel.queue.through_pgqueuer import make_queries

pytestmark = pytest.mark.anyio

KIND = "errand"
MIGRATION = files("tracewell.kernel") / "migrations" / "0003_queue.sql"


async def put(database: Database, *payloads: str) -> None:
    async with database.transaction() as tx:
        await put_tasks(tx, KIND, payloads, system_clock())


async def depth(database: Database) -> tuple[int, int]:
    async with database.snapshot() as tx:
        found = await count_tasks(tx, KIND)
    return found.waiting, found.running


async def work_until_empty(
    database: Database, url: str, handler: Handler, lease_s: float = 30.0, workers: int = 1
) -> None:
    stopping = Stopping()
    queues = [open_queue(database, url, system_clock, lease_s) for _ in range(workers)]
    working = [asyncio.create_task(one.work(KIND, handler, 3, stopping)) for one in queues]
    async with asyncio.timeout(60):
        while await depth(database) != (0, 0):
            await asyncio.sleep(0.05)
        stopping.set()
        await asyncio.gather(*working)


async def test_a_task_is_there_only_when_its_transaction_is_committed(
    database: Database,
) -> None:
    async def fail() -> None:
        async with database.transaction() as tx:
            await put_tasks(tx, KIND, ["lost"], system_clock())
            raise RuntimeError

    with pytest.raises(RuntimeError):
        await fail()
    assert await depth(database) == (0, 0)
    await put(database, "a", "b")
    assert await depth(database) == (2, 0)


async def test_every_task_is_done_once_by_several_workers(
    database: Database, database_url: str
) -> None:
    done: list[str] = []

    async def handler(payload: str, stopping: Stopping) -> None:
        await asyncio.sleep(0.01)
        done.append(payload)

    wanted = [str(number) for number in range(40)]
    await put(database, *wanted)
    await work_until_empty(database, database_url, handler, workers=3)
    assert sorted(done) == sorted(wanted)


async def test_what_is_given_back_is_done_again_at_once(
    database: Database, database_url: str
) -> None:
    calls: list[str] = []

    async def handler(payload: str, stopping: Stopping) -> None:
        calls.append(payload)
        if len(calls) < 3:
            raise TaskReturned

    await put(database, "a")
    await work_until_empty(database, database_url, handler)
    assert calls == ["a", "a", "a"]


async def test_a_handler_that_fails_is_called_again(
    database: Database, database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    for module in ("embedded", "through_pgqueuer"):
        monkeypatch.setattr(f"tracewell.kernel.queue.{module}.RETRY_DELAY_S", 0.2)
    calls: list[str] = []

    async def handler(payload: str, stopping: Stopping) -> None:
        calls.append(payload)
        if len(calls) < 3:
            raise ValueError

    await put(database, "a")
    await work_until_empty(database, database_url, handler)
    assert calls == ["a", "a", "a"]


async def test_a_long_task_keeps_its_lease(database: Database, database_url: str) -> None:
    calls: list[str] = []

    async def handler(payload: str, stopping: Stopping) -> None:
        calls.append(payload)
        await asyncio.sleep(3.5)

    await put(database, "a")
    await work_until_empty(database, database_url, handler, lease_s=1.0, workers=2)
    assert calls == ["a"]


@pytest.mark.parametrize("dialect", ["postgresql"])
async def test_the_library_finds_nothing_to_upgrade_in_our_migration(
    database: Database, database_url: str
) -> None:
    connection = await asyncpg.connect(database_url)
    try:
        plan = await make_queries(connection).plan_upgrade()
    finally:
        await connection.close()
    # Our file holds the trigger's function without the library's remarks.
    ours = _without_remarks(MIGRATION.read_text("utf-8"))
    assert [one for one in plan.statements if _without_remarks(one) not in ours] == []


def _without_remarks(text: str) -> str:
    text = re.sub(r"--[^\n]*", "", text.replace("CREATE OR REPLACE", "CREATE"))
    return " ".join(text.split())


@pytest.mark.parametrize("dialect", ["postgresql"])
async def test_a_worker_outlives_its_connection(database: Database, database_url: str) -> None:
    done: list[str] = []

    async def handler(payload: str, stopping: Stopping) -> None:
        done.append(payload)

    stopping = Stopping()
    queue = open_queue(database, database_url, system_clock, 2.0)
    working = asyncio.create_task(queue.work(KIND, handler, 3, stopping))
    async with asyncio.timeout(240):
        await put(database, "a")
        while done != ["a"]:
            await asyncio.sleep(0.05)
        connection = await asyncpg.connect(database_url)
        await connection.execute(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
            " WHERE query LIKE '%pgqueuer%' AND pid <> pg_backend_pid()"
        )
        await connection.close()
        await asyncio.sleep(0.5)
        await put(database, "b")
        while "b" not in done:
            await asyncio.sleep(0.05)
        stopping.set()
        await working
