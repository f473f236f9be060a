"""Computations over HTTP: who may ask what, what it costs, and how each wrong question is told."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import httpx
import pytest
from pydantic import BaseModel
from tests.trace.conftest import World
from tests.trace.lists import Team, code_of, make_team
from tests.trace.stacks import add_random_companies, slug, tree

from tracewell.trace.computations.adoption_routes import AdoptionAnswer
from tracewell.trace.computations.churn_routes import ChurnAnswer, SwitcherAnswer
from tracewell.trace.computations.look_alike_routes import LookAlikesAnswer
from tracewell.trace.computations.overlap_routes import CompanyOverlapAnswer, SegmentOverlapAnswer
from tracewell.trace.paging import Paged
from tracewell.trace.search.routes import CompanySummary

pytestmark = pytest.mark.anyio

EVERYBODY = tree("technology", slug(0), "no-such-thing")
GERMAN = tree("country", "DE")
SMALL = tree("domain", "c1.example", "c2.example", "c3.example")
WINDOW = {"from_month": "2025-06", "to_month": "2026-09"}
OVERLAP = {"a": EVERYBODY, "b": GERMAN}
ADOPTION = {"technology": slug(0), **WINDOW}
CHURN = {"dropped": {"technology": slug(0)}, **WINDOW}
SWITCHED = {**CHURN, "adopted": {"category": "cms"}}


@pytest.fixture
async def team(world: World) -> Team:
    await add_random_companies(world, 60, 7)
    return await make_team(world, credits=1_000)


async def post(team: Team, path: str, body: Any, key: Any = None, **params: Any) -> httpx.Response:
    return await team.world.client.post(
        f"/v1/computations/{path}", json=body, params=params or None, headers=key or team.org_key
    )


async def get(team: Team, path: str, **params: Any) -> httpx.Response:
    return await team.world.client.get(
        f"/v1/computations/{path}", params=params, headers=team.org_key
    )


async def test_aggregates_are_free_also_without_credits(team: Team) -> None:
    poor = await team.world.make_org("Poor", credits=0)
    key = await team.world.org_key(poor)
    calls: list[tuple[str, Any, type[BaseModel]]] = [
        ("overlap", OVERLAP, SegmentOverlapAnswer),
        ("adoption", {**ADOPTION, "group_by": "industry", "segment": GERMAN}, AdoptionAnswer),
        ("adoption", {"technology": slug(1)}, AdoptionAnswer),
        ("churn", CHURN, ChurnAnswer),
        ("churn", {"dropped": {"vendor": "acme"}}, ChurnAnswer),
    ]
    for path, body, model in calls:
        answer = await post(team, path, body, key)
        assert answer.status_code == 200, answer.text
        model.model_validate_json(answer.content)
        assert answer.headers["x-credits-charged"] == "0"
    assert await team.world.balance(poor) == 0


async def test_companies_that_are_told_are_charged_once(team: Team) -> None:
    async def charged(answer: httpx.Response, model: type[BaseModel]) -> int:
        assert answer.status_code == 200, answer.text
        model.model_validate_json(answer.content)
        left = await team.world.balance(team.org)
        assert answer.headers["x-credits-remaining"] == str(left)
        return int(answer.headers["x-credits-charged"])

    pair = CompanyOverlapAnswer
    assert await charged(await get(team, "overlap/c1/c2.example"), pair) == 2
    assert await charged(await get(team, "overlap/c2/c1"), pair) == 0
    assert await charged(await get(team, "overlap/c1/c1"), pair) == 0
    alike = await get(team, "look-alikes/c9", limit=5)
    slugs = [row["slug"] for row in alike.json()["data"]]
    assert "c9" not in slugs
    assert await charged(alike, LookAlikesAnswer) == len({*slugs} - {"c1", "c2"})
    assert await charged(await get(team, "look-alikes/c9", limit=5), LookAlikesAnswer) == 0
    for path, body in (("overlap/companies", OVERLAP), ("churn/companies", SWITCHED)):
        model = Paged[CompanySummary] if path.startswith("overlap") else Paged[SwitcherAnswer]
        answer = await post(team, path, body, limit=10)
        assert 0 < await charged(answer, model) <= len(answer.json()["data"])
        assert await charged(await post(team, path, body, limit=10), model) == 0


async def test_a_segment_of_few_companies_is_charged_as_records(team: Team) -> None:
    answer = await post(team, "overlap", {"a": SMALL, "b": EVERYBODY})
    assert answer.headers["x-credits-charged"] == "3"
    small: list[tuple[str, Any]] = [
        ("overlap", {"a": SMALL, "b": SMALL}),
        ("adoption", {**ADOPTION, "segment": SMALL}),
        ("adoption", {**ADOPTION, "segments": [{"name": "x", "segment": SMALL}]}),
        ("churn", {**CHURN, "segment": SMALL}),
    ]
    for number, (path, body) in enumerate(small):
        assert (await post(team, path, body)).headers["x-credits-charged"] == "0"
        poor = await team.world.org_key(await team.world.make_org(f"Poor {number}", credits=2))
        refused = await post(team, path, body, poor)
        assert (refused.status_code, refused.json()["requested"]) == (402, 3)


async def test_who_cannot_pay_is_told_nothing_and_charged_nothing(team: Team) -> None:
    poor = await team.world.make_org("Poor", credits=1)
    key = await team.world.org_key(poor)
    answers = [
        await team.world.client.get("/v1/computations/overlap/c1/c2", headers=key),
        await team.world.client.get("/v1/computations/look-alikes/c1?limit=2", headers=key),
        await post(team, "look-alikes", {"company": "c1", "segment": GERMAN}, key, limit=2),
        await post(team, "overlap/companies", OVERLAP, key, limit=2),
        await post(team, "churn/companies", SWITCHED, key, limit=2),
    ]
    for answer in answers:
        assert answer.status_code == 402, answer.text
        told = answer.json()
        del told["message"]
        assert told == {"error": "credit_exhausted", "requested": 2, "shortfall": 1}
    assert await team.world.balance(poor) == 1


async def test_a_list_is_a_segment_for_users_of_its_org(team: Team) -> None:
    assert (await team.put(GERMAN["root"])).status_code == 200
    listed = {"list_id": team.list_id}
    calls: list[tuple[str, Any]] = [
        ("overlap", {"a": listed, "b": EVERYBODY}),
        ("overlap", {"a": EVERYBODY, "b": listed}),
        ("overlap/companies", {"a": listed, "b": EVERYBODY}),
        ("look-alikes", {"company": "c1", "segment": listed}),
        ("adoption", {**ADOPTION, "segment": listed}),
        ("adoption", {**ADOPTION, "segments": [{"name": "x", "segment": listed}]}),
        ("churn", {**CHURN, "segment": listed}),
        ("churn/companies", {**SWITCHED, "segment": listed}),
    ]
    for path, body in calls:
        by_list = await post(team, path, body, team.ann)
        by_tree = await post(team, path, replaced(body, listed, GERMAN), team.ann)
        assert by_list.status_code == 200, by_list.text
        assert by_list.json() == by_tree.json()
        assert (await post(team, path, body, team.ben)).status_code == 200
        stranger = await post(team, path, body, team.eve)
        assert (stranger.status_code, code_of(stranger)) == (404, "list_not_found")
        refused = await post(team, path, body, team.org_key)
        assert (refused.status_code, code_of(refused)) == (403, "user_credential_required")
        assert refused.json()["credential_type_used"] == "org_api_key"
        assert refused.json()["credential_type_required"] == "user_api_key_or_jwt"
    assert (await team.put(SMALL["root"])).status_code == 200
    changed = await post(team, "overlap", {"a": listed, "b": EVERYBODY}, team.ann)
    assert changed.json()["a"] == {"company_count": 3}


def replaced(body: Any, old: Any, new: Any) -> Any:
    if body == old:
        return new
    if isinstance(body, dict):
        return {key: replaced(value, old, new) for key, value in body.items()}
    return [replaced(one, old, new) for one in body] if isinstance(body, list) else body


async def test_a_wrong_tree_is_told_by_its_place_in_the_body(team: Team) -> None:
    wrong = {"registry_version": 1, "root": {"op": "and", "children": [{"field": "mood"}]}}
    own = [{"name": "fine", "segment": GERMAN}, {"name": "wrong", "segment": wrong}]
    calls: list[tuple[str, Any, str]] = [
        ("overlap", {"a": wrong, "b": GERMAN}, "a"),
        ("overlap/companies", {"a": GERMAN, "b": wrong}, "b"),
        ("look-alikes", {"company": "c1", "segment": wrong}, "segment"),
        ("adoption", {**ADOPTION, "segment": wrong}, "segment"),
        ("adoption", {**ADOPTION, "segments": own}, "segments[1].segment"),
        ("churn", {**CHURN, "segment": wrong}, "segment"),
        ("churn/companies", {**SWITCHED, "segment": wrong}, "segment"),
    ]
    for path, body, place in calls:
        answer = await post(team, path, body)
        assert (answer.status_code, code_of(answer)) == (400, "invalid_definition"), answer.text
        (problem,) = answer.json()["error"]["problems"]
        assert problem["path"] == f"{place}.root.children[0].field"
        old = await post(team, path, replaced(body, wrong, {**wrong, "registry_version": 7}))
        assert (old.status_code, code_of(old)) == (400, "stale_registry_version")


async def test_what_is_not_there_is_told_as_such(team: Team) -> None:
    gone = {"company": "nobody.example"}
    calls = [
        (await get(team, "overlap/c1/nobody"), "company_not_found"),
        (await get(team, "overlap/nobody.example/c1"), "company_not_found"),
        (await get(team, "look-alikes/nobody"), "company_not_found"),
        (await post(team, "look-alikes", gone), "company_not_found"),
        (await post(team, "adoption", {"technology": "nothing"}), "technology_not_found"),
        (await post(team, "churn", {"dropped": {"technology": "x"}}), "technology_not_found"),
        (await post(team, "churn", {"dropped": {"category": "x"}}), "category_not_found"),
        (
            await post(team, "churn", {**CHURN, "adopted": {"vendor": "x"}}),
            "vendor_not_found",
        ),
        (
            await post(team, "churn/companies", {**SWITCHED, "adopted": {"category": "x"}}),
            "category_not_found",
        ),
        (
            await post(team, "overlap", {"a": {"list_id": "x"}, "b": GERMAN}, team.ann),
            "list_not_found",
        ),
    ]
    for answer, code in calls:
        assert (answer.status_code, code_of(answer)) == (404, code), answer.text
    assert await team.world.balance(team.org) == 1_000


WRONG: list[tuple[str, Any]] = [
    ("overlap", {"a": GERMAN}),
    ("overlap", {"a": GERMAN, "b": {}}),
    ("overlap", {"a": GERMAN, "b": {**GERMAN, "list_id": "x"}}),
    ("overlap?technologies=none", OVERLAP),
    ("overlap?sort=name", OVERLAP),
    ("overlap?limit=101", OVERLAP),
    ("overlap/companies?part=all", OVERLAP),
    ("look-alikes", {}),
    ("look-alikes", {"company": ""}),
    ("look-alikes", {"company": "x" * 2_049}),
    ("look-alikes?page=0", {"company": "c1"}),
    ("adoption", {**ADOPTION, "from_month": "2026-10"}),
    ("adoption", {**ADOPTION, "from_month": "2016-09"}),
    ("adoption", {**ADOPTION, "from_month": "2026-13"}),
    ("adoption", {**ADOPTION, "from_month": "1969-12"}),
    ("adoption", {**ADOPTION, "technology": "A B"}),
    ("adoption", {**ADOPTION, "top": 51}),
    ("adoption", {**ADOPTION, "group_by": "name"}),
    ("adoption", {**ADOPTION, "segments": [{"name": "x", "segment": GERMAN}] * 21}),
    ("adoption", {**ADOPTION, "segments": [{"name": "", "segment": GERMAN}]}),
    (
        "adoption",
        {**ADOPTION, "group_by": "country", "segments": [{"name": "x", "segment": GERMAN}]},
    ),
    ("churn", {}),
    ("churn", {"dropped": {"technology": "a", "vendor": "b"}}),
    ("churn", {"dropped": {}}),
    ("churn", {**CHURN, "months_after": 25}),
    ("churn", {**CHURN, "months_before": -1}),
    ("churn", {**CHURN, "top": 26}),
    ("churn/companies", CHURN),
]


async def test_a_wrong_question_is_refused(world: World) -> None:
    team = await make_team(world)
    for path, body in WRONG:
        answer = await post(team, path, body)
        assert answer.status_code == 422, (path, body, answer.text)
        assert answer.json()["detail"][0]["loc"][0] in ("body", "query")


async def test_without_data_every_computation_answers(world: World) -> None:
    await add_random_companies(world, 0, 1)
    team = await make_team(world)
    for path, body, empty in (
        ("overlap", OVERLAP, {"data": [], "jaccard": None, "both": {"company_count": 0}}),
        ("overlap/companies", OVERLAP, {"data": []}),
        ("adoption", {**ADOPTION, "group_by": "country"}, {"groups": [], "group_count": 0}),
        ("churn", CHURN, {"rows": [], "dropped_count": 0, "switched_count": 0}),
        ("churn/companies", SWITCHED, {"data": []}),
    ):
        answer = await post(team, path, body)
        assert answer.status_code == 200, answer.text
        assert empty.items() <= answer.json().items()


async def test_the_window_is_the_last_two_years_unless_said_otherwise(team: Team) -> None:
    for given, meant in (
        ({}, ("2024-10", "2026-09")),
        ({"to_month": "2026-01"}, ("2024-02", "2026-01")),
        ({"from_month": "2025-01"}, ("2025-01", "2026-12")),
        ({"from_month": "2016-10", "to_month": "2026-09"}, ("2016-10", "2026-09")),
    ):
        told = (await post(team, "adoption", {"technology": slug(0), **given})).json()
        assert (told["from_month"], told["to_month"]) == meant
        assert told["total"]["months"][0]["month"] == meant[0]
        assert told["total"]["months"][-1]["month"] == meant[1]


async def test_the_next_page_of_a_post_is_told_with_its_parameters(team: Team) -> None:
    answer = await post(team, "overlap", OVERLAP, limit=2, sort="-lift", technologies="all")
    following = httpx.URL(answer.json()["pagination"]["next_url"])
    assert dict(following.params) == {
        "limit": "2", "sort": "-lift", "technologies": "all", "page": "2"
    }  # fmt: skip
    second = await team.world.client.post(following, json=OVERLAP, headers=team.org_key)
    first_rows, rows = answer.json()["data"], second.json()["data"]
    assert not {row["slug"] for row in first_rows} & {row["slug"] for row in rows}


def test_the_users_page_names_every_endpoint() -> None:
    page = Path(__file__).parents[2] / "docs" / "computations.md"
    text = page.read_text("utf-8")
    for path in ("overlap/", "overlap`", "overlap/companies", "look-alikes", "adoption", "churn`",
                 "churn/companies"):  # fmt: skip
        assert f"/v1/computations/{path}" in text
