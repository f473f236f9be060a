"""From wire to tree and back, and which tier a member is in: pure."""

from __future__ import annotations

from typing import Any

from pydantic_core import to_jsonable_python
from pyroaring import BitMap

from tracewell.kernel.errors import ApiError
from tracewell.kernel.http.answer import echoed
from tracewell.trace import errors
from tracewell.trace.filters.model import REGISTRY_VERSION, Leaf, Node, TreeWrong
from tracewell.trace.filters.parsing import parse_tree
from tracewell.trace.lists.model import Tier


def parse_definition(registry_version: int, root: Any, path: str = "root") -> Node:
    """The tree of a definition, which stands at `path` in what was sent.

    Raises ApiError: stale_registry_version, or invalid_definition with each wrong node's path.
    """
    if registry_version != REGISTRY_VERSION:
        raise ApiError(
            errors.STALE_REGISTRY_VERSION,
            registry_version=echoed(registry_version),
            current_registry_version=REGISTRY_VERSION,
        )
    try:
        return parse_tree(root, path)
    except TreeWrong as wrong:
        problems = [
            {"path": echoed(one.path), "message": echoed(one.message)} for one in wrong.problems
        ]
        raise ApiError(errors.INVALID_DEFINITION, problems=problems) from None


def tree_json(node: Node) -> Any:
    """The tree as it is stored and told: values as they were understood."""
    if isinstance(node, Leaf):
        value = to_jsonable_python(node.value, exclude_none=True)
        return {"field": node.field, "operator": node.operator, "value": value}
    return {"op": node.op, "children": [tree_json(child) for child in node.children]}


def tiers_of(
    at_90: BitMap, at_60: BitMap, at_0: BitMap, added: BitMap, excluded: BitMap
) -> dict[Tier, BitMap]:
    """Each member in the highest of its tiers. Who was added by hand is sure; who was excluded by
    hand is out, also when added under another domain."""
    high = (at_90 | added) - excluded
    medium = at_60 - high - excluded
    return {"high": high, "medium": medium, "exploratory": at_0 - high - medium - excluded}
