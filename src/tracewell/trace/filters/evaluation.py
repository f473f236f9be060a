"""From a filter tree to the companies that fit."""

from __future__ import annotations

from pyroaring import BitMap

from tracewell.trace.filters.fields import FIELDS
from tracewell.trace.filters.model import Group, Leaf, Node
from tracewell.trace.filters.sources import Before, Sources


async def evaluate(node: Node, sources: Sources, *, among: BitMap | None = None) -> BitMap:
    """The companies that fit the tree, counting evidence of the sources' tier and above; only those
    of `among`, if it is given.

    Below a `not` all evidence counts: that something is probably there is reason enough to leave
    the company out.
    """
    found = await _evaluate(node, sources, among, is_negated=False)
    if among is not None:
        return found & among
    return found.copy() if isinstance(node, Leaf) else found


async def _evaluate(
    node: Node, sources: Sources, among: BitMap | None, *, is_negated: bool
) -> BitMap:
    """What fits among these companies, and perhaps others. What a leaf gives is kept, and not to be
    changed."""
    if isinstance(node, Leaf):
        return await _read(node, sources.at(0) if is_negated else sources, among)
    if node.op == "and":
        return await _intersected(node, sources, among, is_negated=is_negated)
    found = [
        await _evaluate(child, sources, among, is_negated=is_negated != (node.op == "not"))
        for child in node.children
    ]
    if node.op == "not":
        return (await sources.all() if among is None else among) - found[0]
    return BitMap.union(*found)


async def _intersected(
    node: Group, sources: Sources, among: BitMap | None, *, is_negated: bool
) -> BitMap:
    """Leaves that cost the same whatever is left come first, the smallest before; others are asked
    for what is left."""
    plain = [child for child in node.children if isinstance(child, Leaf) and not _narrows(child)]
    later = [child for child in node.children if child not in plain]
    sets = [await _evaluate(child, sources, None, is_negated=is_negated) for child in plain]
    if among is not None:
        sets.append(among)
    left = BitMap.intersection(*sorted(sets, key=len)) if sets else None
    for child in later:
        found = await _evaluate(child, sources, left, is_negated=is_negated)
        left = found.copy() if left is None else left & found
    assert left is not None, "a group has children"
    return left


def _narrows(leaf: Leaf) -> bool:
    return FIELDS[leaf.field].narrows


async def _read(leaf: Leaf, sources: Sources, among: BitMap | None) -> BitMap:
    """What a tree's other tiers have read before is not read again."""
    field = FIELDS[leaf.field]
    key = (id(leaf), sources.tier if field.is_tiered else 0)
    before = sources.read_before.get(key)
    if before is not None and (
        before.among is None or (among is not None and among <= before.among)
    ):
        return before.found
    asked = sources.among(among) if field.narrows else sources.among(None)
    found = await field.read(asked, leaf)
    sources.read_before[key] = Before(leaf, asked.only, found)
    return found
