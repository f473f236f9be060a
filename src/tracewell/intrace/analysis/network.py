"""`network_centrality`: how central the subject is among the entities that share values with it."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from typing import Any, Final

import rustworkx as rx
from pydantic import Field

from tracewell.intrace.analysis.kinds import AnalysisType, Instruments, Parameters
from tracewell.intrace.analysis.linking import (
    STRENGTHS,
    Holder,
    LinkField,
    Network,
    build_network,
    gather_holders,
)
from tracewell.intrace.analysis.material import Material
from tracewell.intrace.analysis.model import Conclusion

_DEFAULT: Final[list[LinkField]] = [
    "registry_ids", "emails", "phones", "social_profiles", "domains", "usernames", "addresses",
    "companies",
]  # fmt: skip
_DIGITS: Final = 6


class NetworkParameters(Parameters):
    """What links two entities, and how far the network reaches."""

    fields: list[LinkField] = Field(
        default=_DEFAULT, min_length=1, max_length=len(STRENGTHS),
        description="Lists of the profile whose shared values link two entities.",
    )  # fmt: skip
    confidence_min: float = Field(
        default=0.0, ge=0, le=1, description="Data points below it link nothing."
    )
    steps_max: int = Field(
        default=3, ge=1, le=10, description="How many entities away from the subject."
    )
    hub_holders_max: int = Field(
        default=25, ge=2, le=1000,
        description="A value that more entities hold (a switchboard, a shared mailbox) links none.",
    )  # fmt: skip
    limit: int = Field(default=50, ge=1, le=500, description="Entities that are listed.")


async def analyse(
    material: Material, parameters: NetworkParameters, instruments: Instruments
) -> Conclusion:
    """Measures the network in a thread."""
    del instruments
    return await asyncio.to_thread(_measure, material, parameters)


def _measure(material: Material, parameters: NetworkParameters) -> Conclusion:
    holders = gather_holders(material, parameters.fields, parameters.confidence_min)
    network = build_network(
        holders,
        material.entity_id,
        steps_max=parameters.steps_max,
        hub_holders_max=parameters.hub_holders_max,
    )
    graph = network.graph
    measures = _centralities(network)
    rows: list[dict[str, Any]] = [
        {
            "entity_id": entity_id,
            "kind": holders[entity_id].kind,
            "name": holders[entity_id].name,
            "distance": distance,
            **{name: measure[entity_id] for name, measure in measures.items()},
        }
        for entity_id, distance in _distances(network, material.entity_id).items()
    ]
    rows.sort(key=lambda row: (-row["betweenness"], -row["degree"], row["entity_id"]))
    own = next(row for row in rows if row["entity_id"] == material.entity_id)
    data = {
        "subject": {**own, "rank": _ranks(measures, material.entity_id)},
        "is_bridge": network.node_of[material.entity_id] in rx.articulation_points(graph),
        "entity_count": len(rows),
        "shared_value_count": graph.num_nodes() - len(rows),
        "link_count": graph.num_edges(),
        "hubs_left_out": network.hubs,
        "entities": rows[: parameters.limit],
    }
    notes = []
    if network.hubs:
        notes.append(f"Values with more than {parameters.hub_holders_max} holders link nothing.")
    if network.is_cut:
        notes.append("The network is larger than what was measured.")
    confidence = _confidence(network, holders, material)
    return Conclusion(data, confidence, material.coverage_note(*notes))


def _centralities(network: Network) -> dict[str, dict[str, float]]:
    """Freeman's betweenness and closeness (Wasserman and Faust's form), degree, PageRank.

    Entities and shared values are both nodes: two entities with a common value are two edges apart.
    """
    graph = network.graph
    found: dict[str, Mapping[int, float]] = {
        "betweenness": rx.betweenness_centrality(graph, normalized=True),
        "closeness": rx.closeness_centrality(graph, wf_improved=True),
        "pagerank": rx.pagerank(graph.to_directed(), weight_fn=float),
    }
    measures = {
        name: {e: round(values[node], _DIGITS) for e, node in network.node_of.items()}
        for name, values in found.items()
    }
    neighbours = {
        e: {n for value in graph.neighbors(node) for n in graph.neighbors(value)} - {node}
        for e, node in network.node_of.items()
    }
    measures["degree"] = {entity_id: len(near) for entity_id, near in neighbours.items()}
    return measures


def _distances(network: Network, subject_id: str) -> dict[str, int]:
    """Steps from entity to entity: half of the edges between them."""
    start = network.node_of[subject_id]
    lengths: Mapping[int, float] = rx.dijkstra_shortest_path_lengths(
        network.graph, start, lambda _: 1.0
    )
    return {
        entity_id: 0 if node == start else int(lengths[node]) // 2
        for entity_id, node in network.node_of.items()
    }


def _ranks(measures: Mapping[str, Mapping[str, float]], entity_id: str) -> dict[str, int]:
    """Per measure how many entities are more central, plus one."""
    return {
        name: 1 + sum(value > values[entity_id] for value in values.values())
        for name, values in measures.items()
    }


def _confidence(network: Network, holders: Mapping[str, Holder], material: Material) -> float:
    """Of the entity, times the mean of the links that the measures stand on."""
    weights: list[Any] = network.graph.edges()
    mean = sum(weights) / len(weights) if weights else 1.0
    return round(holders[material.entity_id].confidence * mean, 3)


NETWORK_CENTRALITY: Final = AnalysisType(
    name="network_centrality",
    title="Network centrality",
    description="How central the entity is among those that share identifiers, addresses or "
    "companies with it, over the caller's stored lookups.",
    result_description="`subject`: betweenness, closeness, PageRank, degree (entities one step "
    "away), and its rank by each; `is_bridge`: without it the network falls apart; `entities`: the "
    "same for the others, the most central first. Confidence: of the entity times the mean of "
    "the links.",
    parameters=NetworkParameters,
    analyse=analyse,
    reads_others=True,
)
