"""`resolve`: records of any sources -> clusters with confidence, and on request the reasons."""

from __future__ import annotations

import hmac
import math
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any, Final, Literal

import numpy as np

from tracewell.resolution.batch_engine import EngineMissing, find_candidates_with_splink
from tracewell.resolution.columns import Floats
from tracewell.resolution.explanation import Explanation, explain
from tracewell.resolution.features import extract_features
from tracewell.resolution.inputs import SourceRecord, parse_record
from tracewell.resolution.linkage import Linkage, as_probability, link_features
from tracewell.resolution.model import Kind

RECORDS_MAX: Final = 1_000_000
MEMORY_RECORDS_MAX: Final = 100_000
Engine = Literal["auto", "memory", "splink"]
POSSIBLE_MIN: Final = 0.2
POSSIBLE_MAX: Final = 20
LONE_CONFIDENCE_MAX: Final = 0.985
CONTESTED_MAX: Final = 0.33  # the one, the other, or neither
_HOPELESS_BITS: Final = -8.0


@dataclass(frozen=True, slots=True)
class Member:
    """A record of a cluster and the probability (0..1) that it belongs there.

    Of a lone record: that it belongs with no other.
    """

    record_id: str
    source: str
    confidence: float


@dataclass(frozen=True, slots=True)
class Doubt:
    """Another entity that may be the same one: told, never merged."""

    entity_id: str
    probability: float


@dataclass(frozen=True, slots=True)
class Cluster:
    """The records of one holder. `entity_id` is derived from them: the same records, the same id.

    `confidence` is that of the least certain member. `explanation` is there when it was asked for.
    """

    entity_id: str
    kind: Kind
    confidence: float
    members: tuple[Member, ...]
    possibly_same_as: tuple[Doubt, ...]
    explanation: Explanation | None = None

    @property
    def record_ids(self) -> tuple[str, ...]:
        """The members' record ids, sorted by source and id."""
        return tuple(member.record_id for member in self.members)


def resolve(
    records: Iterable[SourceRecord | Mapping[str, Any]],
    *,
    threshold: float = 0.5,
    engine: Engine = "auto",
    explained: bool = False,
    id_key: bytes = b"",
) -> tuple[Cluster, ...]:
    """The entities behind the records, sorted by their first record; every record is in one.

    Records are `SourceRecord` or mappings in its documented JSON shape. The same records in any
    order give the same clusters. A higher `threshold` (0..1, of the probability that two records
    are one holder) only ever takes clusters apart. Raises ValueError for a malformed or repeated
    record and above `RECORDS_MAX`.

    `engine` says who proposes the pairs that are compared: `memory` (here, in arrays), `splink`
    (Splink on DuckDB, the extra `batch`; raises `EngineMissing` without it), `auto` (Splink above
    `MEMORY_RECORDS_MAX` records where it is installed). Comparing and deciding are the same.
    """
    if not 0.0 < threshold < 1.0:
        raise ValueError("threshold must lie between 0 and 1")
    given = [r if isinstance(r, SourceRecord) else parse_record(r) for r in records]
    if len(given) > RECORDS_MAX:
        raise ValueError(f"more than {RECORDS_MAX} records")
    ordered = sorted(given, key=lambda record: record.key)
    for one, other in pairwise(ordered):
        if one.key == other.key:
            raise ValueError(f"record_id {one.record_id!r} is there twice in one source")
    linkage = _link(ordered, threshold, engine)
    return _answer(ordered, linkage, explained=explained, id_key=id_key)


def _link(records: Sequence[SourceRecord], threshold: float, engine: Engine) -> Linkage:
    features = [extract_features(record) for record in records]
    if engine == "splink" or (engine == "auto" and len(records) > MEMORY_RECORDS_MAX):
        try:
            return link_features(features, threshold, find_candidates_with_splink(features))
        except EngineMissing:
            if engine == "splink":
                raise
    return link_features(features, threshold)


