"""The audit log over real HTTP and past the server, on both databases."""

from __future__ import annotations

import hashlib
import json
from typing import Any

import httpx
import pytest
from tests.databases import all_migrations
from tests.intrace.serving import Server, alter, in_database, read

from tracewell.intrace.audit.parameters import parse_first, parse_last
from tracewell.kernel.clock import parse_utc
from tracewell.kernel.database import Database, DatabaseFailed
from tracewell.kernel.signing import canonical_json

BODY = {"identifiers": [{"type": "email", "value": "ada@lovelace.example.com"}]}
DAY_MS = 86_400_000


def look_up(client: httpx.Client, **more: Any) -> str:
    answer = client.post("/v1/lookup", json={**BODY, **more})
    assert answer.status_code == 200
    request_id: str = answer.json()["request_id"]
    return request_id


def all_ids(client: httpx.Client, **params: Any) -> list[str]:
    records = client.get("/v1/audit", params=params).json()["records"]
    return [record["request_id"] for record in records]


def test_a_service_accounts_record_has_the_contracts_fields_and_no_other(
    server: Server, analyst: httpx.Client, auditor: httpx.Client
) -> None:
    request_id = look_up(analyst, requester_reference="case 7")

    record = auditor.get(f"/v1/audit/{request_id}").json()

    key_id = record["principal"].pop("api_key_id")
    logged_at = record.pop("logged_at")
    assert key_id.startswith("key_")
    assert parse_utc(logged_at)
    assert record == {
        "request_id": request_id,
        "principal": {
            "type": "service_account",
            "user_id": None,
            "user_email": None,
            "idp_session_id": None,
            "service_account_name": "analyst-bot",
        },
        "organization_id": "org_test",
        "source_ip": "127.0.0.1",
        "requester_reference": "case 7",
        "identifiers_queried": 1,
    }


def test_a_persons_record_names_the_person_and_the_session(
    server: Server, auditor: httpx.Client
) -> None:
    with server.user("bob") as bob:
        request_id = look_up(bob)

    assert auditor.get(f"/v1/audit/{request_id}").json()["principal"] == {
        "type": "user",
        "user_id": "bob",
        "user_email": "bob@example.com",
        "idp_session_id": "session-of-bob",
        "api_key_id": None,
        "service_account_name": None,
    }


def test_a_record_is_kept_as_canonical_json_with_its_leaf_hash(
    server: Server, analyst: httpx.Client, auditor: httpx.Client
) -> None:
    request_id = look_up(analyst)

    [(seq, record, leaf)] = read(
        server.database_url, "SELECT seq, record, leaf_hash FROM audit_records"
    )

    assert seq == 1
    assert record == canonical_json(json.loads(record))
    assert leaf == hashlib.sha256(b"\x00" + record).digest()
    assert auditor.get(f"/v1/audit/{request_id}").content == record
    assert b"lovelace" not in record


@pytest.mark.parametrize(
    "reference", ["", " x ", "Ünïcødé \U0001f50e", "a\x00b\r\n", "e\u0301 is not \u00e9", "x" * 500]
)
def test_the_requesters_reference_comes_back_byte_for_byte(
    analyst: httpx.Client, auditor: httpx.Client, reference: str
) -> None:
    request_id = look_up(analyst, requester_reference=reference)

    assert auditor.get(f"/v1/audit/{request_id}").json()["requester_reference"] == reference


def test_a_lookup_without_any_result_is_logged_and_a_refused_one_is_not(
    analyst: httpx.Client, auditor: httpx.Client
) -> None:
    request_id = look_up(analyst)
    analyst.post("/v1/lookup", json={"identifiers": []})

    assert all_ids(auditor) == [request_id]


def test_the_record_is_durable_before_a_source_is_asked(
    server: Server, analyst: httpx.Client
) -> None:
    seen: list[int] = []

    def look() -> None:
        # On a connection of its own: only what is committed is seen.
        seen.append(read(server.database_url, "SELECT COUNT(*) FROM audit_records")[0][0])

    server.directory.on_asked = look
    look_up(analyst)

    assert seen == [1]


@pytest.mark.parametrize("table", ["audit_records", "audit_completions"])
@pytest.mark.parametrize(
    "statement",
    ["UPDATE {} SET request_id = 'req_other'", "DELETE FROM {}", "DELETE FROM {} WHERE 1 = 1"],
)
def test_the_database_refuses_to_change_or_remove_a_line(
    server: Server, analyst: httpx.Client, table: str, statement: str
) -> None:
    look_up(analyst)
    before = read(server.database_url, f"SELECT * FROM {table}")

    with pytest.raises(DatabaseFailed):
        alter(server.database_url, statement.format(table))

    assert read(server.database_url, f"SELECT * FROM {table}") == before != []


def test_the_database_refuses_a_gap_a_second_first_line_and_a_replacement(
    server: Server, analyst: httpx.Client, dialect: str
) -> None:
    look_up(analyst)
    kept = read(server.database_url, "SELECT * FROM audit_records")
    row = "(seq, request_id, logged_at, record, leaf_hash) SELECT {}, {}, 0, record, leaf_hash"
    places = [("3", "'req_x'"), ("1", "'req_x'"), ("0", "'req_x'"), ("2", "request_id")]
    words = ["INSERT INTO", "INSERT OR REPLACE INTO"] if dialect == "sqlite" else ["INSERT INTO"]

    for word in words:
        for seq, request_id in places:
            line = f"{word} audit_records {row.format(seq, request_id)} FROM audit_records"
            with pytest.raises(DatabaseFailed):
                alter(server.database_url, line)

    assert read(server.database_url, "SELECT * FROM audit_records") == kept


