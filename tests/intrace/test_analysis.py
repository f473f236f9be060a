"""Analyses over real HTTP, on both databases: types, answers, failures, whose they are, erasure."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import httpx
import jsonschema_rs
import pytest
from tests.intrace.lookup_calls import ADA, RECORD, error_of, look_up
from tests.intrace.serving import Options, Server, read, serve

from tracewell.intrace.analysis.registry import TYPES
from tracewell.kernel.signing import canonical_json, hash_payload

UNKNOWN_ENTITY = "ent_" + "A" * 26
UNKNOWN_ANALYSIS = "ana_01JNQBC4X8Y2Z3A4B5C6D7E8F9"
MEMBERS = {
    "analysis_id", "analysis_type", "status", "subject", "queried_at", "audit", "completed_at",
    "result", "error",
}  # fmt: skip


def analyse(
    client: httpx.Client, kind: str, entity_id: str, *, reference: Any = None, **parameters: Any
) -> httpx.Response:
    body: dict[str, Any] = {
        "subject": {"type": "entity", "entity_id": entity_id},
        "analysis_type": kind,
        "parameters": parameters,
    }
    if reference is not None:
        body["options"] = {"requester_reference": reference}
    return client.post("/v1/analysis", json=body)


def find_ada(server: Server, client: httpx.Client) -> dict[str, Any]:
    """A lookup of Ada; its first entity."""
    server.directory.records.setdefault(ADA[1], [("p1", RECORD)])
    entity: dict[str, Any] = look_up(client, ADA).json()["entities"][0]
    return entity


def data_of(answer: httpx.Response) -> dict[str, Any]:
    assert answer.status_code == 200, answer.text
    body = answer.json()
    assert body["error"] is None, body["error"]
    data: dict[str, Any] = body["result"]["data"]
    return data


def test_the_six_types_are_listed_each_with_a_schema_that_is_one(analyst: httpx.Client) -> None:
    listed = analyst.get("/v1/analysis/types").json()["types"]

    assert [one["analysis_type"] for one in listed] == [
        "network_centrality",
        "shared_identifiers",
        "timeline",
        "watchlist_screening",
        "source_agreement",
        "company_technology_profile",
    ]
    for one in listed:
        told = analyst.get(f"/v1/analysis/types/{one['analysis_type']}").json()
        assert one.items() <= told.items()
        assert told["result_description"]
        schema = told["parameters"]
        assert schema["$schema"] == "https://json-schema.org/draft/2020-12/schema"
        assert schema["type"] == "object"
        assert schema["properties"]
        assert jsonschema_rs.meta.is_valid(schema)
        jsonschema_rs.Draft202012Validator(schema).validate({"something_else": 1})


@pytest.mark.parametrize("kind", ["network_centrality", "shared_identifiers", "timeline"])
def test_a_parameter_is_refused_exactly_where_the_schema_refuses_it(
    analyst: httpx.Client, kind: str
) -> None:
    schema = analyst.get(f"/v1/analysis/types/{kind}").json()["parameters"]
    validator = jsonschema_rs.Draft202012Validator(schema)
    for name in schema["properties"]:
        for value in (0, -1, 1.5, "x", True, None, [], ["emails"], ["nonsense"], 10**6):
            answer = analyse(analyst, kind, UNKNOWN_ENTITY, **{name: value})
            expected = 200 if validator.is_valid({name: value}) else 400
            assert answer.status_code == expected, (name, value)
            if expected == 400:
                error = error_of(answer)
                assert error["code"] == "field_invalid"
                assert error["details"][0]["field"].startswith(f"parameters.{name}")


def test_an_analysis_has_the_contracts_members_and_is_given_again_byte_for_byte(
    server: Server, analyst: httpx.Client, auditor: httpx.Client
) -> None:
    ada = find_ada(server, analyst)

    answer = analyse(analyst, "timeline", ada["entity_id"], reference="case 7", unknown_parameter=1)

    body = answer.json()
    assert body.keys() == MEMBERS
    assert body["status"] == "complete"
    assert body["subject"] == {"type": "entity", "entity_id": ada["entity_id"]}
    assert body["result"].keys() == {"data", "confidence", "coverage_note"}
    assert 0 <= body["result"]["confidence"] <= 1
    assert canonical_json(body) == answer.content
    assert analyst.get(f"/v1/analysis/{body['analysis_id']}").content == answer.content
    record = auditor.get(f"/v1/audit/{answer.headers['x-request-id']}").json()
    assert record == body["audit"]
    assert record["identifiers_queried"] == 0
    assert record["requester_reference"] == "case 7"
    completed = read(
        server.database_url,
        "SELECT failure, report_hash FROM audit_completions WHERE request_id = :id",
        id=record["request_id"],
    )
    assert completed == [(None, hash_payload(answer.content))]


def test_an_analysis_of_an_unknown_entity_fails_with_200_and_is_logged(
    server: Server, analyst: httpx.Client
) -> None:
    answer = analyse(analyst, "timeline", UNKNOWN_ENTITY)

    body = answer.json()
    assert (answer.status_code, body["status"], body["result"]) == (200, "failed", None)
    assert body["error"]["code"] == "entity_not_found"
    assert body["error"]["message"]
    assert analyst.get(f"/v1/analysis/{body['analysis_id']}").content == answer.content
    completed = read(server.database_url, "SELECT failure, report_hash FROM audit_completions")
    assert completed == [("entity_not_found", None)]


def test_bodies_that_do_not_fit_are_told_field_by_field(analyst: httpx.Client) -> None:
    subject = {"type": "entity", "entity_id": UNKNOWN_ENTITY}
    for body, code, field in (
        ({"analysis_type": "timeline"}, "field_required", "subject"),
        ({"subject": subject}, "field_required", "analysis_type"),
        ({"subject": {"type": "entity"}, "analysis_type": "timeline"},
         "field_required", "subject.entity_id"),
        ({"subject": {**subject, "type": "person"}, "analysis_type": "timeline"},
         "field_invalid", "subject.type"),
        ({"subject": {**subject, "entity_id": "x"}, "analysis_type": "timeline"},
         "field_invalid", "subject.entity_id"),
        ({"subject": subject, "analysis_type": "timeline", "parameters": []},
         "field_invalid", "parameters"),
        ({"subject": subject, "analysis_type": "timeline",
          "options": {"requester_reference": "x" * 501}},
         "field_invalid", "options.requester_reference"),
    ):  # fmt: skip
        answer = analyst.post("/v1/analysis", json=body)
        assert answer.status_code == 400
        error = error_of(answer)
        assert (error["code"], error["details"][0]["field"]) == (code, field)


def test_what_is_unknown_is_not_found(analyst: httpx.Client, server: Server) -> None:
    for answer in (
        analyst.get("/v1/analysis/types/palmistry"),
        analyst.get(f"/v1/analysis/{UNKNOWN_ANALYSIS}"),
        analyst.get("/v1/analysis/nonsense"),
        analyse(analyst, "palmistry", UNKNOWN_ENTITY),
    ):
        assert answer.status_code == 404
        assert error_of(answer)["code"] == "not_found"
    assert read(server.database_url, "SELECT 1 FROM audit_records") == []


def test_each_endpoint_needs_credentials_and_its_scope(
    server: Server, auditor: httpx.Client
) -> None:
    calls = [("GET", "/v1/analysis/types"), ("GET", "/v1/analysis/types/timeline"),
             ("POST", "/v1/analysis"), ("GET", f"/v1/analysis/{UNKNOWN_ANALYSIS}")]  # fmt: skip
    with httpx.Client(base_url=server.url) as nobody:
        for method, path in calls:
            assert nobody.request(method, path, json={}).status_code == 401
            refused = auditor.request(method, path, json={})
            assert refused.status_code == 403
            scope = "analysis:write" if method == "POST" else "analysis:read"
            assert scope in error_of(refused)["details"][0]["issue"]


def test_the_request_limit_holds(database_url: str, tmp_path: Path) -> None:
    options = Options(requests_per_minute=2)
    with serve(database_url, tmp_path, options) as server, server.client() as client:
        codes = [analyse(client, "timeline", UNKNOWN_ENTITY).status_code for _ in range(3)]
    assert codes == [200, 200, 429]


def test_nobody_analyses_anothers_lookups_and_reading_anothers_analysis_is_logged(
    server: Server, analyst: httpx.Client
) -> None:
    ada = find_ada(server, analyst)
    made = analyse(analyst, "timeline", ada["entity_id"])
    analysis_id = made.json()["analysis_id"]

    with server.user("bob") as bob, server.client("supervisor") as supervisor:
        theirs = analyse(bob, "timeline", ada["entity_id"]).json()
        assert theirs["error"]["code"] == "entity_not_found"
        assert bob.get(f"/v1/analysis/{analysis_id}").status_code == 404
        assert supervisor.get(f"/v1/analysis/{analysis_id}").content == made.content
        newest = supervisor.get("/v1/audit").json()["records"][0]
    assert newest["accessed"] == {
        "resource": "analysis",
        "request_id": made.headers["x-request-id"],
    }


def test_erasing_a_lookup_erases_the_analyses_that_read_it(
    server: Server, analyst: httpx.Client
) -> None:
    ada = find_ada(server, analyst)
    request_id = analyst.get("/v1/lookup").json()["lookups"][0]["request_id"]
    made = analyse(analyst, "timeline", ada["entity_id"]).json()

    assert analyst.delete(f"/v1/lookup/{request_id}").status_code == 204

    assert analyst.get(f"/v1/analysis/{made['analysis_id']}").status_code == 404
    assert read(server.database_url, "SELECT 1 FROM analyses") == []
    assert read(server.database_url, "SELECT 1 FROM analysis_inputs") == []


def test_an_analysis_does_not_outlive_what_it_was_made_from(
    server: Server, analyst: httpx.Client
) -> None:
    ada = find_ada(server, analyst)
    server.clock_offset_ms[0] = 20 * 86_400_000
    made = analyse(analyst, "timeline", ada["entity_id"]).json()
    assert made["status"] == "complete"

    server.clock_offset_ms[0] = 30 * 86_400_000
    assert analyst.get(f"/v1/analysis/{made['analysis_id']}").status_code == 404
    server.run(server.intrace.analyses.purge_expired())
    assert read(server.database_url, "SELECT 1 FROM analyses") == []


def test_every_type_answers_or_fails_for_a_stated_reason(
    server: Server, analyst: httpx.Client
) -> None:
    ada = find_ada(server, analyst)
    errors = {}
    for kind in TYPES:
        body = analyse(analyst, kind, ada["entity_id"]).json()
        errors[kind] = body["error"] and body["error"]["code"]
    assert errors == {
        "network_centrality": None,
        "shared_identifiers": None,
        "timeline": None,
        "source_agreement": None,
        "watchlist_screening": "source_unavailable",
        "company_technology_profile": "source_unavailable",
    }


def test_shared_identifiers_of_two_lookups_are_found(server: Server, analyst: httpx.Client) -> None:
    ada = find_ada(server, analyst)
    charles = ("email", "charles@babbage.example.com")
    server.directory.records[charles[1]] = [
        ("p2", [("person.name", "Charles Babbage"), ("email.address", charles[1]),
                ("address.full", "1 Dorset Street, London"), ("company.name", "Engines Ltd")]),
    ]  # fmt: skip
    server.directory.records[ADA[1]] = [
        ("p1", [*RECORD, ("address.full", "1 Dorset Street, London")])
    ]
    found = look_up(analyst, charles).json()["entities"]
    other = next(e for e in found if e["profile"]["person"])
    look_up(analyst, ADA)

    data = data_of(analyse(analyst, "shared_identifiers", ada["entity_id"]))
    (row,) = [r for r in data["entities"] if r["entity_id"] == other["entity_id"]]
    assert [(v["field"], v["holders"]) for v in row["shared"]] == [("addresses", 2)]
    assert 0 < row["strength"] <= 0.4

    central = data_of(analyse(analyst, "network_centrality", ada["entity_id"]))
    assert central["subject"]["degree"] == 1
    assert {e["entity_id"] for e in central["entities"]} == {ada["entity_id"], other["entity_id"]}


def test_a_timeline_tells_when_a_value_was_first_seen_and_when_no_longer(
    server: Server, analyst: httpx.Client
) -> None:
    server.directory.records[ADA[1]] = [("p1", [*RECORD, ("person.dob", "1815-12-10")])]
    first = look_up(analyst, ADA).json()
    server.directory.records[ADA[1]] = [("p1", [*RECORD, ("address.full", "1 Dorset Street")])]
    second = look_up(analyst, ADA).json()
    entity_id = second["entities"][0]["entity_id"]
    assert first["entities"][0]["entity_id"] == entity_id

    events = data_of(analyse(analyst, "timeline", entity_id))["events"]

    assert (events[0]["date"], events[0]["event"]) == ("1815-12-10", "born")
    told = {(e["event"], e["field"], e["request_id"]) for e in events}
    assert ("first_seen", "addresses", second["request_id"]) in told
    assert ("no_longer_seen", "dob", second["request_id"]) in told
    assert ("first_seen", "names", first["request_id"]) in told
    early = data_of(analyse(analyst, "timeline", entity_id, to_date="1900-01-01"))["events"]
    assert [e["event"] for e in early] == ["born"]


def test_source_agreement_tells_contradictions(server: Server, analyst: httpx.Client) -> None:
    server.directory.records[ADA[1]] = [
        ("p1", [*RECORD, ("person.age", "36")]),
        ("p2", [*RECORD, ("person.age", "37")]),
    ]
    entity_id = look_up(analyst, ADA).json()["entities"][0]["entity_id"]

    data = data_of(analyse(analyst, "source_agreement", entity_id))

    (contradiction,) = data["contradictions"]
    assert contradiction["field"] == "age"
    assert sorted(v["value"] for v in contradiction["values"]) == ["36", "37"]
    assert all(row["connectors"] for row in data["data_points"])
