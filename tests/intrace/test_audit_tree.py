"""The tree over the log: heads and proofs of a running server, verified by public keys alone."""

from __future__ import annotations

import json

import httpx
import pytest
from tests.databases import all_migrations
from tests.intrace.lookup_calls import ADA, look_up
from tests.intrace.serving import Server, alter, in_database, read

from tracewell.intrace.audit.proofs import LogAltered
from tracewell.kernel.database import Database
from tracewell.kernel.errors import ApiError
from tracewell.kernel.merkle import Frontier, verify_consistency
from tracewell.kernel.merkle_proofs import parse_inclusion_proof
from tracewell.kernel.signing import canonical_json, verify_checkpoint


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
    with pytest.raises(ValueError, match="older"):
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
