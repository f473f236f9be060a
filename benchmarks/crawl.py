"""Crawls the sample web without pauses: domains, pages and bytes a second, and what it costs."""

from __future__ import annotations

import asyncio
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from tracewell.web.archive_writer import ArchiveWriter
from tracewell.web.crawl import crawl_many
from tracewell.web.crawl_model import CrawlResult, CrawlTools
from tracewell.web.fetcher import Fetcher, Manners
from tracewell.web.recrawl import SeenPages

SAMPLE_WEB = Path(__file__).resolve().parents[1] / "examples" / "web"
PAGES = 5
CONCURRENCY = 20
GOAL_S = 10.0


def _now_ms() -> int:
    return time.time_ns() // 1_000_000


async def _crawl(port: int, domains: list[str], folder: Path) -> list[CrawlResult]:
    manners = Manners(pause_s=0.0, crawl_delay_s_max=0.0)
    fetcher = Fetcher(
        contact_url="https://example.com/crawler",
        clock=_now_ms,
        allow=[f"*.example=127.0.0.1:{port}"],
        manners=manners,
    )
    async with fetcher:
        with ArchiveWriter(folder, _now_ms) as archive:
            seen = SeenPages(folder, _now_ms, age_ms_max=86_400_000)
            tools = CrawlTools(fetcher, archive, _now_ms, seen=seen)
            crawls = crawl_many(domains, tools, concurrency=CONCURRENCY, pages_max=PAGES)
            return [result async for result in crawls]


def _measure(title: str, port: int, domains: list[str], folder: Path) -> float:
    before = resource.getrusage(resource.RUSAGE_SELF)
    started = time.perf_counter()
    results = asyncio.run(_crawl(port, domains, folder))
    seconds = time.perf_counter() - started
    after = resource.getrusage(resource.RUSAGE_SELF)
    cpu_s = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    captures = sum(len(result.captures) for result in results)
    archived = sum(path.stat().st_size for path in folder.glob("*.warc.gz"))
    answered = sum(result.has_answered for result in results)
    print(
        f"{title:<8} {len(results)} domains ({answered} answered), {captures} captures in "
        f"{seconds:.2f} s ({captures / seconds:.0f}/s), {cpu_s:.2f} s of CPU; "
        f"the archive holds {archived / 1e6:.2f} MB"
    )
    return seconds


def main() -> int:
    """Prints a first crawl and a re-crawl; returns 1 when the first misses its goal."""
    domains = sorted(path.stem for path in (SAMPLE_WEB / "companies").glob("*.yaml"))
    command = [sys.executable, str(SAMPLE_WEB / "server.py"), "--port", "0", "--print-port"]
    with (
        tempfile.TemporaryDirectory() as folder,
        subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as server,
    ):
        try:
            assert server.stdout is not None
            port = int(server.stdout.readline())
            seconds = _measure("first", port, domains, Path(folder))
            _measure("again", port, domains, Path(folder))
        finally:
            server.terminate()
    print(f"goal: the first crawl in under {GOAL_S:.0f} s")
    return int(seconds >= GOAL_S)


if __name__ == "__main__":
    sys.exit(main())
