"""Lists belong to an org, are made by its users, and do not exist for anybody else."""

from __future__ import annotations

from typing import Any

import pytest
from tests.trace.conftest import World

from tracewell.trace.lists.routes import ListAnswer
from tracewell.trace.paging import Paged

pytestmark = pytest.mark.anyio


async def make(world: World, key: dict[str, str], **body: Any) -> dict[str, Any]:
    answer = await world.client.post("/v1/lists", json=body, headers=key)
    assert answer.status_code == 201, answer.text
    ListAnswer.model_validate_json(answer.content)
    return dict(answer.json())


async def test_a_list_lives_from_its_making_to_its_removal(world: World) -> None:
    org = await world.make_org("Buyer")
    key = await world.user_key(await world.make_user(org, "ann@buyer.example"))
    made = await make(world, key, name="Prospects", description="Of spring")
    assert made["access_level"] == "owner"
    assert (made["name"], made["description"]) == ("Prospects", "Of spring")
    path = f"/v1/lists/{made['list_id']}"
    assert (await world.client.get(path, headers=key)).json() == made
    world.clock.now += 5_000
    changed = await world.client.patch(path, json={"description": None}, headers=key)
    assert changed.json() == {**made, "description": None, "updated_at": "2026-09-21T14:13:25Z"}
    renamed = await world.client.patch(path, json={"name": "Leads"}, headers=key)
    assert renamed.json()["name"] == "Leads"
    unchanged = await world.client.patch(path, json={}, headers=key)
    assert unchanged.json() == renamed.json()
    assert (await world.client.get("/v1/lists", headers=key)).json()["data"] == [renamed.json()]
    removed = await world.client.delete(path, headers=key)
    assert (removed.status_code, removed.content) == (204, b"")
    assert (await world.client.get(path, headers=key)).status_code == 404
    assert (await world.client.delete(path, headers=key)).status_code == 404


async def test_a_colleague_reads_a_list_and_may_not_change_it(world: World) -> None:
    org = await world.make_org("Buyer")
    ann = await world.user_key(await world.make_user(org, "ann@buyer.example"))
    ben = await world.user_key(await world.make_user(org, "ben@buyer.example"))
    made = await make(world, ann, name="Prospects")
    path = f"/v1/lists/{made['list_id']}"
    assert (await world.client.get(path, headers=ben)).json() == {**made, "access_level": "viewer"}
    for answer in (
        await world.client.patch(path, json={"name": "Mine"}, headers=ben),
        await world.client.delete(path, headers=ben),
    ):
        assert answer.status_code == 403
        assert answer.json()["error"]["code"] == "list_permission_denied"
    assert (await world.client.get(path, headers=ann)).json() == made


async def test_another_org_does_not_see_that_a_list_exists(world: World) -> None:
    ann = await world.user_key(
        await world.make_user(await world.make_org("Buyer"), "ann@buyer.example")
    )
    eve = await world.user_key(
        await world.make_user(await world.make_org("Other"), "eve@other.example")
    )
    made = await make(world, ann, name="Prospects")
    path = f"/v1/lists/{made['list_id']}"
    unknown = await world.client.get("/v1/lists/lst_00000000000000000000000000", headers=eve)
    for answer in (
        await world.client.get(path, headers=eve),
        await world.client.patch(path, json={"name": "Mine"}, headers=eve),
        await world.client.delete(path, headers=eve),
    ):
        assert answer.status_code == unknown.status_code == 404
        assert answer.json()["error"]["code"] == "list_not_found"
    assert (await world.client.get("/v1/lists", headers=eve)).json()["data"] == []


async def test_an_org_key_is_told_to_bring_a_user(world: World) -> None:
    key = await world.org_key(await world.make_org("Buyer"))
    for answer in (
        await world.client.get("/v1/lists", headers=key),
        await world.client.post("/v1/lists", json={"name": "x"}, headers=key),
        await world.client.get("/v1/lists/lst_x", headers=key),
    ):
        assert answer.status_code == 403
        body = answer.json()
        assert body["error"] == "user_credential_required"
        assert body["credential_type_used"] == "org_api_key"
        assert body["credential_type_required"] == "user_api_key_or_jwt"


async def test_a_signed_in_user_may_what_a_user_key_may(world: World) -> None:
    user = await world.make_user(await world.make_org("Buyer"), "ann@buyer.example")
    await world.identity.set_password(user, "correct horse battery")
    _, session = await world.identity.sign_in("ann@buyer.example", "correct horse battery")
    made = await make(world, {"Authorization": f"Bearer {session.text}"}, name="By session")
    key = await world.user_key(user)
    assert (await world.client.get(f"/v1/lists/{made['list_id']}", headers=key)).json() == made


async def test_lists_are_paged_in_the_order_they_were_made(world: World) -> None:
    org = await world.make_org("Buyer")
    key = await world.user_key(await world.make_user(org, "ann@buyer.example"))
    for number in range(3):
        world.clock.now += 1
        await make(world, key, name=f"List {number}")
    answer = await world.client.get("/v1/lists?limit=2", headers=key)
    Paged[ListAnswer].model_validate_json(answer.content)
    assert [row["name"] for row in answer.json()["data"]] == ["List 0", "List 1"]
    rest = await world.client.get(answer.json()["pagination"]["next_url"], headers=key)
    assert [row["name"] for row in rest.json()["data"]] == ["List 2"]


BAD_BODIES = [
    b"{}", b"[]", b"null", b'"x"', b'{"name": null}', b'{"name": ""}', b'{"name": "  "}',
    b'{"name": "a\\u0000b"}', b'{"name": 1}', b'{"name": "x", "more": 1}',
    b'{"name": "x", "description": "\\u0000"}', b'{"name": "\\ud800"}', b"{bad",
    b'{"name": 123456789012345678901234567890}', b'{"name": NaN}',
    b'{"\\ud800": 1, "name": "x"}', b'{"name": ' + b"[" * 400 + b"]" * 400 + b"}",
    b'{"name": "' + b"x" * 201 + b'"}',
]  # fmt: skip


async def test_a_body_that_does_not_validate_is_answered_422(world: World) -> None:
    org = await world.make_org("Buyer")
    key = await world.user_key(await world.make_user(org, "ann@buyer.example"))
    headers = {**key, "Content-Type": "application/json"}
    for body in BAD_BODIES:
        answer = await world.client.post("/v1/lists", content=body, headers=headers)
        assert answer.status_code == 422, (body, answer.text)
        assert answer.json()["detail"]
    assert (await world.client.get("/v1/lists", headers=key)).json()["data"] == []


async def test_an_id_that_cannot_be_one_is_not_found(world: World) -> None:
    org = await world.make_org("Buyer")
    key = await world.user_key(await world.make_user(org, "ann@buyer.example"))
    for list_id in ("x", "lst_%00", "lst_zzz", "%ff", "LST_" + "0" * 26):
        answer = await world.client.get(f"/v1/lists/{list_id}", headers=key)
        assert answer.status_code == 404
        assert answer.json()["error"]["code"] == "list_not_found"
