"""From stored results and events to a lineage. Pure."""

from __future__ import annotations

import base64
import hashlib
import hmac
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from tracewell.intrace.analysis.material import (
    DataPoint,
    Material,
    SeenEntity,
    SeenSource,
    StoredResult,
    merge_points,
)
from tracewell.intrace.entities.model import Event

Json = dict[str, Any]

DEPTH_MAX: Final = 50
NODES_MAX: Final = 2_000


@dataclass(frozen=True, slots=True)
class Traced:
    """What a lineage is made of: the caller's results with the entity, and its events.

    `secret` keys the ids of data points, `owner` is the caller who made the lookups.
    """

    material: Material
    events: Sequence[Event]
    owner: str
    secret: bytes = field(repr=False)

    def point_id(self, point: DataPoint) -> str:
        """`<entity_id>.<16 characters>`: equal values of an entity have equal ids."""
        text = "\x1f".join((self.material.entity_id, *point.key)).encode("utf-8", "replace")
        digest = hmac.new(self.secret, text, hashlib.sha256).digest()[:10]
        return f"{self.material.entity_id}.{base64.b32encode(digest).decode()}"

    def find_point(self, point_id: str) -> DataPoint | None:
        """The data point of an id, over all results."""
        points = self.material.subject.points
        return next((point for point in points if self.point_id(point) == point_id), None)


def trace_entity(traced: Traced) -> Json:
    """The lineage of an entity."""
    subject = traced.material.subject
    points = sorted(subject.points, key=lambda p: (p.field, -p.confidence, p.value))
    sightings = traced.material.sightings
    updates = list(_changes(traced))
    merges = [dict(event.to_wire()) for event in traced.events]
    return _lineage(
        subject.entity_id,
        "entity",
        origin=_sources(traced, {s for point in points for s in point.sources}),
        transforms=[_resolved(result, entity, traced.owner) for result, entity in sightings],
        transitions=_transitions(traced),
        updates=updates,
        merges=merges,
        chain=[*(traced.point_id(point) for point in points)],
    )


def trace_point(traced: Traced, point: DataPoint) -> Json:
    """The lineage of a data point of the subject."""
    point_id = traced.point_id(point)
    seen = [
        (result, entity)
        for result, entity in traced.material.sightings
        if any(traced.point_id(own) == point_id for own in entity.points)
    ]
    return _lineage(
        point_id,
        "data_point",
        origin=_sources(traced, point.sources),
        transforms=[_resolved(result, entity, traced.owner) for result, entity in seen],
        transitions=[],
        updates=[update for update in _changes(traced) if update["data_point_id"] == point_id],
        merges=[dict(event.to_wire()) for event in traced.events],
        chain=list(point.sources),
    ) | {"field": point.field, "value": point.value, "entity_id": traced.material.entity_id}


def trace_source(result: StoredResult, source: SeenSource, owner: str) -> Json:
    """The lineage of a source record: it is an origin itself."""
    used_by = [
        entity.entity_id
        for entity in result.entities
        if any(source.source_id in point.sources for point in entity.points)
    ]
    return _lineage(
        source.source_id,
        "source",
        origin=[_source(source, result.request_id)],
        transforms=[
            {"operation": "resolve", "request_id": result.request_id, "at": result.queried_at,
             "by": owner, "entity_id": entity_id}
            for entity_id in used_by
        ],
        transitions=[],
        updates=[],
        merges=[],
        chain=[],
    )  # fmt: skip


