"""Sign-in, the link in the mail, the first password: outside of /v1."""

from __future__ import annotations

from typing import Any

import httpx
import pytest
from tests.trace.conftest import DAY_MS, World

from tracewell.kernel.identity.model import User
from tracewell.trace.accounts.service import PER_ADDRESS

pytestmark = pytest.mark.anyio

PASSWORD = "correct horse battery"


async def ann(world: World, *, verified: bool = True) -> User:
    return await world.make_user(
        await world.make_org("Buyer"), "ann@buyer.example", verified=verified
    )


async def sign_in(world: World, email: str, password: str) -> httpx.Response:
    return await world.client.post("/auth/sign-in", json={"email": email, "password": password})


async def test_a_signed_in_user_may_call_the_api_for_fifteen_minutes(world: World) -> None:
    await world.identity.set_password(await ann(world), PASSWORD)
    answer = await sign_in(world, " Ann@Buyer.example", PASSWORD)
    assert answer.status_code == 200
    body = answer.json()
    assert (body["token_type"], body["expires_at"]) == ("Bearer", "2026-09-21T14:28:20Z")
    assert answer.headers["cache-control"] == "no-store"
    bearer = {"Authorization": f"Bearer {body['token']}"}
    assert (await world.client.get("/v1/lists", headers=bearer)).status_code == 200
    world.clock.now += 15 * 60_000
    assert (await world.client.get("/v1/lists", headers=bearer)).status_code == 401


async def test_wrong_password_unknown_address_and_no_password_are_told_alike(
    world: World,
) -> None:
    await ann(world)
    bob = await world.make_user(await world.make_org("Other"), "bob@other.example")
    await world.identity.set_password(bob, PASSWORD)
    answers = [
        await sign_in(world, "ann@buyer.example", PASSWORD),
        await sign_in(world, "bob@other.example", "wrong password"),
        await sign_in(world, "nobody@other.example", PASSWORD),
        await sign_in(world, "no address", PASSWORD),
    ]
    assert {(answer.status_code, answer.content) for answer in answers} == {
        (
            401,
            b'{"error":"sign_in_refused","message":"The e-mail address or the password is wrong."}',
        )
    }


async def test_guessing_at_one_address_is_bounded(world: World) -> None:
    # No address at all, so that no password is hashed: tries count before anything is looked up.
    for _ in range(PER_ADDRESS.limit):
        assert (await sign_in(world, "ann", "x")).status_code == 401
    refused = await sign_in(world, " ANN", "x")
    assert refused.status_code == 429
    body = refused.json()
    assert body["error"] == "operational_rate_limit_exceeded"
    assert refused.headers["retry-after"] == str(body["retry_after_seconds"])
    assert refused.headers["x-ratelimit-limit"] == str(PER_ADDRESS.limit)
    assert refused.headers["x-ratelimit-remaining"] == "0"
    assert (await sign_in(world, "ben", "x")).status_code == 401


async def test_the_link_of_the_mail_proves_the_address(world: World) -> None:
    user = await ann(world, verified=False)
    key = await world.user_key(user)
    before = await world.client.get("/v1/credits", headers=key)
    assert before.json()["error"] == "email_verification_required"
    link = {"token": world.identity.email_token(user).text}
    answer = await world.client.get("/auth/verify-email", params=link)
    assert answer.json() == {"email": "ann@buyer.example", "email_verified": True}
    again = await world.client.get("/auth/verify-email", params=link)
    assert again.status_code == 200


async def test_a_link_sets_the_first_password_and_no_other(world: World) -> None:
    user = await ann(world, verified=False)
    body = {"token": world.identity.email_token(user).text, "password": PASSWORD}
    answer = await world.client.post("/auth/password", json=body)
    assert answer.json() == {"email": "ann@buyer.example", "email_verified": True}
    assert (await sign_in(world, "ann@buyer.example", PASSWORD)).status_code == 200
    again = await world.client.post("/auth/password", json={**body, "password": "another password"})
    assert again.status_code == 400
    assert again.json()["error"] == "link_invalid"
    assert (await sign_in(world, "ann@buyer.example", PASSWORD)).status_code == 200


async def test_a_link_that_is_old_foreign_or_for_something_else_is_invalid(world: World) -> None:
    user = await ann(world)
    await world.identity.set_password(user, PASSWORD)
    _, session = await world.identity.sign_in("ann@buyer.example", PASSWORD)
    old = world.identity.email_token(user).text
    world.clock.now += 4 * DAY_MS
    for token in (old, session.text, "x", "a.b.c", "\0"):
        answer = await world.client.get("/auth/verify-email", params={"token": token})
        assert (answer.status_code, answer.json()) == (
            400,
            {"error": "link_invalid", "message": "This link is not valid any more."},
        )


BAD_BODIES: list[tuple[str, dict[str, Any]]] = [
    ("sign-in", {}),
    ("sign-in", {"email": "a@b.example"}),
    ("sign-in", {"email": "a@b.example", "password": ""}),
    ("sign-in", {"email": "a@b.example", "password": "x" * 257}),
    ("sign-in", {"email": 1, "password": "x"}),
    ("password", {"token": "x", "password": "short"}),
    ("password", {"token": "x" * 5000, "password": PASSWORD}),
]


async def test_a_body_out_of_bounds_is_answered_422(world: World) -> None:
    for path, body in BAD_BODIES:
        answer = await world.client.post(f"/auth/{path}", json=body)
        assert answer.status_code == 422
        assert answer.json()["detail"][0]["loc"][0] == "body"


async def test_a_body_of_any_size_is_not_read(world: World) -> None:
    answer = await world.client.post(
        "/auth/sign-in", content=b"x" * (2 << 20), headers={"Content-Type": "application/json"}
    )
    assert answer.status_code == 413
    answer = await world.client.post("/auth/sign-in", data={"email": "a@b.example"})
    assert answer.status_code == 415
    answer = await world.client.post(
        "/auth/sign-in", content=b"{bad", headers={"Content-Type": "application/json"}
    )
    assert answer.status_code == 422
