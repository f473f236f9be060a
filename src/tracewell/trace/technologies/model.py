"""A technology as the catalogue has it."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Technology:
    """`categories` are names, in the fingerprint's order; `vendor` is the maker's name."""

    technology_id: int
    slug: str
    name: str
    description: str | None
    website: str | None
    vendor: str | None
    categories: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class CountedTechnology:
    """A technology and how many companies run it now."""

    technology: Technology
    company_count: int


@dataclass(frozen=True, slots=True)
class Month:
    """What happened to a technology in a month (`2026-06`, UTC): companies, by their first use and
    by their drop of it; `active_count` at the month's end."""

    month: str
    adopted_count: int
    dropped_count: int
    active_count: int


@dataclass(frozen=True, slots=True)
class TechnologyDetail:
    """A technology with what it implies and how its use has grown."""

    technology: Technology
    company_count: int
    implies: tuple[tuple[str, str], ...]
    adoption: tuple[Month, ...]


@dataclass(frozen=True, slots=True)
class Vendor:
    """A maker of technologies. `company_count` runs at least one of them now."""

    vendor_id: int
    slug: str
    name: str
    technology_count: int
    company_count: int


@dataclass(frozen=True, slots=True)
class Category:
    """A category, its technologies and the companies that run at least one of them now."""

    slug: str
    name: str
    technology_count: int
    company_count: int


@dataclass(frozen=True, slots=True)
class Entry:
    """What a fingerprint says about its technology; `implies` are names."""

    name: str
    description: str | None
    website: str | None
    vendor: str | None
    categories: tuple[str, ...]
    implies: tuple[str, ...]
