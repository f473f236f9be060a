"""Intrace, 400, 404, 405, 413, 415, 422, 431: requests that cannot be read, found or meant."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import httpx
import pytest
from tests.conformance.seeds import BODIES, compact
from tests.conformance.shapes import check_envelope, check_request_id
from tests.conformance.table import proves
from tests.conformance.tampering import alter
from tests.conformance.world import World

JSON = {"Content-Type": "application/json"}
BODY_BYTES_MAX = 1 << 20
UNKNOWN = "req_01JNQBC4X8Y2Z3A4B5C6D7E8F9"
MONTH_MS = 31 * 86_400_000
GOOD: dict[str, Any] = {"type": "phone", "value": "+14155552671"}


def look_up(client: httpx.Client, *identifiers: Any, **more: Any) -> httpx.Response:
    return client.post("/v1/lookup", json={"identifiers": list(identifiers), **more})


def _post(world: World, body: bytes | Iterator[bytes]) -> httpx.Response:
    return world.analyst.post("/v1/lookup", content=body, headers=JSON)


@proves("intrace", 400, "request_malformed", "a body that is not valid JSON")
@pytest.mark.parametrize(
    "body",
    [b"{", b"no json", b'{"identifiers": [}', b'{"a": 1,}', b"{'a': 1}", b'"\xff"', b"\0", b"{}{}"],
)  # fmt: skip
def test_a_body_that_is_not_json_is_malformed(world: World, body: bytes) -> None:
    check_envelope(_post(world, body), 400, "request_malformed")


@proves("intrace", 400, "request_malformed", "bytes that are not HTTP")
def test_what_is_not_http_is_told_in_the_envelope(world: World) -> None:
    broken = b"GET /intrace/v1/lookup HTTP/1.1\r\nHost: x\r\nno colon here\r\n\r\n"
    check_envelope(world.raw(broken), 400, "request_malformed")


@proves("intrace", 400, "field_required", "fields are left out, at the top and in an identifier")
@pytest.mark.parametrize(
    ("body", "fields"),
    [
        ({}, ["identifiers"]),
        ({"depth": "deep"}, ["identifiers"]),
        ({"identifiers": [{"type": "email"}]}, ["identifiers[0].value"]),
        ({"identifiers": [GOOD, {"value": "x"}]}, ["identifiers[1].type"]),
        ({"identifiers": [{}, GOOD, {}]}, [
            "identifiers[0].type", "identifiers[0].value",
            "identifiers[2].type", "identifiers[2].value"]),
    ],
)  # fmt: skip
def test_a_field_that_is_missing_is_named(
    world: World, body: dict[str, Any], fields: list[str]
) -> None:
    answer = world.analyst.post("/v1/lookup", json=body)
    check_envelope(answer, 400, "field_required", *fields)


@proves("intrace", 400, "field_invalid", "fields of a wrong type, out of range, or of no meaning")
@pytest.mark.parametrize(
    ("body", "fields"),
    [
        ({"identifiers": "x"}, ["identifiers"]),
        ({"identifiers": [1]}, ["identifiers[0]"]),
        ({"identifiers": [{"type": "email", "value": 1}]}, ["identifiers[0].value"]),
        ({"identifiers": [GOOD], "depth": "bottomless"}, ["depth"]),
        ({"identifiers": [GOOD], "connectors": []}, ["connectors"]),
        ({"identifiers": [GOOD], "connectors": ["phone_plan", "nonesuch"]}, ["connectors[1]"]),
        ({"identifiers": [GOOD], "requester_reference": "x" * 501}, ["requester_reference"]),
        ({"identifiers": [GOOD], "depth": 1, "requester_reference": 2},
         ["depth", "requester_reference"]),
    ],
)  # fmt: skip
def test_a_field_that_fails_validation_is_named(
    world: World, body: dict[str, Any], fields: list[str]
) -> None:
    answer = world.analyst.post("/v1/lookup", json=body)
    check_envelope(answer, 400, "field_invalid", *fields)


SUBJECT = {"type": "entity", "entity_id": "ent_" + "A" * 26}


@proves("intrace", 400, "field_required", "an analysis without its subject or its type")
@pytest.mark.parametrize(
    ("body", "fields"),
    [({}, ["subject", "analysis_type"]), ({"analysis_type": "timeline"}, ["subject"]),
     ({"subject": {}, "analysis_type": "timeline"}, ["subject.type", "subject.entity_id"])],
)  # fmt: skip
def test_what_an_analysis_lacks_is_named(
    world: World, body: dict[str, Any], fields: list[str]
) -> None:
    answer = world.analyst.post("/v1/analysis", json=body)
    check_envelope(answer, 400, "field_required", *fields)


@proves("intrace", 400, "field_invalid", "a parameter of an analysis that its schema refuses")
def test_a_bad_parameter_of_an_analysis_is_named(world: World) -> None:
    body = {"subject": SUBJECT, "analysis_type": "timeline",
            "parameters": {"limit": 0, "from_date": "soon", "unknown": 1}}  # fmt: skip
    answer = world.analyst.post("/v1/analysis", json=body)
    check_envelope(answer, 400, "field_invalid", "parameters.from_date", "parameters.limit")


@proves("intrace", 400, "field_invalid", "JSON of another shape than an object or array asked for")
@pytest.mark.parametrize(
    ("body", "field", "issue"),
    [
        ([], "body", "Must be a JSON object."),
        ("identifiers", "body", "Must be a JSON object."),
        ({"identifiers": {}}, "identifiers", "Must be a JSON array."),
        ({"identifiers": ["ada@example.com"]}, "identifiers[0]", "Must be a JSON object."),
    ],
)
def test_json_of_another_shape_is_told_in_the_words_of_json(
    world: World, body: object, field: str, issue: str
) -> None:
    answer = world.analyst.post("/v1/lookup", json=body)
    check_envelope(answer, 400, "field_invalid", field)
    assert answer.json()["error"]["details"] == [{"field": field, "issue": issue}]


@proves("intrace", 400, "field_invalid", "a day that no calendar has")
@pytest.mark.parametrize("field", ["from_date", "to_date"])
def test_a_day_that_there_is_not_is_named(world: World, field: str) -> None:
    body = {"subject": SUBJECT, "analysis_type": "timeline", "parameters": {field: "2026-02-30"}}
    answer = world.analyst.post("/v1/analysis", json=body)
    check_envelope(answer, 400, "field_invalid", f"parameters.{field}")
    assert answer.json()["error"]["details"][0]["issue"] == "Must be a day such as 2026-06-01."


@proves("intrace", 400, "field_invalid", "a text that is longer than its field may be")
def test_a_text_that_is_too_long_is_told_in_characters(world: World) -> None:
    body = {"identifiers": [GOOD], "requester_reference": "r" * 501}
    answer = world.analyst.post("/v1/lookup", json=body)
    check_envelope(answer, 400, "field_invalid", "requester_reference")
    issue = answer.json()["error"]["details"][0]["issue"]
    assert issue == "Must be at most 500 characters long."


@proves("intrace", 404, "not_found", "a type of analysis that there is not")
def test_an_unknown_type_of_analysis_is_not_found(world: World) -> None:
    answer = world.analyst.post(
        "/v1/analysis", json={"subject": SUBJECT, "analysis_type": "palmistry"}
    )
    check_envelope(answer, 404, "not_found")


@proves("intrace", 400, "field_invalid", "query parameters out of range or of a wrong form")
@pytest.mark.parametrize(
    ("path", "field"),
    [
        ("lookup?limit=0", "limit"),
        ("lookup?limit=many", "limit"),
        ("lookup?cursor=x", "cursor"),
        ("audit?limit=1001", "limit"),
        ("audit?from=yesterday", "from"),
        ("audit?to=2026-02-30", "to"),
    ],
)
def test_a_parameter_that_fails_validation_is_named(world: World, path: str, field: str) -> None:
    client = world.auditor if path.startswith("audit") else world.analyst
    check_envelope(client.get(f"/v1/{path}"), 400, "field_invalid", field)


@proves("intrace", 404, "not_found", "a result, a report, a connector, a record that never was")
@pytest.mark.parametrize(
    "path",
    [
        f"lookup/{UNKNOWN}",
        "lookup/nonsense",
        f"reports/{UNKNOWN}",
        f"reports/{UNKNOWN}/verify",
        "connectors/nonesuch/health",
        "analysis/ana_01JNQBC4X8Y2Z3A4B5C6D7E8F9",
        "analysis/types/palmistry",
        "entities/ent_AAAAAAAAAAAAAAAAAAAAAAAAAA",
        "provenance/ent_AAAAAAAAAAAAAAAAAAAAAAAAAA/lineage",
        "provenance/src_01JNQBC4X8Y2Z3A4B5C6D7E8F9/full-lineage",
        f"audit/{UNKNOWN}",
        "audit/%00",
    ],
)
def test_what_never_was_is_not_found(world: World, path: str) -> None:
    client = world.auditor if path.startswith("audit") else world.analyst
    check_envelope(client.get(f"/v1/{path}"), 404, "not_found")


@proves("intrace", 404, "not_found", "another caller's result")
def test_the_result_of_another_caller_is_not_found(world: World) -> None:
    request_id = look_up(world.analyst, GOOD).json()["request_id"]
    stranger = world.intrace(world.new_service())
    check_envelope(stranger.get(f"/v1/lookup/{request_id}"), 404, "not_found")
    assert world.analyst.get(f"/v1/lookup/{request_id}").status_code == 200


@proves("intrace", 404, "not_found", "a result older than RESULT_RETENTION_DAYS")
def test_a_result_beyond_its_retention_is_not_found(world: World) -> None:
    made = look_up(world.analyst, GOOD)
    request_id = made.json()["request_id"]
    again = world.analyst.get(f"/v1/lookup/{request_id}")
    assert again.content == made.content

    # A month passes: everything that is stored of the lookup is 31 days older.
    for statement in (
        "UPDATE reports SET signed_at = signed_at - :ms, expires_at = expires_at - :ms",
        "UPDATE lookups SET queried_at = queried_at - :ms, expires_at = expires_at - :ms",
    ):
        changed = alter(world.server, f"{statement} WHERE request_id = :id",
                        ms=MONTH_MS, id=request_id)  # fmt: skip
        assert changed == 1

    for path in (f"lookup/{request_id}", f"reports/{request_id}", f"reports/{request_id}/verify"):
        check_envelope(world.analyst.get(f"/v1/{path}"), 404, "not_found")
    listed = world.analyst.get("/v1/lookup", params={"limit": 100}).json()["lookups"]
    assert request_id not in {one["request_id"] for one in listed}
    assert world.auditor.get(f"/v1/audit/{request_id}").status_code == 200


@proves("intrace", 404, "not_found", "a path that is none")
@pytest.mark.parametrize("path", ["/v1/nothing", "/v1", "/v1/lookup/", "/v1/lookup/a/b"])
def test_an_unknown_path_is_told_in_the_envelope(world: World, path: str) -> None:
    check_envelope(world.analyst.get(path), 404, "not_found")
    check_envelope(world.intrace().get(path), 404, "not_found")


@proves("intrace", 405, "method_not_allowed", "a method that the path has not")
def test_a_wrong_method_names_the_right_ones(world: World) -> None:
    answer = world.analyst.put("/v1/lookup", json={})
    check_envelope(answer, 405, "method_not_allowed")
    assert answer.headers["allow"] == "GET, POST"
    answer = world.analyst.post("/v1/connectors")
    check_envelope(answer, 405, "method_not_allowed")
    assert answer.headers["allow"] == "GET"


@proves("intrace", 422, "invalid_identifier_type", "a type that is none of the ten")
def test_an_unknown_identifier_type_is_told_as_the_error_page_shows(world: World) -> None:
    answer = look_up(world.analyst, {"type": "passport", "value": "x"})
    assert answer.status_code == 422
    body = {**BODIES["invalid_identifier_type"], "request_id": check_request_id(answer)}
    assert answer.content == compact(body)
    check_envelope(answer, 422, "invalid_identifier_type", "identifiers[0].type")


BAD_VALUES = {
    "email": "not an address",
    "phone": "030 901820",
    "username": "two words\n",
    "ip": "1.2.3.4.5",
    "domain": "no_dots",
    "name": "",
    "url": "not a url",
    "address": "",
    "company_name": "",
    "social_url": "https://example.com/nobody",
}


@proves(
    "intrace", 422, "identifier_format_invalid", "for each of the ten types a value that is none"
)
@pytest.mark.parametrize("type_name", BAD_VALUES)
def test_a_value_that_does_not_fit_its_type_is_refused(world: World, type_name: str) -> None:
    bad = {"type": type_name, "value": BAD_VALUES[type_name]}
    answer = look_up(world.analyst, GOOD, bad)
    check_envelope(answer, 422, "identifier_format_invalid", "identifiers[1].value")
    if BAD_VALUES[type_name]:
        assert BAD_VALUES[type_name] not in answer.text


@proves("intrace", 422, "no_identifiers", "an empty array")
def test_no_identifiers_are_refused(world: World) -> None:
    check_envelope(look_up(world.analyst), 422, "no_identifiers", "identifiers")


@proves("intrace", 422, "too_many_identifiers", "21 identifiers where 20 are let in")
def test_more_than_20_identifiers_are_refused(world: World) -> None:
    numbers = [{"type": "phone", "value": f"+141555526{n}"} for n in range(10, 31)]
    assert look_up(world.analyst, *numbers[:20], connectors=["phone_plan"]).status_code == 200
    check_envelope(
        look_up(world.analyst, *numbers), 422, "too_many_identifiers", "identifiers"
    )  # fmt: skip


def test_all_broken_identifiers_are_told_at_once(world: World) -> None:
    broken = ({"type": "email", "value": "x"}, {"type": "passport", "value": "x"},
              {"type": "ip", "value": "x"})  # fmt: skip
    answer = look_up(world.analyst, broken[0], GOOD, broken[1], GOOD, broken[2])
    check_envelope(
        answer, 422, "invalid_identifier_type",
        "identifiers[0].value", "identifiers[2].type", "identifiers[4].value",
    )  # fmt: skip
    answer = look_up(world.analyst, broken[0], GOOD, broken[2])
    check_envelope(
        answer, 422, "identifier_format_invalid", "identifiers[0].value", "identifiers[2].value"
    )


def test_nothing_is_kept_of_a_request_that_was_refused(world: World) -> None:
    client = world.intrace(world.new_service())
    refused = look_up(client, {"type": "email", "value": "x"})
    request_id = check_request_id(refused)
    assert client.get("/v1/lookup").json() == {"lookups": [], "next_cursor": None}
    check_envelope(world.auditor.get(f"/v1/audit/{request_id}"), 404, "not_found")


@proves("intrace", 413, "request_too_large", "a body over 1 MiB, announced or not")
def test_a_body_over_the_bound_is_refused(world: World) -> None:
    body = b" " * (BODY_BYTES_MAX + 1)
    chunks = (body[at : at + 65_536] for at in range(0, len(body), 65_536))
    check_envelope(_post(world, body), 413, "request_too_large")
    check_envelope(_post(world, chunks), 413, "request_too_large")
    check_envelope(_post(world, body[:-1]), 400, "request_malformed")


@proves("intrace", 415, "unsupported_media_type", "a body of another content type")
@pytest.mark.parametrize("media_type", ["text/plain", "application/x-www-form-urlencoded", ""])
def test_a_body_of_another_type_is_refused(world: World, media_type: str) -> None:
    headers = {"Content-Type": media_type} if media_type else {}
    answer = world.analyst.post("/v1/lookup", content=b"{}", headers=headers)
    check_envelope(answer, 415, "unsupported_media_type")


@proves("intrace", 431, "headers_too_large", "headers over 32 KiB, or without an end")
def test_headers_over_the_bound_are_refused(world: World) -> None:
    large = world.analyst.get("/v1/lookup", headers={"X-Padding": "x" * 33_000})
    check_envelope(large, 431, "headers_too_large")
    endless = b"GET /intrace/v1/lookup HTTP/1.1\r\nHost: x\r\nX-Padding: " + b"x" * 70_000
    check_envelope(world.raw(endless), 431, "headers_too_large")
