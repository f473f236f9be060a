"""The group commit of paid reads: who waits for whom, who falls with whom, who pays."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from random import Random

import pytest
from tests.exactness.faults import FaultyDatabase, Points

from tracewell.kernel.credits import Call, Charge, ChargeBatcher, CreditsExhausted, Ledger
from tracewell.kernel.credits.batch import Found
from tracewell.kernel.database import Database, DatabaseFailed, Transaction
from tracewell.kernel.ids import IdFactory

pytestmark = pytest.mark.anyio

NOW = 1_790_000_000_000
BALANCE = 10


class HeldCommits:
    """The real database, whose commits wait until they are let go."""

    def __init__(self, inner: Database) -> None:
        self._inner = inner
        self.dialect = inner.dialect
        self.let_go = asyncio.Event()
        self.held = asyncio.Event()
        self.snapshot = inner.snapshot
        self.statement = inner.statement
        self.close = inner.close

    @asynccontextmanager
    async def transaction(self) -> AsyncIterator[Transaction]:
        async with self._inner.transaction() as tx:
            yield tx
            self.held.set()
            await self.let_go.wait()


def call(name: str, org_id: int = 1) -> Call:
    return Call(org_id, "api", "key", "GET /v1/things", name)


async def read_all(tx: Transaction, wanted: Sequence[int]) -> list[Found[str] | None]:
    return [Found(f"item {item}", (item,)) for item in wanted]


@pytest.fixture
async def ledger(database: Database) -> Ledger:
    """A ledger with one org that has ten credits."""
    made = Ledger(lambda: NOW, IdFactory(lambda: NOW))
    async with database.transaction() as tx:
        await tx.execute(
            "INSERT INTO orgs (org_id, name, plan, created_at) VALUES (1, 'one', 'none', 0)"
        )
        await made.open_account(tx, 1)
        await made.book(tx, call("grant"), "grant", BALANCE, "test")
    return made


async def spent(database: Database, ledger: Ledger) -> int:
    async with database.snapshot() as tx:
        return BALANCE - (await ledger.get_account(tx, 1)).balance


async def test_a_free_read_does_not_wait_for_the_commit_of_a_paid_one(
    database: Database, ledger: Ledger
) -> None:
    await ChargeBatcher(database, ledger, read_all).serve(call("first"), 1)
    held = HeldCommits(database)
    batcher = ChargeBatcher(held, ledger, read_all)
    paying = asyncio.create_task(batcher.serve(call("paid"), 2))
    await held.held.wait()
    async with asyncio.timeout(10):
        assert await batcher.serve(call("free"), 1) == ("item 1", Charge(0, BALANCE - 1))
    assert not paying.done()
    held.let_go.set()
    assert await paying == ("item 2", Charge(1, BALANCE - 2))


async def test_one_want_that_the_reader_falls_over_fails_alone(
    database: Database, ledger: Ledger
) -> None:
    async def read(tx: Transaction, wanted: Sequence[int]) -> list[Found[str] | None]:
        if 13 in wanted:
            raise LookupError(13)
        return await read_all(tx, wanted)

    batcher = ChargeBatcher(database, ledger, read)
    outcomes = await asyncio.gather(
        *(batcher.serve(call(f"call {item}"), item) for item in (11, 12, 13, 14)),
        return_exceptions=True,
    )
    assert [type(outcome) for outcome in outcomes] == [tuple, tuple, LookupError, tuple]
    assert await spent(database, ledger) == 3


async def test_what_is_paid_and_told_was_read_once(database: Database, ledger: Ledger) -> None:
    reads: list[int] = []

    async def read(tx: Transaction, wanted: Sequence[int]) -> list[Found[str] | None]:
        reads.extend(wanted)
        return [Found(f"item {item}, read {len(reads)}", (item,)) for item in wanted]

    batcher = ChargeBatcher(database, ledger, read)
    assert await batcher.serve(call("paid"), 1) == ("item 1, read 1", Charge(1, BALANCE - 1))
    assert await batcher.serve(call("free"), 1) == ("item 1, read 2", Charge(0, BALANCE - 1))
    assert reads == [1, 1]


async def test_a_caller_that_left_before_the_group_was_paid_is_not_charged(
    database: Database, ledger: Ledger
) -> None:
    held = HeldCommits(database)
    batcher = ChargeBatcher(held, ledger, read_all)
    first = asyncio.create_task(batcher.serve(call("first"), 1))
    await held.held.wait()
    gone = asyncio.create_task(batcher.serve(call("gone"), 2))
    await asyncio.sleep(0.05)  # read by now, and queueing to be paid
    gone.cancel()
    held.let_go.set()
    assert await first is not None
    assert await batcher.serve(call("last"), 3) == ("item 3", Charge(1, BALANCE - 2))


async def test_a_batcher_that_is_stopped_leaves_no_caller_waiting(
    database: Database, ledger: Ledger
) -> None:
    held = HeldCommits(database)
    batcher = ChargeBatcher(held, ledger, read_all)
    before = asyncio.all_tasks()
    calls = [asyncio.create_task(batcher.serve(call("one"), 1))]
    await held.held.wait()
    calls.append(asyncio.create_task(batcher.serve(call("two"), 2)))
    await asyncio.sleep(0.05)
    for task in asyncio.all_tasks() - before - set(calls):
        task.cancel()
    async with asyncio.timeout(10):
        await asyncio.wait(calls)
    assert all(task.cancelled() for task in calls)
    held.let_go.set()
    assert await spent(database, ledger) == 0
    assert await batcher.serve(call("later"), 1) == ("item 1", Charge(1, BALANCE - 1))


async def test_a_group_refuses_exactly_those_that_the_balance_cannot_cover(
    database: Database, ledger: Ledger
) -> None:
    batcher = ChargeBatcher(database, ledger, read_all)
    outcomes = await asyncio.gather(
        *(batcher.serve(call(f"call {item}"), item) for item in range(1, 16)),
        return_exceptions=True,
    )
    assert outcomes[:10] == [(f"item {item}", Charge(1, BALANCE - item)) for item in range(1, 11)]
    refused = [error for error in outcomes if isinstance(error, CreditsExhausted)]
    assert [(error.requested, error.shortfall) for error in refused] == [(1, 1)] * 5


async def test_a_refusal_is_void_when_what_it_saw_is_not_committed(
    database: Database, ledger: Ledger
) -> None:
    """In one group: a charge that takes all, and a call that is refused for it."""
    if database.dialect != "sqlite":
        pytest.skip("only SQLite lets transactions of one group see each other's writes")

    async def take_all() -> None:
        async with database.transaction() as tx:
            await ledger.book(tx, call("all"), "adjustment", -BALANCE, "test")

    async def refused() -> None:
        async with database.transaction() as tx:
            if (await ledger.get_account(tx, 1)).balance == 0:
                raise CreditsExhausted(1, 1)

    async def break_group() -> None:
        async with database.transaction() as tx:
            # As a full disk does: SQLite rolls the whole group back.
            await tx.execute("ROLLBACK")

    outcomes = await asyncio.gather(take_all(), refused(), break_group(), return_exceptions=True)
    assert [type(outcome) for outcome in outcomes] == [DatabaseFailed] * 3
    assert await spent(database, ledger) == 0


async def test_the_ledgers_times_keep_the_order_of_its_entries(
    database: Database, ledger: Ledger
) -> None:
    """A grant that waits for the account's lock is booked after what it waited for."""
    now = NOW
    ticking = Ledger(lambda: now, IdFactory(lambda: NOW))
    held = HeldCommits(database)

    async def grant(into: AbstractAsyncContextManager[Transaction], name: str) -> None:
        async with into as tx:
            await ticking.book(tx, call(name), "grant", 1, "test")

    first = asyncio.create_task(grant(held.transaction(), "first"))
    await held.held.wait()
    second = asyncio.create_task(grant(database.transaction(), "second"))
    await asyncio.sleep(0.05)  # it waits for the lock
    now += 1_000
    held.let_go.set()
    await asyncio.gather(first, second)
    async with database.snapshot() as tx:
        entries, count = await ticking.list_entries(tx, 1, limit=10, offset=0)
    times = {entry.request_id: entry.created_at for entry in entries}
    assert count == 3
    assert times["second"] == now


async def test_points_count_every_await_of_a_charge(database: Database, ledger: Ledger) -> None:
    points = Points(Random(1), {}, 0, lambda: None)
    batcher = ChargeBatcher(FaultyDatabase(database, points), ledger, read_all)
    await batcher.serve(call("paid"), 1)
    paid = points.passed
    await batcher.serve(call("free"), 1)
    # Free: before and after the snapshot, and around its two statements for windows and balance.
    assert points.passed - paid == 6
    assert paid > 10
