"""Looking into pages, in a thread or in worker processes; results come in the order asked."""

from __future__ import annotations

import asyncio
import functools
import multiprocessing
from collections.abc import AsyncIterator, Callable, Iterable, Sequence
from concurrent.futures import Executor, ProcessPoolExecutor, ThreadPoolExecutor
from contextlib import asynccontextmanager
from dataclasses import replace

from tracewell.detection import FingerprintSet
from tracewell.trace.ingest.model import Observed
from tracewell.trace.ingest.rules import Inspector, Page, make_inspector, observe_page

JOBS_MAX = 64

Look = Callable[[Sequence[Page]], "asyncio.Future[list[Observed]]"]

_inspector: Inspector | None = None


@asynccontextmanager
async def open_workers(fingerprints: FingerprintSet, jobs: int) -> AsyncIterator[Look]:
    """A function that looks into pages: with one job in a thread, else in that many processes.

    Raises ValueError for fewer than 1 or more than `JOBS_MAX` jobs.
    """
    if not 1 <= jobs <= JOBS_MAX:
        raise ValueError(f"jobs are 1 to {JOBS_MAX}")
    loop = asyncio.get_running_loop()
    executor: Executor
    if jobs == 1:
        executor = ThreadPoolExecutor(1, "ingest")
        work: Callable[[Sequence[Page]], list[Observed]] = functools.partial(
            _observe_all, make_inspector(fingerprints)
        )
    else:
        # Spawned, not forked: a fork would inherit the database's connections.
        executor = ProcessPoolExecutor(
            jobs, multiprocessing.get_context("spawn"), _begin, (fingerprints,)
        )
        work = _observe_in_worker

    def look(pages: Sequence[Page]) -> asyncio.Future[list[Observed]]:
        return loop.run_in_executor(executor, work, [_portable(page) for page in pages])

    try:
        yield look
    finally:
        executor.shutdown(wait=True, cancel_futures=True)


def _portable(page: Page) -> Page:
    # Read-only views of mappings do not travel between processes.
    capture = page.capture
    plain = replace(
        capture, dns=dict(capture.dns), scripts=dict(capture.scripts), js=dict(capture.js)
    )
    return replace(page, capture=plain)


def _begin(fingerprints: FingerprintSet) -> None:
    global _inspector
    _inspector = make_inspector(fingerprints)


def _observe_in_worker(pages: Iterable[Page]) -> list[Observed]:
    assert _inspector is not None, "the pool's initializer ran"
    return _observe_all(_inspector, pages)


def _observe_all(inspector: Inspector, pages: Iterable[Page]) -> list[Observed]:
    return [observe_page(page, inspector) for page in pages]