def _answer(
    records: Sequence[SourceRecord], linkage: Linkage, *, explained: bool, id_key: bytes
) -> tuple[Cluster, ...]:
    ids = [_entity_id([records[i] for i in cluster], id_key) for cluster in linkage.clusters]
    home = {i: place for place, cluster in enumerate(linkage.clusters) for i in cluster}
    within, across = _confidences(linkage, home)
    explanations = explain(records, linkage, home, ids) if explained else {}
    found = []
    for place, cluster in enumerate(linkage.clusters):
        doubts = (
            sorted(across[place].items(), key=lambda d: (-d[1], ids[d[0]]))
            if place in across
            else []
        )
        members = _members(cluster, records, within, [probability for _, probability in doubts])
        found.append(
            Cluster(
                entity_id=ids[place],
                kind=_kind([records[i].kind for i in cluster]),
                confidence=min([member.confidence for member in members]),
                members=members,
                possibly_same_as=tuple(
                    [
                        Doubt(ids[other], round(p, 4))
                        for other, p in doubts[:POSSIBLE_MAX]
                        if p >= POSSIBLE_MIN
                    ]
                ),
                explanation=explanations.get(place),
            )
        )
    return tuple(found)


def _members(
    cluster: Sequence[int],
    records: Sequence[SourceRecord],
    within: Mapping[int, float],
    doubts: Sequence[float],
) -> tuple[Member, ...]:
    if len(cluster) > 1:
        return tuple(
            [Member(records[i].record_id, records[i].source, round(within[i], 4)) for i in cluster]
        )
    lone = records[cluster[0]]
    nobody = math.prod([1.0 - probability for probability in doubts])
    alone = round(min(LONE_CONFIDENCE_MAX, max(0.001, nobody)), 4)
    return (Member(lone.record_id, lone.source, alone),)


def _kind(kinds: Sequence[Kind]) -> Kind:
    """What the first record says that says anything."""
    return next((kind for kind in kinds if kind is not Kind.UNKNOWN), Kind.UNKNOWN)


def _confidences(
    linkage: Linkage, home: Mapping[int, int]
) -> tuple[dict[int, float], dict[int, dict[int, float]]]:
    """How surely each record belongs to its cluster, and clusters to each other (not vetoed)."""
    within: dict[int, float] = defaultdict(float)
    across: dict[int, dict[int, float]] = defaultdict(dict)
    conflicting: set[tuple[int, int]] = set()
    pairs = linkage.pairs
    bits = linkage_bits(linkage)
    near = np.flatnonzero((bits > _HOPELESS_BITS) | pairs.vetoed)
    columns = (pairs.left, pairs.right, bits, pairs.vetoed, pairs.contested)
    for a, b, told, vetoed, contested in zip(*(c[near].tolist() for c in columns), strict=True):
        one, other = home[a], home[b]
        if one != other and vetoed:
            conflicting.add((min(one, other), max(one, other)))
            continue
        probability = as_probability(told)
        if one == other:
            within[a] = max(within[a], probability)
            within[b] = max(within[b], probability)
            continue
        if contested:
            probability = min(probability, CONTESTED_MAX)
        across[one][other] = max(across[one].get(other, 0.0), probability)
        across[other][one] = across[one][other]
    for one, other in conflicting:
        across[one].pop(other, None)
        across[other].pop(one, None)
    return within, across


def linkage_bits(linkage: Linkage) -> Floats:
    """The bits of each pair as scored, without the threshold."""
    return np.concatenate([scores.bits for _, scores in linkage.scored])


def _entity_id(records: Sequence[SourceRecord], id_key: bytes) -> str:
    """An id that only these records have; under a key nobody can guess it from them."""
    told = "\x1e".join([f"{r.source}\x1f{r.record_id}" for r in records])
    return "ent_" + hmac.digest(id_key, told.encode("utf-8", "replace"), "sha256")[:16].hex()
