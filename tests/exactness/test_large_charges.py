"""Charges of one call for very many items, of which each has a past of its own."""

from __future__ import annotations

from random import Random

import pytest

from tracewell.kernel.credits import Call, Charge, ChargeRequest, CreditsExhausted, Ledger
from tracewell.kernel.credits.rules import UNLOCK_MS
from tracewell.kernel.database import Database
from tracewell.kernel.ids import IdFactory

pytestmark = pytest.mark.anyio

BEGIN = 1_790_000_000_000
BALANCE = 5_000


class Till:
    """Two orgs with credits, and a clock that the test moves."""

    def __init__(self, database: Database) -> None:
        self.now = BEGIN
        self.database = database
        self.ledger = Ledger(lambda: self.now, IdFactory(lambda: self.now))

    async def open(self, org_id: int) -> None:
        async with self.database.transaction() as tx:
            await tx.execute(
                "INSERT INTO orgs (org_id, name, plan, created_at) VALUES (:id, :name, 'none', 0)",
                id=org_id,
                name=f"org {org_id}",
            )
            await self.ledger.open_account(tx, org_id)
            call = Call(org_id, "app", None, "test", "grant")
            await self.ledger.book(tx, call, "grant", BALANCE, "test")

    async def charge(self, *wanted: tuple[int, tuple[int, ...]]) -> list[int | CreditsExhausted]:
        """What each org pays for its items, all in one group."""
        requests = [
            ChargeRequest(Call(org_id, "api", "key", "GET /v1/things", f"req {number}"), items)
            for number, (org_id, items) in enumerate(wanted)
        ]
        async with self.database.transaction() as tx:
            outcomes = await self.ledger.charge_all(tx, requests)
        return [one.credits if isinstance(one, Charge) else one for one in outcomes]

    async def is_free(self, org_id: int, items: tuple[int, ...]) -> bool:
        request = ChargeRequest(Call(org_id, "api", None, "test", "req"), items)
        async with self.database.snapshot() as tx:
            return (await self.ledger.free(tx, [request]))[0] is not None

    async def windows(self, org_id: int) -> dict[int, tuple[tuple[int, int], ...]]:
        """The windows of each item of the org, with the end of each."""
        async with self.database.snapshot() as tx:
            rows = await tx.fetch_all(
                "SELECT item_id, window_no, expires_at FROM credit_unlocks"
                " WHERE org_id = :org_id ORDER BY item_id, window_no",
                org_id=org_id,
            )
        found: dict[int, tuple[tuple[int, int], ...]] = {}
        for item_id, number, expires_at in rows:
            found[item_id] = (*found.get(item_id, ()), (number, expires_at))
        return found


@pytest.fixture
async def till(database: Database) -> Till:
    made = Till(database)
    await made.open(1)
    await made.open(2)
    return made


async def test_a_large_charge_renews_what_has_run_out_and_leaves_what_is_free(till: Till) -> None:
    random = Random(7)
    twice = tuple(range(1, 101))
    once = tuple(range(51, 301))
    running = tuple(range(301, 501))
    assert await till.charge((1, twice)) == [100]
    till.now += UNLOCK_MS
    assert await till.charge((1, once)) == [250]
    till.now += UNLOCK_MS - 1
    # Those of the second charge are free for one millisecond more.
    assert await till.charge((1, (*running, *once))) == [200]
    till.now += 1
    items = [*range(1, 601), *range(1, 601)]
    random.shuffle(items)
    assert not await till.is_free(1, tuple(items))
    assert await till.charge((1, tuple(items))) == [400]
    assert await till.is_free(1, tuple(items))
    ends = [BEGIN + UNLOCK_MS * charge for charge in (1, 2, 3)]
    expected = {
        **dict.fromkeys(range(1, 51), ((1, ends[0]), (2, ends[2]))),
        **dict.fromkeys(range(51, 101), ((1, ends[0]), (2, ends[1]), (3, ends[2]))),
        **dict.fromkeys(range(101, 301), ((1, ends[1]), (2, ends[2]))),
        **dict.fromkeys(running, ((1, ends[2] - 1),)),
        **dict.fromkeys(range(501, 601), ((1, ends[2]),)),
    }
    assert await till.windows(1) == expected
    assert await till.windows(2) == {}


async def test_a_group_of_large_and_small_charges_of_two_orgs_is_exact(till: Till) -> None:
    many = tuple(range(1, 4_001))
    outcomes = await till.charge(
        (1, many), (2, (7,)), (2, (7, 8, 9)), (1, (4_000, 4_001)), (2, many), (1, (5,)), (2, ())
    )
    assert outcomes == [4_000, 1, 2, 1, 3_997, 0, 0]
    assert set(await till.windows(1)) == set(range(1, 4_002))
    assert set(await till.windows(2)) == set(many)
    (refusal,) = await till.charge((1, tuple(range(4_001, 5_002))))
    assert isinstance(refusal, CreditsExhausted)
    assert (refusal.requested, refusal.shortfall) == (1_000, 1)
    async with till.database.snapshot() as tx:
        entries, _ = await till.ledger.list_entries(tx, 1, limit=10, offset=0)
        balance = (await till.ledger.get_account(tx, 1)).balance
    assert sorted(entry.item_count for entry in entries) == [0, 1, 4_000]
    assert sum(entry.credits for entry in entries) == balance == 999


async def test_a_call_is_not_free_while_one_of_its_many_items_is_due(till: Till) -> None:
    items = tuple(range(1, 42))
    for missing in items:
        others = tuple(item + 100 * missing for item in items if item != missing)
        wanted = tuple(item + 100 * missing for item in items)
        assert await till.charge((1, others)) == [40]
        assert await till.is_free(1, others)
        assert not await till.is_free(1, wanted)
    assert await till.is_free(1, ())
