"""Stored results as analyses read them: entities with their data points, sources, times. Pure."""

from __future__ import annotations

import json
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from dataclasses import field as member
from typing import Any, Final

from tracewell.intrace.analysis.model import AnalysisFailed, FailureCode

_VALUE_NAMES: Final[Mapping[str, str]] = {
    # List of the profile: the member that holds the value.
    "phones": "number",
    "emails": "address",
    "addresses": "address",
    "usernames": "username",
    "domains": "domain",
    "ip_addresses": "ip_address",
    "urls": "url",
    "companies": "name",
    "associates": "name",
    "technologies": "name",
    "watchlist_hits": "entry",
}
_SOURCE_MEMBERS: Final = (
    "source_id", "connector_id", "retrieved_at", "url", "record_hash", "licence",
)  # fmt: skip
_OWN: Final = frozenset({"confidence", "sources", "explanation", "alternatives"})


@dataclass(frozen=True, slots=True)
class DataPoint:
    """One value of a profile. `is_single`: of a field that has one true value (a date of birth).

    `details` are the further members of the item.
    """

    field: str
    value: str = member(repr=False)
    confidence: float
    sources: tuple[str, ...]
    details: Mapping[str, Any] = member(repr=False)
    is_single: bool = False

    @property
    def key(self) -> tuple[str, str]:
        """By which equal values are told: letter case and blanks do not tell values apart."""
        return self.field, " ".join(self.value.casefold().split())


@dataclass(frozen=True, slots=True)
class SeenSource:
    """A source record that a result cites."""

    source_id: str
    connector_id: str
    retrieved_at: str
    url: str = member(repr=False)
    record_hash: str
    licence: str


@dataclass(frozen=True, slots=True)
class SeenEntity:
    """One entity as one result has it."""

    entity_id: str
    kind: str
    confidence: float
    points: tuple[DataPoint, ...] = member(repr=False)
    possibly_same_as: Mapping[str, float]

    @property
    def name(self) -> str | None:
        """The best supported name."""
        return next((p.value for p in self.points if p.field == "names"), None)


@dataclass(frozen=True, slots=True)
class StoredResult:
    """A lookup's result, read. `silent` are connectors that were asked and did not answer in full.

    `expires_at`: milliseconds since the epoch.
    """

    request_id: str
    queried_at: str
    entities: tuple[SeenEntity, ...] = member(repr=False)
    sources: Mapping[str, SeenSource] = member(repr=False)
    silent: frozenset[str]
    expires_at: int

    def find(self, entity_id: str) -> SeenEntity | None:
        """The entity in this result."""
        return next((e for e in self.entities if e.entity_id == entity_id), None)


@dataclass(frozen=True, slots=True)
class Material:
    """What an analysis works on: the caller's results, the newest first; one or more hold the
    subject. `is_cut`: there are more results than are read."""

    entity_id: str
    results: tuple[StoredResult, ...]
    is_cut: bool = False

    @property
    def sightings(self) -> tuple[tuple[StoredResult, SeenEntity], ...]:
        """The results with the subject, the newest first."""
        seen = ((result, result.find(self.entity_id)) for result in self.results)
        return tuple((result, entity) for result, entity in seen if entity is not None)

    @property
    def subject(self) -> SeenEntity:
        """The subject as it was seen last, with every data point of all results."""
        seen = [entity for _, entity in self.sightings]
        return SeenEntity(
            entity_id=self.entity_id,
            kind=next((e.kind for e in seen if e.kind != "unknown"), seen[0].kind),
            confidence=max(entity.confidence for entity in seen),
            points=tuple(merge_points(point for entity in seen for point in entity.points)),
            possibly_same_as={k: v for e in reversed(seen) for k, v in e.possibly_same_as.items()},
        )

    def connector_of(self, source_id: str) -> str | None:
        """Which connector a cited source came from."""
        for result in self.results:
            if source_id in result.sources:
                return result.sources[source_id].connector_id
        return None

    def coverage_note(self, *more: str) -> str:
        """What was read and what was silent meanwhile."""
        count = len(self.results)
        notes = [f"Read {count} stored {'result' if count == 1 else 'results'} of the caller."]
        if self.is_cut:
            notes.append("There are older ones that were not read.")
        silent = sorted({name for result, _ in self.sightings for name in result.silent})
        if silent:
            notes.append(
                f"In the lookups of the subject did not answer in full: {', '.join(silent)}."
            )
        return " ".join([*notes, *more])


