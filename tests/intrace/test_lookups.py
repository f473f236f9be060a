"""Lookups over real HTTP, on both databases: answers, refusals, proofs, retention."""

from __future__ import annotations

import base64
import itertools
import json
import re
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import httpx
from tests.intrace.lookup_calls import ADA, RECORD, error_of, look_up
from tests.intrace.serving import Options, Server, read, serve

from tracewell.kernel.signing import canonical_json, hash_payload, parse_jwks, verify_detached
from tracewell.kernel.signing.bundle import REPORT_TYPE


def test_a_lookup_answers_with_entities_sources_coverage_audit_and_report(
    server: Server, analyst: httpx.Client
) -> None:
    server.directory.records[ADA[1]] = [("p1", RECORD)]

    answer = look_up(analyst, ADA, ("phone", "+390612345678"), requester_reference="case 7")

    assert answer.status_code == 200
    result = answer.json()
    assert result["request_id"] == answer.headers["x-request-id"]
    assert re.fullmatch(r"req_[0-9A-Z]{26}", result["request_id"])
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ", result["queried_at"])
    assert result["resolution"]["status"] == "resolved"
    assert result["resolution"]["entity_count"] == len(result["entities"]) == 1
    profile = result["entities"][0]["profile"]
    assert [n["name"] for n in profile["person"]["names"]] == ["Ada Lovelace"]
    cited = profile["person"]["names"][0]["sources"]
    assert {s["source_id"] for s in result["sources"]} >= set(cited)
    assert [i["submitted"] for i in result["identifiers"]] == [ADA[1], "+390612345678"]
    assert {c["connector_id"]: c["status"] for c in result["coverage"]} == {
        "directory": "answered",
        "moody": "empty",
        "phone_plan": "answered",
        "email_domain": "answered",
    }
    assert result["audit"]["identifiers_queried"] == 2
    assert result["audit"]["requester_reference"] == "case 7"


def test_the_answer_is_canonical_json_and_its_report_member_proves_the_rest(
    server: Server, analyst: httpx.Client
) -> None:
    server.directory.records[ADA[1]] = [("p1", RECORD)]

    answer = look_up(analyst, ADA)

    result = answer.json()
    assert canonical_json(result) == answer.content
    report = result.pop("report")
    payload = canonical_json(result)
    assert report["hash"] == hash_payload(payload)
    bundle = analyst.get(f"/v1/reports/{result['request_id']}").json()
    assert base64.b64decode(bundle["payload"]) == payload
    keys = parse_jwks(server.signing.jwks())
    verified = verify_detached(payload, bundle["signature"], keys, typ=REPORT_TYPE)
    assert verified.kid == report["key_id"]


def test_the_same_object_is_given_again_byte_for_byte(analyst: httpx.Client) -> None:
    made = look_up(analyst, ADA)

    again = analyst.get(f"/v1/lookup/{made.json()['request_id']}")

    assert again.status_code == 200
    assert again.content == made.content


def test_a_hanging_source_is_told_and_holds_nobody_up(
    server: Server, analyst: httpx.Client
) -> None:
    server.directory.records[ADA[1]] = [("p1", RECORD)]
    server.moody.mood = "hanging"

    result = look_up(analyst, ADA).json()

    coverage = {c["connector_id"]: c for c in result["coverage"]}
    assert coverage["moody"]["status"] == "timed_out"
    assert coverage["directory"]["status"] == "answered"
    assert "Did not answer in time: moody." in result["coverage_note"]
    assert result["coverage_note"].endswith("A silent source is no evidence of absence.")


def test_a_source_that_raises_fails_alone_and_its_words_are_not_told(
    server: Server, analyst: httpx.Client
) -> None:
    server.moody.mood = "raising"

    result = look_up(analyst, ADA).json()

    failed = next(c for c in result["coverage"] if c["connector_id"] == "moody")
    assert failed["status"] == "failed"
    assert ADA[1] not in json.dumps(result["coverage"])


