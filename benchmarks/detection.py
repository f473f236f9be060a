"""What detection costs: pages per CPU second on real pages, start, memory, and peers on a sample.

python -m benchmarks.detection [--no-peers]: prints tables. CPU seconds of one process, best of
three. Needs the real data beside the checkout (or TRACEWELL_SHARED); skipped without.
"""

from __future__ import annotations

import argparse
import functools
import os
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

import turbohtml

from benchmarks.peers.running import CORE, PYPI, PeerMissing, PeerRun, run_core, run_pypi
from tracewell.detection import (
    FingerprintSet,
    default_fingerprints_directory,
    detect,
    load_cached_fingerprints,
    load_fingerprints,
)
from tracewell.detection.charset import decode_body
from tracewell.detection.scanning import HyperscanScanner
from tracewell.values import Capture
from tracewell.web.archive import iter_captures

ROOT = Path(__file__).resolve().parents[1]
DATA = Path(os.environ.get("TRACEWELL_SHARED", ROOT / ".." / "shared")) / "data"
ROUNDS = 3
PEER_PAGES = 40
HOSTILE_BYTES = 2 * 1024 * 1024
_HOSTILE = (
    *(b"a", b"<div>", b"<script src=", b"<link href=//s0.wp.com", b"class='", b"&#x2f;"),
    *(b"wp-content/", b"<table><tr><td>", b"<script>_paq.push(</script>", b"\xc3\xa9"),
    *(b"jquery-1.2.3", b"<meta name=generator content=WordPress>", b'<div class="small-1 '),
    *(b"<a href='/themes/'>x</a>", b"<style>--tw-ring:1</style>"),
)


def read_pages() -> list[Capture]:
    """The real pages."""
    return list(iter_captures(DATA / "pages" / "pages.warc.gz", lambda offset, reason: None))


def time_pages(captures: Sequence[Capture], fingerprints: FingerprintSet) -> list[float]:
    """CPU seconds of each page."""
    times = []
    for capture in captures:
        before = time.process_time()
        detect(capture, fingerprints)
        times.append(time.process_time() - before)
    return times


def best_of(rounds: int, measure: Callable[[], list[float]]) -> list[float]:
    """The round that took the least in all."""
    return min((measure() for _ in range(rounds)), key=sum)


def report(label: str, captures: Sequence[Capture], times: Sequence[float]) -> None:
    """One line of the table."""
    seconds, size = sum(times), sum(len(capture.body) for capture in captures)
    ordered = sorted(times)
    p99 = ordered[min(len(ordered) - 1, int(len(ordered) * 0.99))]
    print(
        f"{label:<38}{len(times) / seconds:>8.1f}{size / seconds / 1e6:>8.1f}"
        f"{statistics.median(times) * 1e3:>8.2f}{p99 * 1e3:>8.1f}{ordered[-1] * 1e3:>8.1f}",
        flush=True,
    )


def measure_speed(captures: Sequence[Capture], public: Path) -> None:
    """Both sets, with and without Hyperscan, and the floor."""
    print(f"{'':<38}{'pages/s':>8}{'MB/s':>8}{'p50 ms':>8}{'p99':>8}{'worst':>8}")
    texts = [decode_body(one.body, one.header("content-type")).text for one in captures]

    def parse_all() -> list[float]:
        times = []
        for text in texts:
            before = time.process_time()
            turbohtml.parse(text, source_locations=True)
            times.append(time.process_time() - before)
        return times

    report("parsing alone, the floor", captures, best_of(ROUNDS, parse_all))
    for label, directory in (
        ("public set", public),
        ("own pack", default_fingerprints_directory()),
    ):
        loaded = load_fingerprints(directory)
        for quick in (True, False):
            fingerprints = replace(loaded, quick=quick)
            fingerprints.prepare()
            scanner = fingerprints.indexes["source"].scanner
            if quick and not isinstance(scanner, HyperscanScanner):
                print(f"{label}, hyperscan: not installed (extra `hyperscan`)")
                continue
            times = best_of(ROUNDS, functools.partial(time_pages, captures, fingerprints))
            engine = "hyperscan" if quick else "without hyperscan"
            report(f"{label} ({len(loaded.technologies)}), {engine}", captures, times)


