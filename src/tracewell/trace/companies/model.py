"""A company and all that is known of it, as plain values."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, NamedTuple

from tracewell.extraction import Fact, PartnershipType
from tracewell.trace.technologies.model import Technology

Status = Literal["active", "dropped"]


@dataclass(frozen=True, slots=True)
class Domain:
    """A domain that leads to the company. Times are milliseconds since the epoch, as everywhere."""

    domain: str
    is_primary: bool
    first_observed_at: int
    last_observed_at: int


@dataclass(frozen=True, slots=True)
class Sign:
    """One piece of evidence of a use: its newest sight."""

    kind: str
    name: str
    pattern: str
    excerpt: str
    url: str
    capture: str
    start_byte: int | None
    end_byte: int | None
    observed_at: int


@dataclass(frozen=True, slots=True)
class Use:
    """A technology that the company runs, as told by all captures so far.

    `seen_days` are days since the epoch; `dropped_at` is the first visit that no longer showed it.
    """

    technology: Technology
    version: str | None
    version_observed_at: int | None
    confidence: int
    status: Status
    first_observed_at: int
    last_observed_at: int
    observation_count: int
    signs: tuple[Sign, ...]
    seen_days: tuple[int, ...]
    dropped_at: int | None


@dataclass(frozen=True, slots=True)
class Company:
    """A company. `facts` are all values that pages told; the best of each field is shown.

    `visit_days` are the days, since the epoch, on which its home page was read.
    """

    company_id: int
    slug: str
    primary_domain: str
    domains: tuple[Domain, ...]
    uses: tuple[Use, ...]
    facts: tuple[Fact, ...]
    partnership_count: int
    posting_count: int
    first_observed_at: int
    last_observed_at: int
    last_crawled_at: int
    visit_days: tuple[int, ...]
    partnership_types: tuple[PartnershipType, ...] = ()


@dataclass(frozen=True, slots=True)
class Sighting:
    """What one capture says about its company; `is_visit` where it is of the home page."""

    url: str
    capture: str
    observed_at: int
    uses: tuple[Use, ...]
    facts: tuple[Fact, ...]
    is_visit: bool


class Summary(NamedTuple):
    """A company as a row of a search."""

    company_id: int
    slug: str
    name: str
    primary_domain: str
    country: str | None
    technology_count: int
    partnership_count: int
    posting_count: int
    first_observed_at: int
    last_observed_at: int