def _lineage(
    node_id: str,
    kind: str,
    *,
    origin: list[Json],
    transforms: list[Json],
    transitions: list[Json],
    updates: list[Json],
    merges: list[Json],
    chain: list[str],
) -> Json:
    """`chain`: what it was made of, next to it first. `timeline`: all of it in order."""
    timeline = [
        *({"at": o["retrieved_at"], "event": "retrieved", "id": o["source_id"],
           "by": o["connector_id"], "request_id": o["request_id"]} for o in origin),
        *({"at": t["at"], "event": t["operation"], "id": t["entity_id"], "by": t["by"],
           "request_id": t["request_id"]} for t in transforms),
        *({"at": u["at"], "event": u["change"], "id": u["data_point_id"], "by": u["by"],
           "request_id": u["request_id"]} for u in updates),
        *({"at": m["decided_at"], "event": m["kind"], "id": m["event_id"], "by": m["decided_by"],
           "request_id": m["request_id"]} for m in merges),
        *({"at": m["undone_at"], "event": f"{m['kind']}_undone", "id": m["event_id"],
           "by": m["undone_by"], "request_id": None} for m in merges if m["undone_at"]),
    ]  # fmt: skip
    return {
        "id": node_id,
        "type": kind,
        "origin": origin,
        "transforms": transforms,
        "transitions": transitions,
        "updates": updates,
        "merges": [merge for merge in merges if merge["kind"] == "merge"],
        "chain": chain,
        "timeline": sorted(timeline, key=lambda e: (e["at"], e["event"], e["id"])),
        "merge_history": merges,
    }


def _resolved(result: StoredResult, entity: SeenEntity, owner: str) -> Json:
    return {
        "operation": "resolve",
        "request_id": result.request_id,
        "at": result.queried_at,
        "by": owner,
        "entity_id": entity.entity_id,
    }


def _sources(traced: Traced, wanted: Sequence[str] | set[str]) -> list[Json]:
    found = {
        source.source_id: _source(source, result.request_id)
        for result in traced.material.results
        for source in result.sources.values()
        if source.source_id in wanted
    }
    return sorted(found.values(), key=lambda s: (s["retrieved_at"], s["source_id"]))


def _source(source: SeenSource, request_id: str) -> Json:
    return {
        "source_id": source.source_id,
        "connector_id": source.connector_id,
        "retrieved_at": source.retrieved_at,
        "url": source.url,
        "record_hash": source.record_hash,
        "licence": source.licence,
        "request_id": request_id,
    }


def _changes(traced: Traced) -> Iterator[Json]:
    """Per data point when a lookup first saw it, and each change of its confidence."""
    known: dict[str, float] = {}
    for result, entity in reversed(traced.material.sightings):
        for point in sorted(merge_points(entity.points), key=lambda p: p.key):
            point_id = traced.point_id(point)
            before = known.get(point_id)
            known[point_id] = point.confidence
            if before == point.confidence:
                continue
            yield {
                "data_point_id": point_id,
                "field": point.field,
                "change": "added" if before is None else "confidence_changed",
                "confidence_before": before,
                "confidence": point.confidence,
                "at": result.queried_at,
                "by": traced.owner,
                "request_id": result.request_id,
            }


def _transitions(traced: Traced) -> list[Json]:
    """How the confidence of the entity itself went from lookup to lookup."""
    seen = list(reversed(traced.material.sightings))
    return [
        {
            "request_id": result.request_id,
            "at": result.queried_at,
            "by": traced.owner,
            "kind": entity.kind,
            "confidence": entity.confidence,
        }
        for result, entity in seen
    ]


def trace_full(traced: Traced, top: Json, depth_max: int) -> Json:
    """The lineage with those of what it was made of beneath it, level by level.

    An entity stands on data points, these on sources: three levels; `max_depth` cuts them.
    """
    left = [NODES_MAX]
    by_source = _by_source(traced)
    points = {traced.point_id(point): point for point in traced.material.subject.points}

    def grow(node: Json, depth: int) -> Json:
        below: list[Json] = []
        is_cut = False
        for child_id in node["chain"]:
            if depth >= depth_max or left[0] == 0:
                is_cut = True
                break
            left[0] -= 1
            if child_id in points:
                child = trace_point(traced, points[child_id])
            elif child_id in by_source:
                child = trace_source(*by_source[child_id], traced.owner)
            else:
                continue
            below.append(grow(child, depth + 1))
        return {**node, "depth": depth, "upstream": below, "is_cut": is_cut}

    return grow(top, 0)


def _by_source(traced: Traced) -> Mapping[str, tuple[StoredResult, SeenSource]]:
    return {
        source.source_id: (result, source)
        for result in traced.material.results
        for source in result.sources.values()
    }
