"""The archive keeps to its share of the disk, and what is too old goes."""

from __future__ import annotations

import asyncio
import errno
import os
from collections.abc import Callable, Mapping
from contextlib import AbstractAsyncContextManager
from pathlib import Path
from typing import Any

import pytest

from tracewell.web.archive import iter_captures
from tracewell.web.archive_writer import ArchiveWriter
from tracewell.web.crawl import crawl_many
from tracewell.web.crawl_model import CrawlResult, CrawlTools
from tracewell.web.disk import ArchiveFullError, DiskBudget, list_old, prune
from tracewell.web.fetcher import Fetcher
from tracewell.web.serialising import Rendering

NOW_MS = 1_780_324_332_123
DAY_MS = 86_400_000
Build = Callable[..., Fetcher]
Serve = Callable[[Mapping[str, Any]], AbstractAsyncContextManager[Any]]
Respond = Callable[..., bytes]


def test_a_crawl_ends_at_the_archives_share_and_what_was_kept_is_whole(
    fetcher: Build, serve: Serve, answer: Respond, tmp_path: Path
) -> None:
    results: list[CrawlResult] = []

    async def run() -> None:
        page = answer(os.urandom(20_000), "Content-Type: text/html")
        async with serve({"/": page}) as site, fetcher(site.allow) as client:
            budget = DiskBudget(tmp_path, bytes_max=100_000, free_bytes_min=0)
            with ArchiveWriter(tmp_path, lambda: NOW_MS, budget=budget) as writer:
                tools = CrawlTools(client, writer, lambda: NOW_MS)
                domains = [f"shop{n}.example" for n in range(20)]
                async for result in crawl_many(domains, tools, concurrency=2):
                    results.append(result)

    with pytest.raises(ArchiveFullError, match="holds its 100000 bytes"):
        asyncio.run(run())
    assert 1 <= len(results) <= 5
    (path,) = tmp_path.glob("*.warc.gz")
    assert path.stat().st_size <= 100_000
    bodies = [c.body for c in iter_captures(path, lambda *_: pytest.fail("broken archive"))]
    assert sum(len(body) == 20_000 for body in bodies) >= 3


def test_a_share_counts_what_lies_there_already(tmp_path: Path) -> None:
    (tmp_path / "before.warc.gz").write_bytes(bytes(900))
    (tmp_path / "notes.txt").write_bytes(bytes(900))
    budget = DiskBudget(tmp_path, bytes_max=1_000, free_bytes_min=0)
    budget.take(100)
    (tmp_path / "now.warc.gz").write_bytes(bytes(100))
    with pytest.raises(ArchiveFullError) as caught:
        budget.take(1)
    assert caught.value.errno == errno.ENOSPC
    (tmp_path / "before.warc.gz").unlink()
    budget.take(1)


def test_the_disk_keeps_its_free_bytes(tmp_path: Path) -> None:
    with pytest.raises(ArchiveFullError, match="bytes free"):
        DiskBudget(tmp_path / "not yet there", bytes_max=None, free_bytes_min=1 << 60).take(1)


def test_files_beyond_their_retention_go_and_nothing_else(tmp_path: Path) -> None:
    for name, age_days in (("old.warc.gz", 31), ("young.warc.gz", 29), ("old.txt", 99)):
        (tmp_path / name).write_bytes(b"x")
        moment_s = NOW_MS / 1000 - age_days * 86_400
        os.utime(tmp_path / name, (moment_s, moment_s))
    assert [file.path.name for file in list_old(tmp_path, NOW_MS, 30)] == ["old.warc.gz"]
    assert (tmp_path / "old.warc.gz").exists()
    assert [file.path.name for file in prune(tmp_path, NOW_MS, 30)] == ["old.warc.gz"]
    assert sorted(path.name for path in tmp_path.iterdir()) == ["old.txt", "young.warc.gz"]
    assert prune(tmp_path, NOW_MS, 30) == []
    assert prune(tmp_path / "none", NOW_MS, 30) == []


def test_a_rendering_comes_back_with_what_the_browser_found(tmp_path: Path) -> None:
    rendering = Rendering(
        "https://shop.example/",
        "<h1>Größe</h1>".encode(),
        {"jQuery.fn.jquery": "3.7.1", "odd": 'a"\u2028\ud800'},
        ("api.example",),
        NOW_MS,
    )
    with ArchiveWriter(tmp_path, lambda: NOW_MS) as writer:
        first, second = writer.write_rendering(rendering), writer.write_rendering(rendering)
    (path,) = tmp_path.glob("*.warc.gz")
    read = list(iter_captures(path, lambda *_: pytest.fail("broken archive")))
    assert read == [rendering.capture(first), rendering.capture(second)]
