"""Every POST under an `Idempotency-Key`: repeated it is answered the same and charged once."""

from __future__ import annotations

import secrets

import httpx
import pytest
from tests.contract.recipes import RECIPES, body_of, endpoints, path_of
from tests.contract.stage import Stage
from tests.server.repeating import HEADER, told

POSTS = [name for name, endpoint in endpoints().items() if endpoint.method == "POST"]


@pytest.mark.parametrize("name", POSTS)
def test_every_post_is_answered_the_same_and_charged_once(stage: Stage, name: str) -> None:
    endpoint, recipe, customer = endpoints()[name], RECIPES[name], stage.new_customer(credits=500)
    path = path_of(endpoint, recipe, customer, anew=recipe.changes)
    body = body_of(endpoint, recipe, customer)
    key = secrets.token_hex(8)

    def send(headers: dict[str, str]) -> httpx.Response:
        parts = {} if body is None else {"json": body}
        return customer.owner.post(path, params=recipe.query, headers=headers, **parts)

    first = send({HEADER: key})
    assert first.status_code == endpoint.status, first.text
    assert "idempotency-replayed" not in first.headers
    after = customer.entries, customer.balance
    for _ in range(3):
        again = send({HEADER: key})
        assert (again.status_code, again.content) == (first.status_code, first.content)
        assert told(again.headers.items()) == told(first.headers.items())
        assert again.headers["idempotency-replayed"] == "true"
        assert again.headers["x-request-id"] != first.headers["x-request-id"]
    assert (customer.entries, customer.balance) == after
    if recipe.changes:
        # What the same request does where it is not told to be a repetition.
        assert "idempotency-replayed" not in send({}).headers


@pytest.mark.parametrize("name", POSTS)
def test_another_request_under_the_key_is_refused_at_every_post(stage: Stage, name: str) -> None:
    endpoint, key = endpoints()[name], {HEADER: secrets.token_hex(8)}
    owner = stage.rich.owner
    assert owner.post("/v1/lists/preview-count?x=1", json={}, headers=key).status_code == 422
    path = path_of(endpoint, RECIPES[name], stage.rich)
    refused = owner.post(path, json=body_of(endpoint, RECIPES[name], stage.rich), headers=key)
    assert refused.status_code == 422
    (problem,) = refused.json()["detail"]
    assert (problem["type"], problem["loc"]) == ("idempotency_key_reused", ["header", HEADER])
