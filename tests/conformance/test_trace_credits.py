"""Trace, 402: what cannot be paid is not told and not charged."""

from __future__ import annotations

from typing import Any

import httpx
from tests.conformance.seeds import BODIES
from tests.conformance.shapes import check_body, check_flat, check_rate_headers
from tests.conformance.table import proves
from tests.conformance.world import World


def _balance(client: httpx.Client) -> Any:
    return client.get("/v1/credits").json()["balance"]


def _page(client: httpx.Client, page: int, limit: int) -> httpx.Response:
    return client.get("/v1/companies", params={"page": page, "limit": limit})


@proves("trace", 402, "credit_exhausted", "38 credits are left and 50 new companies are asked for")
def test_a_page_that_the_balance_cannot_cover_is_refused_whole(world: World) -> None:
    client = world.trace(world.new_customer(plan="free"))
    spent = _page(client, 1, 62)
    assert spent.headers["x-credits-charged"] == "62"
    assert spent.headers["x-credits-remaining"] == "38"

    refused = _page(client, 3, 50)

    check_body(refused, 402, BODIES["credit_exhausted"])
    assert not {"x-credits-charged", "x-credits-remaining"} & set(refused.headers)
    assert _balance(client) == 38
    kinds = [entry["kind"] for entry in client.get("/v1/credits/ledger").json()["data"]]
    assert kinds == ["charge", "grant"]


@proves("trace", 402, "credit_exhausted", "the last credit was spent; a lookup asks for one more")
def test_who_has_spent_everything_keeps_what_was_paid(world: World) -> None:
    client = world.trace(world.new_customer(plan="free"))
    assert _page(client, 1, 100).headers["x-credits-remaining"] == "0"

    check_flat(
        client.get("/v1/companies/company-150.example"),
        402,
        "credit_exhausted",
        requested=1,
        shortfall=1,
    )
    # The fast way and the way through the router tell the same.
    routed = client.get("/v1/companies/company-150.example", params={"x": "1"})
    check_flat(routed, 402, "credit_exhausted", requested=1, shortfall=1)

    again = client.get("/v1/companies/company-007.example")
    assert again.status_code == 200
    assert again.headers["x-credits-charged"] == "0"
    check_rate_headers(again)
    assert _balance(client) == 0


def test_a_balance_that_just_suffices_is_spent_to_the_last_credit(world: World) -> None:
    client = world.trace(world.new_customer(plan="free"))
    assert _page(client, 1, 62).headers["x-credits-remaining"] == "38"
    # 50 companies, 12 of them paid for already.
    answer = _page(client, 2, 50)
    assert answer.status_code == 200
    assert answer.headers["x-credits-charged"] == "38"
    assert answer.headers["x-credits-remaining"] == "0"


def test_a_grant_mends_it(world: World) -> None:
    org = world.new_org("free")
    client = world.trace(world.new_key("--org", org)["key"])
    assert _page(client, 1, 100).status_code == 200
    lookup = "/v1/companies/company-120"
    check_flat(client.get(lookup), 402, "credit_exhausted", requested=1, shortfall=1)
    world.server.admin("credits", "grant", org, "1", "--reason", "top-up")
    answer = client.get(lookup)
    assert answer.status_code == 200
    assert answer.headers["x-credits-charged"] == "1"
    assert answer.headers["x-credits-remaining"] == "0"
