"""What the details of a company are, as plain values. Times are milliseconds since the epoch."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from tracewell.trace.companies.model import Sign, Status


@dataclass(frozen=True, slots=True)
class UseFilter:
    """Which uses of a company are wanted: by the slug of a category, of a vendor, by status."""

    category: str | None = None
    vendor: str | None = None
    status: Status | None = None
    with_evidence: bool = False


@dataclass(frozen=True, slots=True)
class UseRow:
    """A use as a row; `signs` are None where they were not asked for."""

    slug: str
    name: str
    categories: tuple[str, ...]
    vendor: str | None
    version: str | None
    confidence: int
    status: Status
    first_observed_at: int
    last_observed_at: int
    observation_count: int
    signs: tuple[Sign, ...] | None


@dataclass(frozen=True, slots=True)
class Event:
    """A technology was adopted, or dropped, on a day."""

    slug: str
    name: str
    event: Literal["adopted", "dropped"]
    at: int


@dataclass(frozen=True, slots=True)
class PostingRow:
    """A job posting with the technologies that it names: slug and name."""

    posting_id: int
    title: str
    location: str | None
    is_remote: bool | None
    employment_type: str | None
    posted_at: int | None
    expires_at: int | None
    url: str
    capture: str
    first_observed_at: int
    last_observed_at: int
    technologies: tuple[tuple[str, str], ...]
