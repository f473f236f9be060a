"""Members of lists: tiers, domains by hand, what is kept and when it is computed anew, charges."""

from __future__ import annotations

import asyncio
import csv
import io
from pathlib import Path

import orjson
import pyarrow.parquet as pq
import pytest
from tests.trace.conftest import DAY_MS, World, page
from tests.trace.lists import (
    LIKELY,
    OTHER,
    SURE,
    WEAK,
    Team,
    code_of,
    make_team,
    runs,
    take_in_shops,
)

from tracewell.trace.lists.definition_routes import (
    DomainResults,
    ListedDomainAnswer,
    RemovedDomains,
)
from tracewell.trace.lists.exporting import COLUMNS
from tracewell.trace.lists.member_routes import Materialized, MembersAnswer
from tracewell.trace.paging import Paged

pytestmark = pytest.mark.anyio


@pytest.fixture
async def team(world: World, tmp_path: Path) -> Team:
    """A team whose list is defined as those that run a shop."""
    await take_in_shops(world, tmp_path)
    made = await make_team(world)
    assert (await made.put(runs("shop"))).status_code == 200
    return made


async def test_members_come_tier_by_tier_and_are_charged_once(team: Team) -> None:
    answer = await team.call("GET", "/members")
    told = MembersAnswer.model_validate_json(answer.content)
    assert [(row.primary_domain, row.tier) for row in told.data] == [
        (SURE, "high"), (LIKELY, "medium"), (WEAK, "exploratory"),
    ]  # fmt: skip
    assert {row.source for row in told.data} == {"definition"}
    assert answer.headers["x-credits-charged"] == "3"
    assert told.materialization.definition_version == 1
    again = await team.call("GET", "/members", team.ben)
    assert again.headers["x-credits-charged"] == "0"
    assert again.content == answer.content
    assert await team.world.balance(team.org) == 97


async def test_pages_walk_over_the_tiers(team: Team) -> None:
    seen, path = [], f"/v1/lists/{team.list_id}/members?limit=1"
    while path is not None:
        answer = (await team.world.client.get(path, headers=team.ann)).json()
        seen += [row["primary_domain"] for row in answer["data"]]
        assert answer["pagination"]["total_results"] == 3
        path = answer["pagination"]["next_url"]
    assert seen == [SURE, LIKELY, WEAK]
    assert await team.domains(offset=2) == [WEAK]
    assert await team.domains(offset=3) == []
    assert await team.domains(tier="medium") == [LIKELY]
    assert await team.domains(tier="medium", offset=1) == []
    assert await team.domains(search_name_or_domain=" LIKE ") == [LIKELY]
    assert await team.domains(search_name_or_domain="e", tier="high") == [SURE]


@pytest.mark.parametrize(
    "query",
    ["limit=0", "limit=101", "offset=-1", "tier=low", "force_refresh=perhaps",
     "search_name_or_domain=%00", "offset=99999999999"],
)  # fmt: skip
async def test_parameters_out_of_range_are_answered_422(team: Team, query: str) -> None:
    assert (await team.call("GET", f"/members?{query}")).status_code == 422
    assert await team.world.balance(team.org) == 100


async def test_who_cannot_pay_gets_nothing_and_pays_nothing(world: World, tmp_path: Path) -> None:
    await take_in_shops(world, tmp_path)
    team = await make_team(world, credits=2)
    await team.put(runs("shop"))
    for path in ("/members", "/export", "/export?format=parquet"):
        answer = await team.call("GET", path)
        assert (answer.status_code, code_of(answer)) == (402, "credit_exhausted")
        assert (answer.json()["requested"], answer.json()["shortfall"]) == (3, 1)
    assert await world.balance(team.org) == 2
    assert await team.domains(limit=2) == [SURE, LIKELY]
    log = (await team.call("GET", "/audit-log")).json()["data"]
    assert "members.exported" not in {one["action"] for one in log}


