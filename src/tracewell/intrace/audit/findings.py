"""What a check of the log finds, and the tree against which it is checked. No SQL, no files."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

from tracewell.kernel.merkle import Frontier
from tracewell.kernel.signing import Checkpoint

FINDINGS_MAX = 1_000
NAMED_MAX = 20
"""Requests that one finding names."""


class Problem(StrEnum):
    """What is wrong with leaves of the log. These words are part of the command's output."""

    EDITED = "edited"
    MOVED = "moved"
    MISSING = "missing"
    INSERTED = "inserted"
    ERASED = "erased"
    TRUNCATED = "truncated"
    REWRITTEN = "rewritten"
    NODE_ALTERED = "node_altered"
    HEAD_INVALID = "head_invalid"


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that is wrong with the leaves from `first` to `last`, counted from 0."""

    problem: Problem
    first: int
    last: int
    detail: str
    request_ids: tuple[str, ...] = ()

    def to_wire(self) -> dict[str, Any]:
        """For programs."""
        return {
            "problem": str(self.problem),
            "first_leaf": self.first,
            "last_leaf": self.last,
            "request_ids": list(self.request_ids),
            "detail": self.detail,
        }

    def __str__(self) -> str:
        one = self.first == self.last
        place = f"leaf {self.first}" if one else f"leaves {self.first} to {self.last}"
        named = f" ({', '.join(self.request_ids)})" if self.request_ids else ""
        return f"{place}{named}: {self.problem}: {self.detail}"


@dataclass(slots=True)
class Findings:
    """All that is wrong: the first of them in full, the others counted."""

    told: list[Finding] = field(default_factory=list)
    count: int = 0

    def add(self, finding: Finding) -> None:
        """One more."""
        self.count += 1
        if len(self.told) < FINDINGS_MAX:
            self.told.append(finding)


@dataclass(frozen=True, slots=True)
class KnownHead:
    """A head whose signature holds, and where it comes from."""

    checkpoint: Checkpoint
    source: str


class TreeCheck:
    """Grows the tree leaf by leaf and compares it with what is known of it from elsewhere.

    `kept` are the hashes of the first leaves as somebody outside has kept them.
    """

    def __init__(
        self,
        heads: Iterable[KnownHead],
        findings: Findings,
        frontier: Frontier,
        kept: Sequence[bytes] = (),
    ) -> None:
        self._heads = sorted(heads, key=lambda head: head.checkpoint.size, reverse=True)
        self._findings = findings
        self.frontier = frontier
        self._kept = kept
        self.covered = frontier.size
        """The size of the largest tree so far that a head has shown to be right."""
        self._since_good: list[str] = []
        self._is_broken = False
        self.heads_matched = 0
        self._compare()

    def add(self, leaf_hash: bytes, request_id: str | None) -> None:
        """The next leaf."""
        leaf = self.frontier.size
        self.frontier.append(leaf_hash)
        if request_id is not None and len(self._since_good) < NAMED_MAX:
            self._since_good.append(request_id)
        if leaf < len(self._kept) and self._kept[leaf] != leaf_hash:
            named = (request_id,) if request_id is not None else ()
            detail = "not the leaf whose hash was kept outside"
            self._findings.add(Finding(Problem.REWRITTEN, leaf, leaf, detail, named))
        if self._heads and self._heads[-1].checkpoint.size <= self.frontier.size:
            self._compare()

    def finish(self) -> None:
        """There are no more leaves."""
        size = self.frontier.size
        longest = max(
            [(head.checkpoint.size, f"the head of {head.source}") for head in self._heads]
            + [(len(self._kept), "the hashes kept outside")]
        )
        if longest[0] > size:
            detail = f"{longest[1]} covers {longest[0]} leaves, {size} are there"
            self._findings.add(Finding(Problem.TRUNCATED, size, longest[0] - 1, detail))

    def _compare(self) -> None:
        size = self.frontier.size
        root = self.frontier.root() if self._heads else b""
        while self._heads and self._heads[-1].checkpoint.size <= size:
            head = self._heads.pop()
            if head.checkpoint.size < size:
                continue  # before the first leaf that is here
            if head.checkpoint.root == root:
                self.heads_matched += 1
                self.covered = size
                self._since_good.clear()
            elif not self._is_broken:
                # Every later head differs as well: that tells nothing new.
                self._is_broken = True
                detail = f"not all of them are those that the head of {head.source} covers"
                named = tuple(self._since_good)
                finding = Finding(Problem.REWRITTEN, self.covered, size - 1, detail, named)
                self._findings.add(finding)
