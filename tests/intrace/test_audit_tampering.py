"""Six ways to alter the log with the database in hand, six detections, on both databases."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import httpx
import pytest
from tests.intrace.lookup_calls import ADA, look_up
from tests.intrace.serving import Server, read
from tests.intrace.tampering import (
    check,
    delete_past_foreign_keys,
    rebuild_tree,
    tamper,
)

from tracewell.intrace.audit.checking import CheckedLog, Outside
from tracewell.intrace.audit.findings import Finding, KnownHead, Problem


@dataclass
class Logged:
    """A log of six lookups: records are its even leaves, completions the odd ones."""

    server: Server
    requests: list[str]
    outside: Outside
    everything: Outside

    def check(self, outside: Outside | None = None) -> CheckedLog:
        return check(self.server.database_url, outside or self.outside)

    def tamper(self, *statements: object, **params: object) -> None:
        tamper(self.server.database_url, *statements, **params)  # type: ignore[arg-type]


@pytest.fixture
def logged(server: Server, analyst: httpx.Client) -> Logged:
    """`outside` knows the public keys alone, `everything` an old head and the leaves' hashes."""
    requests = [look_up(analyst, ADA).json()["request_id"] for _ in range(4)]
    head = server.run(server.intrace.tree.head())
    leaves = server.run(server.intrace.tree.list_leaves(0, 1000)).hashes
    requests += [look_up(analyst, ADA).json()["request_id"] for _ in range(2)]
    keys = server.signing.verification_keys()
    everything = Outside(keys, [KnownHead(head.checkpoint, "the auditor")], leaves)
    return Logged(server, requests, Outside(keys), everything)


def told(findings: Sequence[Finding]) -> set[tuple[Problem, int, tuple[str, ...]]]:
    return {(f.problem, f.first, f.request_ids) for f in findings}


def test_an_honest_log_is_whole(logged: Logged) -> None:
    checked = logged.check(logged.everything)

    assert checked.findings.told == []
    assert (checked.size, checked.records, checked.heads_matched) == (12, 6, 2)
    assert checked.root == logged.server.run(logged.server.intrace.tree.head()).checkpoint.root


def test_an_edited_record_is_named(logged: Logged) -> None:
    logged.tamper(
        "UPDATE audit_records SET record = :record WHERE seq = 3",
        record=read(logged.server.database_url, "SELECT record FROM audit_records WHERE seq = 3")[0]
        [0].replace(b"analyst-bot", b"janitor-bot"),
    )  # fmt: skip

    assert (Problem.EDITED, 4, (logged.requests[2],)) in told(logged.check().findings.told)
    assert {f.first for f in logged.check().findings.told} == {4}


@pytest.mark.parametrize(
    ("column", "value"), [("user_id", "'eve'"), ("logged_at", "logged_at + 1000")]
)
def test_an_edited_column_that_repeats_the_record_is_named(
    logged: Logged, column: str, value: str
) -> None:
    logged.tamper(f"UPDATE audit_records SET {column} = {value} WHERE seq = 3")

    [finding] = logged.check().findings.told
    assert (finding.problem, finding.request_ids) == (Problem.EDITED, (logged.requests[2],))
    assert column in finding.detail


def test_an_edited_completion_is_named(logged: Logged) -> None:
    logged.tamper(
        "UPDATE audit_completions SET report_hash = 'sha256:00' WHERE request_id = :request_id",
        request_id=logged.requests[1],
    )

    [finding] = logged.check().findings.told
    assert (finding.problem, finding.first) == (Problem.EDITED, 3)
    assert finding.request_ids == (logged.requests[1],)
    assert "completion" in finding.detail


def test_a_deleted_record_is_named_by_the_completion_that_is_left(logged: Logged) -> None:
    logged.tamper("DELETE FROM lookups", "DELETE FROM reports")
    delete_past_foreign_keys(logged.server.database_url, "audit_records", logged.requests[2])

    findings = told(logged.check().findings.told)
    assert (Problem.MISSING, 4, ()) in findings
    assert (Problem.MISSING, 5, (logged.requests[2],)) in findings


def test_a_deleted_lookup_is_named_by_its_leaves_and_the_request_before(logged: Logged) -> None:
    logged.tamper(
        "DELETE FROM lookups WHERE request_id = :request_id",
        "DELETE FROM reports WHERE request_id = :request_id",
        "DELETE FROM audit_completions WHERE request_id = :request_id",
        "DELETE FROM audit_records WHERE request_id = :request_id",
        request_id=logged.requests[2],
    )

    findings = [f for f in logged.check().findings.told if f.problem is Problem.MISSING]
    assert [f.first for f in findings] == [4, 5]
    assert logged.requests[1] in findings[0].detail


