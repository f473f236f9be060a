"""What services may rely on in a transaction and a snapshot, on both databases."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator, Sequence

import pytest

from tracewell.kernel.database import Database, DatabaseFailed, Sql
from tracewell.kernel.database.postgresql import POOL_MAX

pytestmark = pytest.mark.anyio

ADD = "INSERT INTO things (name, amount) VALUES (:name, :amount)"
SECRET = "the-value-that-no-error-may-tell"


async def names(database: Database) -> list[str]:
    async with database.snapshot() as tx:
        return [row[0] for row in await tx.fetch_all("SELECT name FROM things ORDER BY name")]


async def add(database: Database, name: str, amount: int = 1) -> None:
    async with database.transaction() as tx:
        await tx.execute(ADD, name=name, amount=amount)


async def test_a_parameter_that_is_named_twice_is_bound_twice(things: Database) -> None:
    async with things.transaction() as tx:
        await tx.execute(
            "INSERT INTO things (name, amount, body) VALUES (:word, :amount, :word)",
            word="both",
            amount=3,
            unused="ignored",
        )
        row = await tx.fetch_one("SELECT name, amount, body FROM things")
    assert row is not None
    assert tuple(row) == ("both", 3, "both")


async def test_a_missing_parameter_is_named(things: Database) -> None:
    with pytest.raises(KeyError, match="amount"):
        async with things.transaction() as tx:
            await tx.execute(ADD, name="a")
    assert await names(things) == []


async def test_a_cast_and_a_colon_in_a_text_are_no_parameters(things: Database) -> None:
    statement = Sql(
        sqlite="SELECT 'a:b' || CAST(:n AS TEXT)", postgresql="SELECT 'a:b' || (:n::integer)::text"
    )
    async with things.statement() as tx:
        assert await tx.fetch_value(statement, n=4) == "a:b4"


async def test_execute_tells_how_many_rows_it_changed(things: Database) -> None:
    async with things.transaction() as tx:
        await tx.execute_many(ADD, [{"name": name, "amount": 1} for name in "abc"])
        assert await tx.execute("UPDATE things SET amount = 2 WHERE name < :last", last="c") == 2
        assert await tx.execute("DELETE FROM things WHERE name = :name", name="z") == 0
        assert await tx.execute(f"{ADD} ON CONFLICT DO NOTHING", name="a", amount=1) == 0
    assert await names(things) == ["a", "b", "c"]


async def test_nothing_found_is_none_and_an_empty_list(things: Database) -> None:
    async with things.snapshot() as tx:
        assert await tx.fetch_one("SELECT * FROM things") is None
        assert await tx.fetch_value("SELECT name FROM things") is None
        assert list(await tx.fetch_all("SELECT * FROM things")) == []


async def test_a_body_that_raises_leaves_nothing_behind(things: Database) -> None:
    with pytest.raises(ZeroDivisionError):  # noqa: PT012 - the block is the subject
        async with things.transaction() as tx:
            await tx.execute(ADD, name="gone", amount=1)
            raise ZeroDivisionError
    assert await names(things) == []


async def test_a_failed_statement_takes_its_whole_body_with_it(things: Database) -> None:
    with pytest.raises(DatabaseFailed):  # noqa: PT012 - the block is the subject
        async with things.transaction() as tx:
            await tx.execute(ADD, name="first", amount=1)
            await tx.execute(ADD, name="second", amount=-1)
    assert await names(things) == []


async def test_a_body_that_swallows_a_failure_is_not_told_that_it_was_committed(
    things: Database,
) -> None:
    with pytest.raises(DatabaseFailed):  # noqa: PT012 - the block is the subject
        async with things.transaction() as tx:
            await tx.execute(ADD, name="first", amount=1)
            with pytest.raises(DatabaseFailed):
                await tx.execute(ADD, name="second", amount=-1)
    assert await names(things) == []


async def test_of_many_bodies_at_once_only_those_that_fail_are_missing(things: Database) -> None:
    async def one(number: int) -> None:
        async with things.transaction() as tx:
            await tx.execute(ADD, name=f"{number:03}", amount=1)
            if number % 3 == 0:
                await tx.execute(ADD, name=f"{number:03} again", amount=-1)
            if number % 3 == 1:
                raise LookupError(number)

    outcomes = await asyncio.gather(*(one(number) for number in range(60)), return_exceptions=True)
    assert [type(outcome) for outcome in outcomes] == [
        DatabaseFailed, LookupError, type(None)
    ] * 20  # fmt: skip
    assert await names(things) == [f"{number:03}" for number in range(60) if number % 3 == 2]


async def test_a_cancelled_body_leaves_nothing_and_its_neighbours_stay(things: Database) -> None:
    inside = asyncio.Event()

    async def hang() -> None:
        async with things.transaction() as tx:
            await tx.execute(ADD, name="hanging", amount=1)
            inside.set()
            await asyncio.Event().wait()

    hanging = asyncio.create_task(hang())
    await inside.wait()
    neighbours = [asyncio.create_task(add(things, name)) for name in "abc"]
    await asyncio.sleep(0.01)
    hanging.cancel()
    with pytest.raises(asyncio.CancelledError):
        await hanging
    await asyncio.gather(*neighbours)
    assert await names(things) == ["a", "b", "c"]


async def test_one_cancelled_while_it_queues_takes_no_place(things: Database) -> None:
    inside, leave = asyncio.Event(), asyncio.Event()

    async def first() -> None:
        async with things.transaction() as tx:
            await tx.execute(ADD, name="first", amount=1)
            inside.set()
            await leave.wait()

    holding = asyncio.create_task(first())
    await inside.wait()
    waiting = asyncio.create_task(add(things, "first", 2))  # the same row: waits on both databases
    await asyncio.sleep(0.01)
    waiting.cancel()
    with pytest.raises(asyncio.CancelledError):
        await waiting
    leave.set()
    await holding
    await add(things, "second")
    async with things.snapshot() as tx:
        rows = [tuple(row) for row in await tx.fetch_all("SELECT name, amount FROM things")]
    assert sorted(rows) == [("first", 1), ("second", 1)]


@pytest.mark.parametrize("turns", range(8))
async def test_one_cancelled_at_any_moment_is_whole_or_absent(things: Database, turns: int) -> None:
    async def two_rows() -> None:
        async with things.transaction() as tx:
            await tx.execute(ADD, name="one", amount=1)
            await tx.execute(ADD, name="two", amount=1)

    task = asyncio.create_task(two_rows())
    neighbour = asyncio.create_task(add(things, "neighbour"))
    for _ in range(turns):
        await asyncio.sleep(0)
    task.cancel()
    told = (await asyncio.gather(task, return_exceptions=True))[0]
    await neighbour
    found = await names(things)
    assert found in (["neighbour"], ["neighbour", "one", "two"])
    if told is None:
        assert len(found) == 3
    await add(things, "afterwards")


async def test_after_many_cancellations_every_connection_still_works(things: Database) -> None:
    inside = 0
    at_once = 1 if things.dialect == "sqlite" else POOL_MAX

    async def slow_body(number: int) -> None:
        nonlocal inside
        async with things.transaction() as tx:
            await tx.execute(ADD, name=f"never {number}", amount=1)
            inside += 1
            await asyncio.Event().wait()

    for _ in range(3):
        tasks = [asyncio.create_task(slow_body(number)) for number in range(20)]
        while inside < at_once:
            await asyncio.sleep(0.001)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        inside = 0
    await asyncio.gather(*(add(things, f"{number:02}") for number in range(40)))
    assert await names(things) == [f"{number:02}" for number in range(40)]


async def test_a_snapshot_sees_one_state_of_the_data(things: Database) -> None:
    await add(things, "before")
    async with things.snapshot() as tx:
        first = await tx.fetch_value("SELECT COUNT(*) FROM things")
        await add(things, "after")
        second = await tx.fetch_value("SELECT COUNT(*) FROM things")
        async with things.snapshot() as later:
            third = await later.fetch_value("SELECT COUNT(*) FROM things")
    assert (first, second, third) == (1, 1, 2)


async def test_a_snapshot_refuses_to_write(things: Database) -> None:
    with pytest.raises(DatabaseFailed):
        async with things.snapshot() as tx:
            await tx.execute(ADD, name="smuggled", amount=1)
    assert await names(things) == []
    await add(things, "allowed")
    assert await names(things) == ["allowed"]


async def test_a_snapshot_that_failed_leaves_no_state_to_the_next(things: Database) -> None:
    with pytest.raises(DatabaseFailed):
        async with things.snapshot() as tx:
            await tx.fetch_all("SELECT * FROM no_such_table")
    await add(things, "new")
    async with things.statement() as tx:
        assert await tx.fetch_value("SELECT COUNT(*) FROM things") == 1


async def test_what_is_committed_is_seen_by_whoever_reads_next(things: Database) -> None:
    for number in range(20):
        await add(things, f"{number:02}")
        async with things.statement() as tx:
            assert await tx.fetch_value("SELECT COUNT(*) FROM things") == number + 1


async def test_many_snapshots_at_once_are_served(things: Database) -> None:
    await add(things, "one")

    async def read() -> Sequence[object]:
        async with things.snapshot() as tx:
            await asyncio.sleep(0)
            return await tx.fetch_all("SELECT name FROM things")

    assert all(len(rows) == 1 for rows in await asyncio.gather(*(read() for _ in range(50))))


@pytest.mark.parametrize(
    "statement",
    [
        "INSERT INTO things (name, amount, body) VALUES (:value, -1, :value)",
        "INSERT INTO things (name, amount, body) VALUES ('taken', 1, :value)",
        "INSERT INTO things (name, amount, body) VALUES (:value, NULL, :value)",
        "SELECT * FROM things WHERE no_such_column = :value",
    ],
)
async def test_the_text_of_an_error_holds_no_bound_value(things: Database, statement: str) -> None:
    await add(things, "taken")
    with pytest.raises(DatabaseFailed) as caught:
        async with things.transaction() as tx:
            await tx.execute(statement, value=SECRET)
    assert SECRET not in str(caught.value)


async def test_a_closed_database_says_that_it_failed(things: Database) -> None:
    await things.close()
    with pytest.raises(DatabaseFailed):
        await add(things, "late")


async def test_copied_rows_are_rows_like_others(things: Database) -> None:
    async with things.transaction() as tx:
        await tx.copy_rows("things", ("amount", "name"), ((n, f"n{n}") for n in range(1_000)))
        await tx.copy_rows("things", ("amount", "name"), [])
    async with things.snapshot() as tx:
        rows = await tx.fetch_all("SELECT name, amount, body FROM things ORDER BY amount LIMIT 2")
        assert [tuple(row) for row in rows] == [("n0", 0, None), ("n1", 1, None)]
        assert await tx.fetch_value("SELECT COUNT(*) FROM things") == 1_000


@pytest.mark.parametrize("wrong", [("n0", 5), ("other", -1)])
async def test_one_wrong_row_among_the_copied_undoes_all(
    things: Database, wrong: tuple[str, int]
) -> None:
    with pytest.raises(DatabaseFailed) as caught:
        async with things.transaction() as tx:
            await tx.copy_rows("things", ("name", "amount"), [("n0", 0), (SECRET, 1), wrong])
    assert SECRET not in str(caught.value)
    assert await names(things) == []


async def test_rows_that_cannot_be_made_undo_what_was_copied(things: Database) -> None:
    def rows() -> Iterator[tuple[str, int]]:
        yield "n0", 0
        raise LookupError("no more")

    with pytest.raises(LookupError, match="no more"):
        async with things.transaction() as tx:
            await tx.copy_rows("things", ("name", "amount"), rows())
    assert await names(things) == []
    await add(things, "after")
    assert await names(things) == ["after"]