async def test_domains_by_hand_go_before_the_definition(team: Team) -> None:
    added = await team.call(
        "POST",
        "/added-domains",
        json={"domains": [f"https://www.{OTHER}/x", WEAK, "new.example", "no domain", OTHER]},
    )
    told = DomainResults.model_validate_json(added.content)
    assert [(one.domain, one.status, one.changed) for one in told.results] == [
        (OTHER, "tracked", True), (WEAK, "tracked", True), ("new.example", "not_tracked", True),
        ("no domain", "invalid", False),
    ]  # fmt: skip
    rows = (await team.call("GET", "/members")).json()["data"]
    assert [(row["primary_domain"], row["tier"], row["source"]) for row in rows] == [
        (OTHER, "high", "added"), (SURE, "high", "definition"), (WEAK, "high", "added"),
        (LIKELY, "medium", "definition"),
    ]  # fmt: skip
    moved = await team.call("POST", "/excluded-domains", json={"domains": [WEAK, SURE]})
    assert [one["changed"] for one in moved.json()["results"]] == [True, True]
    assert await team.domains() == [OTHER, LIKELY]
    listed = await team.call("GET", "/added-domains")
    assert [
        (row.domain, row.is_tracked)
        for row in Paged[ListedDomainAnswer].model_validate_json(listed.content).data
    ] == [("new.example", False), (OTHER, True)]
    removed = await team.call("POST", "/excluded-domains/remove", json={"domains": [SURE, OTHER]})
    assert RemovedDomains.model_validate_json(removed.content).removed == [SURE]
    assert (await team.call("DELETE", f"/excluded-domains/{WEAK}")).status_code == 204
    assert (await team.call("DELETE", f"/excluded-domains/{WEAK}")).status_code == 204
    assert await team.domains() == [OTHER, SURE, LIKELY, WEAK]
    # A domain that becomes a company's is a member from then on.
    await team.world.ingest([page("https://new.example/")])
    assert await team.domains(force_refresh=True, tier="high") == [OTHER, "new.example", SURE]


async def test_a_list_without_a_definition_holds_what_was_added(team: Team) -> None:
    made = await team.world.client.post("/v1/lists", json={"name": "By hand"}, headers=team.ann)
    team.list_id = made.json()["list_id"]
    assert await team.domains() == []
    await team.call("POST", "/added-domains", json={"domains": [SURE]})
    assert await team.domains() == [SURE]


@pytest.mark.parametrize("count", [0, 1_001])
async def test_a_batch_of_domains_has_bounds(team: Team, count: int) -> None:
    domains = [f"d{number}.example" for number in range(count)]
    for path in ("/added-domains", "/excluded-domains", "/added-domains/remove"):
        assert (await team.call("POST", path, json={"domains": domains})).status_code == 422


async def test_members_are_kept_until_the_list_changes_or_they_are_old(team: Team) -> None:
    made = await team.call("POST", "/materialize")
    told = Materialized.model_validate_json(made.content)
    assert told.counts.model_dump() == {"high": 1, "medium": 1, "exploratory": 1, "total": 3}
    world = team.world

    async def state() -> tuple[str, bool, int]:
        told = MembersAnswer.model_validate_json((await team.call("GET", "/members")).content)
        kept = told.materialization
        return kept.materialized_at.isoformat(), kept.is_stale, kept.counts.total

    first = await state()
    assert first[1:] == (False, 3)
    world.clock.now += DAY_MS
    assert await state() == first  # nothing has changed: nothing is computed
    await team.put(runs("nginx"))
    second = await state()
    assert second[0] > first[0]
    assert second[1:] == (False, 2)
    await world.ingest([page("https://more.example/", headers={"Server": "nginx"})])
    assert await state() == (second[0], True, 2)  # kept for a while, and said so
    world.clock.now += 16 * 60 * 1000
    third = await state()
    assert third[0] > second[0]
    assert third[1:] == (False, 3)
    await world.ingest([page("https://evenmore.example/", headers={"Server": "nginx"})])
    assert len(await team.domains(force_refresh=True)) == 4


