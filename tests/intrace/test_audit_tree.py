"""The tree over the log: heads and proofs of a running server, verified by public keys alone."""

from __future__ import annotations

import json

import httpx
import pytest
from tests.databases import all_migrations
from tests.intrace.lookup_calls import ADA, error_of, look_up
from tests.intrace.serving import Server, alter, in_database, read

from tracewell.intrace.audit.model import AuditPrincipal, Caller
from tracewell.intrace.audit.proofs import LogAltered
from tracewell.kernel.database import Database
from tracewell.kernel.errors import ApiError
from tracewell.kernel.merkle import Frontier, verify_consistency
from tracewell.kernel.merkle_proofs import parse_inclusion_proof
from tracewell.kernel.signing import canonical_json, parse_jwks, verify_checkpoint
from tracewell.kernel.signing.encoding import decode_base64


def made(client: httpx.Client) -> str:
    request_id: str = look_up(client, ADA).json()["request_id"]
    return request_id


def test_a_lookups_record_and_completion_are_proven_by_public_keys_alone(
    server: Server, analyst: httpx.Client
) -> None:
    answers = {}
    for _ in range(5):
        answer = look_up(analyst, ADA).json()
        answers[answer["request_id"]] = answer
    keys = server.signing.verification_keys()

    for request_id, answer in answers.items():
        inclusion = server.run(server.intrace.tree.inclusion(request_id))

        record = canonical_json(answer["audit"])
        signed = parse_inclusion_proof(inclusion.record.proof.to_text()).verify(record, keys)
        assert signed.checkpoint.origin == "tracewell-audit/org_test"
        assert inclusion.completion is not None
        assert inclusion.completion.entry is not None
        inclusion.completion.proof.verify(inclusion.completion.entry, keys)
        completion = json.loads(inclusion.completion.entry)["completion"]
        assert completion["request_id"] == request_id
        assert completion["report_hash"] == answer["report"]["hash"]
        assert completion["failure"] is None


def test_a_head_covers_all_and_is_signed_once_for_each_size(
    server: Server, analyst: httpx.Client
) -> None:
    tree = server.intrace.tree
    empty = server.run(tree.head())
    made(analyst)
    head = server.run(tree.head())

    assert empty.checkpoint.size == 0
    assert head.checkpoint.size == 2
    assert server.run(tree.head()) == head
    assert verify_checkpoint(head.note, server.signing.verification_keys()).kid
    leaves = server.run(tree.list_leaves(0, 1000))
    frontier = Frontier()
    for leaf_hash in leaves.hashes:
        frontier.append(leaf_hash)
    assert (leaves.tree_size, frontier.root()) == (2, head.checkpoint.root)
    assert len(read(server.database_url, "SELECT size FROM audit_checkpoints")) == 2


def test_every_older_head_is_proven_to_be_the_begin_of_the_newest(
    server: Server, analyst: httpx.Client
) -> None:
    heads = []
    for _ in range(4):
        heads.append(server.run(server.intrace.tree.head()).checkpoint)
        made(analyst)

    for old in heads:
        found = server.run(server.intrace.tree.consistency(old.size))
        new = found.head.checkpoint
        assert new.size == 8
        assert verify_consistency(old.size, 8, found.hashes, old.root, new.root)
    with pytest.raises(ApiError):
        server.run(server.intrace.tree.consistency(9))


def test_an_unknown_request_has_no_proof(server: Server) -> None:
    with pytest.raises(ApiError):
        server.run(server.intrace.tree.inclusion("req_" + "0" * 26))


def test_nothing_is_signed_over_a_log_that_did_not_grow_out_of_the_signed_one(
    server: Server, analyst: httpx.Client, dialect: str
) -> None:
    made(analyst)
    server.run(server.intrace.tree.head())
    made(analyst)

    unguard(server.database_url, "audit_nodes")
    alter(server.database_url, "UPDATE audit_nodes SET hash = :hash WHERE level = 1 AND idx = 0",
          hash=bytes(32))  # fmt: skip

    with pytest.raises(LogAltered, match="the first 2 leaves"):
        server.run(server.intrace.tree.head())


def unguard(url: str, *tables: str) -> None:
    """What an owner of the database can do: takes the triggers of tables away."""

    async def drop(database: Database) -> None:
        async with database.transaction() as tx:
            if tx.dialect == "postgresql":
                for table in tables:
                    await tx.execute(f"ALTER TABLE {table} DISABLE TRIGGER USER")
                return
            rows = await tx.fetch_all("SELECT name, tbl_name FROM sqlite_schema"
                                      " WHERE type = 'trigger'")  # fmt: skip
            for name, table in rows:
                if table in tables:
                    await tx.execute(f"DROP TRIGGER {name}")

    in_database(url, drop)


