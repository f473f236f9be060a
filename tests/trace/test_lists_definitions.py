"""Definitions of lists: the field registry, counts, versions, and two users who change one list."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import pytest
from tests.trace.conftest import World
from tests.trace.lists import code_of, make_team, runs, take_in_shops, tree

from tracewell.trace.filters.fields import FIELDS
from tracewell.trace.lists.definition_routes import DefinitionAnswer, FilterFields
from tracewell.trace.lists.member_routes import PreviewCount
from tracewell.trace.paging import Paged

pytestmark = pytest.mark.anyio


async def test_the_registry_tells_every_field_with_the_schemas_of_its_values(world: World) -> None:
    team = await make_team(world)
    answer = await world.client.get("/v1/lists/filter-fields", headers=team.ann)
    told = FilterFields.model_validate_json(answer.content)
    assert told.registry_version == 1
    assert [field.name for field in told.fields] == list(FIELDS)
    for field in told.fields:
        assert {one.operator for one in field.operators} == set(FIELDS[field.name].kind.operators)
    by_name = {field.name: field for field in told.fields}
    schema = by_name["technology"].operators[0].value_schema
    assert (schema["type"], schema["minItems"], schema["maxItems"]) == ("array", 1, 100)


async def test_a_preview_counts_each_tier_and_costs_nothing(world: World, tmp_path: Path) -> None:
    await take_in_shops(world, tmp_path)
    team = await make_team(world, credits=0)
    answer = await world.client.post(
        "/v1/lists/preview-count", json=tree(runs("shop")), headers=team.ann
    )
    assert answer.status_code == 200, answer.text
    told = PreviewCount.model_validate_json(answer.content)
    assert told.counts.model_dump() == {"high": 1, "medium": 1, "exploratory": 1, "total": 3}
    assert "x-credits-charged" not in answer.headers


WRONG: list[tuple[Any, list[str]]] = [
    ({"field": "nothing", "operator": "is", "value": 1}, ["root.field"]),
    ({"field": "hiring", "operator": "gte", "value": 1}, ["root.operator"]),
    ({"field": "hiring", "operator": "is", "value": 1}, ["root.value"]),
    ({"op": "and", "children": []}, ["root.children"]),
    ({"op": "xor", "children": [runs("a")]}, ["root.op"]),
    (
        {"op": "and", "children": [runs("no slug!"), {"op": "not", "children": [{}]}, runs("a")]},
        ["root.children[0].value[0]", "root.children[1].children[0]"],
    ),
    (None, ["root"]),
    ("\ud800", ["root"]),
    ({"field": "name", "operator": "contains", "value": "a\x00"}, ["root.value"]),
]


@pytest.mark.parametrize(("root", "paths"), WRONG, ids=range(len(WRONG)))
async def test_a_wrong_tree_is_told_by_the_paths_of_its_wrong_nodes(
    world: World, root: Any, paths: list[str]
) -> None:
    team = await make_team(world)
    for answer in (
        await team.put(root) if root != "\ud800" else None,
        await world.client.post(
            "/v1/lists/preview-count",
            content=b'{"registry_version": 1, "root": "\\ud800"}',
            headers={**team.ann, "Content-Type": "application/json"},
        )
        if root == "\ud800"
        else await world.client.post("/v1/lists/preview-count", json=tree(root), headers=team.ann),
    ):
        if answer is None:
            continue
        assert (answer.status_code, code_of(answer)) == (400, "invalid_definition"), answer.text
        assert [one["path"] for one in answer.json()["error"]["problems"]] == paths
    kept = await team.call("GET", "/definition")
    assert kept.json()["version"] == 0


async def test_a_definition_of_another_registry_is_told_which_is_current(world: World) -> None:
    team = await make_team(world)
    body = {"registry_version": 2, "root": runs("shop")}
    answers = (
        await team.call("PUT", "/definition", json=body),
        await world.client.post("/v1/lists/preview-count", json=body, headers=team.ann),
    )
    for answer in answers:
        assert (answer.status_code, code_of(answer)) == (400, "stale_registry_version")
        assert answer.json()["error"]["current_registry_version"] == 1


@pytest.mark.parametrize(
    "body",
    [b"{}", b'{"registry_version": "1", "root": {}}', b'{"root": {}}', b'{"registry_version": 1}',
     b'{"registry_version": 1, "root": {}, "more": 1}', b"[]", b"{bad",
     b'{"registry_version": 1, "root": {}, "base_version": -1}'],
)  # fmt: skip
async def test_a_body_that_does_not_validate_is_answered_422(world: World, body: bytes) -> None:
    team = await make_team(world)
    headers = {**team.ann, "Content-Type": "application/json"}
    path = f"/v1/lists/{team.list_id}/definition"
    assert (await world.client.put(path, content=body, headers=headers)).status_code == 422


async def test_versions_are_kept_read_and_restored(world: World) -> None:
    team = await make_team(world)
    none = await team.call("GET", "/definition")
    DefinitionAnswer.model_validate_json(none.content)
    assert (none.json()["version"], none.json()["root"]) == (0, None)
    first = (await team.put(runs("shop"))).json()
    assert (first["version"], first["root"]) == (1, runs("shop"))
    dates = {
        "field": "technology_use",
        "operator": "matches",
        "value": {"technology": "nginx", "first_observed_gte": "2026-01-02"},
    }
    second = (await team.put({"op": "and", "children": [dates, runs("shop")]})).json()
    assert second["root"]["children"][0]["value"]["first_observed_gte"] == "2026-01-02"
    assert (await team.call("GET", "/definition")).json() == second
    restored = (await team.call("POST", "/definition/versions/1/restore")).json()
    assert (restored["version"], restored["restored_from"]) == (3, 1)
    assert restored["root"] == first["root"]
    listed = await team.call("GET", "/definition/versions", params={"limit": 2})
    Paged[DefinitionAnswer].model_validate_json(listed.content)
    assert listed.json()["data"] == [restored, second]
    rest = await world.client.get(listed.json()["pagination"]["next_url"], headers=team.ann)
    assert rest.json()["data"] == [first]
    assert (await team.call("GET", "/definition/versions/2")).json() == second
    for method, path in (
        ("GET", "/definition/versions/4"),
        ("POST", "/definition/versions/4/restore"),
    ):
        answer = await team.call(method, path)
        assert (answer.status_code, code_of(answer)) == (404, "definition_not_found")
    assert (await team.call("GET", "/definition/versions/0")).status_code == 422


async def test_of_two_who_change_one_version_one_is_told_of_the_other(world: World) -> None:
    team = await make_team(world)
    await team.call("PATCH", "", json={"org_access": "editor"})
    answers = await asyncio.gather(
        *(
            team.put(runs(slug), key, base_version=0)
            for slug, key in (("shop", team.ann), ("nginx", team.ben)) * 3
        )
    )
    assert sorted(answer.status_code for answer in answers) == [200] + [409] * 5
    for answer in answers:
        if answer.status_code == 409:
            assert code_of(answer) == "definition_conflict"
            assert answer.json()["error"]["current_version"] == 1
    # Without a base the later one counts, and the earlier one is in the history.
    both = await asyncio.gather(team.put(runs("shop")), team.put(runs("nginx"), team.ben))
    assert sorted(answer.json()["version"] for answer in both) == [2, 3]
    log = (await team.call("GET", "/audit-log")).json()["data"]
    assert [one["action"] for one in log] == ["definition.changed"] * 3 + [
        "list.changed", "list.created",
    ]  # fmt: skip
    assert [one["number"] for one in log] == [5, 4, 3, 2, 1]
