"""`POST /v1/lookup/plan`: the dry run tells who would be asked, and asks nobody."""

from __future__ import annotations

from typing import Any

import httpx
from tests.intrace.serving import Server


def plan(client: httpx.Client, **body: object) -> httpx.Response:
    return client.post("/v1/lookup/plan", json=body)


def test_a_plan_names_every_connector_and_leaves_no_record(
    server: Server, analyst: httpx.Client
) -> None:
    identifiers = [
        {"type": "email", "value": "ada@example.com"},
        {"type": "phone", "value": "+14155552671"},
    ]
    told = plan(analyst, identifiers=identifiers).json()["connectors"]
    listed = [c["id"] for c in analyst.get("/v1/connectors").json()["connectors"]]
    assert [planned["connector_id"] for planned in told] == listed
    by_id = {planned["connector_id"]: planned for planned in told}
    assert by_id["phone_plan"] == {
        "connector_id": "phone_plan", "will_run": True, "status": None,
        "reason": "accepts 1 of the identifiers", "identifiers": [1],
    }  # fmt: skip
    assert analyst.get("/v1/lookup").json()["lookups"] == []


def test_a_plan_follows_the_choice_of_the_request(analyst: httpx.Client) -> None:
    identifiers = [{"type": "email", "value": "ada@example.com"}]
    told = plan(analyst, identifiers=identifiers, connectors=["email_domain"]).json()["connectors"]
    assert [p["connector_id"] for p in told if p["will_run"]] == ["email_domain"]
    others = {p["status"] for p in told if not p["will_run"]}
    assert others == {"skipped"}


def test_a_plan_judges_identifiers_as_a_lookup_does(analyst: httpx.Client) -> None:
    bodies: tuple[dict[str, Any], ...] = (
        {"identifiers": []},
        {"identifiers": [{"type": "shoe", "value": "42"}]},
        {"identifiers": [{"type": "email", "value": "nobody"}]},
        {"identifiers": [{"type": "email", "value": "a@example.com"}], "connectors": ["psychic"]},
    )
    for body in bodies:
        planned, looked_up = plan(analyst, **body), analyst.post("/v1/lookup", json=body)
        assert planned.status_code == looked_up.status_code
        assert planned.json()["error"] == looked_up.json()["error"]
