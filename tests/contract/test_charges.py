"""What each endpoint costs, over all that are declared: section 4 of the contract."""

from __future__ import annotations

import httpx
import pytest
from tests.conformance.tampering import table_gone
from tests.contract.recipes import RECIPES, call, endpoints
from tests.contract.stage import Customer, Stage

from tracewell.kernel.http.endpoint import Endpoint

METERED = [name for name, one in endpoints().items() if one.access.charges]
FREE = [name for name, one in endpoints().items() if not one.access.charges]
CHARGE_HEADERS = {"x-credits-charged", "x-credits-remaining"}


def told_by(endpoint: Endpoint, answer: httpx.Response) -> list[str]:
    """The slugs of the companies that an answer tells, as often as it does."""
    assert answer.status_code == endpoint.status, answer.text
    return [slug for slug in RECIPES[endpoint.name].told(answer) if slug is not None]


def charged(answer: httpx.Response) -> tuple[int, int]:
    """Credits charged and remaining, by the answer's headers."""
    return int(answer.headers["x-credits-charged"]), int(answer.headers["x-credits-remaining"])


def check_refused(answer: httpx.Response, requested: int, shortfall: int) -> None:
    """Exactly the body of a call that cannot be paid, and nothing of what it asked for."""
    assert answer.status_code == 402, answer.text
    body = answer.json()
    assert list(body) == ["error", "message", "requested", "shortfall"]
    assert (body["error"], body["requested"], body["shortfall"]) == (
        "credit_exhausted", requested, shortfall,
    )  # fmt: skip
    assert not CHARGE_HEADERS & set(answer.headers)


def test_every_endpoint_has_a_recipe() -> None:
    assert set(RECIPES) == set(endpoints()), "tests/contract/recipes.py has a right call of each"


@pytest.mark.parametrize("name", METERED)
def test_a_company_is_paid_when_it_is_told_first_and_free_from_then_on(
    stage: Stage, name: str
) -> None:
    endpoint = endpoints()[name]
    times = told_by(endpoint, call(endpoint, stage.rich))
    companies = set(times)
    assert companies
    assert (len(times) > len(companies)) == RECIPES[name].repeats, times
    customer = stage.new_customer(credits=0)

    check_refused(call(endpoint, customer), len(companies), len(companies))
    if len(companies) > 1:
        customer.grant(len(companies) - 1)
        check_refused(call(endpoint, customer), len(companies), 1)
    assert customer.entries == []
    customer.grant(1)
    assert customer.balance == len(companies)

    first = call(endpoint, customer)
    assert set(told_by(endpoint, first)) == companies
    assert charged(first) == (len(companies), 0)
    (entry,) = customer.entries
    assert {key: entry[key] for key in ("kind", "credits", "channel", "key", "endpoint")} == {
        "kind": "charge", "credits": -len(companies), "channel": "api",
        "key": customer.owner_key_id, "endpoint": name,
    }  # fmt: skip
    assert entry["company_count"] == len(companies)
    assert entry["request_id"] == first.headers["x-request-id"]

    check_free_again(endpoint, customer, companies)
    assert (customer.entries, customer.balance) == ([entry], 0)


def check_free_again(endpoint: Endpoint, customer: Customer, companies: set[str]) -> None:
    """The same call again, with each of the org's keys, and each company by its profile."""
    others = [customer.owner, customer.colleague]
    for client in others if endpoint.access.user_only else [*others, customer.org_key]:
        again = call(endpoint, customer, client)
        assert set(told_by(endpoint, again)) == companies
        assert charged(again) == (0, 0)
    for slug in companies:
        answer = customer.org_key.get(f"/v1/companies/{slug}")
        assert (answer.status_code, charged(answer)) == (200, (0, 0))


@pytest.mark.parametrize("name", METERED)
def test_what_is_unlocked_already_is_not_asked_for(stage: Stage, name: str) -> None:
    endpoint = endpoints()[name]
    companies = set(told_by(endpoint, call(endpoint, stage.rich)))
    customer = stage.new_customer(credits=1)
    known = customer.owner.get(f"/v1/companies/{min(companies)}")
    assert charged(known) == (1, 0)
    missing = len(companies) - 1
    if missing:
        check_refused(call(endpoint, customer), missing, missing)
        customer.grant(missing + 5)
        assert charged(call(endpoint, customer)) == (missing, 5)
    else:
        assert charged(call(endpoint, customer)) == (0, 0)


@pytest.mark.parametrize("name", FREE)
def test_what_is_free_is_free_for_who_has_nothing(stage: Stage, poor: Customer, name: str) -> None:
    answer = call(endpoints()[name], poor)
    assert answer.status_code == endpoints()[name].status, answer.text
    assert not CHARGE_HEADERS & set(answer.headers)
    assert (poor.entries, poor.balance) == ([], 0)


@pytest.fixture(scope="module")
def poor(stage: Stage) -> Customer:
    """An org without a credit."""
    return stage.new_customer(credits=0)


def test_what_could_not_be_booked_is_not_told(stage: Stage) -> None:
    customer = stage.new_customer(credits=1_000)
    metered = [endpoints()[name] for name in METERED]
    assert customer.list_id
    with table_gone(stage.server, "credit_ledger"):
        answers = [call(endpoint, customer) for endpoint in metered]
    for endpoint, answer in zip(metered, answers, strict=True):
        assert (answer.status_code, answer.json()) == (
            500, {"error": "Internal server error"},
        ), endpoint.name  # fmt: skip
        assert not CHARGE_HEADERS & set(answer.headers)
    assert (customer.entries, customer.balance) == ([], 1_000)
