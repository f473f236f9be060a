"""Which error is told of a request with several: the order of the contract, step by step."""

from __future__ import annotations

import httpx
from tests.conformance.seeds import BODIES
from tests.conformance.shapes import check_body, check_envelope, check_flat
from tests.conformance.test_intrace_requests import GOOD
from tests.conformance.test_trace_credentials import INVALID
from tests.conformance.world import World

JSON = {"Content-Type": "application/json"}
BROKEN = b'{"identifiers": ['
BURST = 10


def _spend(client: httpx.Client) -> None:
    """Uses up a limit of one a minute and the burst."""
    for _ in range(BURST + 1):
        assert client.get("/v1/connectors").status_code == 200


def _post(client: httpx.Client, body: bytes) -> httpx.Response:
    return client.post("/v1/lookup", content=body, headers=JSON)


def test_intrace_judges_credentials_before_scopes_limits_and_bodies(world: World) -> None:
    check_envelope(_post(world.intrace(), BROKEN), 401, "credentials_missing")
    check_envelope(_post(world.intrace("x"), BROKEN), 401, "api_key_invalid")


def test_intrace_judges_scopes_before_limits_and_bodies(world: World) -> None:
    client = world.intrace(world.new_service("auditor", per_minute="1"))
    check_envelope(_post(client, BROKEN), 403, "insufficient_scope", "scope")
    while client.get("/v1/connectors").status_code == 200:
        pass
    check_envelope(client.get("/v1/connectors"), 429, "rate_limit_exceeded")
    check_envelope(_post(client, BROKEN), 403, "insufficient_scope", "scope")


def test_intrace_judges_limits_before_bodies(world: World) -> None:
    client = world.intrace(world.new_service(per_minute="1"))
    _spend(client)
    check_envelope(_post(client, BROKEN), 429, "rate_limit_exceeded")
    check_envelope(_post(client, b"x" * ((1 << 20) + 1)), 429, "rate_limit_exceeded")


def test_intrace_judges_syntax_before_presence_before_meaning(world: World) -> None:
    # What is broken is not looked into.
    cut = b'{"depth": "bottomless", "identifiers": [{"type": "passport"}]'
    check_envelope(_post(world.analyst, cut), 400, "request_malformed")
    # A missing field is told before a wrong one, and both before what identifiers mean.
    check_envelope(
        _post(world.analyst, b'{"depth": "x", "identifiers": [{"type": "passport"}]}'),
        400, "field_required", "identifiers[0].value", "depth",
    )  # fmt: skip
    check_envelope(
        _post(world.analyst, b'{"depth": "x", "identifiers": [{"type": "y", "value": "z"}]}'),
        400, "field_invalid", "depth",
    )  # fmt: skip
    check_envelope(
        _post(world.analyst, b'{"depth": "x", "identifiers": []}'), 400, "field_invalid", "depth"
    )
    many = {"identifiers": [{"type": "passport", "value": "x"}] * 21}
    answer = world.analyst.post("/v1/lookup", json=many)
    check_envelope(answer, 422, "too_many_identifiers", "identifiers")


def test_intrace_tells_a_connector_that_is_none_before_identifiers(world: World) -> None:
    body = {"identifiers": [GOOD, {"type": "passport", "value": "x"}], "connectors": ["nonesuch"]}
    answer = world.analyst.post("/v1/lookup", json=body)
    check_envelope(answer, 400, "field_invalid", "connectors[0]")


def test_trace_judges_the_key_before_the_user_before_the_limit_before_the_body(
    world: World,
) -> None:
    check_flat(_add_list(world.trace()), 401, "authentication_required", known=False)
    check_body(_add_list(world.trace("x")), 401, INVALID, known=False)
    of_org = world.trace(world.new_key("--org", world.org, per_minute="1")["key"])
    assert of_org.get("/v1/credits").status_code == 200
    assert of_org.get("/v1/credits").status_code == 429
    check_body(_add_list(of_org), 403, BODIES["user_credential_required"])
    of_user = world.trace(world.new_customer(per_minute="1"))
    assert of_user.get("/v1/credits").status_code == 200
    assert _add_list(of_user).status_code == 429


def _add_list(client: httpx.Client) -> httpx.Response:
    return client.post("/v1/lists", content=b"{", headers=JSON)
