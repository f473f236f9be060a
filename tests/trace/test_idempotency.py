"""`Idempotency-Key` at the gate: which answers are kept, for whom, how long, within what bounds."""

from __future__ import annotations

import asyncio
import itertools
from typing import Any

import httpx
import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    rule,
    run_state_machine_as_test,
)
from tests.server.repeating import HEADER, told
from tests.trace.conftest import DAY_MS, KEPT_BYTES_MAX, NOW, World, page

from tracewell.kernel.credits import Call
from tracewell.kernel.database import Transaction
from tracewell.kernel.identity.model import Org, User

pytestmark = pytest.mark.anyio

Key = dict[str, str]
BATCH = "/v1/companies/batch"
DOMAINS = tuple(f"d{number}.example" for number in range(6))


class Buyer:
    """An org with a user, whose key every call bears."""

    def __init__(self, world: World, org: Org, user: User, key: Key) -> None:
        self.world = world
        self.org = org
        self.user = user
        self.key = key

    async def post(self, path: str, body: Any, key: str | None, **headers: str) -> httpx.Response:
        """A POST, under a key or none."""
        keyed = {} if key is None else {HEADER: key}
        return await self.world.client.post(path, json=body, headers=self.key | keyed | headers)

    async def lists(self) -> list[str]:
        """The names of the org's lists."""
        answer = await self.world.client.get("/v1/lists?limit=100", headers=self.key)
        return [row["name"] for row in answer.json()["data"]]


async def make_buyer(world: World, credits: int = 100, name: str = "Buyer") -> Buyer:
    org = await world.make_org(name, credits)
    user = await world.make_user(org, f"ann@{name.lower()}.example")
    return Buyer(world, org, user, await world.user_key(user))


async def take_in(world: World) -> None:
    await world.ingest([page(f"https://{domain}/") for domain in DOMAINS])


def is_replay(answer: httpx.Response) -> bool:
    return bool(answer.headers.get("idempotency-replayed") == "true")


async def test_a_charge_is_told_again_as_it_was_although_the_balance_has_changed(
    world: World,
) -> None:
    await take_in(world)
    buyer = await make_buyer(world)
    first = await buyer.post(BATCH, {"domains": DOMAINS[:2]}, "k1")
    await buyer.post(BATCH, {"domains": DOMAINS[2:4]}, "k2")
    again = await buyer.post(BATCH, {"domains": DOMAINS[:2]}, "k1")
    assert (again.status_code, again.content) == (200, first.content)
    assert told(again.headers.items()) == told(first.headers.items())
    assert again.headers["x-credits-charged"] == "2"
    assert again.headers["x-credits-remaining"] == "98"
    assert await world.balance(buyer.org) == 96


async def test_without_the_header_nothing_is_kept(world: World) -> None:
    buyer = await make_buyer(world)
    for _ in range(2):
        assert not is_replay(await buyer.post("/v1/lists", {"name": "Twice"}, None))
    assert await buyer.lists() == ["Twice", "Twice"]


async def test_other_methods_do_not_look_at_the_header(world: World) -> None:
    buyer = await make_buyer(world)
    for _ in range(2):
        answer = await world.client.get("/v1/lists", headers={**buyer.key, HEADER: '"'})
        assert answer.status_code == 200
        assert not is_replay(answer)


@pytest.mark.parametrize("quoted", ["same", '"same"'])
async def test_a_key_is_a_structured_string_or_bare(world: World, quoted: str) -> None:
    buyer = await make_buyer(world)
    await buyer.post("/v1/lists", {"name": "Once"}, "same")
    assert is_replay(await buyer.post("/v1/lists", {"name": "Once"}, quoted))
    assert await buyer.lists() == ["Once"]


@pytest.mark.parametrize(
    ("key", "kind"),
    [
        ("", "string_too_short"),
        ('""', "string_too_short"),
        ("x" * 256, "string_too_long"),
        ("two words", "string_pattern_mismatch"),
        ('"open', "string_pattern_mismatch"),
        ('"a\\"b"', "string_pattern_mismatch"),
        ("k\x7f", "string_pattern_mismatch"),
        ("schl\xfcssel", "string_pattern_mismatch"),
    ],
    ids=["empty", "empty-quoted", "long", "space", "open-quote", "escape", "control", "latin-1"],
)
async def test_what_is_no_key_is_a_wrong_parameter(world: World, key: str, kind: str) -> None:
    buyer = await make_buyer(world)
    headers = [*buyer.key.items(), (HEADER, key.encode("latin-1"))]
    answer = await world.client.post("/v1/lists", json={"name": "No"}, headers=headers)  # type: ignore[arg-type]
    assert answer.status_code == 422, answer.text
    (problem,) = answer.json()["detail"]
    assert (problem["type"], problem["loc"]) == (kind, ["header", HEADER])
    assert await buyer.lists() == []


