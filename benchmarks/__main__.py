"""`python -m benchmarks [NAME ...]`: runs the benchmarks one after the other."""

from __future__ import annotations

import os
import platform
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path

BENCHMARKS = (
    "limits",
    "charges",
    "paid_read",
    "connectors",
    "audit",
    "tokens",
    "signing",
    "crawl",
    "detection",
    "detect_jobs",
    "ingest",
    "quality",
    "extraction",
    "resolution",
    "list_export",
)


def describe_machine() -> str:
    """Cores, processor and Python, for the head of the figures."""
    info = Path("/proc/cpuinfo")
    model = platform.processor() or platform.machine()
    if info.exists():
        for line in info.read_text().splitlines():
            if line.startswith("model name"):
                model = line.split(":", 1)[1].strip()
                break
    cores = os.cpu_count()
    return f"{cores} cores, {model}, Python {platform.python_version()}, {platform.system()}"


def main(names: list[str]) -> int:
    """Runs what is named, or all. Returns 1 when one failed."""
    unknown = [name for name in names if name not in BENCHMARKS]
    if unknown or "--help" in names:
        print(f"usage: python -m benchmarks [{' | '.join(BENCHMARKS)}] ...")
        return 2
    print(f"{datetime.now(UTC):%Y-%m-%d}  {describe_machine()}\n", flush=True)
    failed = False
    for name in names or BENCHMARKS:
        print(f"## {name}", flush=True)
        done = subprocess.run([sys.executable, "-m", f"benchmarks.{name}"], check=False)
        failed = failed or done.returncode != 0
        print(flush=True)
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
