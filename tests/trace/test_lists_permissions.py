"""Who may do what with a list: every endpoint, as owner, editor, viewer, stranger, and an org."""

from __future__ import annotations

from typing import Any

import httpx
import pytest
from tests.trace.conftest import World
from tests.trace.lists import Team, code_of, make_team, runs, tree

from tracewell.trace.lists.routes import AuditAnswer, ListAnswer
from tracewell.trace.lists.sharing_routes import ShareAnswer
from tracewell.trace.paging import Paged

pytestmark = pytest.mark.anyio

DOMAINS = {"domains": ["a.example"]}
CARL = {"email": "CARL@buyer.example", "access_level": "editor"}

# Endpoint below the list, its body, its status for who may, the level that is needed.
CALLS: list[tuple[str, str, Any, int, str]] = [
    ("GET", "", None, 200, "viewer"),
    ("GET", "/definition", None, 200, "viewer"),
    ("GET", "/definition/versions", None, 200, "viewer"),
    ("GET", "/definition/versions/{version}", None, 200, "viewer"),
    ("GET", "/members", None, 200, "viewer"),
    ("GET", "/export", None, 200, "viewer"),
    ("POST", "/materialize", None, 200, "viewer"),
    ("GET", "/added-domains", None, 200, "viewer"),
    ("GET", "/excluded-domains", None, 200, "viewer"),
    ("GET", "/shares", None, 200, "viewer"),
    ("GET", "/audit-log", None, 200, "viewer"),
    ("PATCH", "", {"name": "New"}, 200, "editor"),
    ("PUT", "/definition", tree(runs("shop")), 200, "editor"),
    ("POST", "/definition/versions/{version}/restore", None, 200, "editor"),
    ("POST", "/added-domains", DOMAINS, 200, "editor"),
    ("POST", "/added-domains/remove", DOMAINS, 200, "editor"),
    ("DELETE", "/added-domains/{domain}", None, 204, "editor"),
    ("POST", "/excluded-domains", DOMAINS, 200, "editor"),
    ("POST", "/excluded-domains/remove", DOMAINS, 200, "editor"),
    ("DELETE", "/excluded-domains/{domain}", None, 204, "editor"),
    ("POST", "/shares", CARL, 201, "owner"),
    ("PATCH", "/shares/{user_id}", {"access_level": "viewer"}, 200, "owner"),
    ("DELETE", "/shares/{user_id}", None, 204, "owner"),
    ("POST", "/transfer", {"email": "carl@buyer.example"}, 200, "owner"),
    ("DELETE", "", None, 204, "owner"),
]
FREE_OF_A_LIST = {
    "GET /v1/lists",
    "POST /v1/lists",
    "GET /v1/lists/filter-fields",
    "GET /v1/lists/company-search",
    "POST /v1/lists/preview-count",
}
RANKS = {"viewer": 0, "editor": 1, "owner": 2}


async def test_the_matrix_has_every_endpoint_of_lists(world: World) -> None:
    document = (await world.client.get("/openapi.json")).json()
    served = {
        f"{method.upper()} {path}"
        for path, operations in document["paths"].items()
        if path.startswith("/v1/lists")
        for method in operations
    }
    below = {f"{method} /v1/lists/{{list_id}}{path}" for method, path, *_ in CALLS}
    assert served == below | FREE_OF_A_LIST
    assert len(served) >= 25


async def team_with_dan(world: World) -> tuple[Team, dict[str, str]]:
    """A team with a share for Dan, so that there is one to change."""
    team = await make_team(world)
    await world.make_user(team.org, "carl@buyer.example")
    dan = await world.make_user(team.org, "dan@buyer.example")
    await team.put(runs("shop"))
    granted = await team.call("POST", "/shares", json={**CARL, "email": dan.email})
    assert granted.status_code == 201
    return team, {"version": "1", "domain": "a.example", "user_id": str(dan.user_id)}


async def asked(
    team: Team, key: dict[str, str], method: str, path: str, body: Any, names: dict[str, str]
) -> httpx.Response:
    parts = {} if body is None else {"json": body}
    return await team.call(method, path.format(**names), key, **parts)


@pytest.mark.parametrize("role", ["owner", "editor", "editor by the org", "viewer", "lowered"])
async def test_a_colleague_may_what_the_level_says(world: World, role: str) -> None:
    team, names = await team_with_dan(world)
    level = {"editor by the org": "editor", "lowered": "viewer"}.get(role, role)
    key = team.ann if role == "owner" else team.ben
    for method, path, body, status, needed in CALLS:
        await with_role(team, role)
        assert (await team.call("GET", "", key)).json()["access_level"] == level
        answer = await asked(team, key, method, path, body, names)
        if RANKS[level] >= RANKS[needed]:
            assert answer.status_code == status, (method, path, answer.text)
        else:
            assert answer.status_code == 403, (method, path)
            assert code_of(answer) == "list_permission_denied"


