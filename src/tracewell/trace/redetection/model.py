"""What a redetection reads and answers."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class Ingested:
    """A capture that was taken in: its hash, where it lies, of which page and when."""

    key: str
    capture: str
    url: str
    captured_at: int


@dataclass(slots=True)
class RedetectionSummary:
    """What a redetection did, or would do.

    `gained` and `lost` count companies by the name of a technology; `captures_missing` are those
    that no archive file holds any more.
    """

    companies_total: int = 0
    companies_done: int = 0
    companies_changed: int = 0
    companies_without_captures: int = 0
    companies_put_off: int = 0
    captures_read: int = 0
    captures_missing: int = 0
    partnerships_before: int = 0
    partnerships_after: int = 0
    postings_before: int = 0
    postings_after: int = 0
    gained: Counter[str] = field(default_factory=Counter)
    lost: Counter[str] = field(default_factory=Counter)
