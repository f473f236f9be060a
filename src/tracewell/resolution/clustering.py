"""The source records of a lookup clustered: an adapter between observations and `linkage`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import Final

import numpy as np

from tracewell.resolution.explanation import iter_reasons
from tracewell.resolution.inputs import SourceRecord, StatedIdentifier
from tracewell.resolution.linkage import Linkage, as_probability, link_records
from tracewell.resolution.model import Reason
from tracewell.resolution.records import Record, is_role_account

POSSIBLE_BITS: Final = -3.0

Pair = tuple[int, int]
Links = frozenset[tuple[str, str]]

_IDENTIFIERS: Final[Mapping[str, str]] = MappingProxyType(
    {
        "email.address": "email",
        "phone.number": "phone",
        "social.account": "social",
        "domain.name": "domain",
        "username.handle": "username",
    }
)
_REGISTRIES: Final = ("person.registry_id", "organization.registry_id")


@dataclass(frozen=True, slots=True)
class PairScore:
    """The evidence for one pair in bits; the reasons add up to it."""

    bits: float
    reasons: tuple[Reason, ...]

    @property
    def probability(self) -> float:
        """The bits as a calibrated probability, 0..1."""
        return as_probability(self.bits)


@dataclass(frozen=True, slots=True)
class Clustering:
    """Clusters as sorted record indexes, the pairs that hold them, the pairs left in doubt.

    `vetoed` pairs can never be one entity; `shared` are links known to have several holders.
    """

    clusters: tuple[tuple[int, ...], ...]
    held_by: Mapping[Pair, PairScore]
    doubtful: Mapping[Pair, PairScore]
    vetoed: frozenset[Pair]
    shared: Links


def cluster_records(records: Sequence[Record]) -> Clustering:
    """The clusters of records that are sorted by their key."""
    linkage = link_records([_as_source_record(record) for record in records])
    home = {i: place for place, cluster in enumerate(linkage.clusters) for i in cluster}
    held_by: dict[Pair, PairScore] = {}
    doubtful: dict[Pair, PairScore] = {}
    for comparison, scores in linkage.scored:
        for k in np.flatnonzero(scores.bits > -60.0).tolist():
            pair = (int(comparison.left[k]), int(comparison.right[k]))
            together = home[pair[0]] == home[pair[1]]
            if not together and (scores.vetoed[k] or scores.bits[k] < POSSIBLE_BITS):
                continue
            reasons = tuple(iter_reasons(comparison, scores, k))
            (held_by if together else doubtful)[pair] = PairScore(
                round(float(scores.bits[k]), 6), reasons
            )
    return Clustering(
        clusters=linkage.clusters,
        held_by=held_by,
        doubtful=doubtful,
        vetoed=_vetoed(linkage),
        shared=frozenset(
            link
            for record in records
            for link in record.links
            if link[0] == "email.address" and is_role_account(link[1])
        ),
    )


def _vetoed(linkage: Linkage) -> frozenset[Pair]:
    pairs = linkage.pairs
    places = np.flatnonzero(pairs.vetoed)
    return frozenset(zip(pairs.left[places].tolist(), pairs.right[places].tolist(), strict=True))


def _as_source_record(record: Record) -> SourceRecord:
    """The record of an origin in the form of the library."""
    identifiers = [
        StatedIdentifier(kind, value)
        for predicate, kind in _IDENTIFIERS.items()
        for value in record.get_all(predicate)
    ]
    for predicate in _REGISTRIES:
        for value in record.get_all(predicate):
            registry, _, number = value.rpartition(":")
            identifiers.append(StatedIdentifier(registry or "registry", number))
    attributes = {
        name: values
        for name, predicate in (("gender", "person.gender"), ("employer", "company.name"))
        if (values := record.get_all(predicate))
    }
    births = record.get_all("person.dob")
    return SourceRecord(
        record_id=record.subject,
        source=record.origin,
        kind=record.kind,
        names=record.name_texts,
        dates=MappingProxyType({"birth": births} if births else {}),
        identifiers=tuple(identifiers),
        addresses=record.get_all("address.full"),
        attributes=MappingProxyType(attributes),
    )