async def with_role(team: Team, role: str) -> None:
    """A new list of Ann's, for which Ben has the role."""
    made = await team.world.client.post("/v1/lists", json={"name": role}, headers=team.ann)
    team.list_id = made.json()["list_id"]
    await team.put(runs("shop"))
    share = {"email": "dan@buyer.example", "access_level": "editor"}
    assert (await team.call("POST", "/shares", json=share)).status_code == 201
    if role in ("editor by the org", "lowered"):
        await team.call("PATCH", "", json={"org_access": "editor"})
    if role in ("editor", "lowered"):
        level = "editor" if role == "editor" else "viewer"
        share = {"email": "ben@buyer.example", "access_level": level}
        assert (await team.call("POST", "/shares", json=share)).status_code == 201


async def test_for_another_org_no_endpoint_knows_the_list(world: World) -> None:
    team, names = await team_with_dan(world)
    before = (await team.call("GET", "/audit-log")).content
    for method, path, body, _, _ in CALLS:
        answer = await asked(team, team.eve, method, path, body, names)
        assert (answer.status_code, code_of(answer)) == (404, "list_not_found"), (method, path)
    assert (await team.call("GET", "/audit-log")).content == before


async def test_an_org_key_is_told_to_bring_a_user_by_every_endpoint(world: World) -> None:
    team, names = await team_with_dan(world)
    answers = [
        await asked(team, team.org_key, method, path, body, names)
        for method, path, body, _, _ in CALLS
    ]
    for free in sorted(FREE_OF_A_LIST):
        method, path = free.split()
        answers.append(await world.client.request(method, path, headers=team.org_key))
    for answer in answers:
        assert (answer.status_code, code_of(answer)) == (403, "user_credential_required")


async def test_shares_are_granted_changed_and_revoked_and_noted(world: World) -> None:
    team = await make_team(world)
    ben = team.users["ben"].user_id
    body = {"email": " Ben@Buyer.example ", "access_level": "editor"}
    granted = await team.call("POST", "/shares", json=body)
    told = ShareAnswer.model_validate_json(granted.content)
    assert (told.user_id, told.access_level) == (ben, "editor")
    listed = await team.call("GET", "/shares", team.ben)
    assert Paged[ShareAnswer].model_validate_json(listed.content).data == [told]
    changed = await team.call("PATCH", f"/shares/{ben}", json={"access_level": "viewer"})
    assert changed.json()["access_level"] == "viewer"
    assert (await team.call("DELETE", f"/shares/{ben}")).status_code == 204
    for answer in (
        await team.call("DELETE", f"/shares/{ben}"),
        await team.call("PATCH", f"/shares/{ben}", json={"access_level": "viewer"}),
        await team.call("POST", "/shares", json={**body, "email": "eve@other.example"}),
        await team.call("POST", "/shares", json={**body, "email": "ann@buyer.example"}),
        await team.call("POST", "/transfer", json={"email": "ann@buyer.example"}),
    ):
        assert (answer.status_code, code_of(answer)) == (404, "user_not_found")
    for wrong in ({}, {**body, "access_level": "owner"}, {**body, "email": "\x00@x"}):
        assert (await team.call("POST", "/shares", json=wrong)).status_code == 422
    log = (await team.call("GET", "/audit-log")).content
    actions = [one.action for one in Paged[AuditAnswer].model_validate_json(log).data]
    assert actions == ["share.revoked", "share.changed", "share.granted", "list.created"]
    assert b"@" not in log


async def test_a_list_is_given_to_a_colleague(world: World) -> None:
    team = await make_team(world)
    given = await team.call("POST", "/transfer", json={"email": "ben@buyer.example"})
    told = ListAnswer.model_validate_json(given.content)
    assert (told.access_level, told.owner_id) == ("editor", team.users["ben"].user_id)
    assert (await team.call("GET", "", team.ben)).json()["access_level"] == "owner"
    assert (await team.call("DELETE", "")).status_code == 403
    assert (await team.call("DELETE", "", team.ben)).status_code == 204
    assert (await team.call("GET", "/audit-log", team.ben)).status_code == 404


async def test_only_the_owner_says_what_the_org_may_do(world: World) -> None:
    team = await make_team(world)
    changed = await team.call("PATCH", "", json={"org_access": "editor"})
    assert changed.json()["org_access"] == "editor"
    answer = await team.call("PATCH", "", team.ben, json={"org_access": "viewer"})
    assert (answer.status_code, code_of(answer)) == (403, "list_permission_denied")
    assert (await team.call("PATCH", "", team.ben, json={"name": "Ours"})).status_code == 200
    for wrong in ("owner", "none", None):
        assert (await team.call("PATCH", "", json={"org_access": wrong})).status_code == 422
