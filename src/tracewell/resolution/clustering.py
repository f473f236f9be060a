"""Which records are one entity: candidate pairs, links with several holders, clusters.

Deterministic and independent of order: everything is sorted by record keys before it is used.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations
from typing import Final

from tracewell.resolution.model import Kind
from tracewell.resolution.records import Record
from tracewell.resolution.scoring import (
    MATCH_BITS,
    POSSIBLE_BITS,
    PairScore,
    find_conflict,
    score_pair,
)

BLOCK_MAX: Final = 40
WINDOW: Final = 10
AMBIGUITY_BITS: Final = 3.0

Pair = tuple[int, int]
Links = frozenset[tuple[str, str]]


@dataclass(frozen=True, slots=True)
class Clustering:
    """Clusters as sorted record indexes, the pairs that hold them, and the pairs left in doubt."""

    clusters: tuple[tuple[int, ...], ...]
    held_by: Mapping[Pair, PairScore]
    doubtful: Mapping[Pair, PairScore]
    shared: Links


class _Compatibility:
    """Remembers which records may not be in one entity; equal signatures are judged once."""

    def __init__(self, records: Sequence[Record]) -> None:
        self._records = records
        self._known: dict[tuple[tuple[object, ...], tuple[object, ...]], bool] = {}

    def forbids(self, a: int, b: int) -> bool:
        first, second = self._records[a], self._records[b]
        if first.signature == second.signature:
            return False
        key = (first.signature, second.signature)
        if key not in self._known:
            self._known[key] = find_conflict(first, second) is not None
        return self._known[key]


def cluster_records(records: Sequence[Record]) -> Clustering:
    """The clusters of records that are sorted by their key."""
    compatibility = _Compatibility(records)
    blocks = _build_blocks(records)
    shared = _find_shared_links(records, blocks, compatibility)
    scores = {
        pair: score_pair(records[pair[0]], records[pair[1]], shared)
        for pair in _candidate_pairs(records, blocks)
    }
    edges = {p: s for p, s in scores.items() if s.bits >= MATCH_BITS and s.forbidden is None}
    contested = _find_contested(edges, compatibility)
    clusters = _merge(len(records), records, edges, contested, compatibility)
    home = {index: place for place, members in enumerate(clusters) for index in members}
    return Clustering(
        clusters=clusters,
        held_by={p: s for p, s in edges.items() if home[p[0]] == home[p[1]]},
        doubtful={
            p: s
            for p, s in scores.items()
            if home[p[0]] != home[p[1]] and s.forbidden is None and s.bits >= POSSIBLE_BITS
        },
        shared=shared,
    )


def _build_blocks(records: Sequence[Record]) -> Mapping[tuple[str, str], tuple[int, ...]]:
    """Record indexes by whatever two records may have in common, in record order."""
    blocks: dict[tuple[str, str], list[int]] = defaultdict(list)
    for index, record in enumerate(records):
        for link in record.links:
            if link[0] != "company.name":
                blocks[link].append(index)
        for name_key in {name.key for name in record.names}:
            blocks[("name", name_key)].append(index)
        for birth in record.get_all("person.dob"):
            blocks[("born", birth)].append(index)
    return {key: tuple(blocks[key]) for key in sorted(blocks) if len(blocks[key]) > 1}


def _find_shared_links(
    records: Sequence[Record],
    blocks: Mapping[tuple[str, str], tuple[int, ...]],
    compatibility: _Compatibility,
) -> Links:
    """Links that people hold who cannot be one: a family's phone, a team's mailbox."""
    shared = set()
    for link, members in blocks.items():
        if link[0] in ("name", "born"):
            continue
        kinds = {records[i].signature: i for i in members if records[i].kind is not Kind.UNKNOWN}
        distinct = sorted(kinds.values())
        if len(distinct) > BLOCK_MAX or any(
            compatibility.forbids(a, b) and records[a].kind is records[b].kind
            for a, b in combinations(distinct, 2)
        ):
            shared.add(link)
    return frozenset(shared)


def _candidate_pairs(
    records: Sequence[Record], blocks: Mapping[tuple[str, str], tuple[int, ...]]
) -> Iterable[Pair]:
    pairs: set[Pair] = set()
    for members in blocks.values():
        if len(members) <= BLOCK_MAX:
            pairs.update(combinations(members, 2))
            continue
        # A sorted neighbourhood: alike records of a big block stand next to each other.
        ordered = sorted(members, key=lambda i: (sorted(n.key for n in records[i].names), i))
        for place, first in enumerate(ordered):
            for second in ordered[place + 1 : place + 1 + WINDOW]:
                pairs.add((min(first, second), max(first, second)))
    return sorted(pairs)


def _find_contested(edges: Mapping[Pair, PairScore], compatibility: _Compatibility) -> set[Pair]:
    """Edges of a record that fits two others which exclude each other: it belongs to neither."""
    neighbours: dict[int, list[tuple[int, float]]] = defaultdict(list)
    for (a, b), score in edges.items():
        neighbours[a].append((b, score.bits))
        neighbours[b].append((a, score.bits))
    contested: set[Pair] = set()
    for index, fitting in neighbours.items():
        for (a, a_bits), (b, b_bits) in combinations(sorted(fitting), 2):
            if compatibility.forbids(a, b):
                close = abs(a_bits - b_bits) < AMBIGUITY_BITS
                weaker = (a, b) if close else ((a,) if a_bits < b_bits else (b,))
                contested.update((min(index, other), max(index, other)) for other in weaker)
    return contested


def _merge(
    count: int,
    records: Sequence[Record],
    edges: Mapping[Pair, PairScore],
    contested: set[Pair],
    compatibility: _Compatibility,
) -> tuple[tuple[int, ...], ...]:
    """Joins along the strongest edges first, never across a conflict of any two members."""
    home = list(range(count))
    members: dict[int, list[int]] = {index: [index] for index in range(count)}
    faces: dict[int, dict[tuple[object, ...], int]] = {
        index: {records[index].signature: index} for index in range(count)
    }
    for pair in sorted(edges.keys() - contested, key=lambda p: (-edges[p].bits, p)):
        left, right = sorted((home[pair[0]], home[pair[1]]))
        if left == right or any(
            compatibility.forbids(a, b) for a in faces[left].values() for b in faces[right].values()
        ):
            continue
        for index in members[right]:
            home[index] = left
        members[left] += members.pop(right)
        faces[left].update(faces.pop(right))
    return tuple(tuple(sorted(group)) for _, group in sorted(members.items()))
