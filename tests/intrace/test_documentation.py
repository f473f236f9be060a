"""Answers fit the schemas that the OpenAPI document gives them; the sources' own endpoints."""

from __future__ import annotations

from typing import Any

import httpx
import jsonschema_rs
import pytest
from tests.intrace.serving import Server

ADA = {"identifiers": [{"type": "email", "value": "ada@lovelace.example.com"},
                       {"type": "phone", "value": "+390612345678"}]}  # fmt: skip
RECORDS = [
    ("person.name", "Ada Lovelace"),
    ("person.dob", "1815-12-10"),
    ("person.age", "36"),
    ("person.registry_id", "passport:X1"),
    ("email.address", "ada@lovelace.example.com"),
    ("phone.number", "+390612345678"),
    ("social.account", "github:ada"),
    ("domain.name", "lovelace.example.com"),
    ("username.handle", "ada"),
    ("address.full", "1 Main St, Springfield"),
    ("company.name", "Analytical Engines"),
    ("ip.address", "192.0.2.1"),
    ("url.address", "https://lovelace.example.com/"),
    ("associate.name", "Charles Babbage"),
    ("technology.name", "Looms"),
]

pytestmark = pytest.mark.parametrize("dialect", ["sqlite"], indirect=True)


def check(document: dict[str, Any], path: str, method: str, answer: httpx.Response) -> None:
    assert answer.status_code == 200, answer.text
    response = document["paths"][path][method]["responses"]["200"]
    schema = response["content"]["application/json"]["schema"]
    whole = {**_closed(schema), "components": _closed(document["components"])}
    validator = jsonschema_rs.Draft202012Validator(whole)
    assert [str(error) for error in validator.iter_errors(answer.json())] == []


def _closed(schema: Any) -> Any:
    """The schema without room for members that it does not name: nothing may be undocumented."""
    if isinstance(schema, list):
        return [_closed(part) for part in schema]
    if not isinstance(schema, dict):
        return schema
    closed = {key: _closed(part) for key, part in schema.items()}
    if schema.get("type") == "object" and "properties" in schema:
        closed.setdefault("additionalProperties", False)
    return closed


def test_every_answer_fits_its_documented_schema_and_nothing_in_it_is_undocumented(
    server: Server, analyst: httpx.Client
) -> None:
    server.directory.records["ada@lovelace.example.com"] = [
        ("p1", RECORDS),
        ("o1", [("organization.name", "Analytical Engines"), ("organization.founded_year", "1834"),
                ("organization.legal_name", "Analytical Engines Ltd"),
                ("organization.registry_id", "uk:1"), ("domain.name", "lovelace.example.com")]),
    ]  # fmt: skip
    document = server.app.openapi()
    made = analyst.post("/v1/lookup", json={**ADA, "depth": "deep"})
    request_id = made.json()["request_id"]

    check(document, "/v1/lookup", "post", made)
    check(document, "/v1/lookup/{request_id}", "get", analyst.get(f"/v1/lookup/{request_id}"))
    check(document, "/v1/lookup", "get", analyst.get("/v1/lookup"))
    check(document, "/v1/reports/{request_id}", "get", analyst.get(f"/v1/reports/{request_id}"))
    verified = analyst.get(f"/v1/reports/{request_id}/verify")
    check(document, "/v1/reports/{request_id}/verify", "get", verified)
    analysed = analyst.post("/v1/analysis", json={
        "subject": {"type": "entity", "entity_id": made.json()["entities"][0]["entity_id"]},
        "analysis_type": "timeline"})  # fmt: skip
    check(document, "/v1/analysis", "post", analysed)
    analysis_path = f"/v1/analysis/{analysed.json()['analysis_id']}"
    check(document, "/v1/analysis/{analysis_id}", "get", analyst.get(analysis_path))
    check(document, "/v1/analysis/types", "get", analyst.get("/v1/analysis/types"))
    kind = analyst.get("/v1/analysis/types/timeline")
    check(document, "/v1/analysis/types/{analysis_type}", "get", kind)
    health = analyst.get("/v1/connectors/phone_plan/health")
    check(document, "/v1/connectors/{connector_id}/health", "get", health)
    check(document, "/v1/connectors", "get", analyst.get("/v1/connectors"))
    with server.client("supervisor") as supervisor:
        supervisor.get(f"/v1/lookup/{request_id}")
        analyst.delete(f"/v1/lookup/{request_id}")
        check(document, "/v1/audit", "get", supervisor.get("/v1/audit"))
        record = supervisor.get(f"/v1/audit/{request_id}")
        check(document, "/v1/audit/{request_id}", "get", record)
        inclusion = supervisor.get(f"/v1/audit/{request_id}/inclusion")
        check(document, "/v1/audit/{request_id}/inclusion", "get", inclusion)
        for path in ("tree-head", "leaves", "consistency"):
            answer = supervisor.get(f"/v1/audit/{path}", params={"old_size": 1})
            check(document, f"/v1/audit/{path}", "get", answer)


def test_no_error_tells_an_identifiers_value(server: Server, analyst: httpx.Client) -> None:
    secret = "whom-somebody-looks-for"
    for body in (
        {"identifiers": [{"type": "email", "value": secret}]},
        {"identifiers": [{"type": secret, "value": "x"}]},
        {"identifiers": [{"value": secret}]},
        {"identifiers": [secret]},
        {"identifiers": secret},
        {"identifiers": {secret: secret}},
        {"identifiers": [], "depth": secret},
    ):
        answer = analyst.post("/v1/lookup", json=body)
        assert answer.status_code in (400, 422)
        assert secret not in answer.text


def test_connectors_are_listed_with_what_they_are_and_their_last_check(
    server: Server, analyst: httpx.Client
) -> None:
    before = {c["id"]: c for c in analyst.get("/v1/connectors").json()["connectors"]}
    health = analyst.get("/v1/connectors/phone_plan/health").json()
    after = {c["id"]: c for c in analyst.get("/v1/connectors").json()["connectors"]}

    assert list(before) == ["directory", "moody", "phone_plan", "email_domain"]
    assert before["phone_plan"]["accepts"] == ["phone"]
    assert before["phone_plan"]["configured"] is True
    assert before["phone_plan"]["last_health"] is None
    assert health["status"] == "reachable"
    assert after["phone_plan"]["last_health"] == health


def test_an_unknown_connector_has_no_health(server: Server, analyst: httpx.Client) -> None:
    for connector_id in ("psychic", "%00", "é"):
        answer = analyst.get(f"/v1/connectors/{connector_id}/health")
        assert (answer.status_code, answer.json()["error"]["code"]) == (404, "not_found")
