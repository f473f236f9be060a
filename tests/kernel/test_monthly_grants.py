"""Monthly grants where the clock or the plan moves, what is booked once, and old accounts."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from tests.databases import all_migrations

from tracewell.kernel.clock import parse_utc
from tracewell.kernel.credits import BookedOtherwise, Ledger
from tracewell.kernel.credits.months import (
    CATCH_UP_MONTHS_MAX,
    begin_of_month,
    due_months,
    month_name,
    month_of,
)
from tracewell.kernel.database import Migrations, open_database
from tracewell.kernel.ids import IdFactory
from tracewell.main import operations
from tracewell.main.ground import Ground, open_ground
from tracewell.main.settings import Settings

pytestmark = pytest.mark.anyio

NOVEMBER = parse_utc("2026-11-22T12:00:00Z")
DAY_MS = 86_400_000


@dataclass
class Clock:
    """Time that a test moves, also back."""

    now: int = NOVEMBER

    def __call__(self) -> int:
        return self.now


@pytest.fixture
async def clock() -> Clock:
    return Clock()


@pytest.fixture
async def ground(database_url: str, clock: Clock, tmp_path: Path) -> AsyncIterator[Ground]:
    """The ground with an org of the free plan, made in November."""
    settings = Settings(data=tmp_path, database_url=database_url)
    async with open_ground(settings, clock) as opened:
        await opened.identity.create_org("Acme", "free", opened.open_org)
        yield opened


async def balance(ground: Ground) -> int:
    return int((await operations.show_credits(ground, "Acme"))["balance"])


async def entries(ground: Ground) -> list[tuple[str, int]]:
    async with ground.database.snapshot() as tx:
        found, _ = await ground.ledger.list_entries(tx, 1, limit=1000, offset=0)
    return [(entry.request_id, entry.credits) for entry in found]


def test_months_are_counted_named_and_begin_where_the_calendar_says() -> None:
    for text in ("1970-01-01T00:00:00Z", "2024-02-29T23:59:59Z", "2026-12-31T23:59:59Z"):
        at = parse_utc(text)
        month = month_of(at)
        assert month_name(month) == text[:7]
        assert begin_of_month(month) <= at < begin_of_month(month + 1)
        assert month_of(begin_of_month(month + 1) - 1) == month
        assert month_of(begin_of_month(month + 1)) == month + 1


def test_due_is_every_month_since_but_no_more_than_a_year_s() -> None:
    assert list(due_months(100, 100)) == []
    assert list(due_months(100, 103)) == [101, 102, 103]
    assert list(due_months(100, 500)) == list(range(501 - CATCH_UP_MONTHS_MAX, 501))
    assert list(due_months(500, 100)) == [100]


async def test_a_clock_that_is_set_ahead_and_back_grants_no_month_twice_and_none_too_little(
    ground: Ground, clock: Clock
) -> None:
    clock.now = parse_utc("2038-01-15T00:00:00Z")
    assert await balance(ground) == 100 + CATCH_UP_MONTHS_MAX * 100
    for _ in range(2):
        clock.now = NOVEMBER + DAY_MS
        assert await balance(ground) == 1_300
    # The present goes on by itself: December was not among those of 2037.
    clock.now = parse_utc("2026-12-01T00:00:00Z")
    await ground.ledger.settle_all(ground.database)
    async with ground.database.transaction() as tx:
        await ground.ledger.settle(tx, [1])
    assert await balance(ground) == 1_400
    clock.now = parse_utc("2027-01-01T00:00:00Z")
    assert await balance(ground) == 1_500
    assert await ground.ledger.settle_all(ground.database) == 0
    booked = [request_id for request_id, _ in await entries(ground)]
    assert len(booked) == len(set(booked)) == 15


async def test_two_processes_whose_clocks_differ_at_the_turn_of_a_month_grant_it_once(
    ground: Ground, clock: Clock
) -> None:
    turn = parse_utc("2026-12-01T00:00:00Z")
    slow = Ledger(lambda: turn - 1, IdFactory(clock), monthly={"free": 100})
    quick = Ledger(lambda: turn + 1, IdFactory(clock), monthly={"free": 100})

    async def look(ledger: Ledger) -> None:
        async with ground.database.transaction() as tx:
            await ledger.settle(tx, [1])

    for _ in range(3):
        await asyncio.gather(*(look(ledger) for ledger in (slow, quick, slow, quick)))
    clock.now = turn + 2
    assert await balance(ground) == 200
    assert len(await entries(ground)) == 2


async def test_housekeeping_grants_to_every_org_that_waits(ground: Ground, clock: Clock) -> None:
    for number in range(450):
        await ground.identity.create_org(f"Org {number}", "starter", ground.open_org)
    clock.now = parse_utc("2026-12-01T00:00:00Z")
    assert await ground.ledger.settle_all(ground.database) == 451
    assert await ground.ledger.settle_all(ground.database) == 0
    rows = await operations.list_orgs(ground)
    assert {row["balance"] for row in rows[1:]} == {4_000}


async def test_a_month_brings_what_the_largest_of_its_plans_brings(
    ground: Ground, clock: Clock
) -> None:
    for plan, topped_up in (
        ("free", 0), ("starter", 1_900), ("free", 0), ("starter", 0), ("pro", 8_000),
        ("starter", 0), ("pro", 0),
    ):  # fmt: skip
        done = await operations.set_plan(ground, "Acme", plan)
        assert (done["plan"], done["topped_up"]) == (plan, topped_up)
    assert await balance(ground) == 10_000
    await operations.set_plan(ground, "Acme", "starter")
    # What the old plan owes for months before the change is booked by the old plan.
    clock.now = parse_utc("2027-01-10T00:00:00Z")
    done = await operations.set_plan(ground, "Acme", "free")
    assert (done["balance"], done["topped_up"]) == (14_000, 0)
    clock.now = parse_utc("2027-02-01T00:00:00Z")
    done = await operations.set_plan(ground, "Acme", "pro")
    assert (done["balance"], done["topped_up"]) == (14_000 + 100 + 9_900, 9_900)
    assert sum(credits for _, credits in await entries(ground)) == await balance(ground)


async def test_changes_of_plan_at_once_bring_the_largest_once(ground: Ground) -> None:
    plans = ["pro", "starter", "free", "pro", "starter", "pro"]
    await asyncio.gather(*(operations.set_plan(ground, "Acme", plan) for plan in plans))
    assert await balance(ground) == 10_000


async def test_a_grant_with_a_request_id_is_booked_once(ground: Ground) -> None:
    acme = await ground.identity.get_org("Acme")

    async def grant(credits: int = 50) -> bool:
        done = await operations.grant_credits(ground, acme, credits, "pilot", "invoice-1")
        return done[1].is_new

    assert sorted(await asyncio.gather(*(grant() for _ in range(8)))) == [False] * 7 + [True]
    assert await balance(ground) == 150
    with pytest.raises(BookedOtherwise, match="invoice-1 was booked already, with 50 credits"):
        await grant(51)
    other = await ground.identity.create_org("Bolt", "free", ground.open_org)
    assert (await operations.grant_credits(ground, other, 50, "pilot", "invoice-1"))[1].is_new
    assert await balance(ground) == 150


async def test_accounts_from_before_monthly_grants_get_what_they_have_missed(
    empty_database_url: str, clock: Clock, tmp_path: Path
) -> None:
    steps = all_migrations().steps
    before = [step for step in steps if step.room != "kernel" or step.version < 4]
    database = await open_database(empty_database_url)
    try:
        await Migrations(before).up(database)
        made = parse_utc("2026-08-31T23:59:59Z")
        async with database.transaction() as tx:
            await tx.execute(
                "INSERT INTO orgs (name, plan, created_at) VALUES ('Acme', 'free', :made)",
                made=made,
            )
            await tx.execute("INSERT INTO credit_accounts (org_id, balance) VALUES (1, 7)")
    finally:
        await database.close()
    settings = Settings(data=tmp_path, database_url=empty_database_url)
    async with open_ground(settings, clock) as ground:
        assert await balance(ground) == 307
        booked = sorted(request_id for request_id, _ in await entries(ground))
    assert booked == ["month-2026-09", "month-2026-10", "month-2026-11"]