async def test_the_longest_key_does_and_two_keys_do_not(world: World) -> None:
    buyer = await make_buyer(world)
    for _ in range(2):
        assert (await buyer.post("/v1/lists", {"name": "Long"}, "x" * 255)).status_code == 201
    headers = [*buyer.key.items(), (HEADER, "a"), (HEADER, "b")]
    answer = await world.client.post("/v1/lists", json={"name": "Two"}, headers=headers)
    assert answer.status_code == 422
    assert await buyer.lists() == ["Long"]


async def test_what_depends_on_the_request_is_told_again(world: World) -> None:
    buyer = await make_buyer(world)
    made = (await buyer.post("/v1/lists", {"name": "Shared"}, "l")).json()["list_id"]
    share = {"email": "new@buyer.example", "access_level": "viewer"}
    refused: list[tuple[str, Any, int]] = [
        ("/v1/lists", {}, 422),
        (BATCH, {"domains": []}, 422),
        ("/v1/enrich/partnerships", {"domains": ["a.example"] * 101}, 400),
        ("/v1/lists/lst_none/materialize", None, 404),
        (f"/v1/lists/{made}/shares", share, 404),
    ]
    answers = []
    for number, (path, body, status) in enumerate(refused):
        answers.append(await buyer.post(path, body, f"r{number}"))
        assert answers[-1].status_code == status, answers[-1].text
    await world.make_user(buyer.org, "new@buyer.example")
    for number, (path, body, _) in enumerate(refused):
        again = await buyer.post(path, body, f"r{number}")
        assert is_replay(again)
        assert again.content == answers[number].content
    granted = await buyer.post(f"/v1/lists/{made}/shares", share, "new")
    assert granted.status_code == 201


async def test_a_refusal_for_lack_of_credits_is_not_kept(world: World) -> None:
    await take_in(world)
    buyer = await make_buyer(world, credits=1)
    poor = await buyer.post(BATCH, {"domains": DOMAINS[:2]}, "k")
    assert (poor.status_code, poor.json()["shortfall"]) == (402, 1)
    async with world.database.transaction() as tx:
        call = Call(buyer.org.org_id, "app", None, "test", "req_1")
        await world.ledger.book(tx, call, "grant", 5, "a test")
    paid = await buyer.post(BATCH, {"domains": DOMAINS[:2]}, "k")
    assert (paid.status_code, is_replay(paid)) == (200, False)
    assert is_replay(await buyer.post(BATCH, {"domains": DOMAINS[:2]}, "k"))
    assert await world.balance(buyer.org) == 4


async def test_a_refusal_for_lack_of_rights_is_not_kept(world: World) -> None:
    buyer = await make_buyer(world)
    made = (await buyer.post("/v1/lists", {"name": "Mine"}, None)).json()["list_id"]
    ben = await world.make_user(buyer.org, "ben@buyer.example")
    colleague = Buyer(world, buyer.org, ben, await world.user_key(ben))
    added, body = f"/v1/lists/{made}/added-domains", {"domains": ["a.example"]}
    assert (await colleague.post(added, body, "k")).status_code == 403
    share = {"email": ben.email, "access_level": "editor"}
    assert (await buyer.post(f"/v1/lists/{made}/shares", share, None)).status_code == 201
    assert (await colleague.post(added, body, "k")).status_code == 200


async def test_what_was_kept_for_a_key_is_told_to_valid_credentials_alone(world: World) -> None:
    buyer = await make_buyer(world)
    await buyer.post("/v1/lists", {"name": "Mine"}, "k")
    async with world.database.transaction() as tx:
        await tx.execute("UPDATE users SET verified_at = NULL WHERE user_id = :user", user=1)
    unverified = Buyer(world, buyer.org, buyer.user, await world.user_key(buyer.user))
    answer = await unverified.post("/v1/lists", {"name": "Mine"}, "k")
    assert (answer.status_code, answer.json()["error"]) == (403, "email_verification_required")
    nobody = await world.client.post("/v1/lists", json={"name": "Mine"}, headers={HEADER: "k"})
    assert nobody.status_code == 401