def test_only_the_connectors_of_the_request_are_asked(
    server: Server, analyst: httpx.Client
) -> None:
    result = look_up(analyst, ADA, connectors=["email_domain"]).json()

    coverage = {c["connector_id"]: c["status"] for c in result["coverage"]}
    assert coverage["email_domain"] == "answered"
    assert coverage["directory"] == "skipped"
    assert server.directory.asked == []


def test_a_deep_lookup_follows_what_it_finds_and_ends(
    server: Server, analyst: httpx.Client
) -> None:
    chain = [f"p{n}@chain.example.com" for n in range(6)]
    for here, there in itertools.pairwise(chain):
        statements = [
            ("person.name", "Ada Lovelace"), ("email.address", here), ("email.address", there),
        ]  # fmt: skip
        server.directory.records[here] = [(here, statements)]

    standard = look_up(analyst, ("email", chain[0])).json()
    assert server.directory.asked == [chain[0]]
    server.directory.asked.clear()
    deep = look_up(analyst, ("email", chain[0]), depth="deep").json()

    assert server.directory.asked == chain[:3]
    assert [(i["normalized"], i["round"], i["submitted"]) for i in deep["identifiers"]] == [
        (chain[0], 0, chain[0]),
        (chain[1], 1, None),
        (chain[2], 2, None),
    ]
    assert deep["audit"]["identifiers_queried"] == 1
    assert len(deep["sources"]) > len(standard["sources"])
    cited = set(re.findall(r"src_[0-9A-Z]{26}", json.dumps(deep["entities"])))
    assert cited <= {s["source_id"] for s in deep["sources"]}


def test_a_deep_lookup_asks_about_a_profile_page_by_its_address(
    server: Server, analyst: httpx.Client
) -> None:
    server.directory.records[ADA[1]] = [("p1", [*RECORD, ("social.account", "github:ada")])]

    deep = look_up(analyst, ADA, depth="deep").json()

    followed = [(i["type"], i["normalized"]) for i in deep["identifiers"] if i["round"] == 1]
    assert followed == [("phone", "+390612345678"), ("social_url", "https://github.com/ada")]


def test_a_refused_deep_lookup_costs_nothing_of_the_general_limit(
    database_url: str, tmp_path: Path
) -> None:
    options = Options(requests_per_minute=3, deep_per_minute=1)
    with serve(database_url, tmp_path, options) as server, server.client() as client:
        assert look_up(client, ADA, depth="deep").status_code == 200
        for _ in range(3):
            refused = look_up(client, ADA, depth="deep")
            assert refused.status_code == 429
            assert error_of(refused)["code"] == "rate_limit_exceeded"
            assert 1 <= int(refused.headers["retry-after"]) <= 60
        last = [look_up(client, ADA).status_code for _ in range(3)]

    assert last == [200, 200, 429]


def test_a_caller_sees_only_lookups_of_its_own(server: Server, analyst: httpx.Client) -> None:
    mine = look_up(analyst, ADA).json()["request_id"]
    with server.user("bob") as bob:
        theirs = look_up(bob, ADA).json()["request_id"]

        refused = bob.get(f"/v1/lookup/{mine}")
        erased = bob.delete(f"/v1/lookup/{mine}")
        listed = bob.get("/v1/lookup").json()["lookups"]
        bundle = bob.get(f"/v1/reports/{mine}")

    assert (refused.status_code, error_of(refused)["code"]) == (404, "not_found")
    assert erased.status_code == bundle.status_code == 404
    assert [lookup["request_id"] for lookup in listed] == [theirs]
    assert analyst.get(f"/v1/lookup/{mine}").status_code == 200


def test_reading_anothers_lookup_needs_audit_rights_and_leaves_a_record(
    server: Server, analyst: httpx.Client
) -> None:
    made = look_up(analyst, ADA)
    request_id = made.json()["request_id"]
    with server.client("supervisor") as supervisor:
        seen = supervisor.get(f"/v1/lookup/{request_id}")
        bundle = supervisor.get(f"/v1/reports/{request_id}")
        log = supervisor.get("/v1/audit").json()

    assert seen.content == made.content
    assert [r.get("accessed") for r in log["records"]] == [
        {"resource": "report", "request_id": request_id},
        {"resource": "lookup", "request_id": request_id},
        None,
    ]
    assert [r["request_id"] for r in log["records"][:2]] == [
        bundle.headers["x-request-id"],
        seen.headers["x-request-id"],
    ]
    assert log["records"][0]["principal"]["service_account_name"] == "supervisor-bot"
    analyst.get(f"/v1/lookup/{request_id}")
    assert len(read(server.database_url, "SELECT 1 FROM audit_records")) == 3


