"""Merkle trees as RFC 9162 (2.1) has them: hashes, roots, proofs and their verification. Pure.

A perfect subtree is named `Node(level, place)`: it hashes the leaves `place << level` up to, and
without, `(place + 1) << level`. Whoever keeps these hashes proves anything in some 2 log2(n) reads.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import reduce
from typing import NamedTuple

EMPTY_ROOT = hashlib.sha256(b"").digest()
HASH_BYTES = 32
PROOF_HASHES_MAX = 64
"""No proof of a tree of up to 2**63 leaves is longer than this."""


class Node(NamedTuple):
    """A perfect subtree; the leaves are level 0."""

    level: int
    place: int


class Span(NamedTuple):
    """The leaves from `first` up to, and without, `end`."""

    first: int
    end: int


def hash_leaf(entry: bytes) -> bytes:
    """The hash of a leaf's entry (2.1.1)."""
    return hashlib.sha256(b"\x00" + entry).digest()


def hash_children(left: bytes, right: bytes) -> bytes:
    """The hash of an inner node (2.1.1)."""
    return hashlib.sha256(b"\x01" + left + right).digest()


def nodes_of(span: Span) -> list[Node]:
    """The perfect subtrees that make up a subtree of the tree, from left to right."""
    nodes = []
    first, end = span
    while first < end:
        # The largest subtree that begins here and does not reach beyond the end.
        level = (end - first).bit_length() - 1
        if first:
            level = min(level, (first & -first).bit_length() - 1)
        nodes.append(Node(level, first >> level))
        first += 1 << level
    return nodes


def fold(hashes: Sequence[bytes]) -> bytes:
    """The hash of a subtree from the hashes of its `nodes_of`."""
    if not hashes:
        return EMPTY_ROOT
    return reduce(lambda right, left: hash_children(left, right), reversed(hashes))


def joined_by(leaf: int) -> list[Node]:
    """The left siblings that the leaf after `leaf` others completes, from the leaves upwards."""
    siblings = []
    level = 0
    while leaf >> level & 1:
        siblings.append(Node(level, (leaf >> level) - 1))
        level += 1
    return siblings


def completed_by(
    leaf: int, leaf_hash: bytes, siblings: Iterable[bytes]
) -> Iterator[tuple[Node, bytes]]:
    """Every node that a new leaf completes, given the hashes of its `joined_by`."""
    yield Node(0, leaf), leaf_hash
    for level, sibling in enumerate(siblings, 1):
        leaf_hash = hash_children(sibling, leaf_hash)
        yield Node(level, leaf >> level), leaf_hash


def _split(size: int) -> int:
    """The largest power of two that is smaller than a size of at least 2."""
    return 1 << (size - 1).bit_length() - 1


def inclusion_spans(leaf: int, size: int) -> list[Span]:
    """The subtrees whose hashes prove a leaf's inclusion, in the proof's order (2.1.3.1).

    Raises ValueError when the tree has no such leaf.
    """
    if not 0 <= leaf < size:
        raise ValueError("the tree has no such leaf")
    spans = []
    first, end = 0, size
    while end - first > 1:
        middle = first + _split(end - first)
        if leaf < middle:
            spans.append(Span(middle, end))
            end = middle
        else:
            spans.append(Span(first, middle))
            first = middle
    return spans[::-1]


def consistency_spans(old_size: int, size: int) -> list[Span]:
    """The subtrees whose hashes prove that a tree begins with an older one (2.1.4.1).

    Raises ValueError unless 0 <= old_size <= size.
    """
    if not 0 <= old_size <= size:
        raise ValueError("the older tree is the larger one")
    if old_size in (0, size):
        return []
    spans = []
    first, end = 0, size
    while old_size != end:
        middle = first + _split(end - first)
        if old_size <= middle:
            spans.append(Span(middle, end))
            end = middle
        else:
            spans.append(Span(first, middle))
            first = middle
    if first:
        spans.append(Span(first, end))
    return spans[::-1]


def verify_inclusion(
    leaf_hash: bytes, leaf: int, size: int, proof: Sequence[bytes], root: bytes
) -> bool:
    """Whether the proof leads from the leaf to the root (2.1.3.2)."""
    if not 0 <= leaf < size:
        return False
    place, last, found = leaf, size - 1, leaf_hash
    for sibling in proof:
        if last == 0:
            return False
        if place & 1 or place == last:
            found = hash_children(sibling, found)
            while not place & 1 and place:
                place, last = place >> 1, last >> 1
        else:
            found = hash_children(found, sibling)
        place, last = place >> 1, last >> 1
    return last == 0 and found == root


def verify_consistency(
    old_size: int, size: int, proof: Sequence[bytes], old_root: bytes, root: bytes
) -> bool:
    """Whether the proof shows that the tree begins with the older one (2.1.4.2)."""
    if old_size == size:
        return not proof and old_root == root
    if old_size == 0:
        return not proof and old_root == EMPTY_ROOT
    if not 0 < old_size < size or not proof:
        return False
    path = list(proof)
    if old_size & (old_size - 1) == 0:
        path.insert(0, old_root)
    place, last = old_size - 1, size - 1
    while place & 1:
        place, last = place >> 1, last >> 1
    old_found = found = path[0]
    for sibling in path[1:]:
        if last == 0:
            return False
        if place & 1 or place == last:
            old_found = hash_children(sibling, old_found)
            found = hash_children(sibling, found)
            while not place & 1 and place:
                place, last = place >> 1, last >> 1
        else:
            found = hash_children(found, sibling)
        place, last = place >> 1, last >> 1
    return last == 0 and old_found == old_root and found == root


class Frontier:
    """The right edge of a growing tree: enough for its root and for every further leaf.

    `on_node` is told every node as it is completed.
    """

    def __init__(
        self,
        size: int = 0,
        hashes: Sequence[bytes] = (),
        on_node: Callable[[Node, bytes], None] | None = None,
    ) -> None:
        """Goes on from the hashes of `nodes_of(Span(0, size))`; ValueError for another number."""
        if len(hashes) != size.bit_count():
            raise ValueError("not the hashes of a tree of this size")
        self.size = size
        self._hashes = list(hashes)
        self._on_node = on_node

    @property
    def hashes(self) -> tuple[bytes, ...]:
        """The hashes of `nodes_of(Span(0, size))`."""
        return tuple(self._hashes)

    def append(self, leaf_hash: bytes) -> None:
        """Adds the next leaf."""
        leaf, hashes, on_node = self.size, self._hashes, self._on_node
        level = 0
        if on_node is not None:
            on_node(Node(0, leaf), leaf_hash)
        while leaf >> level & 1:
            leaf_hash = hash_children(hashes.pop(), leaf_hash)
            level += 1
            if on_node is not None:
                on_node(Node(level, leaf >> level), leaf_hash)
        hashes.append(leaf_hash)
        self.size += 1

    def root(self) -> bytes:
        """The root of the leaves so far."""
        return fold(self._hashes)