async def test_an_export_is_the_members_in_each_format(team: Team) -> None:
    await team.call("POST", "/added-domains", json={"domains": [OTHER]})
    rows = (await team.call("GET", "/members")).json()["data"]
    lines = await team.call("GET", "/export", params={"format": "jsonl"})
    assert lines.headers["content-type"] == "application/jsonl"
    assert [orjson.loads(line) for line in lines.content.splitlines()] == rows
    text = await team.call("GET", "/export")
    assert text.headers["content-type"] == "text/csv; charset=utf-8"
    assert text.headers["content-disposition"] == f'attachment; filename="{team.list_id}.csv"'
    records = list(csv.DictReader(io.StringIO(text.text, newline="")))
    assert [record["slug"] for record in records] == [row["slug"] for row in rows]
    # A spreadsheet must not run a company's name.
    assert next(record["name"] for record in records) == "'=Other"
    file = await team.call("GET", "/export", params={"format": "parquet"})
    table = pq.read_table(io.BytesIO(file.content))
    assert table.column_names == list(COLUMNS)
    for name in ("company_id", "name", "tier", "source", "technology_count"):
        assert table[name].to_pylist() == [row[name] for row in rows]
    assert (
        table["first_observed_at"][0]
        .as_py()
        .isoformat()
        .startswith(rows[0]["first_observed_at"].removesuffix("Z"))
    )
    assert {answer.headers["x-credits-charged"] for answer in (lines, text, file)} == {"0"}


async def test_an_export_is_charged_before_its_first_byte(team: Team) -> None:
    answer = await team.call("GET", "/export", params={"tier": "high"})
    assert (answer.headers["x-credits-charged"], answer.headers["x-credits-remaining"]) == (
        "1",
        "99",
    )
    whole = await team.call("GET", "/export")
    assert whole.headers["x-credits-charged"] == "2"
    assert await team.world.ledger_sum(team.org) == 97
    log = (await team.call("GET", "/audit-log")).json()["data"]
    assert [(one["action"], one["details"]) for one in log[:2]] == [
        ("members.exported", {"count": 3, "tier": None}),
        ("members.exported", {"count": 1, "tier": "high"}),
    ]


@pytest.mark.parametrize("file_format", ["csv", "jsonl", "parquet"])
async def test_an_empty_list_exports_to_an_empty_file(team: Team, file_format: str) -> None:
    await team.put(runs("nothing"))
    answer = await team.call("GET", "/export", params={"format": file_format})
    assert (answer.status_code, answer.headers["x-credits-charged"]) == (200, "0")
    if file_format == "csv":
        assert answer.text.strip().split(",") == list(COLUMNS)
    elif file_format == "jsonl":
        assert answer.content == b""
    else:
        assert pq.read_table(io.BytesIO(answer.content)).num_rows == 0


async def test_the_builder_finds_companies_for_nothing(team: Team) -> None:
    path = "/v1/lists/company-search"
    answer = await team.world.client.get(path, params={"q": "sur"}, headers=team.ann)
    assert answer.json() == {"data": [{"slug": "sure", "name": "Sure", "primary_domain": SURE}]}
    assert (
        await team.world.client.get(path, params={"q": "s"}, headers=team.ann)
    ).status_code == 422
    assert await team.world.balance(team.org) == 100


async def test_a_list_that_is_removed_while_it_is_computed_is_not_found(team: Team) -> None:
    calls = [("POST", "/materialize"), ("GET", "/members"), ("DELETE", ""), ("GET", "/export")] * 2
    answers = await asyncio.gather(*(team.call(method, path) for method, path in calls))
    for (method, path), answer in zip(calls, answers, strict=True):
        assert answer.status_code in (200, 204, 404), (method, path, answer.text)
    assert sorted(answers[place].status_code for place in (2, 6)) == [204, 404]
