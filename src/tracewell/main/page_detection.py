"""Detection over what `detect` is given: pages and parts of archives, spread over processes.

Results come in the order of the inputs, and are the same for any number of jobs: an archive is
always read in the same parts, each checked against the end of the part before.
"""

from __future__ import annotations

import asyncio
import itertools
from collections import deque
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Iterator, Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass, replace

from tracewell.kernel.workers import open_workers
from tracewell.main.page_inputs import Archive, PageInput, SavedPage, WebPage
from tracewell.main.page_looking import (
    ArchiveTask,
    Look,
    Problem,
    Step,
    Task,
    iter_steps,
    look_into,
)
from tracewell.values import Capture
from tracewell.web.archive import ArchivePart, iter_parts
from tracewell.web.archive_writer import ArchiveWriter
from tracewell.web.exchange import Fetched, FetchFailure
from tracewell.web.fetcher import Fetcher

PART_BYTES = 1 << 20
"""Of an archive, looked into at a time by one process: some fifty pages."""
PAGES_AHEAD = 16
"""Pages that are fetched or looked into while earlier ones are waited for."""

Hand = Callable[[Task], "asyncio.Future[tuple[Step, int | None]]"]


@dataclass(frozen=True, slots=True)
class Fetching:
    """The fetcher for pages of the web, and the archive that keeps what it gets, if any."""

    fetcher: Fetcher
    archive: ArchiveWriter | None = None


async def detect_pages(
    inputs: Sequence[PageInput],
    look: Look,
    *,
    jobs: int = 1,
    fetching: Fetching | None = None,
) -> AsyncGenerator[tuple[int, Step], None]:
    """Steps in the order of the inputs, each with its input's number. `fetching`, open already, is
    needed where a page of the web is among them. Raises ValueError for jobs out of bounds."""
    async with AsyncExitStack() as stack:
        hand: Hand | None = None
        if jobs != 1:
            hand = await stack.enter_async_context(open_workers(look_into, look.prepared, jobs))
        numbered = enumerate(inputs)
        for is_archive, group in itertools.groupby(
            numbered, lambda one: isinstance(one[1], Archive)
        ):
            if not is_archive:
                async for number, step in _iter_pages(group, look, hand, fetching, jobs):
                    yield number, step
                continue
            for number, archive in group:
                assert isinstance(archive, Archive)
                steps = (
                    _iter_archive_here(archive, look)
                    if hand is None
                    else _iter_archive_spread(archive, hand, 2 * jobs)
                )
                async for step in steps:
                    yield number, step


async def _iter_archive_here(archive: Archive, look: Look) -> AsyncIterator[Step]:
    end: int | None = 0
    for part in _iter_parts(archive):
        if end is None or (part.stop is not None and end >= part.stop):
            continue
        steps = iter_steps(look, ArchiveTask(archive, replace(part, start=end)))
        while True:
            try:
                yield next(steps)
            except StopIteration as finished:
                end = finished.value
                break
            await asyncio.sleep(0)  # a turn for Ctrl-C


async def _iter_archive_spread(archive: Archive, hand: Hand, ahead: int) -> AsyncIterator[Step]:
    parts = _iter_parts(archive)
    waiting: deque[tuple[ArchivePart, asyncio.Future[tuple[Step, int | None]]]] = deque()
    end: int | None = 0
    try:
        while end is not None:
            for part in itertools.islice(parts, ahead - len(waiting)):
                waiting.append((part, hand(ArchiveTask(archive, part))))
            if not waiting:
                return
            part, done = waiting.popleft()
            if part.start != end:  # the cut was no start of a record: what was read does not count
                done.cancel()
                if part.stop is not None and end >= part.stop:
                    continue
                done = hand(ArchiveTask(archive, replace(part, start=end)))
            step, end = await done
            yield step
    finally:
        for _, done in waiting:
            done.cancel()


def _iter_parts(archive: Archive) -> Iterator[ArchivePart]:
    try:
        yield from iter_parts(archive.path, PART_BYTES)
    except OSError:
        yield ArchivePart()  # reading it tells why


async def _iter_pages(
    group: Iterator[tuple[int, PageInput]],
    look: Look,
    hand: Hand | None,
    fetching: Fetching | None,
    jobs: int,
) -> AsyncIterator[tuple[int, Step]]:
    async def run(one: PageInput) -> Step:
        task: Task
        if isinstance(one, WebPage):
            assert fetching is not None, "pages of the web need a fetcher"
            fetched = await _fetch(fetching, one.url)
            if isinstance(fetched, Step):
                return fetched
            task = fetched
        else:
            assert isinstance(one, SavedPage)
            task = one
        if hand is None:
            return look_into(look, task)[0]
        return (await hand(task))[0]

    waiting: deque[tuple[int, asyncio.Task[Step]]] = deque()
    try:
        while True:
            for number, one in itertools.islice(group, max(PAGES_AHEAD, 2 * jobs) - len(waiting)):
                waiting.append((number, asyncio.create_task(run(one))))
            if not waiting:
                return
            number, done = waiting.popleft()
            try:
                yield number, await done
            finally:
                done.cancel()
    finally:
        for _, done in waiting:
            done.cancel()
        await asyncio.gather(*(done for _, done in waiting), return_exceptions=True)


async def _fetch(fetching: Fetching, url: str) -> Capture | Step:
    """The page with its site's robots.txt; what went wrong instead."""
    outcome = await fetching.fetcher.fetch(url)
    capture_id = ""
    if fetching.archive is not None:
        for exchange in outcome.exchanges:
            capture_id = await asyncio.to_thread(fetching.archive.write, exchange)
    if isinstance(outcome, FetchFailure):
        return Step([], [Problem(url, None, f"{outcome.code}: {outcome.message}")])
    rules = await fetching.fetcher.get_robots(outcome.capture.url)
    robots = rules.outcome.capture.robots_txt if isinstance(rules.outcome, Fetched) else None
    return replace(outcome.capture, capture_id=capture_id, robots_txt=robots)
