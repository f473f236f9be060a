"""From a search's parameters to the filter tree that they mean: pure."""

from __future__ import annotations

from datetime import date, timedelta
from typing import Any

from tracewell.trace.filters.model import Group, Leaf, Node, Operator
from tracewell.trace.search.model import CompanyQuery

_LISTED: tuple[tuple[str, str, Operator], ...] = (
    ("technology", "technology", "all_of"),
    ("technology_any", "technology", "any_of"),
    ("without_technology", "technology", "none_of"),
    ("vendor", "vendor", "any_of"),
    ("category", "category", "any_of"),
    ("country", "country", "any_of"),
    ("industry", "industry", "any_of"),
    ("employee_range", "employee_range", "any_of"),
    ("partner", "partner", "any_of"),
)


def tree_of(query: CompanyQuery, *further: Node) -> Node | None:
    """The tree, with further conditions; None when every company fits."""
    leaves: list[Node] = [*further]
    for parameter, field, operator in _LISTED:
        values: tuple[str, ...] = getattr(query, parameter)
        if values:
            leaves.append(Leaf(field, operator, list(values)))
    single: tuple[tuple[str, Operator, Any], ...] = (
        ("name", "contains", query.q or None),
        ("hiring", "is", query.hiring),
        ("first_observed_at", "gte", query.first_seen_after and _day_after(query.first_seen_after)),
        ("last_observed_at", "gte", query.last_seen_after and _day_after(query.last_seen_after)),
    )
    leaves += [Leaf(field, op, value) for field, op, value in single if value is not None]
    return Group("and", tuple(leaves)) if leaves else None


def _day_after(day: date) -> date:
    # No day follows the last of the calendar, and no capture is of it.
    return day + timedelta(days=1) if day < date.max else day