def measure_archive(fingerprints: FingerprintSet) -> None:
    """From the WARC file to technology uses."""
    best = float("inf")
    count = 0
    for _ in range(ROUNDS):
        before = time.process_time()
        count = 0
        for capture in iter_captures(DATA / "pages" / "pages.warc.gz", lambda offset, reason: None):
            detect(capture, fingerprints)
            count += 1
        best = min(best, time.process_time() - before)
    print(f"from the WARC file, end to end: {count / best:.0f} pages per CPU second")


def measure_large(captures: Sequence[Capture], fingerprints: FingerprintSet) -> None:
    """2 MB of one piece, over and over; and of real pages, each repeated to that size."""
    real = [(capture.url.encode(), capture.body) for capture in captures[:: len(captures) // 40]]
    for label, pieces in (("one piece", [(one, one) for one in _HOSTILE]), ("a real page", real)):
        worst, which = 0.0, b""
        for name, piece in pieces:
            body = (piece * (HOSTILE_BYTES // len(piece) + 1))[:HOSTILE_BYTES]
            capture = Capture("https://h.example/", 200, (("Content-Type", "text/html"),), body, 0)
            before = time.process_time()
            detect(capture, fingerprints)
            took = time.process_time() - before
            if took > worst:
                worst, which = took, name
        print(f"2 MB of {label}, {len(pieces)} of them: worst {worst * 1e3:.0f} ms ({which!r})")


def measure_start(public: Path) -> None:
    """Compiling, the start from the cache, and the memory of a fresh process."""
    with tempfile.TemporaryDirectory() as folder:
        for label in ("compile and write the cache", "start from the cache"):
            code = (
                "import sys, time, resource; from pathlib import Path; "
                "from benchmarks.detection import measure_load; "
                "measure_load(Path(sys.argv[1]), Path(sys.argv[2]))"
            )
            done = subprocess.run(
                [sys.executable, "-c", code, str(public), folder],
                capture_output=True, text=True, check=True, cwd=ROOT,
            )  # fmt: skip
            print(f"public set, {label}: {done.stdout.strip()}")


def measure_load(public: Path, cache: Path) -> None:
    """Run in a process of its own."""
    before = time.process_time()
    fingerprints = load_cached_fingerprints(public, cache=cache)
    fingerprints.prepare()
    took = time.process_time() - before
    pages = iter_captures(DATA / "pages" / "pages.warc.gz", lambda offset, reason: None)
    for capture in pages:  # what a worker keeps after many pages, one page at a time
        detect(capture, fingerprints)
    memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print(f"{took:.2f} CPU s; {memory:.0f} MB at most after all pages")


def measure_peers(captures: Sequence[Capture], public: Path) -> None:
    """The peers over a sample of the same pages."""
    sample = captures[:: max(1, len(captures) // PEER_PAGES)][:PEER_PAGES]
    runs: tuple[tuple[str, Callable[[], PeerRun]], ...] = (
        (f"{CORE}, public set, matching only", lambda: run_core(sample, public)),
        (f"{PYPI}, its own set", lambda: run_pypi(sample)),
    )
    for label, run in runs:
        try:
            cpu_s = run().cpu_s
        except PeerMissing as reason:
            print(f"{label}: skipped, {reason}")
        else:
            print(f"{label}: {len(sample) / cpu_s:.2f} pages per CPU second ({len(sample)} pages)")


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--no-peers", action="store_true")
    arguments = parser.parse_args()
    public = DATA / "fingerprints" / "webappanalyzer"
    if not public.is_dir():
        print("skipped: the real data is not on this machine (set TRACEWELL_SHARED)")
        return 0
    measure_start(public)
    captures = read_pages()
    measure_speed(captures, public)
    fingerprints = load_fingerprints(public)
    fingerprints.prepare()
    measure_archive(fingerprints)
    measure_large(captures, fingerprints)
    if not arguments.no_peers:
        measure_peers(captures, public)
    return 0


if __name__ == "__main__":
    sys.exit(main())
