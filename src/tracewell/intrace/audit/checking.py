"""Checks the whole stored log: every row against its leaf, every leaf against the signed tree.

Works on the database alone, past every cache; heads and hashes from outside make it complete.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import orjson

from tracewell.intrace.audit import leaf_store, tree_store
from tracewell.intrace.audit.cells import read_whole
from tracewell.intrace.audit.findings import Finding, Findings, KnownHead, Problem, TreeCheck
from tracewell.intrace.audit.leaf_store import LeafKind, LeafRow
from tracewell.intrace.audit.purging import get_purged_through
from tracewell.kernel.clock import format_utc
from tracewell.kernel.database import Transaction
from tracewell.kernel.merkle import Frontier, Node, Span, hash_leaf
from tracewell.kernel.signing import NoteInvalid, VerificationKeys, verify_checkpoint

CHECKPOINTS_AT_ONCE = 1_000
MISMATCHES_MAX = 200_000
LEAVES_PAST_MAX = 1_000_000
"""Rows that claim leaves behind those that the tree holds are looked at so far."""

OnProgress = Callable[[int, int], None]
"""Told how many leaves of how many are done."""


@dataclass(frozen=True, slots=True)
class Outside:
    """What somebody keeps outside of the database: public keys, heads, hashes of leaves."""

    keys: VerificationKeys
    heads: Sequence[KnownHead] = ()
    leaf_hashes: Sequence[bytes] = ()


@dataclass(frozen=True, slots=True)
class CheckedLog:
    """The outcome: how large the log is, its root, how many heads agree, what is wrong."""

    size: int
    root: bytes
    records: int
    purged: int
    heads_matched: int
    findings: Findings

    @property
    def is_whole(self) -> bool:
        """Whether nothing is wrong."""
        return self.findings.count == 0


async def check_log(
    tx: Transaction, outside: Outside, on_progress: OnProgress = lambda _done, _all: None
) -> CheckedLog:
    """Checks all rows of the log in one snapshot. Raises DatabaseFailed."""
    findings = Findings()
    heads = [*outside.heads, *await _stored_heads(tx, outside.keys, findings)]
    size = await tree_store.get_size(tx)
    held = await tree_store.count_leaves(tx)
    if held != size:
        detail = f"the tree has {size} leaves and holds the hashes of {held}"
        findings.add(Finding(Problem.NODE_ALTERED, min(held, size), max(held, size), detail))
    # A leaf of any number may be claimed: the check must end all the same.
    end = min(max(size, await leaf_store.get_end(tx)), held + LEAVES_PAST_MAX)
    purged_through = await get_purged_through(tx)
    made: dict[Node, bytes] = {}
    frontier = Frontier(on_node=made.__setitem__)
    tree = TreeCheck(heads, findings, frontier, outside.leaf_hashes)
    rows_check = _RowsCheck(findings, purged_through)
    for first in range(0, end, leaf_store.CHUNK_LEAVES):
        span = Span(first, min(first + leaf_store.CHUNK_LEAVES, end))
        rows = await leaf_store.list_leaf_rows(tx, span)
        hashes = await tree_store.list_leaf_hashes(tx, span)
        rows_check.check(span, rows, hashes)
        named = {row.leaf: row.request_id for row in rows}
        for leaf, leaf_hash in enumerate(hashes, first):
            tree.add(leaf_hash, named.get(leaf))
        await _check_nodes(tx, span, made, findings)
        made.clear()
        on_progress(span.end, end)
    rows_check.finish()
    for kind, request_id in await leaf_store.list_stray_rows(tx, end):
        detail = f"a {kind} that is no leaf of the tree"
        findings.add(Finding(Problem.INSERTED, end, end, detail, (request_id,)))
    for leaf, request_id in await leaf_store.list_orphans(tx):
        detail = "the record of this completion is gone"
        findings.add(Finding(Problem.MISSING, leaf, leaf, detail, (request_id,)))
    tree.finish()
    return CheckedLog(
        size, frontier.root(), rows_check.records, rows_check.purged, tree.heads_matched, findings
    )


async def _stored_heads(
    tx: Transaction, keys: VerificationKeys, findings: Findings
) -> list[KnownHead]:
    heads: list[KnownHead] = []
    after = -1
    while page := await tree_store.list_checkpoints(tx, after, CHECKPOINTS_AT_ONCE):
        for stored in page:
            try:
                signed = verify_checkpoint(str(stored.note), keys)
            except NoteInvalid as error:
                wrong: str | None = str(error)
            else:
                same = signed.checkpoint.size == stored.size
                wrong = None if same else "of another size"
            if wrong is None:
                heads.append(KnownHead(signed.checkpoint, f"{stored.size} leaves in the database"))
            else:
                last = max((read_whole(stored.size) or 0) - 1, 0)
                detail = f"the stored head is {wrong}"
                findings.add(Finding(Problem.HEAD_INVALID, last, last, detail))
        after = page[-1].size
    return heads


async def _check_nodes(
    tx: Transaction, span: Span, made: dict[Node, bytes], findings: Findings
) -> None:
    """Compares the stored inner nodes with those that the stored leaves make."""
    stored = await tree_store.list_inner_nodes(tx, span)
    for node, hashed in made.items():
        if node.level and stored.get(node) != hashed:
            first = node.place << node.level
            last = first + (1 << node.level) - 1
            detail = "a stored node of the tree is not what its leaves make"
            findings.add(Finding(Problem.NODE_ALTERED, first, last, detail))


class _RowsCheck:
    """Compares rows with the hashes of their leaves; at the end tells moved rows from edited."""

    def __init__(self, findings: Findings, purged_through: int) -> None:
        self._findings = findings
        self._purged_through = purged_through
        self._next_seq = 1
        self._expected: dict[bytes, int] = {}
        self._before: dict[int, str | None] = {}
        self._found: dict[bytes, LeafRow] = {}
        self.records = 0
        self.purged = 0

    def check(self, span: Span, rows: Sequence[LeafRow], hashes: Sequence[bytes]) -> None:
        """The rows and leaves of a span; where there are fewer hashes, the tree has ended."""
        at = 0
        for leaf, expected in enumerate(hashes, span.first):
            hit = False
            while at < len(rows) and rows[at].leaf == leaf:
                if hit or not self._is_leaf(rows[at], expected):
                    self._keep_found(rows[at])
                else:
                    hit = True
                at += 1
            if not hit:
                self._expected[expected] = leaf
                self._before[leaf] = rows[at - 1].request_id if at else "the leaves before"
        for row in rows[at:]:
            self._keep_found(row)

    def _is_leaf(self, row: LeafRow, expected: bytes) -> bool:
        if row.kind is LeafKind.RECORD:
            self._check_record(row)
        if row.entry is not None:
            return hash_leaf(row.entry) == expected
        return row.leaf_hash == expected

    def _keep_found(self, row: LeafRow) -> None:
        hashed = hash_leaf(row.entry) if row.entry is not None else row.leaf_hash
        if hashed is None or hashed in self._found or len(self._found) >= MISMATCHES_MAX:
            self._tell(Problem.INSERTED, row, "a row that is no leaf of the tree")
        else:
            self._found[hashed] = row

    def _check_record(self, row: LeafRow) -> None:
        self.records += 1
        if row.seq != self._next_seq:
            self._tell(Problem.MOVED, row, f"has the number {row.seq} instead of {self._next_seq}")
        self._next_seq = (row.seq or 0) + 1
        if row.entry is None:
            self.purged += 1
            if row.seq is None or row.seq > self._purged_through:
                self._tell(Problem.ERASED, row, "its content is gone, and no purge was logged")
            return
        wrong = _differing_column(row)
        if wrong is not None:
            self._tell(Problem.EDITED, row, f"its column {wrong} is not what the record says")

    def finish(self) -> None:
        """Tells of every row that is not its leaf and of every leaf without its row."""
        lost = {leaf for hashed, leaf in self._expected.items() if hashed not in self._found}
        for hashed, row in self._found.items():
            belongs = self._expected.get(hashed)
            if belongs is not None:
                self._tell(Problem.MOVED, row, f"was logged as leaf {belongs}")
            elif row.leaf in lost:
                lost.remove(row.leaf)
                self._tell(Problem.EDITED, row, f"the {row.kind} is not the one that was logged")
            else:
                self._tell(Problem.INSERTED, row, f"a {row.kind} that was never logged")
        for leaf in sorted(lost):
            detail = f"what was logged here, after {self._before[leaf]}, is gone"
            self._findings.add(Finding(Problem.MISSING, leaf, leaf, detail))

    def _tell(self, problem: Problem, row: LeafRow, detail: str) -> None:
        named = (row.request_id,) if row.request_id is not None else ()
        self._findings.add(Finding(problem, row.leaf, row.leaf, detail, named))


def _differing_column(row: LeafRow) -> str | None:
    """The column of a record that does not repeat what its entry says."""
    assert row.entry is not None
    try:
        record: Any = orjson.loads(row.entry)
        said = (record["request_id"], record["principal"]["user_id"], record["logged_at"])
    except (ValueError, KeyError, TypeError):
        return None  # not a record any more: its hash tells
    if row.logged_at is None or not 0 <= row.logged_at < 1 << 47:
        return "logged_at"
    names = ("request_id", "user_id", "logged_at")
    columns = (row.request_id, row.user_id, format_utc(row.logged_at))
    if columns != said:
        return next(
            n for n, column, told in zip(names, columns, said, strict=True) if column != told
        )
    if row.leaf_hash != hash_leaf(row.entry):
        return "leaf_hash"
    return None