async def test_an_internal_error_leaves_nothing_and_the_same_key_does_it_then(
    world: World,
) -> None:
    buyer = await make_buyer(world)
    # The list itself is written before its audit entry fails.
    await _rename(world, "list_audit", "list_audit_elsewhere")
    failed = await buyer.post("/v1/lists", {"name": "Once"}, "k")
    assert (failed.status_code, failed.json()) == (500, {"error": "Internal server error"})
    await _rename(world, "list_audit_elsewhere", "list_audit")
    assert await buyer.lists() == []
    made = await buyer.post("/v1/lists", {"name": "Once"}, "k")
    assert (made.status_code, is_replay(made)) == (201, False)
    assert await buyer.lists() == ["Once"]


async def test_where_the_answer_cannot_be_kept_nothing_is_done(world: World) -> None:
    await take_in(world)
    buyer = await make_buyer(world)
    await _rename(world, "idempotency_usage", "usage_elsewhere")
    assert (await buyer.post(BATCH, {"domains": DOMAINS[:2]}, "k")).status_code == 500
    assert (await buyer.post("/v1/lists", {"name": "No"}, "l")).status_code == 500
    await _rename(world, "usage_elsewhere", "idempotency_usage")
    assert await buyer.lists() == []
    assert await world.balance(buyer.org) == 100


async def _rename(world: World, table: str, name: str) -> None:
    async with world.database.transaction() as tx:
        await tx.execute(f"ALTER TABLE {table} RENAME TO {name}")


async def test_an_answer_is_kept_for_its_time_and_then_purged(world: World) -> None:
    buyer = await make_buyer(world)
    await buyer.post("/v1/lists", {"name": "Daily"}, "k")
    world.clock.now = NOW + DAY_MS - 1
    assert is_replay(await buyer.post("/v1/lists", {"name": "Daily"}, "k"))
    assert await world.kept.purge_expired() == 0
    world.clock.now = NOW + DAY_MS
    # Expired and not purged yet: the key is as new, for another request as well.
    later = await buyer.post("/v1/lists", {"name": "Other"}, "k")
    assert (later.status_code, is_replay(later)) == (201, False)
    assert is_replay(await buyer.post("/v1/lists", {"name": "Other"}, "k"))
    assert await buyer.lists() == ["Daily", "Other"]
    world.clock.now = NOW + 2 * DAY_MS
    await buyer.post("/v1/lists", {"name": "Third"}, "l")
    assert await world.kept.purge_expired() == 1
    async with world.database.snapshot() as tx:
        assert await tx.fetch_value("SELECT COUNT(*) FROM idempotency_answers") == 1
        (used,) = await tx.fetch_all("SELECT bytes FROM idempotency_usage")
        size = await tx.fetch_value("SELECT LENGTH(answer) FROM idempotency_answers")
    assert used[0] == size + 200


async def test_an_org_keeps_so_much_and_no_more(world: World) -> None:
    buyer = await make_buyer(world)
    other = await make_buyer(world, name="Other")
    number = 0
    while (answer := await buyer.post("/v1/lists", {"name": "x"}, f"k{number}")).status_code == 201:
        number += 1
        assert number < KEPT_BYTES_MAX / 200
    assert (answer.status_code, answer.json()["error"]) == (429, "operational_rate_limit_exceeded")
    assert answer.headers["retry-after"] == str(answer.json()["retry_after_seconds"]) == "3600"
    # What was kept is told, others keep theirs, and without a key all goes on.
    assert is_replay(await buyer.post("/v1/lists", {"name": "x"}, "k0"))
    assert (await other.post("/v1/lists", {"name": "x"}, "k0")).status_code == 201
    assert (await buyer.post("/v1/lists", {"name": "x"}, None)).status_code == 201
    async with world.database.snapshot() as tx:
        assert await tx.fetch_value("SELECT COUNT(*) FROM lists") == number + 2
    world.clock.now = NOW + DAY_MS
    assert await world.kept.purge_expired() == number + 1
    assert (await buyer.post("/v1/lists", {"name": "x"}, "new")).status_code == 201


async def test_an_answer_that_is_too_large_to_be_kept_is_not_given(world: World) -> None:
    await take_in(world)
    buyer = await make_buyer(world)
    async with world.database.transaction() as tx:
        await _add_partners(tx, DOMAINS[0])
    question = {"domains": [f"alias{number}.example" for number in range(20)]}
    path = "/v1/enrich/partnerships"
    answer = await buyer.post(path, question, "k")
    assert (answer.status_code, answer.json()["error"]["code"]) == (400, "answer_too_large_to_keep")
    assert await world.balance(buyer.org) == 100
    whole = await buyer.post(path, question, None)
    assert len(whole.content) > 4 << 20
    assert whole.headers["x-credits-charged"] == "1"


