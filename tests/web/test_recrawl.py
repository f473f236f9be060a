"""A re-crawl asks only for what has changed, and its records lead to the bytes of the original."""

from __future__ import annotations

import asyncio
import shutil
import subprocess
import sys
from collections.abc import Callable, Mapping
from contextlib import AbstractAsyncContextManager
from pathlib import Path
from typing import Any

import pytest
from fastwarc.warc import ArchiveIterator as FastIterator
from fastwarc.warc import WarcRecordType
from warcio.archiveiterator import ArchiveIterator

from tracewell.values import Capture
from tracewell.web.archive import iter_captures, parse_capture_id, read_capture
from tracewell.web.archive_writer import ArchiveWriter
from tracewell.web.crawl import crawl_domain
from tracewell.web.crawl_model import CrawlResult, CrawlTools
from tracewell.web.fetcher import Fetcher
from tracewell.web.recrawl import SeenPages

NOW_MS = 1_780_324_332_000
DAY_MS = 86_400_000
Build = Callable[..., Fetcher]
Serve = Callable[[Mapping[str, Any]], AbstractAsyncContextManager[Any]]
Respond = Callable[..., bytes]
YEAR_MS = 365 * DAY_MS

HOME = b"<title>Shop</title><a href='/partners'>Partners</a> <a href='/jobs'>Jobs</a>"


class Tagged:
    """A page that knows its validators: 304 where they are asked for, with one header renewed."""

    def __init__(self, body: bytes, *validators: str) -> None:
        self.body = body
        self.validators = validators

    def answer(self, head: bytes) -> bytes:
        lines = head.decode().lower()
        same = [v for v in self.validators if v.partition(": ")[2].lower() in lines]
        if same and ("if-none-match" in lines or "if-modified-since" in lines):
            told = ["HTTP/1.1 304 Not Modified", "X-Seen: again", *self.validators]
            return ("\r\n".join(told) + "\r\n\r\n").encode()
        told = ["HTTP/1.1 200 OK", "Content-Type: text/html", "X-Seen: first", *self.validators]
        told += [f"Content-Length: {len(self.body)}", "Connection: close"]
        return ("\r\n".join(told) + "\r\n\r\n").encode() + self.body


class Days:
    """A site and its archive, crawled once a day."""

    def __init__(self, fetcher: Build, serve: Serve, archive: Path) -> None:
        self.fetcher = fetcher
        self.serve = serve
        self.archive = archive
        self.now_ms = NOW_MS
        self.heads: list[bytes] = []

    def crawl(self, pages: Mapping[str, Any], age_ms_max: int = YEAR_MS) -> CrawlResult:
        def clock() -> int:
            return self.now_ms

        async def run() -> CrawlResult:
            routes: dict[str, Any] = {}
            async with self.serve(routes) as site:
                for path, page in pages.items():
                    routes[path] = _route(page, site) if isinstance(page, Tagged) else page
                async with self.fetcher(site.allow, clock=clock) as client:
                    with ArchiveWriter(self.archive, clock) as writer:
                        seen = SeenPages(self.archive, clock, age_ms_max=age_ms_max)
                        tools = CrawlTools(client, writer, clock, seen=seen)
                        result = await crawl_domain("shop.example", tools)
                self.heads = site.heads
                return result

        result = asyncio.run(run())
        self.now_ms += DAY_MS
        return result

    def asked(self, path: str) -> str:
        """The request for that path in the last crawl."""
        return next(h for h in self.heads if h.startswith(f"GET {path} ".encode())).decode()

    def read(self, capture: Capture) -> Capture:
        name, offset = parse_capture_id(capture.capture_id)
        return read_capture(self.archive / name, offset)


def _route(page: Tagged, site: Any) -> Any:
    async def tell(writer: asyncio.StreamWriter) -> None:
        writer.write(page.answer(site.heads[-1]))
        await writer.drain()

    return tell


@pytest.fixture
def days(fetcher: Build, serve: Serve, tmp_path: Path) -> Days:
    return Days(fetcher, serve, tmp_path)


PAGES = {
    "/robots.txt": Tagged(b"User-agent: *\nAllow: /\n"),
    "/": Tagged(HOME, 'ETag: "home-1"'),
    "/partners": Tagged(b"<p>ours</p>", "Last-Modified: Mon, 01 Jun 2026 10:00:00 GMT"),
    "/jobs": Tagged(b"<p>no validators</p>"),
}


def record_types(path: Path) -> list[str]:
    with path.open("rb") as file:
        return [record.rec_type for record in ArchiveIterator(file)]


def test_what_has_not_changed_is_not_sent_again_and_still_observed_today(days: Days) -> None:
    first = days.crawl(PAGES)
    second = days.crawl(PAGES)
    assert 'If-None-Match: "home-1"' in days.asked("/")
    assert "If-Modified-Since: Mon, 01 Jun 2026 10:00:00 GMT" in days.asked("/partners")
    assert "If-" not in days.asked("/jobs")
    pages = [
        [capture for capture in result.captures if capture.robots_txt is None]
        for result in (first, second)
    ]
    assert [capture.status for capture in pages[1]] == [200, 200, 200]
    for before, after in zip(*pages, strict=True):
        assert after.url == before.url
        assert after.body == before.body
        assert after.captured_at == before.captured_at + DAY_MS
        assert after.capture_id != before.capture_id
        assert days.read(after) == after
    seen = [capture.header("x-seen") for capture in pages[1]]
    assert seen == ["again", "again", "first"]
    assert [choice.url for choice in second.choices] == [choice.url for choice in first.choices]


