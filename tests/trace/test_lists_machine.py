"""A list under any sequence of calls is what a plain model of it says, and so are its charges."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)
from tests.trace.conftest import World
from tests.trace.lists import LIKELY, OTHER, SURE, WEAK, Team, make_team, runs, take_in_shops

pytestmark = pytest.mark.anyio

TRACKED = (SURE, LIKELY, WEAK, OTHER)
UNTRACKED = "untracked.example"
HIGH, MEDIUM, EXPLORATORY = "high", "medium", "exploratory"

# What a definition finds, told without the product: the pages that were taken in say so.
FINDS: dict[str, tuple[Any, dict[str, str]]] = {
    "shops": (runs("shop"), {SURE: HIGH, LIKELY: MEDIUM, WEAK: EXPLORATORY}),
    "servers": (runs("nginx"), {WEAK: HIGH, OTHER: HIGH}),
    "no shops": (runs("shop", operator="none_of"), {OTHER: HIGH}),
    "both": (runs("shop", "nginx", operator="all_of"), {WEAK: EXPLORATORY}),
    "neither": (
        {"op": "not", "children": [{"op": "or", "children": [runs("shop"), runs("nginx")]}]}, {},
    ),
}  # fmt: skip
PEOPLE = st.sampled_from(["ann", "ben"])
SIDES = st.sampled_from(["added", "excluded"])
SOME_DOMAINS = st.lists(st.sampled_from([*TRACKED, UNTRACKED]), min_size=1, max_size=3, unique=True)


class ListMachine(RuleBasedStateMachine):
    """The model: versions by name, two sets of domains, whom Ben may be, and who is paid for."""

    team: Team
    loop: asyncio.AbstractEventLoop

    def run(self, awaitable: Any) -> Any:
        """Waits for what is done in the loop that the database lives in."""
        return asyncio.run_coroutine_threadsafe(awaitable, self.loop).result(60)

    def call(self, who: str, method: str, path: str, **parts: Any) -> Any:
        return self.run(self.team.call(method, path, getattr(self.team, who), **parts))

    @initialize()
    def begin(self) -> None:
        """Each example has a list of its own; what was paid stays paid."""
        made = self.run(
            self.team.world.client.post("/v1/lists", json={"name": "x"}, headers=self.team.ann)
        )
        self.team.list_id = made.json()["list_id"]
        self.versions: list[str] = []
        self.sides: dict[str, str] = {}
        self.ben = "viewer"
        self.entries = 1

    def may(self, who: str) -> bool:
        return who == "ann" or self.ben == "editor"

    @rule(who=PEOPLE, name=st.sampled_from(sorted(FINDS)), behind=st.integers(0, 2) | st.none())
    def put(self, who: str, name: str, behind: int | None) -> None:
        """A definition on the current version, an older one, or whatever there is."""
        base = None if behind is None else max(0, len(self.versions) - behind)
        body = {"registry_version": 1, "root": FINDS[name][0], "base_version": base}
        answer = self.call(who, "PUT", "/definition", json=body)
        if not self.may(who):
            assert answer.status_code == 403
        elif base is not None and base != len(self.versions):
            assert answer.status_code == 409
            assert answer.json()["error"]["current_version"] == len(self.versions)
        else:
            self.versions.append(name)
            self.entries += 1
            assert answer.json()["version"] == len(self.versions)

    @precondition(lambda self: self.versions)
    @rule(who=PEOPLE, data=st.data())
    def restore(self, who: str, data: st.DataObject) -> None:
        version = data.draw(st.integers(1, len(self.versions) + 1))
        answer = self.call(who, "POST", f"/definition/versions/{version}/restore")
        if not self.may(who):
            assert answer.status_code == 403
        elif version > len(self.versions):
            assert answer.status_code == 404
        else:
            self.versions.append(self.versions[version - 1])
            self.entries += 1
            assert answer.json()["restored_from"] == version

    @rule(who=PEOPLE, side=SIDES, domains=SOME_DOMAINS)
    def add(self, who: str, side: str, domains: list[str]) -> None:
        answer = self.call(who, "POST", f"/{side}-domains", json={"domains": domains})
        if not self.may(who):
            assert answer.status_code == 403
            return
        changed = [domain for domain in domains if self.sides.get(domain) != side]
        told = answer.json()["results"]
        assert [one["domain"] for one in told if one["changed"]] == changed
        assert {one["domain"]: one["status"] == "tracked" for one in told} == {
            domain: domain in TRACKED for domain in domains
        }
        self.sides.update(dict.fromkeys(changed, side))
        self.entries += bool(changed)

    @rule(who=PEOPLE, side=SIDES, domains=SOME_DOMAINS)
    def remove(self, who: str, side: str, domains: list[str]) -> None:
        answer = self.call(who, "POST", f"/{side}-domains/remove", json={"domains": domains})
        if not self.may(who):
            assert answer.status_code == 403
            return
        removed = [domain for domain in domains if self.sides.get(domain) == side]
        assert answer.json()["removed"] == removed
        for domain in removed:
            del self.sides[domain]
        self.entries += bool(removed)

    @rule(level=st.sampled_from(["editor", "viewer"]))
    def share(self, level: str) -> None:
        body = {"email": "ben@buyer.example", "access_level": level}
        assert self.call("ann", "POST", "/shares", json=body).status_code == 201
        self.ben = level
        self.entries += 1

    @rule(who=PEOPLE, tier=st.sampled_from([None, HIGH, MEDIUM, EXPLORATORY]))
    def read(self, who: str, tier: str | None) -> None:
        """Members by tier, in order, each with its source."""
        params = {} if tier is None else {"tier": tier}
        answer = self.call(who, "GET", "/members", params=params)
        expected = self.members()
        told = {row["primary_domain"]: row["tier"] for row in answer.json()["data"]}
        assert told == {d: t for d, t in expected.items() if tier in (None, t)}
        places = [(HIGH, MEDIUM, EXPLORATORY).index(one) for one in told.values()]
        assert places == sorted(places)
        for row in answer.json()["data"]:
            is_added = self.sides.get(row["primary_domain"]) == "added"
            assert row["source"] == ("added" if is_added else "definition")
        counts = answer.json()["materialization"]["counts"]
        assert counts["total"] == len(expected)
        assert not answer.json()["materialization"]["is_stale"]

    def members(self) -> dict[str, str]:
        found = dict(FINDS[self.versions[-1]][1]) if self.versions else {}
        for domain, side in self.sides.items():
            if side == "excluded":
                found.pop(domain, None)
            elif domain in TRACKED:
                found[domain] = HIGH
        return found

    @invariant()
    def every_change_is_in_the_log_and_the_ledger_balances(self) -> None:
        log = self.call("ann", "GET", "/audit-log", params={"limit": 1}).json()
        assert log["pagination"]["total_results"] == self.entries
        world, org = self.team.world, self.team.org
        balance = self.run(world.balance(org))
        assert balance == self.run(world.ledger_sum(org))
        assert balance >= 100 - len(TRACKED)


async def test_a_list_is_what_the_model_says(world: World, tmp_path: Path) -> None:
    await take_in_shops(world, tmp_path)
    ListMachine.team = await make_team(world)
    ListMachine.loop = asyncio.get_running_loop()
    # The machine waits in a thread for this loop, in which the database lives.
    await asyncio.to_thread(
        run_state_machine_as_test,
        ListMachine,
        settings=settings(
            max_examples=20,
            stateful_step_count=15,
            suppress_health_check=[HealthCheck.too_slow],
            database=None,
        ),
    )
