"""Trees, proofs and their verification against published vectors and RFC 9162's recursion."""

from __future__ import annotations

import hashlib
import itertools
import random

import pytest

from tracewell.kernel.merkle import (
    EMPTY_ROOT,
    Frontier,
    Node,
    Span,
    completed_by,
    consistency_spans,
    fold,
    hash_children,
    hash_leaf,
    inclusion_spans,
    joined_by,
    nodes_of,
    verify_consistency,
    verify_inclusion,
)

# The entries, roots and proofs of the Certificate Transparency reference implementation.
ENTRIES = [
    bytes.fromhex(text)
    for text in ("", "00", "10", "2021", "3031", "40414243", "5051525354555657",
                 "606162636465666768696a6b6c6d6e6f")
]  # fmt: skip
ROOTS = [
    bytes.fromhex(text)
    for text in (
        "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
        "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d",
        "fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125",
        "aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77",
        "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
        "4e3bbb1f7b478dcfe71fb631631519a3bca12c9aefca1612bfce4c13a86264d4",
        "76e67dadbcdf1e10e1b74ddc608abd2f98dfb16fbce75277b5232a127f2087ef",
        "ddb89be403809e325750d3d263cd78929c2942b7942a34b77e122c9594a74c8c",
        "5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328",
    )
]
INCLUSION_OF_5_IN_8 = [
    bytes.fromhex(text)
    for text in (
        "bc1a0643b12e4d2d7c77918f44e0f4f79a838b6cf9ec5b5c283e1f4d88599e6b",
        "ca854ea128ed050b41b35ffc1b87b8eb2bde461e9e3b5596ece6b9d5975a0ae0",
        "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
    )
]
CONSISTENCY_OF_6_AND_8 = [
    bytes.fromhex(text)
    for text in (
        "0ebc5d3437fbe2db158b9f126a1d118e308181031d0a949f8dededebc558ef6a",
        "ca854ea128ed050b41b35ffc1b87b8eb2bde461e9e3b5596ece6b9d5975a0ae0",
        "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
    )
]
SIZES = [*range(1, 36), 63, 64, 65, 127, 128, 129, 200]


def root_by_recursion(leaves: list[bytes]) -> bytes:
    """MTH of RFC 9162, 2.1.1, as it is written there."""
    if not leaves:
        return hashlib.sha256(b"").digest()
    if len(leaves) == 1:
        return leaves[0]
    split = 1
    while split * 2 < len(leaves):
        split *= 2
    return hash_children(root_by_recursion(leaves[:split]), root_by_recursion(leaves[split:]))


def inclusion_by_recursion(leaf: int, leaves: list[bytes]) -> list[bytes]:
    """PATH of RFC 9162, 2.1.3.1."""
    if len(leaves) == 1:
        return []
    split = 1
    while split * 2 < len(leaves):
        split *= 2
    if leaf < split:
        rest = root_by_recursion(leaves[split:])
        return [*inclusion_by_recursion(leaf, leaves[:split]), rest]
    rest = root_by_recursion(leaves[:split])
    return [*inclusion_by_recursion(leaf - split, leaves[split:]), rest]


class Tree:
    """A tree that keeps the nodes that its leaves complete, as a store does."""

    def __init__(self, leaves: list[bytes]) -> None:
        self.leaves = leaves
        self.nodes: dict[Node, bytes] = {}
        for place, leaf in enumerate(leaves):
            self.nodes.update(completed_by(place, leaf, [self.nodes[n] for n in joined_by(place)]))

    def hash_of(self, span: Span) -> bytes:
        return fold([self.nodes[node] for node in nodes_of(span)])

    def inclusion(self, leaf: int, size: int) -> list[bytes]:
        return [self.hash_of(span) for span in inclusion_spans(leaf, size)]

    def consistency(self, old_size: int, size: int) -> list[bytes]:
        return [self.hash_of(span) for span in consistency_spans(old_size, size)]


def leaves_of(count: int) -> list[bytes]:
    return [hash_leaf(b"entry %d" % number) for number in range(count)]


TREE = Tree(leaves_of(200))


@pytest.mark.parametrize("size", range(9))
def test_roots_are_those_of_the_reference_implementation(size: int) -> None:
    frontier = Frontier()
    for entry in ENTRIES[:size]:
        frontier.append(hash_leaf(entry))

    assert frontier.root() == ROOTS[size]
    assert Tree([hash_leaf(entry) for entry in ENTRIES]).hash_of(Span(0, size)) == ROOTS[size]


def test_proofs_are_those_of_the_reference_implementation() -> None:
    tree = Tree([hash_leaf(entry) for entry in ENTRIES])

    assert tree.inclusion(5, 8) == INCLUSION_OF_5_IN_8
    assert tree.consistency(6, 8) == CONSISTENCY_OF_6_AND_8
    assert verify_inclusion(hash_leaf(ENTRIES[5]), 5, 8, INCLUSION_OF_5_IN_8, ROOTS[8])
    assert verify_consistency(6, 8, CONSISTENCY_OF_6_AND_8, ROOTS[6], ROOTS[8])