def test_the_second_archive_holds_revisits_that_every_tool_reads(days: Days) -> None:
    days.crawl(PAGES)
    days.crawl(PAGES)
    first, second = sorted(days.archive.glob("*.warc.gz"))
    assert record_types(first).count("revisit") == 0
    assert record_types(second).count("revisit") == 4
    # The sitemap that is not there.
    assert record_types(second).count("response") == 1
    profiles, records = [], {}
    for path in (first, second):
        with path.open("rb") as file:
            for record in ArchiveIterator(file):
                headers = record.rec_headers
                records[headers.get_header("WARC-Record-ID")] = headers
                if record.rec_type == "revisit":
                    profiles.append(headers.get_header("WARC-Profile").rpartition("/")[2])
                    origin = records[headers.get_header("WARC-Refers-To")]
                    for name in ("Target-URI", "Date"):
                        refers = headers.get_header(f"WARC-Refers-To-{name}")
                        assert refers == origin.get_header(f"WARC-{name}")
    # robots.txt and the page without validators came whole, and were the same bytes.
    assert sorted(profiles) == ["identical-payload-digest"] * 2 + ["server-not-modified"] * 2
    with second.open("rb") as file:
        kinds = [record.record_type for record in FastIterator(file)]
    assert kinds.count(WarcRecordType.revisit) == 4
    command = [sys.executable, "-m", "warcio.cli", "check", str(second)]
    assert subprocess.run(command, capture_output=True).returncode == 0


def test_a_changed_page_is_kept_whole_and_asked_for_by_its_new_validator(days: Days) -> None:
    days.crawl(PAGES)
    changed = {**PAGES, "/": Tagged(HOME + b"<p>new</p>", 'ETag: "home-2"')}
    result = days.crawl(changed)
    assert 'If-None-Match: "home-1"' in days.asked("/")
    assert (HOME + b"<p>new</p>") in {capture.body for capture in result.captures}
    days.crawl(changed)
    assert 'If-None-Match: "home-2"' in days.asked("/")


def test_a_revisit_leads_to_the_original_and_never_to_a_revisit(days: Days) -> None:
    days.crawl(PAGES)
    days.crawl(PAGES)
    third = days.crawl(PAGES)
    for capture in third.captures:
        assert days.read(capture) == capture


def test_without_its_original_a_page_is_asked_for_whole(days: Days) -> None:
    days.crawl(PAGES)
    (original,) = days.archive.glob("*.warc.gz")
    original.unlink()
    result = days.crawl(PAGES)
    assert "If-" not in days.asked("/")
    assert HOME in {capture.body for capture in result.captures}
    assert len(days.crawl(PAGES).captures) == len(result.captures)


def test_an_original_too_old_is_not_leant_on(days: Days) -> None:
    days.crawl(PAGES)
    days.crawl(PAGES, age_ms_max=DAY_MS // 2)
    assert "If-" not in days.asked("/")


def test_a_broken_memory_costs_traffic_only(days: Days) -> None:
    days.crawl(PAGES)
    (memory,) = (days.archive / "sites").rglob("*.json")
    memory.write_text('{"http://shop.example/": 7, "x"')
    result = days.crawl(PAGES)
    assert result.has_answered
    assert "If-" not in days.asked("/")


def test_a_revisit_without_its_original_is_told_and_the_rest_is_read(days: Days) -> None:
    days.crawl(PAGES)
    days.crawl({**PAGES, "/jobs": Tagged(b"<p>other jobs</p>")})
    first, second = sorted(days.archive.glob("*.warc.gz"))
    shutil.move(first, days.archive / "elsewhere")
    problems: list[str] = []
    read = list(iter_captures(second, lambda _, reason: problems.append(reason)))
    assert [capture.body for capture in read] == [b"nothing here", b"<p>other jobs</p>"]
    assert len(problems) == 3
    assert all(first.name in problem for problem in problems)


def test_an_unasked_304_is_no_page(days: Days, answer: Respond) -> None:
    result = days.crawl({"/": answer(b"", status="304 Not Modified")})
    assert [capture.status for capture in result.captures] == [404, 304]


def test_a_page_is_kept_with_the_reason_why_it_was_chosen(days: Days) -> None:
    days.crawl(PAGES)
    (path,) = days.archive.glob("*.warc.gz")
    told = {}
    with path.open("rb") as file:
        for record in ArchiveIterator(file):
            if record.rec_type == "metadata":
                uri = record.rec_headers.get_header("WARC-Target-URI")
                told[uri] = record.content_stream().read().decode()
    base = "http://shop.example"
    assert told[f"{base}/"] == "seed: shop.example\r\n"
    assert told[f"{base}/partners"] == (
        f"via: {base}/\r\npromise: partners\r\n"
        "reason: its address says 'partners' and its link reads 'Partners' (page)\r\n"
    )
