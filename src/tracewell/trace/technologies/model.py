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
class Category:
    """A category and how many technologies are in it."""

    slug: str
    name: str
    technology_count: int


@dataclass(frozen=True, slots=True)
class Entry:
    """What a fingerprint says about its technology."""

    name: str
    description: str | None
    website: str | None
    vendor: str | None
    categories: tuple[str, ...]
