"""What proves a report besides its signature: the log's proof in the bundle, and time stamps."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
from tests.intrace.serving import Options, Server, alter, read, serve
from tests.intrace.test_reports_pdf import text_of
from tests.timestamp_authority import Authority, make_authority, serve_authority

from tracewell.intrace.reports.authority import TimestampAuthority
from tracewell.kernel.clock import parse_utc
from tracewell.kernel.signing import (
    TimestampMissing,
    VerifiedBundle,
    parse_bundle,
    parse_jwks,
    verify_bundle,
)
from tracewell.kernel.signing.timestamps import parse_roots

ADA = {"identifiers": [{"type": "email", "value": "ada@lovelace.example.com"}]}


def look_up(client: httpx.Client) -> str:
    answer = client.post("/v1/lookup", json=ADA)
    assert answer.status_code == 200
    request_id: str = answer.json()["request_id"]
    return request_id


def verified(
    server: Server, client: httpx.Client, request_id: str, authority: Authority | None = None
) -> VerifiedBundle:
    bundle = parse_bundle(client.get(f"/v1/reports/{request_id}").content)
    roots = parse_roots(authority.roots.read_bytes()) if authority is not None else []
    return verify_bundle(bundle, parse_jwks(server.signing.jwks()), roots)


def test_the_bundle_proves_offline_that_the_audit_log_holds_the_report(
    server: Server, analyst: httpx.Client
) -> None:
    ids = [look_up(analyst) for _ in range(5)]
    leaves = []
    for request_id in ids:
        found = verified(server, analyst, request_id)
        assert found.logged is not None
        assert found.logged.origin == "tracewell-audit/org_test"
        assert abs(found.logged.at_ms - found.signed_at_ms) < 60_000
        leaves.append(found.logged.leaf)
        assert found.timestamp is None
    assert leaves == sorted(set(leaves))


def test_no_bundle_is_given_out_of_a_log_that_was_altered(
    server: Server, analyst: httpx.Client
) -> None:
    request_id = look_up(analyst)
    assert verified(server, analyst, request_id).logged is not None
    if server.database_url.startswith("sqlite"):
        [(trigger,)] = read(
            server.database_url,
            "SELECT name FROM sqlite_master WHERE type = 'trigger' AND tbl_name = :t"
            " AND sql LIKE '%BEFORE UPDATE%'", t="audit_completions",
        )  # fmt: skip
        alter(server.database_url, f"DROP TRIGGER {trigger}")
    else:
        alter(server.database_url, "ALTER TABLE audit_completions DISABLE TRIGGER ALL")
    alter(server.database_url, "UPDATE audit_completions SET completed_at = 0")

    answer = analyst.get(f"/v1/reports/{request_id}")
    assert (answer.status_code, answer.json()["error"]["code"]) == (500, "internal_error")


@pytest.fixture
def authority(tmp_path: Path) -> Iterator[Authority]:
    with serve_authority(make_authority(tmp_path / "authority")) as served:
        yield served


@pytest.fixture
def stamped(database_url: str, tmp_path: Path, authority: Authority) -> Iterator[Server]:
    """A server whose reports are stamped by the authority, whenever the test says so."""
    roots = parse_roots(authority.roots.read_bytes())
    options = Options(authority=TimestampAuthority(authority.url, roots, timeout_s=5))
    with serve(database_url, tmp_path, options) as started:
        yield started


def ask(server: Server) -> int:
    stamping = server.intrace.stamping
    assert stamping is not None
    return server.run(stamping.stamp_due())


def test_a_report_is_stamped_after_it_was_answered(stamped: Server, authority: Authority) -> None:
    with stamped.client() as client:
        request_id = look_up(client)
        assert authority.requests == []
        assert verified(stamped, client, request_id).timestamp is TimestampMissing.PENDING

        assert ask(stamped) == 1

        found = verified(stamped, client, request_id, authority)
        assert not isinstance(found.timestamp, TimestampMissing)
        assert found.timestamp is not None
        assert found.timestamp.proven
        assert abs(found.timestamp.at_ms - int(time.time() * 1000)) < 600_000
        assert ask(stamped) == 0
    assert len(authority.requests) == 1


@pytest.mark.parametrize("dialect", ["sqlite"], indirect=True)
@pytest.mark.parametrize(
    ("mood", "told"),
    [
        ("refusing", TimestampMissing.REFUSED),
        ("babbling", TimestampMissing.INVALID),
        ("flooding", TimestampMissing.NOT_ANSWERED),
        ("failing", TimestampMissing.NOT_ANSWERED),
    ],
)
def test_an_authority_that_gives_no_stamp_is_told_and_asked_again(
    stamped: Server,
    authority: Authority,
    mood: str,
    told: TimestampMissing,
    caplog: pytest.LogCaptureFixture,
) -> None:
    authority.mood = mood
    with stamped.client() as client:
        request_id = look_up(client)
        assert ask(stamped) == 1

        assert verified(stamped, client, request_id).timestamp is told
        assert stamped.intrace.stamping is not None
        assert stamped.intrace.stamping.problem is not None
        assert request_id in caplog.text
        assert ask(stamped) == 0, "not at once"
        authority.mood = "granting"
        stamped.clock_offset_ms[0] = 6_000
        assert ask(stamped) == 1
        assert verified(stamped, client, request_id, authority).unchecked == ()
        assert stamped.intrace.stamping.problem is None


@pytest.mark.parametrize("dialect", ["sqlite"], indirect=True)
def test_an_answer_to_another_request_is_not_taken(stamped: Server, authority: Authority) -> None:
    with stamped.client() as client:
        look_up(client)
        ask(stamped)
        authority.mood = "replaying"
        request_id = look_up(client)
        ask(stamped)
        assert verified(stamped, client, request_id).timestamp is TimestampMissing.INVALID


@pytest.mark.parametrize("dialect", ["sqlite"], indirect=True)
def test_the_wait_doubles_up_to_an_hour(stamped: Server, authority: Authority) -> None:
    authority.mood = "failing"
    waits = []
    with stamped.client() as client:
        look_up(client)
        for _ in range(14):
            ask(stamped)
            [(next_at,)] = read(stamped.database_url, "SELECT next_at FROM report_timestamps")
            now = int(time.time() * 1000) + stamped.clock_offset_ms[0]
            waits.append(round((next_at - now) / 1000))
            stamped.clock_offset_ms[0] += next_at - now + 1
    for wait, expected in zip(waits, [5 * 2**n for n in range(14)], strict=True):
        assert abs(wait - min(expected, 3_600)) <= 3


def test_two_processes_do_not_stamp_one_report_twice(stamped: Server, authority: Authority) -> None:
    with stamped.client() as client:
        for _ in range(6):
            look_up(client)

    async def both() -> list[int]:
        stamping = stamped.intrace.stamping
        assert stamping is not None
        return list(await asyncio.gather(stamping.stamp_due(), stamping.stamp_due()))

    assert sum(stamped.run(both())) == 6
    assert len(authority.requests) == 6


@pytest.mark.parametrize("dialect", ["sqlite"], indirect=True)
def test_the_pdf_tells_of_log_and_time_stamp(stamped: Server, authority: Authority) -> None:
    with stamped.client() as client:
        request_id = look_up(client)
        path = f"/v1/reports/{request_id}/pdf"
        before = text_of(client.get(path).content, authority.folder)
        ask(stamped)
        after = text_of(client.get(path).content, authority.folder)
    assert "the authority is being asked" in before
    assert "by an authority (RFC 3161)" in after
    assert "proven in the attached report" in after


def test_an_erased_report_takes_its_stamp_with_it(stamped: Server) -> None:
    with stamped.client() as client:
        request_id = look_up(client)
        ask(stamped)
        assert client.delete(f"/v1/lookup/{request_id}").status_code in (200, 204)
    assert read(stamped.database_url, "SELECT COUNT(*) FROM report_timestamps") == [(0,)]


def test_the_log_dates_a_report_by_its_own_clock(server: Server, analyst: httpx.Client) -> None:
    request_id = look_up(analyst)
    proof = parse_bundle(analyst.get(f"/v1/reports/{request_id}").content).log_proof
    assert proof is not None
    entry = json.loads(proof.entry)
    assert entry["completion"]["request_id"] == request_id
    assert parse_utc(entry["completion"]["completed_at"]) > 0
