"""Units of work on both databases: what is written in one, seen in it, undone with it."""

from __future__ import annotations

import asyncio
import contextlib

import pytest

from tracewell.kernel.database import Database, DatabaseFailed, Transaction
from tracewell.kernel.database.unit import JoiningDatabase, open_unit
from tracewell.kernel.idempotency import Claim, Idempotency, KeptAnswer
from tracewell.kernel.sealing import SealBroken, Sealer, SealKey

pytestmark = pytest.mark.anyio
NOW = 1_790_000_000_000


class Refused(Exception):  # noqa: N818
    """What a service raises."""


@pytest.fixture
def joining(things: Database) -> JoiningDatabase:
    return JoiningDatabase(things)


async def _nothing(tx: Transaction) -> None:
    """A unit may begin at once."""


async def put(database: Database, name: str) -> None:
    async with database.transaction() as tx:
        await tx.execute("INSERT INTO things (name, amount) VALUES (:name, 1)", name=name)


async def put_and_refuse(database: Database, name: str) -> None:
    async with database.transaction() as tx:
        await tx.execute("INSERT INTO things (name, amount) VALUES (:name, 1)", name=name)
        raise Refused


async def put_and_fail(database: Database, name: str, *, catches: bool) -> None:
    async with database.transaction() as tx:
        await tx.execute("INSERT INTO things (name, amount) VALUES (:name, 1)", name=name)
        with contextlib.suppress(*[DatabaseFailed] if catches else []):
            await tx.execute("INSERT INTO nowhere (name) VALUES ('x')")


async def names(database: Database) -> list[str]:
    async with database.snapshot() as tx:
        return [row[0] for row in await tx.fetch_all("SELECT name FROM things ORDER BY name")]


async def test_transactions_in_a_unit_are_durable_together(
    things: Database, joining: JoiningDatabase
) -> None:
    async with open_unit(things, _nothing):
        await put(joining, "a")
        await put(joining, "b")
        assert await names(joining) == ["a", "b"]
        async with joining.statement() as tx:
            assert await tx.fetch_value("SELECT COUNT(*) FROM things") == 2
        # Nobody else sees them yet.
        assert await names(things) == []
    assert await names(things) == ["a", "b"]


async def test_a_unit_that_fails_leaves_nothing(things: Database, joining: JoiningDatabase) -> None:
    async def fail() -> None:
        async with open_unit(things, _nothing):
            await put(joining, "a")
            raise Refused

    with pytest.raises(Refused):
        await fail()
    assert await names(things) == []
    await put(joining, "after")
    assert await names(joining) == ["after"]


async def test_a_transaction_that_fails_in_a_unit_is_undone_alone(
    things: Database, joining: JoiningDatabase
) -> None:
    async with open_unit(things, _nothing):
        await put(joining, "a")
        with pytest.raises(Refused):
            await put_and_refuse(joining, "gone")
        for catches in (False, True):
            with pytest.raises(DatabaseFailed):
                await put_and_fail(joining, "gone", catches=catches)
        await put(joining, "b")
    assert await names(things) == ["a", "b"]


async def test_what_the_beginning_refuses_is_refused_to_whoever_would_write(
    things: Database, joining: JoiningDatabase
) -> None:
    begun = 0

    async def refuse(tx: Transaction) -> None:
        nonlocal begun
        begun += 1
        await tx.execute("INSERT INTO things (name, amount) VALUES ('gone', 1)")
        raise Refused

    async def write() -> None:
        async with open_unit(things, refuse) as unit:
            assert await names(joining) == []
            for _ in range(2):
                with pytest.raises(Refused):
                    await put(joining, "x")
            assert unit.refusal is not None
            raise unit.refusal

    with pytest.raises(Refused):
        await write()
    assert begun == 1
    assert await names(things) == []


async def test_a_unit_that_only_reads_begins_no_transaction(
    things: Database, joining: JoiningDatabase
) -> None:
    async def never(tx: Transaction) -> None:
        raise AssertionError

    async with open_unit(things, never) as unit:
        assert await names(joining) == []
        assert not unit.has_begun


async def test_a_task_of_the_unit_s_cannot_write_in_it(
    things: Database, joining: JoiningDatabase
) -> None:
    async with open_unit(things, _nothing):
        await put(joining, "a")
        with pytest.raises(RuntimeError, match="belongs to the task"):
            await asyncio.create_task(put(joining, "b"))
    assert await names(things) == ["a"]


async def test_units_side_by_side_do_not_see_each_other(
    things: Database, joining: JoiningDatabase
) -> None:
    async def one(name: str, fails: bool) -> None:
        async with open_unit(things, _nothing):
            await put(joining, name)
            await asyncio.sleep(0)
            if fails:
                raise Refused

    await asyncio.gather(
        *(one(f"n{number:02}", number % 3 == 0) for number in range(30)), return_exceptions=True
    )
    assert await names(things) == [f"n{number:02}" for number in range(30) if number % 3]


async def test_kept_answers_are_sealed_in_their_place(database: Database) -> None:
    async with database.transaction() as tx:
        await tx.execute("INSERT INTO orgs (name, plan, created_at) VALUES ('x', 'free', 1)")
        org_id = await tx.fetch_value("SELECT org_id FROM orgs")
    claims = [Claim(org_id, "org_key", key, b"f") for key in ("a", "b")]
    answer = KeptAnswer(201, [(b"location", b"/v1/jobs/1")], b"a body that nobody may read")

    async def handle() -> KeptAnswer:
        return answer

    sealed = Idempotency(database, lambda: NOW, 1000, Sealer([SealKey(b"k" * 32)]))
    for claim in claims:
        assert (await sealed.answer(claim, handle)).answer == answer
        assert await sealed.answer(claim, handle) == (answer, True)
    async with database.transaction() as tx:
        rows = await tx.fetch_all("SELECT digest, answer FROM idempotency_answers")
        assert all(bytes(row[1]).startswith(b"TWS1") for row in rows)
        statement = "UPDATE idempotency_answers SET answer = :answer WHERE digest = :digest"
        await tx.execute(statement, answer=rows[0][1], digest=rows[1][0])
        await tx.execute(statement, answer=rows[1][1], digest=rows[0][0])
    for claim in claims:
        with pytest.raises(SealBroken):
            await sealed.answer(claim, handle)
