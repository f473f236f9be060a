"""The graph of partnerships around a company: breadth first, bounded, the same at every call."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

import orjson

from tracewell.extraction import PARTNERSHIP_TYPES, PartnershipType
from tracewell.kernel.database import Sql, Transaction
from tracewell.trace.companies.heads import Head
from tracewell.trace.partnerships.rules import company_key

NODES_MAX = 500
DEPTH_MAX = 3
PARTNERS_MAX = 500
"""Partnerships of one company that are looked at, the last observed; a hub has many more."""

_COLUMNS = """p.company_id, p.partner_key, p.partner_id, p.partner_name, p.partner_domain,
    p.partnership_type, p.first_observed_at, p.last_observed_at, p.observation_count"""
_ORDER = "p.last_observed_at DESC, p.partner_key, p.partnership_type"
_AROUND = f"""
    SELECT {_COLUMNS} FROM partnerships AS p
    WHERE p.company_id = :company_id ORDER BY {_ORDER} LIMIT {PARTNERS_MAX}"""  # noqa: S608
_AROUND_ALL = f"""
    SELECT {_COLUMNS} FROM UNNEST(CAST(:ids AS BIGINT[])) AS asked (id)
    CROSS JOIN LATERAL (
      SELECT * FROM partnerships AS p WHERE p.company_id = asked.id
      ORDER BY {_ORDER} LIMIT {PARTNERS_MAX}) AS p
    ORDER BY p.company_id, {_ORDER}"""  # noqa: S608 - our own words
_HEADS = Sql(
    sqlite="""
        SELECT company_id, slug, name, primary_domain, partnership_count FROM companies
        WHERE company_id IN (SELECT value FROM json_each(:ids))""",
    postgresql="""
        SELECT company_id, slug, name, primary_domain, partnership_count FROM companies
        WHERE company_id = ANY(CAST(:ids AS BIGINT[]))""",
)


@dataclass(frozen=True, slots=True)
class Edge:
    """One kind of partnership between two nodes, which are named by their keys."""

    source: str
    target: str
    partnership_type: PartnershipType
    first_observed_at: int
    last_observed_at: int
    observation_count: int


@dataclass(frozen=True, slots=True)
class GraphNode:
    """A company of ours, or without `head` one that is not; `depth` steps from the root."""

    key: str
    depth: int
    name: str
    domain: str | None
    head: Head | None


@dataclass(frozen=True, slots=True)
class Graph:
    """The root is the first node. `is_truncated`: there is more than was taken in."""

    nodes: list[GraphNode]
    edges: list[Edge]
    is_truncated: bool


@dataclass(frozen=True, slots=True)
class _Side:
    company_id: int
    partner_key: str
    partner_id: int | None
    partner_name: str
    partner_domain: str | None
    partnership_type: PartnershipType
    first_observed_at: int
    last_observed_at: int
    observation_count: int


async def read_graph(
    tx: Transaction,
    root: Head,
    *,
    depth: int,
    nodes_max: int,
    types: Sequence[PartnershipType] = (),
) -> Graph:
    """Takes in partners level by level, those observed last first, until `nodes_max` are there.

    Edges are all those between the nodes that stand among the `PARTNERS_MAX` of either end.
    """
    wanted = frozenset(types or PARTNERSHIP_TYPES)
    root_key = company_key(root.company_id)
    depths = {root_key: 0}
    sides: dict[int, list[_Side]] = {}
    named: dict[str, _Side] = {}
    level, is_truncated = [root.company_id], False
    for step in range(1, depth + 1):
        sides |= await _read_sides(tx, level, wanted)
        is_truncated |= any(len(sides[one]) >= PARTNERS_MAX for one in level)
        reached: list[int] = []
        for side in (side for one in level for side in sides[one]):
            if side.partner_key in depths:
                continue
            if len(depths) == nodes_max:
                is_truncated = True
                break
            depths[side.partner_key] = step
            named[side.partner_key] = side
            if side.partner_id is not None:
                reached.append(side.partner_id)
        level = reached
    # The outermost nodes' own partnerships, for the edges among them.
    sides |= await _read_sides(tx, [one for one in level if one not in sides], wanted)
    heads = await _read_heads(tx, [*(s.partner_id for s in named.values() if s.partner_id)])
    nodes = [GraphNode(root_key, 0, root.name, root.primary_domain, root)]
    nodes += [_node(side, depths[key], heads) for key, side in named.items()]
    return Graph(nodes, _edges(sides, depths), is_truncated)


def _node(side: _Side, depth: int, heads: Mapping[int, Head]) -> GraphNode:
    head = heads[side.partner_id] if side.partner_id is not None else None
    if head is None:
        return GraphNode(side.partner_key, depth, side.partner_name, side.partner_domain, None)
    return GraphNode(side.partner_key, depth, head.name, head.primary_domain, head)


def _edges(sides: Mapping[int, Iterable[_Side]], nodes: Mapping[str, int]) -> list[Edge]:
    """Each partnership once, whichever of its two rows was read."""
    places = {key: place for place, key in enumerate(nodes)}
    edges: dict[tuple[int, int, str], Edge] = {}
    for company_id, some in sides.items():
        mine = company_key(company_id)
        for side in some:
            if mine not in places or side.partner_key not in places:
                continue
            source, target = sorted((mine, side.partner_key), key=places.__getitem__)
            edges[places[source], places[target], side.partnership_type] = Edge(
                source,
                target,
                side.partnership_type,
                side.first_observed_at,
                side.last_observed_at,
                side.observation_count,
            )
    return [edges[key] for key in sorted(edges)]


async def _read_sides(
    tx: Transaction, company_ids: Sequence[int], wanted: frozenset[PartnershipType]
) -> dict[int, list[_Side]]:
    found: dict[int, list[_Side]] = defaultdict(list, {one: [] for one in company_ids})
    if not company_ids:
        return found
    if tx.dialect == "postgresql":
        rows = list(await tx.fetch_all(_AROUND_ALL, ids=list(company_ids)))
    else:
        rows = [row for one in company_ids for row in await tx.fetch_all(_AROUND, company_id=one)]
    for row in rows:
        side = _Side(*row)
        if side.partnership_type in wanted:
            found[side.company_id].append(side)
    return found


async def _read_heads(tx: Transaction, company_ids: Sequence[int]) -> dict[int, Head]:
    ids = orjson.dumps(company_ids).decode() if tx.dialect == "sqlite" else list(company_ids)
    return {row[0]: Head(*row) for row in await tx.fetch_all(_HEADS, ids=ids)}
