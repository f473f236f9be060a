"""Entities and the values they share, as a graph. Which values link, and how strongly. Pure."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from typing import Final, Literal

import rustworkx as rx

from tracewell.intrace.analysis.material import DataPoint, Material, SeenEntity, merge_points

LinkField = Literal[
    "registry_ids", "emails", "phones", "social_profiles", "domains", "usernames", "addresses",
    "companies", "urls", "ip_addresses",
]  # fmt: skip

STRENGTHS: Final[Mapping[str, float]] = {
    # How far one shared value speaks for a relation between two entities that hold it, 0..1.
    "registry_ids": 0.95,
    "emails": 0.9,
    "social_profiles": 0.9,
    "phones": 0.85,
    "domains": 0.6,
    "usernames": 0.5,
    "addresses": 0.4,
    "urls": 0.3,
    "companies": 0.2,
    "ip_addresses": 0.15,
}
NODES_MAX: Final = 2_000

ValueKey = tuple[str, str]


@dataclass(frozen=True, slots=True)
class Holder:
    """An entity over all results, with the lookups that hold it."""

    entity_id: str
    kind: str
    confidence: float
    name: str | None = field(repr=False)
    points: Mapping[ValueKey, DataPoint] = field(repr=False)
    request_ids: tuple[str, ...]


def gather_holders(
    material: Material, fields: Collection[str], confidence_min: float
) -> dict[str, Holder]:
    """Every entity of the results by its id, with the values that may link it."""
    seen: dict[str, list[tuple[str, SeenEntity]]] = {}
    for result in material.results:
        for entity in result.entities:
            seen.setdefault(entity.entity_id, []).append((result.request_id, entity))
    holders = {}
    for entity_id in sorted(seen):
        entities = [entity for _, entity in seen[entity_id]]
        points = merge_points(
            point
            for entity in entities
            for point in entity.points
            if point.field in fields and point.confidence >= confidence_min
        )
        holders[entity_id] = Holder(
            entity_id=entity_id,
            kind=next((e.kind for e in entities if e.kind != "unknown"), "unknown"),
            confidence=max(entity.confidence for entity in entities),
            name=next((entity.name for entity in entities if entity.name), None),
            points={point.key: point for point in points},
            request_ids=tuple(request_id for request_id, _ in seen[entity_id]),
        )
    return holders


def holders_of_values(holders: Mapping[str, Holder]) -> dict[ValueKey, list[str]]:
    """Per value the ids of the entities that hold it, sorted."""
    held: dict[ValueKey, list[str]] = {}
    for entity_id in sorted(holders):
        for key in holders[entity_id].points:
            held.setdefault(key, []).append(entity_id)
    return held


@dataclass(frozen=True, slots=True)
class Network:
    """Entities and values around the subject. `node_of` gives an entity's index in the graph.

    `hubs` counts values that were left out because too many hold them.
    """

    graph: rx.PyGraph[str, float] = field(repr=False)
    node_of: Mapping[str, int]
    hubs: int
    is_cut: bool


def build_network(
    holders: Mapping[str, Holder], subject_id: str, *, steps_max: int, hub_holders_max: int
) -> Network:
    """What can be reached from the subject in so many steps from entity to entity.

    Only values that two or more entities hold are nodes. At most `NODES_MAX`, the nearest first.
    """
    held = holders_of_values(holders)
    linking = {key: ids for key, ids in held.items() if 2 <= len(ids) <= hub_holders_max}
    hubs = sum(len(ids) > hub_holders_max for ids in held.values())
    graph: rx.PyGraph[str, float] = rx.PyGraph(multigraph=False)
    node_of = {subject_id: graph.add_node(subject_id)}
    value_nodes: dict[ValueKey, int] = {}
    frontier, is_cut = [subject_id], False
    for _ in range(steps_max):
        following: list[str] = []
        for entity_id in frontier:
            for key in sorted(set(holders[entity_id].points) & set(linking)):
                if key in value_nodes:
                    continue
                new = [other for other in linking[key] if other not in node_of]
                if graph.num_nodes() + len(new) + 1 > NODES_MAX:
                    is_cut = True
                    continue
                value_nodes[key] = graph.add_node("")
                for other in new:
                    node_of[other] = graph.add_node(other)
                following += new
        frontier = following
    for key, node in value_nodes.items():
        for entity_id in linking[key]:
            if entity_id in node_of:
                confidence = holders[entity_id].points[key].confidence
                graph.add_edge(node_of[entity_id], node, confidence)
    return Network(graph, node_of, hubs, is_cut)
