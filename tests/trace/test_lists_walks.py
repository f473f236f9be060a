"""Walks through a list's members while the list, its companies and its computations change."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any

import pytest
from tests.trace.conftest import World, page
from tests.trace.lists import Team, code_of, make_team, tree

pytestmark = pytest.mark.anyio

DOMAINS = tuple(f"m{number:02}.example" for number in range(12))
EVERYBODY = {"field": "technology_count", "operator": "gte", "value": 0}
HOUR_MS = 3_600_000


@pytest.fixture
async def team(world: World) -> Team:
    """A team whose list is everybody."""
    await world.ingest([page(f"https://{domain}/") for domain in DOMAINS])
    made = await make_team(world, credits=500)
    assert (await made.put(EVERYBODY)).status_code == 200
    return made


Change = Callable[[Team, int], Awaitable[None]]


async def _force(team: Team, step: int) -> None:
    assert (await team.call("POST", "/materialize", team.ben)).status_code == 200


async def _exclude(team: Team, step: int) -> None:
    body = {"domains": [DOMAINS[step % len(DOMAINS)]]}
    assert (await team.call("POST", "/excluded-domains", json=body)).status_code == 200
    await _force(team, step)


async def _define(team: Team, step: int) -> None:
    leaf = {"field": "technology_count", "operator": "gte", "value": step % 2 * 1000}
    assert (await team.call("PUT", "/definition", json=tree(leaf))).status_code == 200
    await _force(team, step)


async def _come(team: Team, step: int) -> None:
    # Before all others by name.
    await team.world.ingest([page(f"https://a{step:02}.example/")])
    team.world.clock.now += 16 * 60 * 1000
    assert (await team.call("GET", "/members?limit=1")).status_code == 200


CHANGES: dict[str, Change] = {
    "computed": _force, "excluded": _exclude, "defined": _define, "come": _come
}  # fmt: skip


async def walk(team: Team, change: Change | None, limit: int, query: str = "") -> list[str]:
    """The domains of all pages; before each but the first something changes."""
    told: list[str] = []
    url: str | None = f"/v1/lists/{team.list_id}/members?limit={limit}{query}"
    step = 0
    while url is not None:
        answer = await team.world.client.get(url, headers=team.ann)
        assert answer.status_code == 200, answer.text
        body: Any = answer.json()
        told += [row["primary_domain"] for row in body["data"]]
        url = body["pagination"]["next_url"]
        assert body["pagination"]["total_results"] == len(DOMAINS)
        if change is not None and url is not None:
            await change(team, step)
            step += 1
    return told


@pytest.mark.parametrize("change", CHANGES)
async def test_a_walk_tells_each_member_once_whatever_is_computed_meanwhile(
    team: Team, change: str
) -> None:
    # Three changes of 16 minutes stay within the hour that members are kept.
    limit = 4 if change == "come" else 1
    assert await walk(team, CHANGES[change], limit) == list(DOMAINS)


async def test_a_walk_that_began_with_a_computation_computes_once(team: Team) -> None:
    answer = await team.call("GET", "/members?limit=5&force_refresh=true")
    began = answer.json()["materialization"]
    assert await walk(team, None, 5, "&force_refresh=true") == list(DOMAINS)
    after = await team.call("GET", "/members?limit=1")
    assert after.json()["materialization"]["as_of"] == began["as_of"] + 1


async def test_the_first_page_is_of_the_newest_members(team: Team) -> None:
    first = (await team.call("GET", "/members?limit=1")).json()["materialization"]["as_of"]
    await _exclude(team, 0)
    newest = await team.call("GET", "/members?limit=100")
    assert newest.json()["pagination"]["total_results"] == len(DOMAINS) - 1
    assert newest.json()["materialization"]["as_of"] == first + 1
    past = await team.call("GET", f"/members?limit=100&as_of={first}")
    assert past.json()["pagination"]["total_results"] == len(DOMAINS)
    assert past.json()["materialization"]["is_stale"]


async def test_replaced_members_are_kept_for_an_hour_and_sixteen_computations(team: Team) -> None:
    first = (await team.call("GET", "/members?limit=1")).json()["materialization"]["as_of"]
    for _ in range(16):
        await _force(team, 0)
    assert (await team.call("GET", f"/members?as_of={first}")).status_code == 200
    await _force(team, 0)
    gone = await team.call("GET", f"/members?as_of={first}")
    assert (gone.status_code, code_of(gone)) == (409, "members_not_kept")
    assert "x-credits-charged" not in gone.headers
    newest = first + 17
    await _force(team, 0)
    team.world.clock.now += HOUR_MS
    await _force(team, 0)
    assert (await team.call("GET", f"/members?as_of={newest}")).status_code == 409
    assert (await team.call("GET", f"/members?as_of={newest + 1}")).status_code == 200
    for never in (newest + 3, 1 << 53):
        assert (await team.call("GET", f"/members?as_of={never}")).status_code == 409
    assert (await team.call("GET", "/members?as_of=0")).status_code == 422


async def test_past_members_are_the_org_s_alone_and_go_with_their_list(team: Team) -> None:
    first = (await team.call("GET", "/members?limit=1")).json()["materialization"]["as_of"]
    await _force(team, 0)
    path = f"/members?as_of={first}"
    assert (await team.call("GET", path, team.eve)).status_code == 404
    assert (await team.call("DELETE", "")).status_code == 204
    assert (await team.call("GET", path)).status_code == 404
    async with team.world.database.snapshot() as tx:
        assert await tx.fetch_value("SELECT COUNT(*) FROM list_past_members") == 0
