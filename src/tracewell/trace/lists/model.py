"""Lists of companies as plain values: the list, its definition, shares, audit log and members."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Literal

from pyroaring import BitMap

AccessLevel = Literal["owner", "editor", "viewer"]
Share = Literal["editor", "viewer"]
Tier = Literal["high", "medium", "exploratory"]
Side = Literal["added", "excluded"]

TIERS: tuple[Tier, ...] = ("high", "medium", "exploratory")
NAME_CHARS_MAX = 200
DESCRIPTION_CHARS_MAX = 2_000
DOMAINS_AT_ONCE_MAX = 1_000
DOMAINS_MAX = 50_000
"""Domains that a list may hold by hand, added and excluded together."""
PAST_MEMBERS_MAX = 16
PAST_MEMBERS_AGE_MAX_MS = 60 * 60 * 1000
"""How many replaced computations of a list's members are kept for who pages through them, and how
long."""
EXPORT_MEMBERS_MAX = 250_000
"""Members of one export: all of them are charged in one transaction."""

_RANKS: dict[AccessLevel, int] = {"viewer": 0, "editor": 1, "owner": 2}


@dataclass(frozen=True, slots=True)
class CompanyList:
    """A list of an org as one of its users meets it.

    `org_access` is what the owner's colleagues may do with it, `granted` what this user was given
    beyond or below that. `revision` counts the changes of what the members depend on.
    """

    list_id: str
    org_id: int
    owner_id: int
    org_access: Share
    name: str
    description: str | None
    created_at: int
    updated_at: int
    definition_version: int = 0
    revision: int = 0
    granted: Share | None = None

    def access_of(self, user_id: int) -> AccessLevel:
        """What the user may do with it: what was granted in person goes before the org's."""
        return "owner" if user_id == self.owner_id else self.granted or self.org_access

    def lets(self, user_id: int, needed: AccessLevel) -> bool:
        """Whether the user may do what needs this level."""
        return _RANKS[self.access_of(user_id)] >= _RANKS[needed]


@dataclass(frozen=True, slots=True)
class Member:
    """A user acting for the org."""

    org_id: int
    user_id: int


@dataclass(frozen=True, slots=True)
class Changes:
    """What is to change: a mapping of column to new value, empty when nothing is."""

    values: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Definition:
    """A version of a list's tree. `root` is JSON as it was accepted; None: there is none yet."""

    version: int
    registry_version: int
    root: Any
    author_id: int | None
    created_at: int | None
    restored_from: int | None = None


@dataclass(frozen=True, slots=True)
class ListedDomain:
    """A domain added or excluded by hand; `is_tracked`: it is a company's."""

    domain: str
    is_tracked: bool
    user_id: int
    created_at: int


@dataclass(frozen=True, slots=True)
class Grant:
    """What one colleague was given."""

    user_id: int
    email: str
    access_level: Share
    granted_by: int
    created_at: int


@dataclass(frozen=True, slots=True)
class AuditEntry:
    """One change of a list, or one export of its members."""

    number: int
    action: str
    user_id: int
    details: Any
    created_at: int


@dataclass(frozen=True, slots=True)
class Materialization:
    """The members of a list at one state of list and data; no company is in two tiers.

    `change_number` is the number of the last change of companies that was taken into account,
    `number` counts the list's computations that were kept (0: not kept yet).
    """

    revision: int
    definition_version: int
    change_number: int
    materialized_at: int
    high: BitMap
    medium: BitMap
    exploratory: BitMap
    added: BitMap
    number: int = 0

    def of_tier(self, tier: Tier) -> BitMap:
        """The members of one tier."""
        found: BitMap = getattr(self, tier)
        return found
