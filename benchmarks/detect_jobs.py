"""What `tracewell detect --jobs 2` gains, beside what two independent processes gain here.

python -m benchmarks.detect_jobs: wall seconds of whole commands, start included, best of three,
over the real pages with the full public set and our pack: once, where the start tells much, and
eight times in a row. Skipped without the real data.
"""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

from benchmarks.detection import DATA

ROUNDS = 3
REPEATED = (1, 8)
ARCHIVE = DATA / "pages" / "pages.warc.gz"
PUBLIC = DATA / "fingerprints" / "webappanalyzer"


def start(jobs: int, times: int) -> subprocess.Popen[bytes]:
    """One command over the archive, so many times; its rows are thrown away."""
    command = [str(Path(sys.executable).with_name("tracewell")), "detect", *[str(ARCHIVE)] * times]
    command += ["--fingerprints", str(PUBLIC), "--format", "jsonl", "--jobs", str(jobs)]
    return subprocess.Popen(command, stdout=subprocess.DEVNULL, env=os.environ)


def best_of(run: Callable[[], list[subprocess.Popen[bytes]]]) -> float:
    """Wall seconds until all that were started have ended."""
    took = []
    for _ in range(ROUNDS):
        before = time.perf_counter()
        codes = [process.wait() for process in run()]
        took.append(time.perf_counter() - before)
        if any(codes):
            raise RuntimeError(f"detect ended with {codes}")
    return min(took)


def measure(times: int) -> None:
    """One line for each way."""
    one = best_of(lambda: [start(1, times)])
    two_jobs = best_of(lambda: [start(2, times)])
    two_processes = best_of(lambda: [start(1, times), start(1, times)])
    print(f"the real pages {times} times")
    print(f"one job               {one:6.2f} s")
    print(f"two jobs              {two_jobs:6.2f} s  gain {one / two_jobs:.2f}")
    print(f"two whole processes   {two_processes:6.2f} s  gain {2 * one / two_processes:.2f}")


def main() -> int:
    if not ARCHIVE.exists():
        print("skipped: the real data is not on this machine (set TRACEWELL_SHARED)")
        return 0
    for times in REPEATED:
        measure(times)
    return 0


if __name__ == "__main__":
    sys.exit(main())
