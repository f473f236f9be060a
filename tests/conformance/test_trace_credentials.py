"""Trace, 401 and 403: who is not let in, and what mends it."""

from __future__ import annotations

import httpx
import pytest
from tests.conformance.seeds import BODIES
from tests.conformance.shapes import check_body, check_flat, check_rate_headers, check_request_id
from tests.conformance.table import proves
from tests.conformance.waiting import WITHIN_S, first_other
from tests.conformance.world import AMPLE, World, connect

INVALID = BODIES["invalid_api_key"]


@proves("trace", 401, "authentication_required", "no credential is sent")
@pytest.mark.parametrize("path", ["companies", "companies/stripe.com", "credits", "lists"])
def test_a_request_without_a_credential_is_refused(world: World, path: str) -> None:
    answer = world.trace().get(f"/v1/{path}")
    check_flat(answer, 401, "authentication_required", known=False)


@proves("trace", 401, "invalid_api_key", "a key that was never made, mistyped, cut or another's")
@pytest.mark.parametrize(
    "spoil",
    [
        lambda key: "trace_" + "x" * 36,
        lambda key: key[:-1],
        lambda key: key[:10] + ("A" if key[10] != "A" else "B") + key[11:],
        lambda key: key + "x",
        lambda key: "",
        lambda key: "ké",
    ],
    ids=["never-made", "cut", "mistyped", "too-long", "empty", "not-ascii"],
)
def test_a_key_that_is_none_is_refused(world: World, spoil: object) -> None:
    assert callable(spoil)
    key = spoil(world.user.headers["x-api-key"]).encode("latin-1")
    answer = httpx.get(
        f"{world.server.trace}/v1/credits", headers={b"X-API-Key": key}, trust_env=False
    )
    check_body(answer, 401, INVALID, known=False)


@proves("trace", 401, "invalid_api_key", "the key was revoked, and is refused within a second")
def test_a_revoked_key_is_refused_within_a_second(world: World) -> None:
    made = world.new_key("--user", world.email)
    client = world.trace(made["key"])
    assert client.get("/v1/credits").status_code == 200
    revoked = world.server.admin("key", "revoke", made["key_id"])
    assert revoked["revoked_at"] is not None
    answer = first_other(lambda: client.get("/v1/credits"), 200, WITHIN_S)
    check_body(answer, 401, INVALID, known=False)


@proves("trace", 401, "invalid_api_key", "the key has expired while it was in use")
def test_a_key_that_expires_is_refused_from_then_on(world: World) -> None:
    client = world.trace(world.new_key("--user", world.email, "--expires", "3s")["key"])
    assert client.get("/v1/credits").status_code == 200
    answer = first_other(lambda: client.get("/v1/credits"), 200, within_s=4)
    check_body(answer, 401, INVALID, known=False)


@proves("trace", 401, "invalid_api_key", "an Intrace service key, a token that is no session")
def test_what_opens_intrace_does_not_open_trace(world: World) -> None:
    service = world.trace(world.analyst.headers["x-api-key"]).get("/v1/credits")
    # The gate knows the key; nothing of Trace is its.
    assert service.status_code == 401
    assert service.json() == INVALID
    for authorization in ("Bearer x.y.z", "Bearer", "Basic dXNlcjpwYXNz", "nonsense"):
        answer = world.trace(Authorization=authorization).get("/v1/credits")
        check_body(answer, 401, INVALID, known=False)


@proves("trace", 403, "user_credential_required", "an org's key on GET /v1/lists")
def test_an_org_key_on_a_user_scoped_endpoint_is_refused(world: World) -> None:
    client = world.trace(world.new_key("--org", world.org)["key"])
    assert client.get("/v1/credits").status_code == 200
    answer = client.get("/v1/lists")
    check_body(answer, 403, BODIES["user_credential_required"])
    assert answer.headers["x-ratelimit-limit"] == AMPLE


def test_a_user_key_and_a_signed_in_user_may_call_a_user_scoped_endpoint(world: World) -> None:
    assert world.user.get("/v1/lists").status_code == 200
    world.server.admin("user", "set-password", world.email, stdin="correct horse battery\n")
    sign_in = {"email": world.email, "password": "correct horse battery"}
    session = connect(world.server.trace, {}).post("/auth/sign-in", json=sign_in)
    assert session.status_code == 200
    answer = world.trace(Authorization=f"Bearer {session.json()['token']}").get("/v1/lists")
    assert answer.status_code == 200
    check_request_id(answer)
    check_rate_headers(answer, limit=600)


@proves("trace", 401, "sign_in_refused", "a wrong password, an unknown address")
@pytest.mark.parametrize("known", [True, False])
def test_who_signs_in_with_a_wrong_password_is_refused(world: World, known: bool) -> None:
    email = world.email if known else "nobody@customer.example"
    sign_in = {"email": email, "password": "not the password"}
    answer = connect(world.server.trace, {}).post("/auth/sign-in", json=sign_in)
    assert answer.status_code == 401
    assert list(answer.json()) == ["error", "message"]
    assert answer.json()["error"] == "sign_in_refused"


@proves("trace", 400, "link_invalid", "a link that was never sent")
def test_a_link_that_was_never_sent_proves_nothing(world: World) -> None:
    answer = connect(world.server.trace, {}).get("/auth/verify-email", params={"token": "x.y.z"})
    assert answer.status_code == 400
    assert list(answer.json()) == ["error", "message"]
    assert answer.json()["error"] == "link_invalid"


@proves("trace", 403, "key_missing_org_association", "the key's user was taken out of the org")
def test_a_key_whose_user_has_no_org_any_more_is_refused(world: World) -> None:
    email = world.new_user(world.org, "--verified")["email"]
    client = world.trace(world.new_key("--user", email)["key"])
    assert client.get("/v1/credits").status_code == 200
    assert world.server.admin("user", "detach", email)["org_id"] is None
    answer = first_other(lambda: client.get("/v1/credits"), 200, WITHIN_S)
    check_flat(answer, 403, "key_missing_org_association")


@proves("trace", 403, "email_verification_required", "the user has not followed the link yet")
def test_a_user_must_prove_the_address_and_then_may_call(world: World) -> None:
    user = world.new_user(world.org)
    assert user["verified_at"] is None
    client = world.trace(world.new_key("--user", user["email"])["key"])
    check_flat(client.get("/v1/credits"), 403, "email_verification_required")

    proven = httpx.get(user["verification_link"], trust_env=False)

    assert proven.status_code == 200, proven.text
    answer = first_other(lambda: client.get("/v1/credits"), 403, WITHIN_S)
    assert answer.status_code == 200
