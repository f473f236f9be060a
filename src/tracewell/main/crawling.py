"""From settings to a crawl: which tools it has, where it keeps what it fetches, how it ends."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

from tracewell.detection import FingerprintSet
from tracewell.detection.model import PROPERTY_KIND
from tracewell.kernel.clock import Clock
from tracewell.main.settings import Settings
from tracewell.web.archive_writer import ArchiveWriter
from tracewell.web.crawl import crawl_many
from tracewell.web.crawl_model import CrawlProgress, CrawlResult, CrawlTools, Renderer
from tracewell.web.disk import DiskBudget, iter_files, prune
from tracewell.web.fetcher import Fetcher, Manners
from tracewell.web.records import RecordsReader, build_resolver
from tracewell.web.recrawl import SeenPages
from tracewell.web.resolving import NameServerResolver

_DAY_MS = 86_400_000
# How old an original may be that a revisit leans on, where archive files are kept for good.
_ORIGINAL_DAYS_MAX = 3_650


@dataclass(frozen=True, slots=True)
class CrawlPlan:
    """What to crawl and how. `globals` are the JS globals that a browser is to look for,
    `properties` (selector, name) what scripts hang on elements."""

    domains: Sequence[str]
    pages_max: int = 5
    concurrency: int = 20
    allow: Sequence[str] = ()
    manners: Manners = field(default_factory=Manners)
    reads_dns: bool = True
    recrawls: bool = True
    renders: bool = False
    globals: Sequence[str] = ()
    properties: Sequence[tuple[str, str]] = ()


@dataclass(frozen=True, slots=True)
class CrawlSummary:
    """The archive files that a crawl wrote, and why it ended before its domains did, if so."""

    archives: tuple[Path, ...]
    stopped: str | None = None


def archive_folder(data: Path) -> Path:
    """Where crawls of this deployment are kept."""
    return data / "archive"


def list_globals(fingerprints: FingerprintSet) -> list[str]:
    """The JS globals that the fingerprints ask for."""
    return sorted({pattern.name for pattern in fingerprints.patterns_of("js")})


def list_properties(fingerprints: FingerprintSet) -> list[tuple[str, str]]:
    """The properties of elements that the fingerprints ask for, each with its selector."""
    asked = fingerprints.patterns_of(PROPERTY_KIND)
    return sorted({(pattern.name, pattern.detail) for pattern in asked})


@asynccontextmanager
async def open_crawl_tools(
    settings: Settings, clock: Clock, plan: CrawlPlan
) -> AsyncIterator[CrawlTools]:
    """The tools of one process, to be used by as many crawls as wanted.

    Raises `RenderUnavailableError` when the plan renders and there is no browser.
    """
    folder = archive_folder(settings.data)
    folder.mkdir(parents=True, exist_ok=True)
    asking = build_resolver(settings.nameservers)
    fetcher = Fetcher(
        contact_url=settings.crawl_contact_url,
        clock=clock,
        allow=plan.allow,
        manners=plan.manners,
        resolver=NameServerResolver(asking) if settings.nameservers else None,
    )
    budget = DiskBudget(
        folder,
        bytes_max=settings.archive_bytes_max,
        free_bytes_min=settings.archive_free_bytes_min,
    )
    days = settings.archive_retention_days
    # A revisit is as good as its original: it leans on none in the last half of its time.
    age_ms_max = (days * _DAY_MS) // 2 if days else _ORIGINAL_DAYS_MAX * _DAY_MS
    async with AsyncExitStack() as stack:
        await stack.enter_async_context(fetcher)
        archive = stack.enter_context(ArchiveWriter(folder, clock, budget=budget))
        yield CrawlTools(
            fetcher,
            archive,
            clock,
            RecordsReader(asking, clock, asks_for_allowed=bool(settings.nameservers))
            if plan.reads_dns
            else None,
            SeenPages(folder, clock, age_ms_max=age_ms_max) if plan.recrawls else None,
            await _open_renderer(stack, fetcher, clock, settings, plan),
        )


async def crawl_into_archive(
    settings: Settings,
    clock: Clock,
    plan: CrawlPlan,
    on_result: Callable[[CrawlResult], None],
    on_progress: Callable[[CrawlProgress], None] = lambda _: None,
) -> CrawlSummary:
    """Crawls and keeps every fetch; a full disk ends it in order.

    Files beyond their retention are deleted first. Raises `RenderUnavailableError`, OSError.
    """
    folder = archive_folder(settings.data)
    if settings.archive_retention_days is not None:
        await asyncio.to_thread(prune, folder, clock(), settings.archive_retention_days)
    before = set(iter_files(folder))
    stopped: str | None = None
    async with open_crawl_tools(settings, clock, plan) as tools:
        try:
            async for result in crawl_many(
                plan.domains,
                tools,
                concurrency=plan.concurrency,
                pages_max=plan.pages_max,
                on_progress=on_progress,
            ):
                on_result(result)
        except OSError as error:
            stopped = error.strerror or str(error)
    return CrawlSummary(tuple(path for path in iter_files(folder) if path not in before), stopped)


async def _open_renderer(
    stack: AsyncExitStack, fetcher: Fetcher, clock: Clock, settings: Settings, plan: CrawlPlan
) -> Renderer | None:
    if not plan.renders:
        return None
    # Here and not above: Playwright is an extra.
    from tracewell.web.rendering import open_browser

    browser = open_browser(
        fetcher,
        clock,
        plan.globals,
        properties=plan.properties,
        executable=settings.chromium_path,
    )
    return await stack.enter_async_context(browser)
