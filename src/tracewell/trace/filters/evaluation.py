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
    found = await _evaluate(node, sources, is_negated)
    return found.copy() if isinstance(node, Leaf) else found


async def _evaluate(node: Node, sources: Sources, is_negated: bool) -> BitMap:
    """What a leaf gives is kept, and not to be changed."""
    if isinstance(node, Leaf):
        return await _read(node, sources.at(0) if is_negated else sources)
    if node.op == "not":
        return await sources.all() - await _evaluate(node.children[0], sources, not is_negated)
    found = [await _evaluate(child, sources, is_negated) for child in node.children]
    if node.op == "or":
        return BitMap.union(*found)
    return BitMap.intersection(*sorted(found, key=len))


async def _read(leaf: Leaf, sources: Sources) -> BitMap:
    """What a tree's other tiers have read before is not read again."""
    field = FIELDS[leaf.field]
    key = (id(leaf), sources.tier if field.is_tiered else 0)
    if key not in sources.read_before:
        sources.read_before[key] = (leaf, await field.read(sources, leaf))
    return sources.read_before[key][1]
