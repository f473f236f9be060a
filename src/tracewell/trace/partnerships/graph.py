"""The graph of partnerships around a company: breadth first, bounded, the same at every call."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import orjson

from tracewell.extraction import PARTNERSHIP_TYPES, PartnershipType
from tracewell.kernel.database import Row, Sql, Transaction
from tracewell.trace.companies.heads import Head
from tracewell.trace.partnerships.rules import company_key

NODES_MAX = 500
DEPTH_MAX = 3
PARTNERS_MAX = 500
"""Partnerships of one company that are looked at, the last observed; a hub has many more."""

_COLUMNS = """p.company_id, p.partner_key, p.partner_id, p.partner_name, p.partner_domain,
    p.partnership_type, p.first_observed_at, p.last_observed_at, p.observation_count"""
_AT_ONCE = 32
"""Companies of a level that are read together, before it is seen whether there are enough nodes."""
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
# The sign and the empty text keep both databases from looking every pair of nodes up in an index.
_AMONG = Sql(
    sqlite=f"""
        SELECT {_COLUMNS} FROM json_each(:ids) AS asked
        CROSS JOIN partnerships AS p ON p.company_id = asked.value
        WHERE +p.partner_key IN (SELECT value FROM json_each(:keys))""",  # noqa: S608
    postgresql=f"""
        SELECT {_COLUMNS} FROM partnerships AS p
        WHERE p.company_id = ANY(CAST(:ids AS BIGINT[]))
          AND p.partner_key || '' = ANY(CAST(:keys AS TEXT[]))""",  # noqa: S608
)
_AMONG_HUBS = Sql(
    sqlite=f"""
        SELECT {_COLUMNS} FROM json_each(:ids) AS asked CROSS JOIN json_each(:keys) AS known
        CROSS JOIN partnerships AS p
          ON p.company_id = asked.value AND p.partner_key = known.value""",  # noqa: S608
    postgresql=f"""
        SELECT {_COLUMNS} FROM partnerships AS p
        WHERE p.company_id = ANY(CAST(:ids AS BIGINT[]))
          AND p.partner_key = ANY(CAST(:keys AS TEXT[]))""",  # noqa: S608
)
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

    Of a company the `PARTNERS_MAX` that were observed last are followed. Edges are all those
    between the nodes.
    """
    wanted = frozenset(types or PARTNERSHIP_TYPES)
    root_key = company_key(root.company_id)
    depths = {root_key: 0}
    named: dict[str, _Side] = {}
    level, is_truncated = [root.company_id], False
    for step in range(1, depth + 1):
        reached: list[int] = []
        for first in range(0, len(level), _AT_ONCE):
            sides = await _read_sides(tx, level[first : first + _AT_ONCE], wanted)
            is_truncated |= any(len(some) >= PARTNERS_MAX for some in sides.values())
            for side in (side for some in sides.values() for side in some):
                if side.partner_key in depths:
                    continue
                if len(depths) == nodes_max:
                    is_truncated = True
                    break
                depths[side.partner_key] = step
                named[side.partner_key] = side
                if side.partner_id is not None:
                    reached.append(side.partner_id)
            if is_truncated and len(depths) == nodes_max:
                break
        level = reached
    heads = await _read_heads(tx, [*(s.partner_id for s in named.values() if s.partner_id)])
    nodes = [GraphNode(root_key, 0, root.name, root.primary_domain, root)]
    nodes += [_node(side, depths[key], heads) for key, side in named.items()]
    return Graph(nodes, await _read_edges(tx, nodes, wanted), is_truncated)


async def _read_edges(
    tx: Transaction, nodes: Sequence[GraphNode], wanted: frozenset[PartnershipType]
) -> list[Edge]:
    """Each partnership once, whichever of its two rows was read.

    It stands at both ends: the rows of companies with many are read only where both have many.
    """
    few = [node for node in nodes if node.head and node.head.partnership_count <= PARTNERS_MAX]
    hubs = [node for node in nodes if node.head and node.head.partnership_count > PARTNERS_MAX]
    # Who is none of our companies has no rows of its own.
    strangers = [node for node in nodes if node.head is None]
    rows: list[Row] = []
    for statement, ends, others in (
        (_AMONG, few, nodes),
        (_AMONG_HUBS, hubs, [*hubs, *strangers]),
    ):
        if ends and others:
            ids = [node.head.company_id for node in ends if node.head is not None]
            keys = [node.key for node in others]
            rows += await tx.fetch_all(statement, ids=_asked(tx, ids), keys=_asked(tx, keys))
    places = {node.key: place for place, node in enumerate(nodes)}
    edges: dict[tuple[int, int, str], Edge] = {}
    for company_id, partner_key, _, _, _, partnership_type, *rest in rows:
        if partnership_type in wanted:
            ends_of = sorted((company_key(company_id), partner_key), key=places.__getitem__)
            key = (places[ends_of[0]], places[ends_of[1]], partnership_type)
            edges[key] = Edge(ends_of[0], ends_of[1], partnership_type, *rest)
    return [edges[key] for key in sorted(edges)]


def _asked(tx: Transaction, values: Sequence[int] | Sequence[str]) -> Any:
    return orjson.dumps(values).decode() if tx.dialect == "sqlite" else list(values)


def _node(side: _Side, depth: int, heads: Mapping[int, Head]) -> GraphNode:
    head = heads[side.partner_id] if side.partner_id is not None else None
    if head is None:
        return GraphNode(side.partner_key, depth, side.partner_name, side.partner_domain, None)
    return GraphNode(side.partner_key, depth, head.name, head.primary_domain, head)


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
    rows = await tx.fetch_all(_HEADS, ids=_asked(tx, company_ids))
    return {row[0]: Head(*row) for row in rows}
