"""What companies are searched for, and how they are sorted."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from typing import Literal

Sort = Literal[
    "name", "-name", "last_observed_at", "-last_observed_at", "technology_count",
    "-technology_count", "partnership_count", "-partnership_count", "relevance",
]  # fmt: skip


@dataclass(frozen=True, slots=True)
class CompanyQuery:
    """Every condition that is given holds; slugs, codes and identifiers are normalised.

    Of several values all must fit for `technology`, any for the others, none for
    `without_technology`.
    """

    q: str | None = None
    technology: tuple[str, ...] = ()
    technology_any: tuple[str, ...] = ()
    without_technology: tuple[str, ...] = ()
    vendor: tuple[str, ...] = ()
    category: tuple[str, ...] = ()
    country: tuple[str, ...] = ()
    industry: tuple[str, ...] = ()
    employee_range: tuple[str, ...] = ()
    partner: tuple[str, ...] = ()
    hiring: bool | None = None
    first_seen_after: date | None = None
    last_seen_after: date | None = None
    sort: Sort | None = None
