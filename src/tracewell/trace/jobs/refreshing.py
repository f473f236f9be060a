"""What a worker does with one domain of a job: crawl, note what was kept, take it in, tell.

Every step may be done again by another worker. A crawl counts when its captures are noted, the
first one alone; taking them in is idempotent; a run ends once. So a worker may die anywhere.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace

from tracewell.kernel.clock import Clock
from tracewell.kernel.database import Database
from tracewell.kernel.queue import Stopping, TaskReturned
from tracewell.trace.companies.domains import find_company_domain
from tracewell.trace.companies.store import find_company_id
from tracewell.trace.ingest import Ingestion
from tracewell.trace.jobs import store
from tracewell.trace.jobs.model import Begun, Outcome
from tracewell.trace.jobs.outcomes import find_crawl_failure, outcome
from tracewell.values import Capture
from tracewell.web.crawl import crawl_domain
from tracewell.web.crawl_model import CrawlResult, CrawlTools, Keeper
from tracewell.web.exchange import Exchange
from tracewell.web.records import DnsLookup
from tracewell.web.serialising import Rendering

ATTEMPTS_MAX = 8
"""Then a domain is given up: something about it ends workers."""


@dataclass(frozen=True, slots=True)
class Refresher:
    """Does the tasks of refresh jobs. `sync` brings what was archived to the disk; `read` reads the
    captures of some ids, leaving out what cannot be read any more."""

    database: Database
    clock: Clock
    tools: CrawlTools
    sync: Callable[[], None]
    read: Callable[[Sequence[str]], list[Capture]]
    ingestion: Ingestion
    pages_max: int
    timeout_s: float

    async def refresh(self, payload: str, stopping: Stopping) -> None:
        """Does the task `<job_id>/<place>`. Raises TaskReturned when it is to stop, and whatever
        goes wrong by itself: then the task is done again."""
        job_id, _, place = payload.rpartition("/")
        task = _Task(job_id, int(place))
        async with self.database.transaction() as tx:
            begun = await store.begin_domain(tx, task.job_id, task.place, self.clock())
        if begun is None:
            return
        if begun.attempts > ATTEMPTS_MAX:
            await self._end(task, begun, outcome("gave_up"))
            return
        captures = await self._ensure_captures(task, begun, stopping)
        if captures is None:
            return
        await self.ingestion.take(captures)
        async with self.database.snapshot() as tx:
            domain = find_company_domain(begun.domain)
            found = None if domain is None else await find_company_id(tx, domain)
        await self._end(task, begun, outcome("redirected_elsewhere") if found is None else None)

    async def _ensure_captures(
        self, task: _Task, begun: Begun, stopping: Stopping
    ) -> list[Capture] | None:
        """What this run's crawl kept; None where the run has come to its end without."""
        ids = begun.captures
        while True:
            if ids is None:
                try:
                    ids = await self._crawl(task, begun, stopping)
                except OSError:
                    # The archive takes no more; what it is short of is for the operator's log.
                    await self._end(task, begun, outcome("crawling_suspended"))
                    return None
                if ids is None:
                    return None
            captures = await asyncio.to_thread(self.read, ids)
            if captures:
                return captures
            # On another machine, or deleted meanwhile.
            async with self.database.transaction() as tx:
                await store.forget_captures(tx, task.job_id, task.place, begun.run, ids)
            ids = None

    async def _crawl(self, task: _Task, begun: Begun, stopping: Stopping) -> tuple[str, ...] | None:
        """The ids that count for this run; None where it is over. Raises TaskReturned, OSError."""
        notes = _NotingKeeper(self.tools.archive)
        crawl = crawl_domain(
            begun.domain,
            replace(self.tools, archive=notes),
            pages_max=self.pages_max,
            total_timeout_s=self.timeout_s,
        )
        result = await _unless_stopped(crawl, stopping)
        if result is None:
            async with self.database.transaction() as tx:
                await store.give_back(tx, task.job_id, task.place, begun.run)
            raise TaskReturned
        failure = find_crawl_failure(result)
        if failure is not None:
            await self._end(task, begun, failure)
            return None
        await asyncio.to_thread(self.sync)
        async with self.database.transaction() as tx:
            return await store.note_captures(
                tx, task.job_id, task.place, begun.run, notes.capture_ids
            )

    async def _end(self, task: _Task, begun: Begun, error: Outcome | None) -> None:
        async with self.database.transaction() as tx:
            await store.end_domain(tx, task.job_id, task.place, begun.run, self.clock(), error)


@dataclass(frozen=True, slots=True)
class _Task:
    job_id: str
    place: int


@dataclass(slots=True)
class _NotingKeeper:
    """An archive that notes the ids of what it keeps: redirects and robots.txt too, which a crawl's
    result leaves out."""

    archive: Keeper
    capture_ids: list[str] = field(default_factory=list)

    def write(self, exchange: Exchange, about: Mapping[str, str]) -> str:
        return self._noted(self.archive.write(exchange, about))

    def write_lookup(self, lookup: DnsLookup) -> str:
        return self._noted(self.archive.write_lookup(lookup))

    def write_rendering(self, rendering: Rendering) -> str:
        return self._noted(self.archive.write_rendering(rendering))

    def _noted(self, capture_id: str) -> str:
        self.capture_ids.append(capture_id)
        return capture_id


async def _unless_stopped(crawl: Awaitable[CrawlResult], stopping: Stopping) -> CrawlResult | None:
    """The crawl's result, or None when the worker is told to stop before."""
    crawling = asyncio.ensure_future(crawl)
    told = asyncio.ensure_future(stopping.wait())
    try:
        await asyncio.wait({crawling, told}, return_when=asyncio.FIRST_COMPLETED)
        return crawling.result() if crawling.done() else None
    finally:
        for task in (crawling, told):
            task.cancel()
        await asyncio.gather(crawling, told, return_exceptions=True)