def read_material(
    entity_id: str,
    stored: Iterable[tuple[bytes, int]],
    *,
    reads_others: bool,
    is_cut: bool,
    aliases: Collection[str] = (),
) -> Material:
    """From payloads and when they expire. Under its `aliases` the subject is meant as well.

    Raises AnalysisFailed where no result holds the entity.
    """
    names = dict.fromkeys(aliases, entity_id)
    results = tuple(parse_result(payload, expires_at, names) for payload, expires_at in stored)
    if not reads_others:
        results = tuple(result for result in results if result.find(entity_id) is not None)
    material = Material(entity_id, results, is_cut)
    if not material.sightings:
        raise AnalysisFailed(FailureCode.ENTITY_NOT_FOUND)
    return material


def merge_points(points: Iterable[DataPoint]) -> Iterator[DataPoint]:
    """Equal values as one: the best confidence, the sources of all, the details of the first."""
    merged: dict[tuple[str, str], list[DataPoint]] = {}
    for point in points:
        merged.setdefault(point.key, []).append(point)
    for group in merged.values():
        details: dict[str, Any] = {}
        for point in group:
            details |= {k: v for k, v in point.details.items() if details.get(k) is None}
        yield DataPoint(
            field=group[0].field,
            value=group[0].value,
            confidence=max(point.confidence for point in group),
            sources=tuple(dict.fromkeys(s for point in group for s in point.sources)),
            details=details,
            is_single=group[0].is_single,
        )


def parse_result(payload: bytes, expires_at: int, names: Mapping[str, str]) -> StoredResult:
    """A signed payload, which this engine wrote; entities that `names` has are called so."""
    members = json.loads(payload)
    return StoredResult(
        request_id=members["request_id"],
        queried_at=members["queried_at"],
        entities=tuple(_entity(entity, names) for entity in members["entities"]),
        sources={
            source["source_id"]: SeenSource(**{name: source[name] for name in _SOURCE_MEMBERS})
            for source in members["sources"]
        },
        silent=frozenset(
            outcome["connector_id"]
            for outcome in members["coverage"]
            if outcome["status"] in ("failed", "timed_out", "rate_limited", "partial")
        ),
        expires_at=expires_at,
    )


def _entity(entity: Mapping[str, Any], names: Mapping[str, str]) -> SeenEntity:
    return SeenEntity(
        entity_id=names.get(entity["entity_id"], entity["entity_id"]),
        kind=entity["kind"],
        confidence=entity["confidence"],
        points=tuple(iter_points(entity["profile"])),
        possibly_same_as={m["entity_id"]: m["probability"] for m in entity["possibly_same_as"]},
    )


def iter_points(profile: Mapping[str, Any]) -> Iterator[DataPoint]:
    """Every data point of a profile, alternatives included."""
    for part in ("person", "organization"):
        for name, told in (profile[part] or {}).items():
            yield from _part_points(name, told)
    for name, value_name in _VALUE_NAMES.items():
        for item in profile[name]:
            yield _point(name, item, value_name)
    for item in profile["social_profiles"]:
        yield _point("social_profiles", item, "username", f"{item['platform']}:{item['username']}")


def _part_points(name: str, told: Any) -> Iterator[DataPoint]:
    if isinstance(told, dict):
        for stated in (told, *told["alternatives"]):
            yield _point(name, stated, "value", is_single=True)
        return
    for item in told or ():
        if name == "registry_ids":
            yield _point(name, item, "id", f"{item['registry'] or ''}:{item['id']}")
        else:
            yield _point(name, item, "name")


def _point(
    name: str,
    item: Mapping[str, Any],
    value_name: str,
    value: str | None = None,
    *,
    is_single: bool = False,
) -> DataPoint:
    return DataPoint(
        field=name,
        value=str(item[value_name]) if value is None else value,
        confidence=item["confidence"],
        sources=tuple(item["sources"]),
        details={k: v for k, v in item.items() if k not in _OWN and k != value_name},
        is_single=is_single,
    )


def best_first(points: Iterable[DataPoint], field_name: str) -> Sequence[DataPoint]:
    """The points of one field, the surest first."""
    found = [point for point in points if point.field == field_name]
    return sorted(found, key=lambda point: (-point.confidence, point.value))
