"""A flag as plain values. Times are milliseconds since the epoch."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

DESCRIPTION_CHARS_MAX = 2_000
NOTE_CHARS_MAX = 2_000

FlagStatus = Literal["queued", "resolved", "rejected"]
Verdict = Literal["resolved", "rejected"]
STATUSES: tuple[FlagStatus, ...] = ("queued", "resolved", "rejected")


class FlagRefused(Exception):  # noqa: N818
    """What the operator asked of a flag cannot be done; the text says why."""


@dataclass(frozen=True, slots=True)
class Flag:
    """What an org says is wrong with a company; `note` is the operator's answer.

    `key_id` is None for a signed-in user.
    """

    flag_id: str
    company_id: int
    org_id: int
    key_id: str | None
    description: str | None
    status: FlagStatus
    created_at: int
    decided_at: int | None
    note: str | None


@dataclass(frozen=True, slots=True)
class FlagRow:
    """A flag as an operator sees it: with the names of its company and its org."""

    flag: Flag
    company_slug: str
    company_domain: str
    org_name: str