def test_the_tree_can_be_undone_and_made_again_over_an_existing_log(
    server: Server, analyst: httpx.Client
) -> None:
    requests = [made(analyst) for _ in range(3)]

    async def undo(database: Database) -> None:
        await all_migrations().down(database, "intrace", 1)
        await all_migrations().up(database)

    in_database(server.database_url, undo)
    server.run(server.intrace.tree.ensure_built())
    made(analyst)

    keys = server.signing.verification_keys()
    for request_id in requests:
        inclusion = server.run(server.intrace.tree.inclusion(request_id))
        for leaf in (inclusion.record, inclusion.completion):
            assert leaf is not None
            assert leaf.entry is not None
            assert leaf.proof.verify(leaf.entry, keys)


def test_the_api_gives_an_auditor_heads_leaves_and_proofs(
    server: Server, analyst: httpx.Client, auditor: httpx.Client
) -> None:
    request_id = made(analyst)
    old = auditor.get("/v1/audit/tree-head").json()
    answer = look_up(analyst, ADA).json()
    new = auditor.get("/v1/audit/tree-head").json()
    keys = parse_jwks(server.signing.jwks())

    heads = [verify_checkpoint(head["checkpoint"], keys).checkpoint for head in (old, new)]
    assert [head.size for head in heads] == [old["tree_size"], new["tree_size"]] == [2, 4]
    params = {"old_size": 2, "size": 4}
    proof = auditor.get("/v1/audit/consistency", params=params).json()["hashes"]
    hashes = [decode_base64(hashed) for hashed in proof]
    assert verify_consistency(2, 4, hashes, heads[0].root, heads[1].root)
    leaves = auditor.get("/v1/audit/leaves", params={"first": 1, "limit": 2}).json()
    assert (leaves["first"], leaves["tree_size"], len(leaves["leaf_hashes"])) == (1, 4, 2)
    inclusion = auditor.get(f"/v1/audit/{answer['request_id']}/inclusion").json()
    assert inclusion["record"]["entry"] == answer["audit"]
    for name in ("record", "completion"):
        leaf = inclusion[name]
        signed = parse_inclusion_proof(leaf["proof"]).verify(canonical_json(leaf["entry"]), keys)
        assert signed.checkpoint == heads[1]
    first = auditor.get(f"/v1/audit/{request_id}/inclusion").json()
    assert [first[name]["leaf_index"] for name in ("record", "completion")] == [0, 1]


@pytest.mark.parametrize("dialect", ["sqlite"], indirect=True)
@pytest.mark.parametrize(
    ("path", "status", "code"),
    [
        ("consistency", 400, "field_required"),
        ("consistency?old_size=-1", 400, "field_invalid"),
        ("consistency?old_size=1", 404, "not_found"),
        ("consistency?old_size=0&size=1", 404, "not_found"),
        ("leaves?limit=10001", 400, "field_invalid"),
        ("leaves?first=9223372036854775808", 400, "field_invalid"),
        ("req_00000000000000000000000000/inclusion", 404, "not_found"),
        ("%00/inclusion", 404, "not_found"),
    ],
)
def test_what_the_tree_has_not_is_refused(
    auditor: httpx.Client, path: str, status: int, code: str
) -> None:
    answer = auditor.get(f"/v1/audit/{path}")

    assert (answer.status_code, answer.json()["error"]["code"]) == (status, code)
    assert auditor.get("/v1/audit/leaves", params={"first": (1 << 63) - 1}).json()["first"]


@pytest.mark.parametrize("dialect", ["sqlite"], indirect=True)
def test_the_tree_needs_the_logs_scope(analyst: httpx.Client) -> None:
    for path in ("tree-head", "leaves", "consistency?old_size=0", f"req_{'0' * 26}/inclusion"):
        answer = analyst.get(f"/v1/audit/{path}")
        assert (answer.status_code, error_of(answer)["code"]) == (403, "insufficient_scope")


def test_an_analysis_has_its_record_and_its_completion(
    server: Server, auditor: httpx.Client
) -> None:
    caller = Caller("req_" + "1" * 26, "user:ada", AuditPrincipal(user_id="ada"), "192.0.2.1")
    audit = server.intrace.audit

    async def analyse() -> None:
        await audit.record_analysis(caller, requester_reference="case 7")
        await audit.complete_failed(caller.request_id, "unknown_entity")

    server.run(analyse())

    inclusion = auditor.get(f"/v1/audit/{caller.request_id}/inclusion").json()
    assert inclusion["record"]["entry"]["identifiers_queried"] == 0
    assert inclusion["record"]["entry"]["requester_reference"] == "case 7"
    assert inclusion["completion"]["entry"]["completion"]["failure"] == "unknown_entity"
