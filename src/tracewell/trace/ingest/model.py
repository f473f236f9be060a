"""What an ingest reads, skips and answers."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from tracewell.extraction import Fact
from tracewell.trace.partnerships.model import Claim
from tracewell.trace.postings.model import SeenPosting
from tracewell.values import TechnologyUse


@dataclass(frozen=True, slots=True)
class Observed:
    """What one capture says: detected and extracted, its body left behind.

    `domain` is its company's; `is_page` is False for robots.txt and DNS, which make no company.
    """

    key: str
    domain: str
    url: str
    capture: str
    captured_at: int
    is_page: bool
    uses: tuple[TechnologyUse, ...]
    facts: tuple[Fact, ...]
    claims: tuple[Claim, ...]
    postings: tuple[SeenPosting, ...]


@dataclass(frozen=True, slots=True)
class Redirect:
    """A home page that sends for good to another company's: its domain is an alias of that one."""

    alias: str
    domain: str
    captured_at: int


@dataclass(frozen=True, slots=True)
class IngestSummary:
    """What an ingest did so far, or in all.

    `captures_read` is the sum of those ingested, those known from before (`captures_known`), those
    skipped, by reason, and the redirects that were taken (`aliases_found`).
    `technologies_found` counts technologies, not uses.
    """

    captures_read: int
    captures_ingested: int
    captures_known: int
    captures_skipped: Mapping[str, int]
    aliases_found: int
    companies_new: int
    companies_updated: int
    technologies_found: int


OnProgress = Callable[[IngestSummary], None]


@dataclass(slots=True)
class Tally:
    """Counts while an ingest runs."""

    read: int = 0
    ingested: int = 0
    known: int = 0
    aliases: int = 0
    skipped: Counter[str] = field(default_factory=Counter)
    new: set[int] = field(default_factory=set)
    updated: set[int] = field(default_factory=set)
    technologies: set[str] = field(default_factory=set)

    def summary(self) -> IngestSummary:
        """The counts as they stand."""
        return IngestSummary(
            captures_read=self.read,
            captures_ingested=self.ingested,
            captures_known=self.known,
            captures_skipped=dict(self.skipped),
            aliases_found=self.aliases,
            companies_new=len(self.new),
            companies_updated=len(self.updated - self.new),
            technologies_found=len(self.technologies),
        )
