"""Usage at the front door, held against the ledger that the same door tells."""

from __future__ import annotations

import itertools
from collections import defaultdict
from collections.abc import Callable
from random import Random
from typing import Any

import httpx
import pytest
from tests.trace.conftest import DAY_MS, NOW, World, page

from tracewell.kernel.clock import format_utc
from tracewell.kernel.credits import Call
from tracewell.trace.credits.routes import UsageAnswer

pytestmark = pytest.mark.anyio

COMPANIES = 40
DAYS = 75
SUMS = ("charge_count", "company_count", "credits_charged", "credits_refunded")
GROUPS: dict[str, Callable[[dict[str, Any]], str | None]] = {
    "day": lambda entry: entry["created_at"][:10],
    "endpoint": lambda entry: entry["endpoint"],
    "key": lambda entry: entry["key"],
    "channel": lambda entry: entry["channel"],
}


@pytest.fixture
async def used(world: World) -> dict[str, str]:
    """A key of an org whose two keys have bought over 75 days, with refunds."""
    await world.ingest([page(f"https://c{number}.example/") for number in range(COMPANIES)])
    org = await world.make_org("Acme", credits=100_000, plan="thirty")
    user = await world.make_user(org, "jane@acme.example")
    callers = [await world.org_key(org), await world.user_key(user)]
    random = Random(7)
    for day in range(DAYS):
        world.clock.now = NOW + day * DAY_MS + random.randrange(DAY_MS // 2)
        for number in range(random.randrange(4)):
            path = random.choice(
                ["/v1/companies?limit=3&page={}", "/v1/companies/c{}", "/v1/companies/c{}/postings"]
            ).format(random.randrange(1, 13))
            answer = await world.client.get(path, headers=callers[(day + number) % 2])
            assert answer.status_code == 200, answer.text
        if day % 20 == 3:
            # Of no key and of another channel.
            call = Call(org.org_id, "mcp", None, "a tool", f"req_{day}")
            async with world.database.transaction() as tx:
                await world.ledger.book(tx, call, "refund", 2, "a test")
    return callers[0]


async def every_entry(world: World, key: dict[str, str]) -> list[dict[str, Any]]:
    rows: list[dict[str, Any]] = []
    for number in itertools.count(1):
        answer = await world.client.get(f"/v1/credits/ledger?limit=100&page={number}", headers=key)
        rows += answer.json()["data"]
        if not answer.json()["pagination"]["has_next"]:
            assert answer.json()["pagination"]["total_results"] == len(rows)
            return rows
    raise AssertionError


def summed(entries: list[dict[str, Any]], group: str) -> dict[str | None, dict[str, int]]:
    """The ledger's entries added up by hand."""
    sums: dict[str | None, dict[str, int]] = defaultdict(lambda: dict.fromkeys(SUMS, 0))
    for entry in entries:
        if entry["kind"] in ("charge", "refund"):
            found = sums[GROUPS[group](entry)]
            if entry["kind"] == "charge":
                found["charge_count"] += 1
                found["company_count"] += entry["company_count"]
                found["credits_charged"] -= entry["credits"]
            else:
                found["credits_refunded"] += entry["credits"]
    return dict(sums)


async def usage(world: World, key: dict[str, str], **query: Any) -> httpx.Response:
    answer = await world.client.get("/v1/credits/usage", params=query, headers=key)
    assert answer.status_code == 200, answer.text
    UsageAnswer.model_validate_json(answer.content)
    return answer


@pytest.mark.parametrize("group", GROUPS)
async def test_the_sums_of_every_grouping_are_the_ledger_s(
    world: World, used: dict[str, str], group: str
) -> None:
    entries = await every_entry(world, used)
    assert sum(entry["kind"] == "charge" for entry in entries) > 25
    for first_day, last_day in ((0, DAYS), (0, 0), (10, 40), (DAYS - 1, DAYS), (-50, -20)):
        first, until = (format_utc(NOW + day * DAY_MS)[:10] for day in (first_day, last_day))
        inside = [entry for entry in entries if first <= entry["created_at"][:10] <= until]
        expected = summed(inside, group)
        told: list[dict[str, Any]] = []
        url: str | None
        url = f"/v1/credits/usage?group_by={group}&from={first}&to={until}&limit=7"
        while url is not None:
            answer = await world.client.get(url, headers=used)
            body = answer.json()
            told += body["data"]
            url = body["pagination"]["next_url"]
        assert body["window"] == {"first_day": first, "last_day": until}
        assert body["pagination"]["total_results"] == len(told) == len(expected)
        assert {row.pop("group"): row for row in told} == expected
        assert body["totals"] == {
            name: sum(one[name] for one in expected.values()) for name in SUMS
        }


async def test_days_stand_the_newest_first_and_other_groups_by_what_they_cost(
    world: World, used: dict[str, str]
) -> None:
    days = (await usage(world, used, limit=100)).json()["data"]
    named = [row["group"] for row in days]
    assert named == sorted(named, reverse=True)
    assert len(named) <= 30
    first = format_utc(world.clock.now - 29 * DAY_MS)[:10]
    assert min(named) >= first
    endpoints = (await usage(world, used, group_by="endpoint")).json()
    assert endpoints["window"] == {"first_day": first, "last_day": format_utc(world.clock.now)[:10]}
    cost = [row["credits_charged"] for row in endpoints["data"]]
    assert cost == sorted(cost, reverse=True)


async def test_usage_is_free_and_the_org_s_own(world: World, used: dict[str, str]) -> None:
    other = await world.org_key(await world.make_org("Other"))
    answer = await usage(world, other, group_by="channel")
    assert "x-credits-charged" not in answer.headers
    assert answer.json()["data"] == []
    assert answer.json()["totals"] == dict.fromkeys(SUMS, 0)


@pytest.mark.parametrize(
    ("query", "status"),
    [
        ("group_by=company", 422),
        ("from=yesterday", 422),
        ("to=2026-02-30", 422),
        ("from=2026-10-02&to=2026-10-01", 400),
        ("from=2025-01-01&to=2026-01-02", 400),
        ("from=2025-01-01&to=2026-01-01", 200),
        ("to=0001-01-01", 200),
        ("from=9999-12-31", 400),
        ("from=9999-01-01&to=9999-12-31&page=10000", 200),
    ],
)
async def test_a_window_is_judged(world: World, query: str, status: int) -> None:
    key = await world.org_key(await world.make_org("Acme"))
    answer = await world.client.get(f"/v1/credits/usage?{query}", headers=key)
    assert answer.status_code == status, answer.text
    if status == 400:
        assert answer.json()["error"]["code"] == "bad_request"
