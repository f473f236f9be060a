"""What a row of a list or register says of a company, and what became of it. Plain values."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, NamedTuple

from tracewell.extraction import Fact

State = Literal["matched", "undecided", "aside"]
"""`aside`: no company fits and no domain is known yet, under which there could be one."""

Action = Literal["new", "matched", "undecided", "aside", "unchanged"]
"""What a row did: `unchanged` rows say what was loaded before."""


class Identifier(NamedTuple):
    """A number under which a registry knows a company; `value` as `spell_identifier` spells it."""

    kind: str
    value: str


@dataclass(frozen=True, slots=True)
class Place:
    """Where a company is, as far as it is told; `country` is an ISO 3166-1 alpha-2 code."""

    country: str | None
    locality: str | None
    postal_code: str | None


@dataclass(frozen=True, slots=True)
class Record:
    """One row, understood.

    `key` is unique in its source. `names` begin with the legal one where it is told. Of `domains`
    the first is the site's. Records that are not `is_found_by_name` (branches and funds bear the
    name of another company) are matched by identifier and domain alone. `observed_at` is when the
    source said so, in milliseconds since the epoch.
    """

    source: str
    key: str
    names: tuple[str, ...]
    domains: tuple[str, ...]
    identifiers: tuple[Identifier, ...]
    places: tuple[Place, ...]
    facts: tuple[Fact, ...]
    is_found_by_name: bool
    observed_at: int


class RowRefused(Exception):  # noqa: N818 - a sentence: "the row was refused"
    """The row cannot be understood; the text says why, for whoever made the file."""


class RowPassedOver(Exception):  # noqa: N818
    """The row is right and of no use here, as that of a dissolved company; the text says why."""


@dataclass(frozen=True, slots=True)
class Row:
    """A row as it was read: its number from 1, and its fields by name."""

    number: int
    fields: dict[str, object]


@dataclass(frozen=True, slots=True)
class Reject:
    """A row that could not be used, why, and what of it was read (bounded)."""

    row: int
    reason: str
    data: object


@dataclass(frozen=True, slots=True)
class Candidate:
    """A company that a record may be of; `score` 0..1, and what speaks for and against it."""

    company_id: int
    slug: str
    domain: str
    score: float
    reasons: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Undecided:
    """A row of which it is not clear whose it is."""

    row: int
    record: Record
    reason: str
    candidates: tuple[Candidate, ...]


@dataclass(slots=True)
class Counts:
    """What a load did so far; `rows` is the sum of the others but `settled`.

    `settled` counts records kept from earlier rows to which the company was found meanwhile.
    """

    rows: int = 0
    new: int = 0
    matched: int = 0
    unchanged: int = 0
    aside: int = 0
    undecided: int = 0
    passed_over: int = 0
    rejected: int = 0
    settled: int = 0