def test_the_tables_can_be_undone_and_made_again(database_url: str) -> None:
    async def undo(database: Database) -> None:
        await all_migrations().down(database, "intrace", 0)
        with pytest.raises(DatabaseFailed):
            async with database.transaction() as tx:
                await tx.fetch_all("SELECT 1 FROM audit_records")
        await all_migrations().up(database)

    in_database(database_url, undo)
    assert read(database_url, "SELECT 1 FROM audit_records") == []


@pytest.mark.parametrize("dialect", ["postgresql"], indirect=True)
def test_postgresql_refuses_to_empty_the_log(server: Server, analyst: httpx.Client) -> None:
    look_up(analyst)

    with pytest.raises(DatabaseFailed):
        alter(server.database_url, "TRUNCATE audit_records CASCADE")


def test_pages_hold_every_record_once_also_while_new_ones_come(
    analyst: httpx.Client, auditor: httpx.Client
) -> None:
    made = [look_up(analyst) for _ in range(7)]

    first = auditor.get("/v1/audit", params={"limit": 3}).json()
    late = look_up(analyst)
    second = auditor.get("/v1/audit", params={"limit": 3, "cursor": first["next_cursor"]}).json()
    third = auditor.get("/v1/audit", params={"limit": 3, "cursor": second["next_cursor"]}).json()

    paged = [r["request_id"] for page in (first, second, third) for r in page["records"]]
    assert paged == made[::-1]
    assert (first["total"], second["total"], third["next_cursor"]) == (7, 8, None)
    assert all_ids(auditor)[0] == late


def test_bounds_are_inclusive_to_the_second_and_a_date_is_a_whole_day(
    server: Server, analyst: httpx.Client, auditor: httpx.Client
) -> None:
    first = look_up(analyst)
    server.clock_offset_ms[0] = 2 * DAY_MS
    second = look_up(analyst)
    told = [auditor.get(f"/v1/audit/{i}").json()["logged_at"] for i in (first, second)]
    day = told[1][:10]

    assert all_ids(auditor, **{"from": told[0], "to": told[1]}) == [second, first]
    assert all_ids(auditor, to=told[0]) == [first]
    assert all_ids(auditor, **{"from": told[1]}) == [second]
    assert all_ids(auditor, **{"from": told[0][:-1] + ".001Z", "to": told[1]}) == [second]
    assert all_ids(auditor, **{"from": day, "to": day}) == [second]
    assert all_ids(auditor, **{"from": told[1], "to": told[0]}) == []


def test_records_are_found_by_person(server: Server, auditor: httpx.Client) -> None:
    made = {}
    for name in ("bob", "eve"):
        with server.user(name) as client:
            made[name] = look_up(client)

    assert all_ids(auditor, user_id="bob") == [made["bob"]]
    assert all_ids(auditor, user_id="nobody") == []
    assert all_ids(auditor, user_id="bob\x00") == []


@pytest.mark.parametrize("dialect", ["sqlite"], indirect=True)
def test_wrong_parameters_are_told_by_name(auditor: httpx.Client) -> None:
    for name, value in [
        ("limit", "0"),
        ("limit", "1001"),
        ("limit", "many"),
        ("from", "yesterday"),
        ("from", "2026-02-30"),
        ("to", "2026-06-02T14:32:00"),
        ("to", "1748000000"),
        ("cursor", "-1"),
        ("cursor", "9" * 30),
        ("user_id", "x" * 256),
    ]:
        answer = auditor.get("/v1/audit", params={name: value})
        error = answer.json()["error"]
        assert (answer.status_code, error["code"]) == (400, "field_invalid"), (name, value)
        assert [d["field"] for d in error["details"]] == [name]
        assert value not in error["details"][0]["issue"]


@pytest.mark.parametrize(
    "request_id", ["req_01JNQBC4X8Y2Z3A", "req_" + "0" * 26, "%00", "é", "..%2f"]
)
def test_an_unknown_record_is_not_found(auditor: httpx.Client, request_id: str) -> None:
    answer = auditor.get(f"/v1/audit/{request_id}")

    assert (answer.status_code, answer.json()["error"]["code"]) == (404, "not_found")


@pytest.mark.parametrize("dialect", ["sqlite"], indirect=True)
def test_the_log_needs_its_scope(analyst: httpx.Client) -> None:
    for path in ("/v1/audit", "/v1/audit/req_" + "0" * 26):
        answer = analyst.get(path)
        error = answer.json()["error"]
        assert (answer.status_code, error["code"]) == (403, "insufficient_scope")
        assert "audit:read" in error["details"][0]["issue"]


@pytest.mark.parametrize(
    ("text", "first", "last"),
    [
        ("1970-01-02", DAY_MS, 2 * DAY_MS - 1),
        ("1970-01-01T00:00:01Z", 1000, 1000),
        ("1970-01-01t01:00:00.5+01:00", 500, 500),
        ("1970-01-01T00:00:60z", 59_000, 59_000),
        ("0001-01-01T00:00:00+14:00", -62_135_647_200_000, -62_135_647_200_000),
    ],
)
def test_times_are_read_as_rfc_3339_has_them(text: str, first: int, last: int) -> None:
    assert (parse_first(text), parse_last(text)) == (first, last)