async def _add_partners(tx: Transaction, domain: str) -> None:
    """A thousand partners of one company, one of them tracked, and twenty names for it."""
    company = await tx.fetch_value(
        "SELECT company_id FROM companies WHERE primary_domain = :domain", domain=domain
    )
    for number in range(20):
        await tx.execute(
            "INSERT INTO company_domains (domain, company_id, is_primary, first_observed_at,"
            " last_observed_at) VALUES (:domain, :company, 0, 1, 1)",
            domain=f"alias{number}.example", company=company,
        )  # fmt: skip
    row = {"company": company, "partner": None}
    await tx.execute_many(
        "INSERT INTO partnerships (company_id, partner_key, partnership_type, partner_id,"
        " partner_name, is_listed, is_listed_by, first_observed_at, last_observed_at,"
        " observation_count) VALUES (:company, :key, 'generic', :partner, :key, 1, 0, 1, 1, 1)",
        [{**row, "key": f"Partner {number}"} for number in range(999)]
        + [{**row, "partner": company + 1, "key": "tracked"}],
    )


class Repeating(RuleBasedStateMachine):
    """The model: by caller and key the request and its answer; lists and paid companies."""

    world: World
    loop: asyncio.AbstractEventLoop
    numbers = itertools.count()

    def run(self, awaitable: Any) -> Any:
        """Waits for what is done in the loop that the database lives in."""
        return asyncio.run_coroutine_threadsafe(awaitable, self.loop).result(60)

    @initialize()
    def begin(self) -> None:
        """Each example has orgs of its own."""
        number = next(self.numbers)
        self.buyers = [
            self.run(make_buyer(self.world, name=f"{name}{number}")) for name in ("Buyer", "Other")
        ]
        self.kept: dict[tuple[int, str], tuple[str, Any, httpx.Response, int]] = {}
        self.paid: set[str] = set()
        self.made = [0, 0]

    def send(self, who: int, key: str, path: str, body: Any) -> httpx.Response | None:
        """The answer, if it was done now; all that can be said of a replay is checked."""
        now = self.world.clock.now
        answer: httpx.Response = self.run(self.buyers[who].post(path, body, key))
        known = self.kept.get((who, key))
        if known is None or now >= known[3]:
            assert answer.is_success
            assert not is_replay(answer)
            self.kept[who, key] = (path, body, answer, now + DAY_MS)
            return answer
        if known[:2] == (path, body):
            assert (answer.status_code, answer.content) == (known[2].status_code, known[2].content)
            assert is_replay(answer)
        else:
            assert answer.status_code == 422
            assert answer.json()["detail"][0]["type"] == "idempotency_key_reused"
        return None

    @rule(who=st.sampled_from([0, 1]), key=st.sampled_from("abc"))
    def make(self, who: int, key: str) -> None:
        if self.send(who, key, "/v1/lists", {"name": "x"}) is not None:
            self.made[who] += 1

    @rule(key=st.sampled_from("abc"), domains=st.sets(st.sampled_from(DOMAINS), min_size=1))
    def buy(self, key: str, domains: set[str]) -> None:
        answer = self.send(0, key, BATCH, {"domains": sorted(domains)})
        if answer is not None:
            assert answer.headers["x-credits-charged"] == str(len(domains - self.paid))
            self.paid |= domains

    @rule(days=st.sampled_from([0.4, 1]))
    def wait(self, days: float) -> None:
        """In all less than the thirty days for which what was paid is free."""
        self.world.clock.now += int(days * DAY_MS)

    @rule()
    def purge(self) -> None:
        self.run(self.world.kept.purge_expired())

    @invariant()
    def what_was_done_is_what_the_model_did(self) -> None:
        assert self.run(self.world.balance(self.buyers[0].org)) == 100 - len(self.paid)
        for buyer, made in zip(self.buyers, self.made, strict=True):
            assert len(self.run(buyer.lists())) == made


async def test_repeated_requests_do_what_the_model_says(world: World) -> None:
    await take_in(world)
    Repeating.world = world
    Repeating.loop = asyncio.get_running_loop()
    # The machine waits in a thread for this loop, in which the database lives.
    await asyncio.to_thread(
        run_state_machine_as_test,
        Repeating,
        settings=settings(
            max_examples=15,
            stateful_step_count=20,
            suppress_health_check=[HealthCheck.too_slow],
            database=None,
        ),
    )