def test_an_inserted_record_is_named(logged: Logged) -> None:
    logged.tamper(
        "INSERT INTO audit_records (seq, request_id, user_id, logged_at, record, leaf_hash, leaf)"
        " SELECT 7, 'req_forged', NULL, logged_at, record, leaf_hash, 12 FROM audit_records"
        " WHERE seq = 6"
    )

    findings = logged.check().findings.told
    assert (Problem.INSERTED, 12, ("req_forged",)) in told(findings)


def test_a_record_inserted_between_others_is_named(logged: Logged) -> None:
    logged.tamper(
        *_shift("audit_records", "leaf", 4, 1, also=", seq = seq + 1"),
        *_shift("audit_completions", "leaf", 4, 1),
        "INSERT INTO audit_records (seq, request_id, user_id, logged_at, record, leaf_hash, leaf)"
        " SELECT 3, 'req_forged', NULL, logged_at, :record, leaf_hash, 4 FROM audit_records"
        " WHERE seq = 2",
        record=b'{"forged": true}',
    )

    findings = told(logged.check().findings.told)
    assert (Problem.INSERTED, 4, ("req_forged",)) in findings
    assert (Problem.MOVED, 5, (logged.requests[2],)) in findings


def _shift(table: str, column: str, first: int, by: int, also: str = "") -> list[str]:
    # Through negative numbers: the index is unique at every moment.
    return [
        f"UPDATE {table} SET {column} = -{column} - 1 {also and also.replace('+ 1', '+ 1000')}"
        f" WHERE {column} >= {first}",
        f"UPDATE {table} SET {column} = -({column} + 1) + {by}"
        f" {also and also.replace('+ 1', f'- 1000 + {by}')} WHERE {column} < 0",
    ]


def test_swapped_records_are_both_named(logged: Logged) -> None:
    logged.tamper(
        "UPDATE audit_records SET seq = 1000, leaf = 1000 WHERE seq = 2",
        "UPDATE audit_records SET seq = 2, leaf = 2 WHERE seq = 5",
        "UPDATE audit_records SET seq = 5, leaf = 8 WHERE seq = 1000",
    )

    assert told(logged.check().findings.told) == {
        (Problem.MOVED, 2, (logged.requests[4],)),
        (Problem.MOVED, 8, (logged.requests[1],)),
    }


def test_a_truncated_log_is_told_by_its_signed_head_in_the_database_or_outside(
    logged: Logged,
) -> None:
    cut = [
        "DELETE FROM lookups",
        "DELETE FROM reports",
        "DELETE FROM audit_completions WHERE leaf >= 6",
        "DELETE FROM audit_records WHERE leaf >= 6",
        "DELETE FROM audit_nodes WHERE level = 0 AND idx >= 6",
        "DELETE FROM audit_nodes WHERE level = 1 AND idx >= 3",
        "DELETE FROM audit_nodes WHERE level > 1 AND idx >= 1",
        "DELETE FROM audit_nodes WHERE level = 3",
    ]
    logged.tamper(*cut)

    [finding] = logged.check().findings.told
    assert (finding.problem, finding.first, finding.last) == (Problem.TRUNCATED, 6, 7)
    logged.tamper("DELETE FROM audit_checkpoints")
    assert logged.check().is_whole  # nothing inside contradicts itself any more
    [finding] = logged.check(logged.everything).findings.told
    assert (finding.problem, finding.first, finding.last) == (Problem.TRUNCATED, 6, 7)


def test_a_whole_rewrite_is_told_by_an_old_head_and_the_record_by_kept_hashes(
    logged: Logged,
) -> None:
    logged.tamper(
        "UPDATE audit_records SET record = :record WHERE seq = 3",
        rebuild_tree,
        record=read(logged.server.database_url, "SELECT record FROM audit_records WHERE seq = 3")[0]
        [0].replace(b"analyst-bot", b"janitor-bot"),
    )  # fmt: skip

    assert logged.check().is_whole
    head_only = Outside(logged.everything.keys, logged.everything.heads)
    [finding] = logged.check(head_only).findings.told
    assert (finding.problem, finding.first, finding.last) == (Problem.REWRITTEN, 0, 7)
    assert logged.requests[2] in finding.request_ids
    findings = told(logged.check(logged.everything).findings.told)
    assert (Problem.REWRITTEN, 4, (logged.requests[2],)) in findings


