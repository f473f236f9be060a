"""A worker: does refresh jobs until it is told to stop. Any number of them may share a database.

`python -m tracewell.main.job_worker PIPE` is the one that a server starts beside itself; the pipe
is closed when the server is gone.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
import signal
import sys
import threading
from collections.abc import Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass, field

from tracewell.kernel.clock import Clock, system_clock
from tracewell.kernel.database import DatabaseFailed
from tracewell.kernel.queue import Stopping, open_queue
from tracewell.main.crawling import CrawlPlan, archive_folder, open_crawl_tools
from tracewell.main.ground import Ground, open_ground
from tracewell.main.intake import open_fingerprints
from tracewell.main.settings import Settings, load_settings
from tracewell.trace.ingest import open_ingestion
from tracewell.trace.jobs.model import KIND
from tracewell.trace.jobs.refreshing import Refresher
from tracewell.trace.jobs.service import Jobs
from tracewell.values import Capture
from tracewell.web.archive import ArchiveError, parse_capture_id, read_capture
from tracewell.web.archive_writer import ArchiveWriter
from tracewell.web.disk import prune
from tracewell.web.fetcher import Manners

CONCURRENCY = 10
UPKEEP_EVERY_S = 900.0
LOG_FORMAT = "%(asctime)s %(levelname)s %(name)s %(message)s"

_log = logging.getLogger("tracewell.jobs")


async def run_job_worker(settings: Settings, concurrency: int, clock: Clock = system_clock) -> None:
    """Does jobs until SIGTERM or SIGINT; what is under way then is given back or finished.

    Raises what `open_ground` raises.
    """
    stopping = Stopping()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stopping.set)
    async with AsyncExitStack() as stack:
        ground = await stack.enter_async_context(open_ground(settings, clock))
        tools = _Tools(settings, ground, clock, stack)
        upkeep = asyncio.create_task(_keep_up(settings, ground, tools, clock))
        queue = open_queue(ground.database, settings.database, clock, settings.job_lease_seconds)

        async def refresh(payload: str, stopping: Stopping) -> None:
            refresher = await tools.ready()
            await refresher.refresh(payload, stopping)

        try:
            _log.info("waiting for jobs")
            await queue.work(KIND, refresh, concurrency, stopping)
        finally:
            upkeep.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await upkeep


@dataclass(slots=True)
class _Tools:
    """Fingerprints, crawler and archive, made ready at the first task: waiting costs nothing."""

    settings: Settings
    ground: Ground
    clock: Clock
    stack: AsyncExitStack
    archive: ArchiveWriter | None = None
    _refresher: Refresher | None = None
    _turn: asyncio.Lock = field(default_factory=asyncio.Lock)

    async def ready(self) -> Refresher:
        """The refresher of this process."""
        async with self._turn:
            if self._refresher is None:
                self._refresher = await self._open()
            return self._refresher

    async def _open(self) -> Refresher:
        settings = self.settings
        fingerprints = await asyncio.to_thread(open_fingerprints, (), settings.data)
        plan = CrawlPlan(
            (),
            allow=settings.crawl_holes,
            manners=Manners(
                settings.crawl_pause_seconds,
                requests_per_s_max=settings.crawl_requests_per_second,
            ),
        )
        tools = await self.stack.enter_async_context(open_crawl_tools(settings, self.clock, plan))
        ingestion = await self.stack.enter_async_context(
            open_ingestion(self.ground.database, fingerprints)
        )
        assert isinstance(tools.archive, ArchiveWriter)
        self.archive = tools.archive
        return Refresher(
            self.ground.database,
            self.clock,
            tools,
            tools.archive.sync,
            self._read,
            ingestion,
            settings.refresh_pages_max,
            settings.refresh_timeout_seconds,
        )

    def _read(self, capture_ids: Sequence[str]) -> list[Capture]:
        folder = archive_folder(self.settings.data)
        captures: list[Capture] = []
        for capture_id in capture_ids:
            with contextlib.suppress(ArchiveError, ValueError, OSError):
                name, offset = parse_capture_id(capture_id)
                captures.append(read_capture(folder / name, offset))
        return captures


async def _keep_up(settings: Settings, ground: Ground, tools: _Tools, clock: Clock) -> None:
    """From time to time: a new archive file; old files and old jobs deleted; stale companies
    queued; monthly grants booked."""
    jobs = Jobs(ground.database, clock, ground.new_id)
    folder = archive_folder(settings.data)
    while True:
        try:
            if tools.archive is not None:
                await asyncio.to_thread(tools.archive.close)
            if settings.archive_retention_days is not None and folder.is_dir():
                await asyncio.to_thread(prune, folder, clock(), settings.archive_retention_days)
            count = await ground.ledger.settle_all(ground.database)
            if count:
                _log.info("booked the monthly grants of %d orgs", count)
            days = max(settings.job_retention_days, settings.refresh_after_days or 0)
            if await jobs.purge_done(days):
                _log.info("removed refresh jobs that ended more than %d days ago", days)
            if settings.refresh_after_days is not None:
                count = await jobs.refresh_stale(settings.refresh_after_days)
                if count:
                    _log.info("queued %d companies that were not crawled lately", count)
        except (DatabaseFailed, OSError) as error:
            _log.warning("upkeep is put off: %s", error)
        await asyncio.sleep(UPKEEP_EVERY_S)


def main() -> int:
    """Beside a server, ended with it."""
    logging.basicConfig(level=logging.INFO, stream=sys.stderr, format=LOG_FORMAT)
    pipe = int(sys.argv[1])
    threading.Thread(target=_follow, args=(pipe,), daemon=True).start()
    asyncio.run(run_job_worker(load_settings(), CONCURRENCY))
    return 0


def _follow(pipe: int) -> None:
    os.read(pipe, 1)
    os.kill(os.getpid(), signal.SIGTERM)


if __name__ == "__main__":
    sys.exit(main())
