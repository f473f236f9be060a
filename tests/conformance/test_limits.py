"""429 of both products: really sent too often; and the limits that every answer tells."""

from __future__ import annotations

import time

import httpx
import pytest
from tests.conformance.seeds import BODIES, RATE_HEADERS
from tests.conformance.shapes import check_body, check_envelope, check_rate_headers
from tests.conformance.table import proves
from tests.conformance.test_intrace_requests import GOOD, look_up
from tests.conformance.world import World
from tests.servers import Servers

TRIES = 5


def _remaining(answer: httpx.Response) -> int:
    return int(answer.headers["x-ratelimit-remaining"])


def _check_wait(answer: httpx.Response, window_s: int) -> int:
    assert all(name in answer.headers for name in RATE_HEADERS)
    assert answer.headers["x-ratelimit-remaining"] == "0"
    wait_s = int(answer.headers["retry-after"])
    assert 1 <= wait_s <= window_s
    return wait_s


@proves(
    "trace", 429, "operational_rate_limit_exceeded", "a key with --per-minute 3 is used 4 times"
)
def test_a_trace_key_is_held_to_its_limit(world: World) -> None:
    client = world.trace(world.new_customer(per_minute="3"))
    answers = [client.get("/v1/credits") for _ in range(3)]
    assert [answer.status_code for answer in answers] == [200, 200, 200]
    assert [_remaining(answer) for answer in answers] == [2, 1, 0]

    refused = client.get("/v1/companies/company-001")

    wait_s = _check_wait(refused, 60)
    body = {**BODIES["operational_rate_limit_exceeded"], "retry_after_seconds": wait_s}
    check_body(refused, 429, body)
    check_rate_headers(refused, limit=3)
    assert "x-credits-charged" not in refused.headers
    assert world.user.get("/v1/credits").status_code == 200


@proves("trace", 429, "operational_rate_limit_exceeded", "with 30 seconds to wait, as on the page")
def test_the_refusal_is_the_error_page_s_to_the_byte(half_minute: World) -> None:
    for _ in range(TRIES):
        client = half_minute.trace(half_minute.new_customer(per_minute="1"))
        assert client.get("/v1/credits").status_code == 200
        refused = client.get("/v1/credits")
        if refused.headers["retry-after"] == "30":
            break  # else the machine stood still for a second between the two
    check_body(refused, 429, BODIES["operational_rate_limit_exceeded"])
    assert refused.headers["retry-after"] == "30"


@pytest.mark.parametrize("path", ["/v1/credits", "/v1/companies/nobody.example", "/v1/nothing",
                                  "/v1/companies?limit=0"])  # fmt: skip
def test_trace_tells_the_default_limit_on_every_answer_to_a_known_caller(
    world: World, path: str
) -> None:
    client = world.trace(world.new_customer(per_minute=None))
    first, second = client.get(path), client.get(path)
    check_rate_headers(first, limit=600)
    assert (_remaining(first), _remaining(second)) == (599, 598)


@proves(
    "intrace", 429, "rate_limit_exceeded", "60 requests and a burst of 10 in a minute, then one"
)
def test_an_intrace_principal_is_held_to_60_a_minute_and_a_burst_of_10(world: World) -> None:
    client = world.intrace(world.new_service(per_minute=None))
    answers = [client.get("/v1/connectors") for _ in range(70)]
    assert {answer.status_code for answer in answers} == {200}
    assert [_remaining(answer) for answer in answers] == list(range(69, -1, -1))

    refused = client.get("/v1/connectors")

    check_envelope(refused, 429, "rate_limit_exceeded")
    check_rate_headers(refused, limit=60)
    _check_wait(refused, 60)
    assert world.analyst.get("/v1/connectors").status_code == 200


@proves("intrace", 429, "rate_limit_exceeded", "ten deep lookups in a minute, then one more")
def test_an_intrace_principal_makes_ten_deep_lookups_a_minute(world: World) -> None:
    client = world.intrace(world.new_service(per_minute=None))
    for _ in range(10):
        deep = look_up(client, GOOD, depth="deep", connectors=["phone_plan"])
        assert deep.status_code == 200
    refused = look_up(client, GOOD, depth="deep", connectors=["phone_plan"])
    check_envelope(refused, 429, "rate_limit_exceeded")
    assert 1 <= int(refused.headers["retry-after"]) <= 60
    assert look_up(client, GOOD, connectors=["phone_plan"]).status_code == 200


@pytest.mark.parametrize("server_dialect", ["sqlite"], indirect=True)
def test_who_waits_as_long_as_told_is_let_in_again(server_dialect: str, servers: Servers) -> None:
    environment = {"RATE_LIMIT_WINDOW_SECONDS": "2", "RATE_LIMIT_BURST": "0"}
    world = World(servers.get(server_dialect, environment=environment))
    trace = world.trace(world.new_customer(per_minute="2"))
    intrace = world.intrace(world.new_service(per_minute="2"))
    calls = ((trace, "/v1/credits"), (intrace, "/v1/connectors"))
    for client, path in calls:
        assert [client.get(path).status_code for _ in range(3)] == [200, 200, 429]
    time.sleep(max(int(client.get(path).headers["retry-after"]) for client, path in calls))
    for client, path in calls:
        assert client.get(path).status_code == 200