def test_own_lookups_are_paged_the_newest_first_without_anybodys_data(
    analyst: httpx.Client,
) -> None:
    made = [look_up(analyst, ADA).json()["request_id"] for _ in range(5)]

    pages, cursor = [], None
    while True:
        params = {"limit": 2, **({"cursor": cursor} if cursor else {})}
        page = analyst.get("/v1/lookup", params=params)
        assert ADA[1] not in page.text
        pages.append([lookup["request_id"] for lookup in page.json()["lookups"]])
        cursor = page.json()["next_cursor"]
        if cursor is None:
            break

    assert [len(page) for page in pages] == [2, 2, 1]
    assert [i for page in pages for i in page] == sorted(made, reverse=True)


def test_an_erased_lookup_is_gone_with_its_report_and_the_audit_record_stays(
    server: Server, analyst: httpx.Client, auditor: httpx.Client
) -> None:
    request_id = look_up(analyst, ADA).json()["request_id"]

    erased = analyst.delete(f"/v1/lookup/{request_id}")

    assert (erased.status_code, erased.content) == (204, b"")
    for path in (f"/v1/lookup/{request_id}", f"/v1/reports/{request_id}"):
        assert analyst.get(path).status_code == 404
    assert analyst.get(f"/v1/reports/{request_id}/verify").status_code == 404
    assert analyst.delete(f"/v1/lookup/{request_id}").status_code == 404
    assert auditor.get(f"/v1/audit/{request_id}").status_code == 200
    assert read(server.database_url, "SELECT 1 FROM lookups") == []
    assert read(server.database_url, "SELECT 1 FROM reports") == []


def test_a_result_is_gone_when_its_retention_ends(server: Server, analyst: httpx.Client) -> None:
    request_id = look_up(analyst, ADA).json()["request_id"]
    server.clock_offset_ms[0] = 29 * 86_400_000
    assert analyst.get(f"/v1/lookup/{request_id}").status_code == 200
    server.clock_offset_ms[0] = 30 * 86_400_000

    assert analyst.get(f"/v1/lookup/{request_id}").status_code == 404
    assert analyst.get(f"/v1/reports/{request_id}/verify").status_code == 404
    assert analyst.get("/v1/lookup").json()["lookups"] == []
    assert len(read(server.database_url, "SELECT 1 FROM reports")) == 1

    server.run(server.intrace.lookups.purge_expired())

    assert read(server.database_url, "SELECT 1 FROM reports") == []
    assert read(server.database_url, "SELECT 1 FROM lookups") == []


def test_many_lookups_at_once_are_all_answered_and_logged_without_a_gap(
    server: Server, analyst: httpx.Client
) -> None:
    server.moody.mood = "hanging"
    began = time.monotonic()
    with ThreadPoolExecutor(16) as pool:
        answers = list(pool.map(lambda _: look_up(analyst, ADA), range(32)))

    assert [a.status_code for a in answers] == [200] * 32
    assert time.monotonic() - began < 20
    places = read(server.database_url, "SELECT seq FROM audit_records ORDER BY seq")
    assert places == [(n,) for n in range(1, 33)]


def test_odd_values_of_a_source_do_not_fail_a_lookup(server: Server, analyst: httpx.Client) -> None:
    server.directory.records[ADA[1]] = [
        ("p1", [*RECORD, ("person.age", "9" * 40), ("organization.description", "a\x00\ud800b")]),
    ]  # fmt: skip

    answer = look_up(analyst, ADA)

    assert answer.status_code == 200
    assert answer.json()["entities"][0]["profile"]["person"]["age"]["value"] == "9" * 40
