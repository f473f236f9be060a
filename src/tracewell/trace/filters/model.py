"""A filter tree as plain values."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

REGISTRY_VERSION = 1
"""Rises when a field or an operator changes its meaning or goes; what is added leaves it."""

Operator = Literal[
    "any_of", "all_of", "none_of", "gte", "lte", "between", "is", "contains", "starts_with",
    "matches",
]  # fmt: skip
GroupOperator = Literal["and", "or", "not"]


@dataclass(frozen=True, slots=True)
class Leaf:
    """One condition; `value` has been validated by the field's kind and is normalised."""

    field: str
    operator: Operator
    value: Any


@dataclass(frozen=True, slots=True)
class Group:
    """Conditions together; `not` has one child."""

    op: GroupOperator
    children: tuple[Node, ...]


Node = Leaf | Group


@dataclass(frozen=True, slots=True)
class Problem:
    """What is wrong with a tree, and where: `root.children[1].value`."""

    path: str
    message: str


class TreeWrong(Exception):  # noqa: N818 - a sentence: "the tree is wrong"
    """A filter tree that cannot be understood; `problems` tells each wrong node by its path."""

    def __init__(self, problems: tuple[Problem, ...]) -> None:
        super().__init__("; ".join(f"{one.path}: {one.message}" for one in problems))
        self.problems = problems
