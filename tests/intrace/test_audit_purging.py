"""Retention: what is lost, what stays, and that nothing else can be lost, on both databases."""

from __future__ import annotations

import hashlib

import httpx
import pytest
from tests.intrace.lookup_calls import ADA, look_up
from tests.intrace.serving import Server, alter, read
from tests.intrace.tampering import check, tamper

from tracewell.intrace.audit.checking import Outside
from tracewell.intrace.audit.findings import KnownHead, Problem
from tracewell.intrace.audit.model import Purge
from tracewell.kernel.clock import DAY_MS
from tracewell.kernel.database import DatabaseFailed
from tracewell.kernel.merkle import verify_inclusion

SECRET = "case-that-is-forgotten"


def made(client: httpx.Client, count: int, reference: str) -> list[str]:
    return [
        look_up(client, ADA, requester_reference=reference).json()["request_id"]
        for _ in range(count)
    ]


@pytest.fixture
def old(server: Server, analyst: httpx.Client) -> list[str]:
    """Requests of 400 days ago."""
    server.clock_offset_ms[0] = -400 * DAY_MS
    requests = made(analyst, 3, SECRET)
    server.clock_offset_ms[0] = 0
    return requests


def purge(server: Server, days: int = 365) -> Purge | None:
    return server.run(server.intrace.audit.purge_expired(days))


def test_expired_records_lose_their_content_and_every_proof_still_holds(
    server: Server, analyst: httpx.Client, auditor: httpx.Client, old: list[str]
) -> None:
    head = server.run(server.intrace.tree.head())
    kept = server.run(server.intrace.tree.list_leaves(0, 1000)).hashes
    young = made(analyst, 2, "case 8")

    done = purge(server)

    assert done is not None
    assert (done.through_seq, done.record_count, purge(server)) == (3, 3, None)
    page = auditor.get("/v1/audit").json()
    assert ([r["request_id"] for r in page["records"]], page["total"]) == (young[::-1], 2)
    assert [auditor.get(f"/v1/audit/{r}").status_code for r in (old[0], young[0])] == [404, 200]
    keys = server.signing.verification_keys()
    outside = Outside(keys, [KnownHead(head.checkpoint, "the auditor")], kept)
    checked = check(server.database_url, outside)
    assert checked.findings.told == []
    assert (checked.size, checked.records, checked.purged) == (11, 5, 3)
    gone = auditor.get(f"/v1/audit/{old[1]}/inclusion").json()["record"]
    assert gone["entry"] is None
    found = server.run(server.intrace.tree.inclusion(old[1]))
    top = found.head.checkpoint
    proof = found.record.proof
    assert verify_inclusion(kept[2], proof.leaf, top.size, proof.hashes, top.root)
    for request_id in young:
        found = server.run(server.intrace.tree.inclusion(request_id))
        assert found.record.entry is not None
        found.record.proof.verify(found.record.entry, keys)


def test_nothing_of_a_purged_record_is_left_in_its_row(server: Server, old: list[str]) -> None:
    purge(server)

    rows = read(server.database_url, "SELECT * FROM audit_records ORDER BY seq")
    assert [row[1] for row in rows] == old
    assert all(SECRET.encode() not in bytes(row[4]) and row[4] == b"" for row in rows)
    assert [row[2] for row in rows] == [None] * 3


def test_a_purge_is_a_leaf_of_the_log(server: Server, old: list[str]) -> None:
    purge(server)

    [(leaf, through, count)] = read(
        server.database_url, "SELECT leaf, through_seq, record_count FROM audit_purges"
    )
    assert (leaf, through, count) == (6, 3, 3)
    tamper(server.database_url, "UPDATE audit_purges SET record_count = 2")
    outside = Outside(server.signing.verification_keys())
    [finding] = check(server.database_url, outside).findings.told
    assert (finding.problem, finding.first) == (Problem.EDITED, 6)


def test_many_expired_records_go_a_bounded_number_at_a_time(
    server: Server, old: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tracewell.intrace.audit.service.PURGED_AT_ONCE_MAX", 2)

    done = [purge(server) for _ in range(3)]

    assert [(p.through_seq, p.record_count) if p else None for p in done] == [(2, 2), (3, 1), None]
    rows = read(server.database_url, "SELECT length(record) FROM audit_records")
    assert rows == [(0,)] * 3
    assert check(server.database_url, Outside(server.signing.verification_keys())).is_whole


def test_records_expire_in_their_order_and_only_after_their_days(
    server: Server, analyst: httpx.Client, old: list[str]
) -> None:
    assert purge(server, days=401) is None
    server.clock_offset_ms[0] = -380 * DAY_MS
    made(analyst, 1, "case 9")
    server.clock_offset_ms[0] = 0

    first = purge(server, days=390)
    assert first is not None
    assert (first.through_seq, first.record_count) == (3, 3)
    second = purge(server, days=370)
    assert second is not None
    assert (second.through_seq, second.record_count) == (4, 1)


REFUSED = [
    # Too young, too far, in the tree's place of another leaf.
    "INSERT INTO audit_purges SELECT MAX(idx) + 1, 0, 4, 4 FROM audit_nodes WHERE level = 0",
    "INSERT INTO audit_purges SELECT MAX(idx) + 1, 0, 9, 9 FROM audit_nodes WHERE level = 0",
    "INSERT INTO audit_purges SELECT MAX(idx) + 2, 0, 4, 4 FROM audit_nodes WHERE level = 0",
    # The content of a record that no purge covers, or something else of one that is covered.
    "UPDATE audit_records SET record = {nothing}, user_id = NULL WHERE seq = 4",
    "UPDATE audit_records SET record = leaf_hash, user_id = NULL WHERE seq = 1",
    "UPDATE audit_records SET logged_at = 0 WHERE seq = 1",
    "UPDATE audit_records SET user_id = 'eve' WHERE seq = 1",
    "UPDATE audit_records SET leaf = 99 WHERE seq = 1",
    "UPDATE audit_purges SET through_seq = 4",
    "DELETE FROM audit_purges",
    "DELETE FROM audit_records WHERE seq = 1",
    "UPDATE audit_nodes SET hash = hash",
    "DELETE FROM audit_nodes",
    "UPDATE audit_checkpoints SET note = ''",
    "DELETE FROM audit_checkpoints",
    "INSERT INTO audit_nodes SELECT 0, MAX(idx) + 2, hash FROM audit_nodes GROUP BY hash",
]


def test_the_database_permits_a_purge_and_nothing_else(
    server: Server, analyst: httpx.Client, dialect: str, old: list[str]
) -> None:
    made(analyst, 1, "young")
    purge(server)
    server.run(server.intrace.tree.head())
    nothing = "x''" if dialect == "sqlite" else "''::bytea"
    before = fingerprint(server)

    for statement in REFUSED:
        with pytest.raises(DatabaseFailed):
            alter(server.database_url, statement.format(nothing=nothing))
        assert fingerprint(server) == before, statement


def fingerprint(server: Server) -> str:
    """A hash of all that the log holds."""
    found = hashlib.sha256()
    for table, order in (("audit_records", "seq"), ("audit_completions", "leaf"),
                         ("audit_purges", "leaf"), ("audit_nodes", "level, idx"),
                         ("audit_checkpoints", "size")):  # fmt: skip
        rows = read(server.database_url, f"SELECT * FROM {table} ORDER BY {order}")
        found.update(repr(rows).encode())
    return found.hexdigest()
