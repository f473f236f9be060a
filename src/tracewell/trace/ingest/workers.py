"""Looking into pages, in a thread or in worker processes; results come in the order asked."""

from __future__ import annotations

import asyncio
import functools
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager

from tracewell.detection import FingerprintSet
from tracewell.kernel.workers import open_workers
from tracewell.trace.ingest.model import Observed
from tracewell.trace.ingest.rules import Inspector, Page, make_inspector, observe_page

Look = Callable[[Sequence[Page]], "asyncio.Future[list[Observed]]"]


@asynccontextmanager
async def open_lookers(fingerprints: FingerprintSet, jobs: int) -> AsyncIterator[Look]:
    """A function that looks into pages, with that many jobs (see `open_workers`)."""
    begin = functools.partial(make_inspector, fingerprints)
    async with open_workers(_observe_all, begin, jobs) as hand:
        yield hand


def _observe_all(inspector: Inspector, pages: Sequence[Page]) -> list[Observed]:
    return [observe_page(page, inspector) for page in pages]
