"""Credits at the front door: the next grant, and a month's grant booked by whoever looks first."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from tests.trace.conftest import NOW, World, page

from tracewell.kernel.clock import parse_utc
from tracewell.trace.credits.routes import CreditsAnswer

pytestmark = pytest.mark.anyio

OCTOBER = parse_utc("2026-10-01T00:00:00Z")
JANUARY = parse_utc("2027-01-31T23:59:59Z")


@pytest.fixture
async def spent(world: World) -> dict[str, str]:
    """A key of an org that has used up September's 30 credits but one."""
    assert NOW < OCTOBER
    await world.ingest([page(f"https://c{number}.example/") for number in range(70)])
    org = await world.identity.create_org(
        "Acme", "thirty", lambda tx, org: world.ledger.open_account_of_plan(tx, org.org_id)
    )
    key = await world.org_key(org)
    page_of_29 = await world.client.get("/v1/companies?limit=29", headers=key)
    assert page_of_29.headers["x-credits-remaining"] == "1"
    return key


async def ledger(world: World, key: dict[str, str]) -> list[dict[str, Any]]:
    answer = await world.client.get("/v1/credits/ledger?limit=100", headers=key)
    rows: list[dict[str, Any]] = answer.json()["data"]
    return rows


async def balance(world: World, key: dict[str, str]) -> int:
    answer = await world.client.get("/v1/credits", headers=key)
    return int(answer.json()["balance"])


def granted(rows: list[dict[str, Any]]) -> list[str]:
    return [row["request_id"] for row in rows if row["kind"] == "grant"]


async def test_the_next_grant_is_told_and_comes_on_the_first_of_the_month(
    world: World, spent: dict[str, str]
) -> None:
    answer = await world.client.get("/v1/credits", headers=spent)
    CreditsAnswer.model_validate_json(answer.content)
    assert answer.json() == {
        "balance": 1,
        "plan": "thirty",
        "next_grant": {"due_at": "2026-10-01T00:00:00Z", "credits": 30},
    }
    world.clock.now = OCTOBER - 1
    assert await balance(world, spent) == 1
    world.clock.now = OCTOBER
    assert (await world.client.get("/v1/credits", headers=spent)).json() == {
        "balance": 31,
        "plan": "thirty",
        "next_grant": {"due_at": "2026-11-01T00:00:00Z", "credits": 30},
    }
    first = (await ledger(world, spent))[0]
    assert (first["kind"], first["credits"], first["request_id"]) == ("grant", 30, "month-2026-10")
    assert (first["key"], first["created_at"]) == (None, "2026-10-01T00:00:00Z")


@pytest.mark.parametrize(
    ("path", "credits", "remaining"),
    [
        ("/v1/companies/c40.example", 1, 30),
        ("/v1/companies/c40.example?x=1", 1, 30),
        ("/v1/companies/c3.example/technologies", 0, 31),
        ("/v1/companies?limit=60", 31, 0),
        ("/v1/companies/c3.example", 0, 31),
        ("/v1/credits/ledger", None, 31),
    ],
    ids=["lookup", "routed", "free-details", "page", "free-lookup", "ledger"],
)
async def test_whatever_first_looks_at_an_account_in_a_month_books_its_grant(
    world: World, spent: dict[str, str], path: str, credits: int | None, remaining: int
) -> None:
    world.clock.now = OCTOBER
    # What was paid in September is free for thirty days: this is the moment before.
    answer = await world.client.get(path, headers=spent)
    assert answer.status_code == 200, answer.text
    if credits is not None:
        assert int(answer.headers["x-credits-charged"]) == credits
        assert int(answer.headers["x-credits-remaining"]) == remaining
    rows = await ledger(world, spent)
    assert granted(rows) == ["month-2026-10", "month-2026-09"]
    assert sum(row["credits"] for row in rows) == remaining == await balance(world, spent)


async def test_a_refusal_counts_the_grant_and_leaves_it_booked(
    world: World, spent: dict[str, str]
) -> None:
    world.clock.now = OCTOBER + 40 * 86_400_000
    # October's and November's grants: 61 credits, and what September paid has ended.
    refused = await world.client.get("/v1/companies?limit=70", headers=spent)
    assert refused.status_code == 402
    assert (refused.json()["requested"], refused.json()["shortfall"]) == (70, 9)
    async with world.database.snapshot() as tx:
        booked = await tx.fetch_value("SELECT balance FROM credit_accounts")
    assert booked == 61 == await balance(world, spent)


async def test_many_at_once_at_the_turn_of_a_month_book_one_grant(
    world: World, spent: dict[str, str]
) -> None:
    world.clock.now = OCTOBER
    paths = [
        *(f"/v1/companies/c{number}.example" for number in range(40, 60)),
        *["/v1/credits", "/v1/credits/ledger", "/v1/companies?limit=5&page=10"] * 4,
    ]
    asking = asyncio.gather(*(world.client.get(path, headers=spent) for path in paths))
    settling = asyncio.create_task(world.ledger.settle_all(world.database))
    assert {answer.status_code for answer in await asking} == {200}
    await settling
    rows = await ledger(world, spent)
    assert granted(rows) == ["month-2026-10", "month-2026-09"]
    assert sum(row["credits"] for row in rows) == await balance(world, spent)


async def test_months_that_nobody_looked_in_are_granted_one_by_one(
    world: World, spent: dict[str, str]
) -> None:
    world.clock.now = JANUARY
    assert await balance(world, spent) == 1 + 4 * 30
    assert set(granted(await ledger(world, spent))) == {
        "month-2026-09", "month-2026-10", "month-2026-11", "month-2026-12", "month-2027-01",
    }  # fmt: skip
    assert await balance(world, spent) == 121