def test_stored_heads_narrow_a_rewrite_down_and_cannot_be_forged(logged: Logged) -> None:
    logged.server.run(logged.server.intrace.tree.head())
    logged.tamper(
        "UPDATE audit_records SET record = :record WHERE seq = 5",
        record=read(logged.server.database_url, "SELECT record FROM audit_records WHERE seq = 5")[0]
        [0].replace(b"analyst-bot", b"janitor-bot"),
    )  # fmt: skip
    kept = read(logged.server.database_url, "SELECT size, note, key_id FROM audit_checkpoints")
    logged.tamper(rebuild_tree)
    for size, note, key_id in kept:
        logged.tamper(
            "INSERT INTO audit_checkpoints (size, note, key_id, signed_at)"
            " VALUES (:size, :note, :key_id, 0)",
            size=size,
            note=note,
            key_id=key_id,
        )

    [finding] = logged.check().findings.told
    assert (finding.problem, finding.first, finding.last) == (Problem.REWRITTEN, 8, 11)
    assert finding.request_ids[0] == logged.requests[4]
    logged.tamper("UPDATE audit_checkpoints SET note = REPLACE(note, 'org_test', 'org_tesx')")
    assert {f.problem for f in logged.check().findings.told} == {Problem.HEAD_INVALID}


def test_an_altered_node_of_the_tree_is_told_with_the_leaves_below_it(logged: Logged) -> None:
    logged.tamper("UPDATE audit_nodes SET hash = :hash WHERE level = 1 AND idx = 3", hash=bytes(32))

    [finding] = logged.check().findings.told
    assert (finding.problem, finding.first, finding.last) == (Problem.NODE_ALTERED, 6, 7)


def test_content_that_goes_without_a_logged_purge_is_named(logged: Logged) -> None:
    logged.tamper("UPDATE audit_records SET record = :none, user_id = NULL WHERE seq = 2", none=b"")

    assert told(logged.check().findings.told) == {(Problem.ERASED, 2, (logged.requests[1],))}


@pytest.mark.parametrize("dialect", ["sqlite"], indirect=True)
@pytest.mark.parametrize(
    ("column", "value", "leaf"),
    [
        ("audit_records.record", "CAST(record AS TEXT)", 4),
        ("audit_records.record", "7", 4),
        ("audit_records.logged_at", "'yesterday'", 4),
        ("audit_records.user_id", "x'00'", 4),
        ("audit_records.leaf_hash", "'hash'", 4),
        ("audit_records.seq", "'three'", 4),
        ("audit_records.leaf", "'four'", 4),
        ("audit_completions.completed_at", "'yesterday'", 5),
        ("audit_completions.report_hash", "x'00'", 5),
        ("audit_completions.leaf", "'five'", 5),
    ],
)
def test_a_value_of_another_type_is_named_like_any_edit(
    logged: Logged, column: str, value: str, leaf: int
) -> None:
    table, _, name = column.partition(".")
    wanted = logged.requests[2]
    logged.tamper(f"UPDATE {table} SET {name} = {value} WHERE request_id = '{wanted}'")

    found = logged.check().findings.told
    assert leaf in {f.first for f in found}
    assert wanted in {request_id for f in found for request_id in f.request_ids}


@pytest.mark.parametrize("dialect", ["sqlite"], indirect=True)
@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE audit_nodes SET hash = 'a text that has thirty-two signs' WHERE level = {level}",
        "UPDATE audit_checkpoints SET note = x'00'",
        "UPDATE audit_checkpoints SET size = 'many'",
    ],
)
@pytest.mark.parametrize("level", [0, 1])
def test_a_tree_of_other_types_is_told(logged: Logged, statement: str, level: int) -> None:
    assert len("a text that has thirty-two signs") == 32
    logged.tamper(statement.format(level=level))
    problems = {f.problem for f in logged.check().findings.told}
    assert problems & {Problem.NODE_ALTERED, Problem.HEAD_INVALID, Problem.EDITED}


@pytest.mark.parametrize(
    ("table", "column", "value"),
    [
        ("audit_records", "leaf", 1 << 62),
        ("audit_completions", "leaf", 1 << 62),
        ("audit_completions", "leaf", -5),
        ("audit_completions", "completed_at", 1 << 62),
        ("audit_records", "logged_at", -(1 << 62)),
    ],
)
def test_a_number_out_of_all_bounds_is_named_and_the_check_ends(
    logged: Logged, table: str, column: str, value: int
) -> None:
    wanted = logged.requests[2]
    logged.tamper(f"UPDATE {table} SET {column} = {value} WHERE request_id = '{wanted}'")

    found = logged.check().findings.told
    assert wanted in {request_id for f in found for request_id in f.request_ids}


def test_a_leaf_that_is_put_far_behind_the_tree_is_told(logged: Logged) -> None:
    logged.tamper(
        "INSERT INTO audit_nodes (level, idx, hash) VALUES (0, :idx, :hash)",
        idx=1 << 62, hash=bytes(32),
    )  # fmt: skip
    found = logged.check().findings.told
    assert f"the tree has {(1 << 62) + 1} leaves and holds the hashes of 13" in {
        f.detail for f in found
    }
