"""What computations ask and answer, as plain values."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from tracewell.trace.companies.heads import Head
from tracewell.trace.companies.model import Summary
from tracewell.trace.filters.model import Node
from tracewell.trace.lists.model import Member
from tracewell.trace.technologies.model import Technology

MONTHS_MAX = 120
"""Months of a window."""
SEGMENTS_MAX = 20
"""Segments that one call tells apart."""
GROUPS_MAX = 50
SUCCESSORS_MAX = 25
PATIENCE_MONTHS_MAX = 24
"""Months before and after a drop in which an adoption counts as its successor."""
LOOK_ALIKES_MAX = 1_000
"""Look-alikes of one company: the most similar."""
REASONS_MAX = 10
"""Shared technologies that are told with a look-alike, the rarest."""
RECORDS_BELOW = 10
"""What is told of fewer companies tells of each of them: a segment so small is charged."""

Facet = Literal["country", "industry", "employee_range"]
Side = Literal["shared", "only_a", "only_b", "all"]
Part = Literal["both", "only_a", "only_b"]
OverlapSort = Literal["-common_share", "-lift", "lift", "p_value"]


@dataclass(frozen=True, slots=True)
class ListSegment:
    """The members of a list, for one of its org's users."""

    list_id: str
    member: Member


Segment = ListSegment | Node
"""Companies by a list or by a filter tree."""


@dataclass(frozen=True, slots=True)
class Months:
    """A window of whole months, both ends included, counted from the year 0."""

    first: int
    last: int

    def __len__(self) -> int:
        return self.last - self.first + 1


@dataclass(frozen=True, slots=True)
class Trait:
    """A technology of a company's stack: how many companies run it, and what that says of one
    that does, in thousandths of a bit."""

    technology: Technology
    company_count: int
    information: int


@dataclass(frozen=True, slots=True)
class CompanyOverlap:
    """The stacks of two companies, the most informative technologies first.

    `jaccard` counts technologies, `similarity` what they say (`rules.similarity`); None where
    there is nothing to compare.
    """

    first: Head
    second: Head
    shared: Sequence[Trait]
    only_first: Sequence[Trait]
    only_second: Sequence[Trait]
    jaccard: float | None
    similarity: float | None


@dataclass(frozen=True, slots=True)
class Compared:
    """A technology in two segments: companies of each that run it, and of both at once.

    `p_value` and `q_value` are those of `rules.significance` and `rules.adjusted`.
    """

    technology_id: int
    a_count: int
    b_count: int
    both_count: int
    p_value: float | None
    q_value: float | None


@dataclass(frozen=True, slots=True)
class SegmentOverlap:
    """Two segments: their companies, those in both, and a page of technologies with their names by
    id."""

    a_count: int
    b_count: int
    both_count: int
    rows: Sequence[Compared]
    total: int
    technologies: Mapping[int, Technology]


@dataclass(frozen=True, slots=True)
class LookAlike:
    """A company by its similarity, and what it shares, the most informative first."""

    company: Summary
    score: float
    shared_count: int
    shared: Sequence[Trait]


@dataclass(frozen=True, slots=True)
class LookAlikePage:
    """A page of those that are alike to a company, and how many there are to page through."""

    company: Head
    rows: Sequence[LookAlike]
    total: int


@dataclass(frozen=True, slots=True)
class MonthCounts:
    """Companies by first use and by drop in a month; `active` at its end."""

    month: int
    adopted: int
    dropped: int
    active: int


@dataclass(frozen=True, slots=True)
class Group:
    """Of a set of companies: how many there are, how many run the technology now, by month."""

    name: str
    company_count: int
    active_count: int
    months: Sequence[MonthCounts]


@dataclass(frozen=True, slots=True)
class Adoption:
    """How a technology has grown among all of a segment, and in the first groups of
    `group_count`."""

    technology: Technology
    whole: Group
    group_count: int
    groups: Sequence[Group]


@dataclass(frozen=True, slots=True)
class Successor:
    """A technology that so many adopted around the time they dropped another."""

    technology_id: int
    count: int


@dataclass(frozen=True, slots=True)
class Churned:
    """A technology that companies dropped, and the ones that followed it."""

    technology_id: int
    dropped_count: int
    switched_count: int
    successor_count: int
    successors: Sequence[Successor]


@dataclass(frozen=True, slots=True)
class Churn:
    """The matrix: companies that dropped something, those that switched, its first rows of
    `row_count`, and the technologies in them by id."""

    dropped_count: int
    switched_count: int
    row_count: int
    rows: Sequence[Churned]
    technologies: Mapping[int, Technology]


@dataclass(frozen=True, slots=True)
class Switch:
    """One company's change from one technology to another; months count from the year 0."""

    dropped_id: int
    adopted_id: int
    dropped_month: int
    adopted_month: int


@dataclass(frozen=True, slots=True)
class Switcher:
    """A company with its switches, in the order of the drops."""

    company: Summary
    switches: Sequence[Switch]


@dataclass(frozen=True, slots=True)
class SwitcherPage:
    """A page of companies that switched, how many there are, and the technologies by id."""

    rows: Sequence[Switcher]
    total: int
    technologies: Mapping[int, Technology]
