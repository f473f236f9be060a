"""What a crawl is given, tells on the way, and comes to. The crawling itself is in `crawl`."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Literal, Protocol

from tracewell.values import Capture
from tracewell.web.certificates import Certificate
from tracewell.web.exchange import Exchange, FetchFailure, FetchOutcome
from tracewell.web.fetcher import Fetcher
from tracewell.web.pages import Choice
from tracewell.web.records import DnsLookup, RecordsReader
from tracewell.web.recrawl import SeenPages
from tracewell.web.serialising import Rendering

Step = Literal["robots", "home", "sitemap", "page", "rendering", "dns"]


class Keeper(Protocol):
    """Where everything that was fetched is kept; `ArchiveWriter` is one. All raise OSError."""

    def write(self, exchange: Exchange, about: Mapping[str, str]) -> str:
        """Keep it, with what there is to tell about it; return the capture id of the response."""

    def write_lookup(self, lookup: DnsLookup) -> str:
        """Keep it, return its capture id."""

    def write_rendering(self, rendering: Rendering) -> str:
        """Keep it, return its capture id."""


class Renderer(Protocol):
    """A browser; `rendering.Browser` is one."""

    async def render(
        self, page: Capture, keep: Callable[[FetchOutcome], None]
    ) -> Rendering | FetchFailure:
        """What the browser makes of the page; every fetch on the way is handed to `keep`."""


@dataclass(frozen=True, slots=True)
class CrawlTools:
    """What a crawl works with; safe to share between crawls of one event loop.

    Without `records` no DNS is read, without `seen` every page is fetched anew, without `renderer`
    no browser looks.
    """

    fetcher: Fetcher
    archive: Keeper
    clock: Callable[[], int]
    records: RecordsReader | None = None
    seen: SeenPages | None = None
    renderer: Renderer | None = None


@dataclass(frozen=True, slots=True)
class CrawlProgress:
    """Where the crawl of a domain stands: what it is at, and further pages done of those chosen."""

    domain: str
    step: Step
    url: str
    pages_done: int
    pages_total: int


@dataclass(frozen=True, slots=True)
class CrawlResult:
    """What came of one domain. `captures` are archived: pages in the order of fetching, then DNS.

    `home_url` is where the home page answered, None when it never did; `choices` tell which further
    pages were asked for and why; `failures` hold every fetch that failed, the pages' own included;
    `notes` what else went wrong (DNS). Times are milliseconds since the epoch.
    """

    domain: str
    home_url: str | None
    captures: tuple[Capture, ...]
    choices: tuple[Choice, ...]
    failures: tuple[FetchFailure, ...]
    started_at: int
    finished_at: int
    certificate: Certificate | None = None
    notes: tuple[str, ...] = ()

    @property
    def has_answered(self) -> bool:
        """Whether the domain's home page could be read."""
        return self.home_url is not None


OnProgress = Callable[[CrawlProgress], None]
