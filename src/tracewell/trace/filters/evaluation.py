"""From a filter tree to the companies that fit."""

from __future__ import annotations

from pyroaring import BitMap

from tracewell.trace.filters.fields import FIELDS
from tracewell.trace.filters.model import Leaf, Node
from tracewell.trace.filters.sources import Sources


async def evaluate(node: Node, sources: Sources, *, is_negated: bool = False) -> BitMap:
    """The companies that fit the tree, counting evidence of the sources' tier and above.

    Below a `not` all evidence counts: that something is probably there is reason enough to leave
    the company out.
    """
    if isinstance(node, Leaf):
        return await _read(node, sources.at(0) if is_negated else sources)
    if node.op == "not":
        inner = await evaluate(node.children[0], sources, is_negated=not is_negated)
        return await sources.all() - inner
    found = [await evaluate(child, sources, is_negated=is_negated) for child in node.children]
    if node.op == "or":
        return BitMap.union(*found)
    return BitMap.intersection(*sorted(found, key=len))


async def _read(leaf: Leaf, sources: Sources) -> BitMap:
    """What a tree's other tiers have read before is not read again."""
    field = FIELDS[leaf.field]
    key = (id(leaf), sources.tier if field.is_tiered else 0)
    if key not in sources.read_before:
        sources.read_before[key] = (leaf, await field.read(sources, leaf))
    return sources.read_before[key][1].copy()
