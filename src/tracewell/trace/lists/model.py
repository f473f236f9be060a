"""A list of companies, as far as it has a name: definitions and members are not here yet."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

AccessLevel = Literal["owner", "editor", "viewer"]
NAME_CHARS_MAX = 200
DESCRIPTION_CHARS_MAX = 2_000


@dataclass(frozen=True, slots=True)
class CompanyList:
    """A list of an org; `org_access` is what the owner's colleagues may do with it."""

    list_id: str
    org_id: int
    owner_id: int
    org_access: AccessLevel
    name: str
    description: str | None
    created_at: int
    updated_at: int

    def access_of(self, user_id: int) -> AccessLevel:
        """What a user of the list's org may do with it."""
        return "owner" if user_id == self.owner_id else self.org_access


@dataclass(frozen=True, slots=True)
class Member:
    """A user acting for the org."""

    org_id: int
    user_id: int


@dataclass(frozen=True, slots=True)
class Changes:
    """What is to change: a mapping of column to new value, empty when nothing is."""

    values: dict[str, str | None] = field(default_factory=dict)
