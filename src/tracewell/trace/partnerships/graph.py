"""The graph of partnerships around a company: breadth first, bounded, the same at every call."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import chain
from typing import Any, NamedTuple

import orjson

from tracewell.extraction import PARTNERSHIP_TYPES, PartnershipType
from tracewell.kernel.database import Dialect, Sql, Transaction
from tracewell.trace.companies.heads import Head
from tracewell.trace.partnerships.rules import company_key

NODES_MAX = 500
DEPTH_MAX = 3
PARTNERS_MAX = 500
"""Partnerships of one company that are looked at, the last observed; a hub has many more."""

_COLUMNS = """p.company_id, p.partner_key, p.partner_id, p.partner_name, p.partner_domain,
    p.partnership_type, p.first_observed_at, p.last_observed_at, p.observation_count"""
_AT_ONCE: dict[Dialect, int] = {"sqlite": 1, "postgresql": 32}
"""Companies of a level that are read together before it is seen whether there are enough nodes:
where that saves round trips."""
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
# A company's keys are looked through in the primary key, and rows are read of those that fit. The
# sign and the empty text keep both databases from looking every pair of nodes up there; the bound
# keeps SQLite in that index; `IS TRUE` has PostgreSQL hash the keys, also in a generic plan.
_AMONG = Sql(
    sqlite=f"""
        SELECT {_COLUMNS} FROM json_each(:ids) AS asked
        CROSS JOIN partnerships AS p ON p.company_id = asked.value AND p.partner_key > ''
        WHERE +p.partner_key IN (SELECT value FROM json_each(:keys))""",  # noqa: S608
    postgresql=f"""
        WITH among AS MATERIALIZED (
          SELECT company_id, partner_key, partnership_type FROM partnerships
          WHERE company_id = ANY(CAST(:ids AS BIGINT[]))
            AND (partner_key || '' IN (SELECT UNNEST(CAST(:keys AS TEXT[])))) IS TRUE)
        SELECT {_COLUMNS} FROM among JOIN partnerships AS p
          USING (company_id, partner_key, partnership_type)""",  # noqa: S608
)
_AMONG_HUBS = Sql(
    sqlite=f"""
        SELECT {_COLUMNS} FROM json_each(:ids) AS asked CROSS JOIN json_each(:keys) AS known
        CROSS JOIN partnerships AS p
          ON p.company_id = asked.value AND p.partner_key = known.value""",  # noqa: S608
    postgresql=f"""
        SELECT {_COLUMNS} FROM UNNEST(CAST(:ids AS BIGINT[])) AS asked (id)
        CROSS JOIN UNNEST(CAST(:keys AS TEXT[])) AS known (key)
        JOIN partnerships AS p ON p.company_id = asked.id AND p.partner_key = known.key""",  # noqa: S608
)
_HEADS = Sql(
    sqlite="""
        SELECT company_id, slug, name, primary_domain, partnership_count FROM companies
        WHERE company_id IN (SELECT value FROM json_each(:ids))""",
    postgresql="""
        SELECT company_id, slug, name, primary_domain, partnership_count FROM companies
        WHERE company_id = ANY(CAST(:ids AS BIGINT[]))""",
)


class Edge(NamedTuple):
    """One kind of partnership between two nodes, which are named by their keys."""

    source: str
    target: str
    partnership_type: PartnershipType
    first_observed_at: int
    last_observed_at: int
    observation_count: int


class GraphNode(NamedTuple):
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


class _Side(NamedTuple):
    company_id: int
    partner_key: str
    partner_id: int | None
    partner_name: str
    partner_domain: str | None
    partnership_type: PartnershipType
    first_observed_at: int
    last_observed_at: int
    observation_count: int


_Seen = dict[int, list[_Side]]
"""Partnerships of any type by company, the last observed first, `PARTNERS_MAX` of each at most."""


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
    seen: _Seen = {}
    level, is_truncated, at_once = [root.company_id], False, _AT_ONCE[tx.dialect]
    for step in range(1, depth + 1):
        reached: list[int] = []
        for first in range(0, len(level), at_once):
            found = await _read_sides(tx, level[first : first + at_once])
            seen |= found
            is_truncated |= not all(map(_is_whole, found.values()))
            for side in chain.from_iterable(found.values()):
                if side.partner_key in depths or side.partnership_type not in wanted:
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
    return Graph(nodes, await _read_edges(tx, nodes, seen, wanted), is_truncated)


async def _read_edges(
    tx: Transaction, nodes: Sequence[GraphNode], seen: _Seen, wanted: frozenset[PartnershipType]
) -> list[Edge]:
    """Each partnership once, whichever of its two rows was read."""
    places = {node.key: place for place, node in enumerate(nodes)}
    sides: dict[tuple[int, int, PartnershipType], _Side] = {}
    for side in (*chain.from_iterable(seen.values()), *await _read_unseen(tx, nodes, seen)):
        there = places.get(side.partner_key)
        if there is not None and side.partnership_type in wanted:
            here = places[company_key(side.company_id)]
            sides[min(here, there), max(here, there), side.partnership_type] = side
    return [
        Edge(
            nodes[source].key,
            nodes[target].key,
            kind,
            side.first_observed_at,
            side.last_observed_at,
            side.observation_count,
        )
        for (source, target, kind), side in sorted(sides.items())
    ]


async def _read_unseen(tx: Transaction, nodes: Sequence[GraphNode], seen: _Seen) -> list[_Side]:
    """The partnerships between nodes of which the walk has not read either end whole.

    Each stands at both ends: the rows of companies with many are read only where both have many.
    """
    rest = [n.head for n in nodes if n.head and not _is_whole(seen.get(n.head.company_id))]
    few = [head.company_id for head in rest if head.partnership_count <= PARTNERS_MAX]
    hubs = [head.company_id for head in rest if head.partnership_count > PARTNERS_MAX]
    # Who is none of our companies has no rows of its own.
    strangers = [node.key for node in nodes if node.head is None]
    found: list[_Side] = []
    for statement, ids, others in ((_AMONG, few, [*few, *hubs]), (_AMONG_HUBS, hubs, hubs)):
        keys = [*map(company_key, others), *strangers]
        if ids and keys:
            rows = await tx.fetch_all(statement, ids=_asked(tx, ids), keys=_asked(tx, keys))
            found += map(_Side._make, rows)
    return found


def _asked(tx: Transaction, values: Sequence[int] | Sequence[str]) -> Any:
    return orjson.dumps(values).decode() if tx.dialect == "sqlite" else list(values)


def _node(side: _Side, depth: int, heads: Mapping[int, Head]) -> GraphNode:
    head = heads[side.partner_id] if side.partner_id is not None else None
    if head is None:
        return GraphNode(side.partner_key, depth, side.partner_name, side.partner_domain, None)
    return GraphNode(side.partner_key, depth, head.name, head.primary_domain, head)


async def _read_sides(tx: Transaction, company_ids: Sequence[int]) -> _Seen:
    found: _Seen = {one: [] for one in company_ids}
    if tx.dialect == "postgresql":
        rows = list(await tx.fetch_all(_AROUND_ALL, ids=list(company_ids)))
    else:
        rows = [row for one in company_ids for row in await tx.fetch_all(_AROUND, company_id=one)]
    for side in map(_Side._make, rows):
        found[side.company_id].append(side)
    return found


def _is_whole(sides: Sequence[_Side] | None) -> bool:
    return sides is not None and len(sides) < PARTNERS_MAX


async def _read_heads(tx: Transaction, company_ids: Sequence[int]) -> dict[int, Head]:
    rows = await tx.fetch_all(_HEADS, ids=_asked(tx, company_ids))
    return {row[0]: Head(*row) for row in rows}
