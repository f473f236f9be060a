"""The whole way: observations -> records -> clusters -> entities -> the answer to the query."""

from __future__ import annotations

import base64
import hashlib
import hmac
from collections.abc import Iterable, Mapping, Sequence
from typing import Final

from tracewell.resolution.answer import collect_facts, judge
from tracewell.resolution.clustering import Clustering, PairScore, cluster_records
from tracewell.resolution.model import (
    Entity,
    Kind,
    PossibleMatch,
    QueriedIdentifier,
    Resolution,
    SourcedObservation,
)
from tracewell.resolution.profile import build_items, entity_confidence
from tracewell.resolution.records import Record, group_records
from tracewell.resolution.vocabulary import PREDICATES, Link

OBSERVATIONS_MAX: Final = 100_000
_ANCHORS: Final = (
    "person.registry_id",
    "organization.registry_id",
    "social.account",
    "email.address",
    "phone.number",
    "domain.name",
)


def resolve_observations(
    observations: Iterable[SourcedObservation],
    queried: Sequence[QueriedIdentifier],
    *,
    id_key: bytes = b"",
) -> Resolution:
    """The entities behind the observations, and how far they answer what was asked.

    The same observations in any order give the same resolution. Entity ids are derived from content
    under `id_key` (HMAC-SHA-256), so that without the key nobody can guess from an id whom it
    names, and two organisations do not share ids. Raises ValueError above `OBSERVATIONS_MAX`.
    """
    given = list(observations)
    if len(given) > OBSERVATIONS_MAX:
        raise ValueError(f"more than {OBSERVATIONS_MAX} observations")
    records = group_records(given)
    parties = [record for record in records if not record.is_reference and record.says_who]
    references = [record for record in records if record.is_reference]
    clustering = cluster_records(parties)
    entities = _build_entities(parties, references, clustering, id_key)
    asked = tuple(sorted(set(queried), key=lambda q: (q.type, q.value)))
    status, confidence, explanation, ranked = judge(entities, asked)
    return Resolution(
        status=status,
        confidence=confidence,
        explanation=explanation,
        entities=ranked,
        facts=collect_facts(asked, references),
    )


def _build_entities(
    records: Sequence[Record],
    references: Sequence[Record],
    clustering: Clustering,
    id_key: bytes,
) -> tuple[Entity, ...]:
    members = [[records[index] for index in cluster] for cluster in clustering.clusters]
    ids = _entity_ids(members, clustering.shared, id_key)
    doubts = _possible_matches(clustering, ids)
    entities = []
    for place, (cluster, group) in enumerate(zip(clustering.clusters, members, strict=True)):
        cohesion = _cohesion(records, cluster, clustering.held_by)
        confidence, explanation, independent = entity_confidence(group, cohesion)
        entities.append(
            Entity(
                entity_id=ids[place],
                kind=_kind(group),
                confidence=confidence,
                explanation=explanation,
                items=build_items(group, cohesion, references),
                records=tuple(record.key for record in group),
                independent_sources=independent,
                possibly_same_as=doubts.get(place, ()),
            )
        )
    return tuple(entities)


def _kind(group: Sequence[Record]) -> Kind:
    return next((r.kind for r in group if r.kind is not Kind.UNKNOWN), Kind.UNKNOWN)


def _cohesion(
    records: Sequence[Record],
    cluster: tuple[int, ...],
    held_by: Mapping[tuple[int, int], PairScore],
) -> dict[str, float]:
    """Per record the probability of its best link into the cluster; 1 for a lone record."""
    if len(cluster) == 1:
        return {records[cluster[0]].key: 1.0}
    inside = set(cluster)
    best = dict.fromkeys(cluster, 0.0)
    for (a, b), score in held_by.items():
        if a in inside and b in inside:
            best[a] = max(best[a], score.probability)
            best[b] = max(best[b], score.probability)
    return {records[index].key: probability for index, probability in best.items()}


def _possible_matches(
    clustering: Clustering, ids: Sequence[str]
) -> dict[int, tuple[PossibleMatch, ...]]:
    """Per cluster the others it may be the same as, unless records of theirs conflict."""
    home = {index: place for place, group in enumerate(clustering.clusters) for index in group}
    opposed = {(min(home[a], home[b]), max(home[a], home[b])) for a, b in clustering.vetoed}
    best: dict[tuple[int, int], PairScore] = {}
    for (a, b), score in sorted(clustering.doubtful.items()):
        pair = (min(home[a], home[b]), max(home[a], home[b]))
        if pair not in best or score.bits > best[pair].bits:
            best[pair] = score
    found: dict[int, list[PossibleMatch]] = {}
    for (left, right), score in best.items():
        if (left, right) in opposed:
            continue
        for here, there in ((left, right), (right, left)):
            match = PossibleMatch(ids[there], round(score.probability, 3), score.reasons)
            found.setdefault(here, []).append(match)
    return {
        place: tuple(sorted(matches, key=lambda m: (-m.probability, m.entity_id))[:20])
        for place, matches in found.items()
    }


def _entity_ids(
    groups: Sequence[Sequence[Record]], shared: frozenset[tuple[str, str]], id_key: bytes
) -> list[str]:
    """Ids from the strongest identifier that only this entity holds, else from its records.

    So that a lookup that finds one more record of the same entity still gives it the same id.
    """
    holders: dict[tuple[str, str], int] = {}
    for group in groups:
        for link in {link for record in group for link in record.links}:
            holders[link] = holders.get(link, 0) + 1
    ids = []
    for group in groups:
        own = sorted(
            (_ANCHORS.index(link[0]), *link)
            for link in {link for record in group for link in record.links}
            if holders[link] == 1 and link not in shared and link[0] in _ANCHORS
        )
        anchor = own[0][1:] if own else ("records", *(record.key for record in group))
        digest = hmac.new(id_key, "\x1f".join(anchor).encode("utf-8"), hashlib.sha256).digest()
        ids.append("ent_" + base64.b32encode(digest[:16]).decode("ascii").rstrip("="))
    return ids


assert all(PREDICATES[name].link in (Link.REGISTRY, Link.STRONG) for name in _ANCHORS)
