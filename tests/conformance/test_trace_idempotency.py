"""Trace, 400, 409, 422: what is told to requests that bear an `Idempotency-Key`."""

from __future__ import annotations

import json
import secrets
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import httpx
import pytest
from tests.conformance.shapes import check_nested, check_request_id, check_validation
from tests.conformance.table import proves
from tests.conformance.tampering import alter, held, read
from tests.conformance.world import World

HEADER = "Idempotency-Key"
WAIT_S = 30


@pytest.fixture
def client(world: World) -> Iterator[httpx.Client]:
    with world.trace(world.new_customer()) as connected:
        yield connected


def _make(client: httpx.Client, name: str, key: str) -> httpx.Response:
    return client.post("/v1/lists", json={"name": name}, headers={HEADER: key})


@proves("trace", 422, "idempotency_key_reused", "a key with another body, path or query")
def test_a_key_is_for_one_request(client: httpx.Client) -> None:
    assert _make(client, "One", "k").status_code == 201
    refused = _make(client, "Two", "k")
    check_validation(refused, ["header", HEADER], "idempotency_key_reused")
    check_validation(
        client.post("/v1/lists?x=1", json={"name": "One"}, headers={HEADER: "k"}),
        ["header", HEADER], "idempotency_key_reused",
    )  # fmt: skip
    assert client.get("/v1/lists").json()["pagination"]["total_results"] == 1


@proves("trace", 422, "validation_failed", "a header that is no Idempotency-Key")
def test_a_key_that_is_none_is_told_as_any_wrong_parameter(client: httpx.Client) -> None:
    check_validation(_make(client, "x", "k" * 256), ["header", HEADER], "string_too_long")
    check_validation(_make(client, "x", "a b"), ["header", HEADER], "string_pattern_mismatch")
    check_validation(_make(client, "x", ""), ["header", HEADER], "string_too_short")


@proves("trace", 409, "idempotency_key_in_use", "two requests with one key at once, on PostgreSQL")
def test_who_comes_while_the_first_is_answered_is_told_so(
    world: World, client: httpx.Client
) -> None:
    if world.server.database_url.startswith("sqlite"):
        pytest.skip("SQLite has one writer: the second request waits, as the next test shows")
    key = secrets.token_hex(8)
    with ThreadPoolExecutor() as pool:
        with held(world.server, "LOCK TABLE list_audit IN ACCESS EXCLUSIVE MODE"):
            first = pool.submit(_make, client, "Once", key)
            _wait_for_a_waiter(world)
            second = _make(client, "Once", key)
        made = first.result()
    assert second.headers["retry-after"] == "1"
    assert second.status_code == 409
    check_request_id(second)
    told = second.json()["error"]
    assert told == {"code": "idempotency_key_in_use", "message": told["message"]}
    assert made.status_code == 201
    assert _make(client, "Once", key).content == made.content


def _wait_for_a_waiter(world: World) -> None:
    statement = (
        "SELECT COUNT(*) FROM pg_locks AS l JOIN pg_database AS d ON d.oid = l.database"
        " WHERE NOT l.granted AND d.datname = current_database()"
    )
    deadline = time.monotonic() + WAIT_S
    while read(world.server, statement) == [(0,)]:
        assert time.monotonic() < deadline
        time.sleep(0.02)


def test_two_at_once_have_one_effect_where_the_database_has_one_writer(
    world: World, client: httpx.Client
) -> None:
    if not world.server.database_url.startswith("sqlite"):
        pytest.skip("PostgreSQL tells the second request at once")
    key = secrets.token_hex(8)
    with ThreadPoolExecutor() as pool:
        with held(world.server, "SELECT 1"):
            both = [pool.submit(_make, client, "Once", key) for _ in range(2)]
            # Long enough for both to stand before the lock; if one does not, the test is easier.
            time.sleep(0.3)
        first, second = (one.result() for one in both)
    assert first.status_code == second.status_code == 201
    assert first.content == second.content
    assert client.get("/v1/lists").json()["pagination"]["total_results"] == 1


@proves("trace", 400, "answer_too_large_to_keep", "an answer over 4 MiB under a key")
def test_an_answer_over_the_bound_is_not_given_under_a_key(
    world: World, client: httpx.Client
) -> None:
    company = "(SELECT company_id FROM companies WHERE slug = 'company-150')"
    numbers = json.dumps(list(range(1000)))
    source = "json_each(:numbers)"
    if not world.server.database_url.startswith("sqlite"):
        source = "json_array_elements_text(CAST(:numbers AS JSON))"
    changed = alter(
        world.server,
        "INSERT INTO partnerships (company_id, partner_key, partnership_type, partner_name,"
        " is_listed, is_listed_by, first_observed_at, last_observed_at, observation_count)"
        f" SELECT {company}, 'name:' || value, 'generic', 'Partner ' || value, 1, 0, 1, 1, 1"
        f" FROM {source} AS numbers",
        numbers=numbers,
    )
    assert changed == 1000
    aliases = [f"alias-{number}.example" for number in range(20)]
    for alias in aliases:
        alter(
            world.server,
            "INSERT INTO company_domains (domain, company_id, is_primary, first_observed_at,"
            f" last_observed_at) VALUES (:alias, {company}, 0, 1, 1)",
            alias=alias,
        )
    path, question = "/v1/enrich/partnerships", {"domains": aliases}
    answer = client.post(path, json=question, headers={HEADER: "k"})
    check_nested(answer, 400, "answer_too_large_to_keep")
    assert len(client.post(path, json=question).content) > 4 << 20