@pytest.mark.parametrize("size", SIZES)
def test_every_leaf_has_the_rfcs_proof_and_it_verifies(size: int) -> None:
    root = root_by_recursion(TREE.leaves[:size])

    assert TREE.hash_of(Span(0, size)) == root
    for leaf in range(size):
        proof = TREE.inclusion(leaf, size)
        assert proof == inclusion_by_recursion(leaf, TREE.leaves[:size])
        assert verify_inclusion(TREE.leaves[leaf], leaf, size, proof, root)


@pytest.mark.parametrize("size", SIZES)
def test_every_older_tree_is_shown_to_be_the_begin_of_the_tree(size: int) -> None:
    root = TREE.hash_of(Span(0, size))

    for old_size in range(size + 1):
        old_root = TREE.hash_of(Span(0, old_size))
        proof = TREE.consistency(old_size, size)
        assert verify_consistency(old_size, size, proof, old_root, root)


@pytest.mark.parametrize("size", [1, 2, 3, 7, 8, 13, 64])
def test_no_altered_inclusion_proof_verifies(size: int) -> None:
    root = TREE.hash_of(Span(0, size))

    for leaf in range(size):
        proof, leaf_hash = TREE.inclusion(leaf, size), TREE.leaves[leaf]
        for altered in (proof[:-1], [*proof, root], [root, *proof]):
            if altered != proof:
                assert not verify_inclusion(leaf_hash, leaf, size, altered, root)
        for place in range(len(proof)):
            altered = [*proof[:place], hash_leaf(b"other"), *proof[place + 1 :]]
            assert not verify_inclusion(leaf_hash, leaf, size, altered, root)
        assert not verify_inclusion(hash_leaf(b"other"), leaf, size, proof, root)
        for other in {leaf ^ 1, leaf + size, -1} - {leaf}:
            assert not verify_inclusion(leaf_hash, other, size, proof, root)


@pytest.mark.parametrize("size", [2, 3, 7, 8, 13, 64])
def test_no_altered_consistency_proof_verifies(size: int) -> None:
    root, other = TREE.hash_of(Span(0, size)), hash_leaf(b"other")

    for old_size in range(1, size + 1):
        old_root = TREE.hash_of(Span(0, old_size))
        proof = TREE.consistency(old_size, size)
        for altered in (proof[:-1], [*proof, root], [root, *proof]):
            if altered != proof:
                assert not verify_consistency(old_size, size, altered, old_root, root)
        for place in range(len(proof)):
            altered = [*proof[:place], other, *proof[place + 1 :]]
            assert not verify_consistency(old_size, size, altered, old_root, root)
        assert not verify_consistency(old_size, size, proof, other, root)
        assert not verify_consistency(old_size, size, proof, old_root, other)
    assert not verify_consistency(0, size, [], other, root)
    assert not verify_consistency(size + 1, size, [], root, root)


def test_a_frontier_goes_on_from_any_size_and_tells_every_node() -> None:
    for size, more in itertools.product((0, 1, 5, 8, 63), (0, 1, 6, 64)):
        told: dict[Node, bytes] = {}
        hashes = [TREE.nodes[node] for node in nodes_of(Span(0, size))]
        frontier = Frontier(size, hashes, told.__setitem__)
        for leaf in TREE.leaves[size : size + more]:
            frontier.append(leaf)

        assert frontier.root() == TREE.hash_of(Span(0, size + more))
        grown = Tree(TREE.leaves[: size + more]).nodes
        assert told == {k: grown[k] for k in grown.keys() - Tree(TREE.leaves[:size]).nodes.keys()}


def test_a_large_tree_is_proven_from_few_nodes() -> None:
    chance = random.Random(7)
    for _ in range(200):
        size = chance.randrange(1, 1 << 40)
        leaf, old_size = chance.randrange(size), chance.randrange(1, size + 1)
        for spans in (inclusion_spans(leaf, size), consistency_spans(old_size, size)):
            assert len(spans) <= 41
            assert sum(len(nodes_of(span)) for span in spans) <= 82


def test_what_is_no_tree_is_refused() -> None:
    assert Frontier().root() == fold([]) == EMPTY_ROOT
    for leaf, size in ((0, 0), (3, 3), (-1, 3)):
        with pytest.raises(ValueError, match="no such leaf"):
            inclusion_spans(leaf, size)
    for old_size in (-1, 4):
        with pytest.raises(ValueError, match="older"):
            consistency_spans(old_size, 3)
    with pytest.raises(ValueError, match="of this size"):
        Frontier(3, [EMPTY_ROOT])
