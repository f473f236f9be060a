"""Ingest: each stage of the 600 real pages by itself, and the memory of a WARC file of 2 GB.

The large file holds the real pages again and again, under another host and date each time, so that
every capture is new and is looked into. `--bytes N` makes it smaller.
"""

from __future__ import annotations

import argparse
import itertools
import json
import os
import re
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

from fastwarc.warc import ArchiveIterator

from tracewell.detection import detect, load_pack
from tracewell.extraction import extract_firmographics, extract_partners, extract_postings
from tracewell.trace.ingest import Observed, make_inspector, observe
from tracewell.web.archive import iter_captures

PAGES = (
    Path(os.environ.get("TRACEWELL_SHARED", Path(__file__).parents[2] / "shared"))
    / "data" / "pages" / "pages.warc.gz"
)  # fmt: skip
LARGE_BYTES = 2_000_000_000
MEMORY_BYTES_MAX = 500_000_000
WATCH_S = 0.2


def main() -> int:
    """Prints the figures; 1 where the memory goes over its bound."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--bytes", type=int, default=LARGE_BYTES)
    parser.add_argument("--jobs", type=int, default=2)
    given = parser.parse_args()
    if not PAGES.exists():
        print("the real pages are not here")
        return 0
    time_stages()
    return measure_memory(given.bytes, given.jobs)


def time_stages() -> None:
    """CPU of each stage over the same pages, in one process."""
    inspector = make_inspector(load_pack())
    captures = list(iter_captures(PAGES, lambda *_: None))
    megabytes = sum(len(capture.body) for capture in captures) / 1e6
    for capture in captures[:50]:
        observe(capture, inspector)

    def extract() -> None:
        for capture in captures:
            extract_firmographics(capture)
            extract_partners(capture)
            extract_postings(capture)

    stages: dict[str, Callable[[], object]] = {
        "WARC reading": lambda: list(iter_captures(PAGES, lambda *_: None)),
        "detection": lambda: [detect(one, inspector.fingerprints) for one in captures],
        "extraction": extract,
        "all of it": lambda: sum(
            isinstance(observe(one, inspector), Observed)
            for one in iter_captures(PAGES, lambda *_: None)
        ),
    }
    print(f"{len(captures)} pages, {megabytes:.0f} MB, our own pack, one process\n")
    print("| stage | pages per CPU second | MB per CPU second |\n| --- | --- | --- |")
    for name, run in stages.items():
        begun = time.process_time()
        run()
        spent = time.process_time() - begun
        print(f"| {name} | {len(captures) / spent:,.0f} | {megabytes / spent:.1f} |", flush=True)


def measure_memory(size: int, jobs: int) -> int:
    """Runs the command over a file of that size; the most that it and its workers held."""
    with tempfile.TemporaryDirectory(prefix="tracewell-bench-") as made:
        folder = Path(made)
        archive = folder / "large.warc"
        records = write_large(archive, size)
        command = [sys.executable, "-m", "tracewell", "ingest"]
        begun = time.monotonic()
        process = subprocess.Popen(
            [*command, str(archive), "--jobs", str(jobs), "--json"],
            env={**os.environ, "TRACEWELL_DATA": str(folder / "data")},
            stdout=subprocess.PIPE,
        )
        most: dict[str, int] = {}
        watcher = threading.Thread(target=watch, args=(process, most))
        watcher.start()
        out, _ = process.communicate()
        watcher.join()
        took = time.monotonic() - begun
        if process.returncode:
            return 1
        told = json.loads(out)
        print(
            f"\n{archive.stat().st_size / 1e9:.2f} GB, {records} records, {jobs} jobs: "
            f"{told['captures_ingested']} captures taken in, {told['companies_new']} companies, "
            f"{took:.0f} s\n"
            f"memory, all processes together: {most['pss'] / 1e6:.0f} MB at most "
            f"(bound {MEMORY_BYTES_MAX / 1e6:.0f}); the largest one {most['rss'] / 1e6:.0f} MB"
        )
    return int(most["pss"] > MEMORY_BYTES_MAX)


def write_large(path: Path, size: int) -> int:
    """The real pages, uncompressed, each time under other hosts and a later date; how many."""
    records = 0
    with path.open("wb") as file:
        for turn in itertools.count():
            for head, block in _iter_records():
                if file.tell() >= size:
                    return records
                date = f"WARC-Date: 2026-{turn % 12 + 1:02}-{turn // 12 % 28 + 1:02}T00:00:00Z"
                head = re.sub(r"WARC-Date: \S+", date, head)
                head = re.sub(r"(WARC-Target-URI: <?https?://)", rf"\1t{turn}-", head)
                file.write(head.encode() + block + b"\r\n\r\n")
                records += 1
    raise AssertionError("counting does not end")


def _iter_records() -> Iterator[tuple[str, bytes]]:
    with PAGES.open("rb") as file:
        for record in ArchiveIterator(file, parse_http=False):
            lines = [f"{name}: {value}" for name, value in record.headers.items()]
            yield "\r\n".join(["WARC/1.0", *lines, "", ""]), record.reader.read()


def watch(process: subprocess.Popen[bytes], most: dict[str, int]) -> None:
    """Notes the most that the process and its children hold, what they share counted once."""
    while process.poll() is None:
        sizes = [_memory(pid) for pid in _family(process.pid)]
        most["pss"] = max(most.get("pss", 0), sum(pss for pss, _ in sizes))
        most["rss"] = max(most.get("rss", 0), *(rss for _, rss in sizes), 0)
        time.sleep(WATCH_S)


def _family(pid: int) -> list[int]:
    found = [pid]
    for parent in found:
        try:
            for thread in Path(f"/proc/{parent}/task").iterdir():
                found += map(int, (thread / "children").read_text().split())
        except OSError:
            continue
    return found


def _memory(pid: int) -> tuple[int, int]:
    try:
        text = Path(f"/proc/{pid}/smaps_rollup").read_text()
    except OSError:
        return 0, 0
    sizes = {name: int(kb) * 1024 for name, kb in re.findall(r"(\w+):\s+(\d+) kB", text)}
    return sizes.get("Pss", 0), sizes.get("Rss", 0)


if __name__ == "__main__":
    sys.exit(main())
