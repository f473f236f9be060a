"""Lookups that are refused or fail: what is told, what is kept, on both databases."""

from __future__ import annotations

import json

import apsw
import httpx
import pytest
from tests.intrace.lookup_calls import ADA, RECORD, error_of, look_up
from tests.intrace.serving import Server, alter, read


@pytest.mark.parametrize("dialect", ["sqlite"], indirect=True)
def test_the_error_pages_example_is_answered_to_the_byte(analyst: httpx.Client) -> None:
    answer = look_up(analyst, ("telegraph", "stop"))

    shown = {
        "code": "invalid_identifier_type",
        "message": "The identifier type is not recognized.",
        "details": [
            {
                "field": "identifiers[0].type",
                "issue": "Must be one of: email, phone, username, ip, domain, name, url, address, "
                "company_name, social_url",
            }
        ],
    }
    assert answer.status_code == 422
    error = json.dumps(shown, separators=(",", ":"), ensure_ascii=False)
    request_id = answer.headers["x-request-id"]
    assert answer.text == f'{{"error":{error},"request_id":"{request_id}"}}'


@pytest.mark.parametrize("dialect", ["sqlite"], indirect=True)
def test_all_broken_identifiers_are_told_at_once_and_a_wrong_type_decides_the_code(
    analyst: httpx.Client,
) -> None:
    answer = look_up(analyst, ("phone", "0612"), ADA, ("telegraph", "stop"), ("email", "@"))

    error = error_of(answer)
    assert answer.status_code == 422
    assert error["code"] == "invalid_identifier_type"
    assert [d["field"] for d in error["details"]] == [
        "identifiers[0].value",
        "identifiers[2].type",
        "identifiers[3].value",
    ]


@pytest.mark.parametrize("dialect", ["sqlite"], indirect=True)
@pytest.mark.parametrize(
    ("pairs", "code"),
    [
        ([], "no_identifiers"),
        ([("domain", f"d{n}.example.com") for n in range(21)], "too_many_identifiers"),
        ([("phone", "+1 415 555 2671")], "identifier_format_invalid"),
    ],
)
def test_identifiers_without_meaning_are_422(
    analyst: httpx.Client, pairs: list[tuple[str, str]], code: str
) -> None:
    answer = look_up(analyst, *pairs)

    assert (answer.status_code, error_of(answer)["code"]) == (422, code)


@pytest.mark.parametrize("dialect", ["sqlite"], indirect=True)
@pytest.mark.parametrize(
    ("body", "code", "field"),
    [
        ("{", "request_malformed", None),
        ("\xff", "request_malformed", None),
        ("[" * 100_000, "request_malformed", None),
        ("", "field_required", "body"),
        ("[]", "field_invalid", "body"),
        ("{}", "field_required", "identifiers"),
        ('{"identifiers": [{"type": "email"}]}', "field_required", "identifiers[0].value"),
        ('{"identifiers": 5}', "field_invalid", "identifiers"),
        ('{"identifiers": [{"type": "ip", "value": 5}]}', "field_invalid", "identifiers[0].value"),
        ('{"identifiers": [{"type": "name", "value": "\\ud800"}]}', "field_invalid",
         "identifiers[0].value"),
        ('{"identifiers": [], "requester_reference": "\\ud800"}', "field_invalid",
         "requester_reference"),
        ('{"identifiers": [], "depth": "abyss"}', "field_invalid", "depth"),
        ('{"identifiers": [], "connectors": []}', "field_invalid", "connectors"),
        ('{"identifiers": [], "connectors": ["directory", "psychic"]}', "field_invalid",
         "connectors[1]"),
        ('{"identifiers": [], "requester_reference": "%s"}' % ("x" * 501), "field_invalid",
         "requester_reference"),
    ],
)  # fmt: skip
def test_presence_type_and_choice_of_fields_are_400(
    analyst: httpx.Client, body: str, code: str, field: str | None
) -> None:
    answer = analyst.post(
        "/v1/lookup", content=body.encode("latin-1"), headers={"Content-Type": "application/json"}
    )

    error = error_of(answer)
    assert (answer.status_code, error["code"]) == (400, code)
    assert [d["field"] for d in error["details"]] == ([field] if field else [])


@pytest.mark.parametrize(
    "value", ["a\x00b", "\x00", "\u202e", "\U0010ffff", "'; DROP TABLE lookups"]
)
def test_no_text_is_an_internal_error(analyst: httpx.Client, value: str) -> None:
    answers = [look_up(analyst, (kind, value)) for kind in ("email", "name", "ip", value)]
    answers.append(look_up(analyst, ADA, requester_reference=value))
    answers.append(look_up(analyst, ADA, connectors=[value]))
    quoted = httpx.QueryParams({"user_id": value, "cursor": value})
    answers.append(analyst.get("/v1/lookup", params=quoted))

    assert {a.status_code for a in answers} <= {200, 400, 422}


def test_nothing_is_told_or_stored_of_a_lookup_that_cannot_be_signed(
    server: Server, analyst: httpx.Client
) -> None:
    look_up(analyst, ADA)
    server.signing_key_path.write_bytes(b"no key")

    answer = look_up(analyst, ADA)

    assert (answer.status_code, error_of(answer)["code"]) == (500, "signing_failed")
    request_id = answer.json()["request_id"]
    assert analyst.get(f"/v1/lookup/{request_id}").status_code == 404
    assert len(read(server.database_url, "SELECT 1 FROM reports")) == 1
    completions = "SELECT failure, report_hash FROM audit_completions WHERE request_id = :id"
    assert read(server.database_url, completions, id=request_id) == [("signing_failed", None)]
    with server.client("auditor") as auditor:
        assert auditor.get(f"/v1/audit/{request_id}").status_code == 200


@pytest.mark.parametrize("dialect", ["sqlite"], indirect=True)
def test_a_database_that_cannot_be_written_answers_database_error_and_asks_nobody(
    server: Server, analyst: httpx.Client
) -> None:
    server.directory.records[ADA[1]] = [("p1", RECORD)]
    other = apsw.Connection(server.database_url.removeprefix("sqlite:///"))
    other.execute("BEGIN EXCLUSIVE")

    answer = look_up(analyst, ADA)

    assert (answer.status_code, error_of(answer)["code"]) == (500, "database_error")
    assert "Lovelace" not in answer.text
    assert server.directory.asked == []
    other.execute("ROLLBACK")
    other.close()
    assert look_up(analyst, ADA).status_code == 200


def test_an_audit_log_that_refuses_lets_nothing_be_asked_or_told(
    server: Server, analyst: httpx.Client
) -> None:
    alter(server.database_url, "ALTER TABLE audit_records RENAME TO audit_records_elsewhere")

    answer = look_up(analyst, ADA)

    assert (answer.status_code, error_of(answer)["code"]) == (500, "database_error")
    assert server.directory.asked == []


def test_a_result_that_cannot_be_stored_is_not_told_and_its_record_says_so(
    server: Server, analyst: httpx.Client
) -> None:
    alter(server.database_url, "ALTER TABLE lookups RENAME TO lookups_elsewhere")

    answer = look_up(analyst, ADA)

    assert (answer.status_code, error_of(answer)["code"]) == (500, "database_error")
    assert read(server.database_url, "SELECT 1 FROM reports") == []
    failures = read(server.database_url, "SELECT failure FROM audit_completions")
    assert failures == [("database_error",)]
