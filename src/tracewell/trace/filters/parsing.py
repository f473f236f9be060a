"""From JSON to a filter tree: every wrong node is told by its path."""

from __future__ import annotations

from typing import Any, cast

from pydantic import ValidationError

from tracewell.trace.filters.fields import FIELDS
from tracewell.trace.filters.model import (
    Group,
    GroupOperator,
    Leaf,
    Node,
    Operator,
    Problem,
    TreeWrong,
)

DEPTH_MAX = 8
NODES_MAX = 200
PROBLEMS_MAX = 20


def parse_tree(raw: Any, path: str = "root") -> Node:
    """A tree of `{"op", "children"}` and `{"field", "operator", "value"}`.

    Raises TreeWrong, which tells up to `PROBLEMS_MAX` problems at once.
    """
    reading = _Reading()
    node = reading.node(raw, path, 1)
    if reading.problems or node is None:
        raise TreeWrong(tuple(reading.problems[:PROBLEMS_MAX]))
    return node


class _NodeWrong(Exception):  # noqa: N818 - never leaves this module
    def __init__(self, path: str, message: str) -> None:
        super().__init__(message)
        self.problem = Problem(path, message)


class _Reading:
    """One reading: a wrong node is noted and its neighbours are read on."""

    def __init__(self) -> None:
        self.problems: list[Problem] = []
        self._nodes = 0

    def node(self, raw: Any, path: str, depth: int) -> Node | None:
        try:
            return self._read(raw, path, depth)
        except _NodeWrong as wrong:
            self.problems.append(wrong.problem)
            return None

    def _read(self, raw: Any, path: str, depth: int) -> Node | None:
        self._nodes += 1
        if self._nodes > NODES_MAX:
            raise _NodeWrong(path, f"a tree has at most {NODES_MAX} nodes")
        if depth > DEPTH_MAX:
            raise _NodeWrong(path, f"a tree has at most {DEPTH_MAX} levels")
        if not isinstance(raw, dict):
            raise _NodeWrong(path, "must be an object")
        if "op" in raw:
            _refuse_unknown(raw, path, {"op", "children"})
            return self._group(raw, path, depth)
        if "field" in raw:
            _refuse_unknown(raw, path, {"field", "operator", "value"})
            return self._leaf(raw, path)
        raise _NodeWrong(path, "must have `op` with `children`, or `field`")

    def _group(self, raw: dict[str, Any], path: str, depth: int) -> Group | None:
        op, children = raw["op"], raw.get("children")
        if op not in ("and", "or", "not"):
            raise _NodeWrong(f"{path}.op", "must be `and`, `or` or `not`")
        if not isinstance(children, list) or not children:
            raise _NodeWrong(f"{path}.children", "must be a list with at least one node")
        if op == "not" and len(children) != 1:
            raise _NodeWrong(f"{path}.children", "`not` has exactly one child")
        if len(children) > NODES_MAX:
            raise _NodeWrong(f"{path}.children", f"a tree has at most {NODES_MAX} nodes")
        read = [
            self.node(child, f"{path}.children[{place}]", depth + 1)
            for place, child in enumerate(children)
        ]
        nodes = tuple(node for node in read if node is not None)
        return Group(cast("GroupOperator", op), nodes) if len(nodes) == len(read) else None

    def _leaf(self, raw: dict[str, Any], path: str) -> Leaf | None:
        field = FIELDS.get(raw["field"]) if isinstance(raw["field"], str) else None
        if field is None:
            raise _NodeWrong(f"{path}.field", f"must be one of {', '.join(FIELDS)}")
        operator = raw.get("operator")
        adapter = (
            field.kind.operators.get(cast("Operator", operator))
            if isinstance(operator, str)
            else None
        )
        if adapter is None:
            known = ", ".join(field.kind.operators)
            raise _NodeWrong(f"{path}.operator", f"`{field.name}` has the operators {known}")
        if "value" not in raw:
            raise _NodeWrong(f"{path}.value", "is missing")
        try:
            value = adapter.validate_python(raw["value"])
        except ValidationError as error:
            self.problems += _told(error, f"{path}.value")
            return None
        return Leaf(field.name, cast("Operator", operator), value)


def _told(error: ValidationError, path: str) -> list[Problem]:
    return [
        Problem(
            path
            + "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in one["loc"]),
            one["msg"],
        )
        for one in error.errors(include_url=False, include_context=False, include_input=False)[:5]
    ]


def _refuse_unknown(raw: dict[str, Any], path: str, known: set[str]) -> None:
    unknown = sorted(set(map(str, raw)) - known)
    if unknown:
        raise _NodeWrong(path, f"unknown key `{unknown[0][:40]}`")
