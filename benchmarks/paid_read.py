"""Requests a second of the paid company lookup, as a ratio to a bare ASGI answer of the same size.

A real server in a process of its own, asked by `wrk` over 64 connections. Bare, free (the company
is unlocked already) and net-new (each request charges a company never asked before) take turns,
and the median of the rounds counts. Needs wrk (Debian: apt-get install wrk).
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import json
import os
import re
import shutil
import socket
import statistics
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from tests.databases import start_cluster

from benchmarks.companies import COMPANIES, insert_companies

CONNECTIONS = 64
WARM_S = 2
_LATENCY = re.compile(r"^\s+(50|99)%\s+([\d.]+)(us|ms|s)", re.MULTILINE)
_RATE = re.compile(r"Requests/sec:\s+([\d.]+)")
_BAD = re.compile(r"Non-2xx or 3xx responses: (\d+)")
_UNITS_MS = {"us": 0.001, "ms": 1.0, "s": 1000.0}

_SCRIPT = """
local n = tonumber(os.getenv("FIRST"))
local last = tonumber(os.getenv("LAST"))
local first = n
wrk.headers["X-API-Key"] = os.getenv("KEY")
request = function()
  local path = "/v1/companies/c" .. n .. ".example"
  n = n + 1
  if n > last then n = first end
  return wrk.format("GET", path)
end
"""


@dataclass(frozen=True)
class Load:
    """What wrk measured: requests a second, latencies in milliseconds."""

    rate: float
    p50_ms: float
    p99_ms: float


def free_port() -> int:
    """A port that nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def wait_for(url: str) -> bytes:
    """The body of the first good answer."""
    deadline = time.monotonic() + 60
    while True:
        try:
            with urllib.request.urlopen(url, timeout=5) as answer:
                return bytes(answer.read())
        except OSError:
            if time.monotonic() > deadline:
                raise
            time.sleep(0.1)


@contextlib.contextmanager
def running(command: list[str], environment: dict[str, str]) -> Iterator[None]:
    """A server process for as long as the block lasts."""
    process = subprocess.Popen(command, env=environment, stderr=subprocess.DEVNULL)
    try:
        yield
    finally:
        process.terminate()
        process.wait(30)


def measure(port: int, seconds: int, key: str, first: int, last: int) -> Load:
    """One round of wrk over companies `first` to `last`, again from the first when through."""
    with tempfile.NamedTemporaryFile("w", suffix=".lua") as script:
        script.write(_SCRIPT)
        script.flush()
        printed = subprocess.run(
            ["wrk", "-t1", f"-c{CONNECTIONS}", f"-d{seconds}s", "--latency", "-s", script.name,
             f"http://127.0.0.1:{port}"],
            env={**os.environ, "KEY": key, "FIRST": str(first), "LAST": str(last)},
            check=True, capture_output=True, text=True,
        ).stdout  # fmt: skip
    bad = _BAD.search(printed)
    if bad is not None:
        raise RuntimeError(f"{bad.group(1)} answers were not 200:\n{printed}")
    latencies = {part: float(value) * _UNITS_MS[unit] for part, value, unit in
                 _LATENCY.findall(printed)}  # fmt: skip
    rate = _RATE.search(printed)
    assert rate is not None
    return Load(float(rate.group(1)), latencies["50"], latencies["99"])


def admin(environment: dict[str, str], *words: str) -> dict[str, str]:
    """Runs an operator's command; its JSON."""
    done = subprocess.run(
        [sys.executable, "-m", "tracewell", "admin", *words, "--json"],
        env=environment, check=True, capture_output=True, text=True,
    )  # fmt: skip
    found: dict[str, str] = json.loads(done.stdout)
    return found


def run_database(name: str, url: str | None, folder: Path, rounds: int, seconds: int) -> None:
    """Measures one database and prints its rows."""
    environment = {**os.environ, "TRACEWELL_DATA": str(folder / name), "TRACEWELL_PRODUCT": "trace"}
    if url is not None:
        environment["DATABASE_URL"] = url
    admin(environment, "org", "create", "bench", "--plan", "pro")
    admin(environment, "credits", "grant", "bench", "900000000", "--reason", "bench")
    key = admin(environment, "key", "create", "--org", "bench", "--per-minute", "1000000")["key"]
    database_url = url or f"sqlite:///{folder / name / 'tracewell.db'}"
    asyncio.run(insert_companies(database_url, COMPANIES))
    paid, bare = free_port(), free_port()
    serve = [sys.executable, "-m", "tracewell", "serve"]
    with running([*serve, "--no-jobs", "--port", str(paid)], environment):
        wait_for(f"http://127.0.0.1:{paid}/healthz")
        request = urllib.request.Request(
            f"http://127.0.0.1:{paid}/v1/companies/c0.example", headers={"X-API-Key": key}
        )
        with urllib.request.urlopen(request) as answer:
            body_bytes = len(answer.read())
        again = [sys.executable, "-m", "benchmarks.bare", str(bare), str(body_bytes)]
        with running(again, environment):
            wait_for(f"http://127.0.0.1:{bare}/")
            found = rounds_of(paid, bare, key, rounds, seconds)
    base = statistics.median(load.rate for load in found["bare"])
    for kind, loads in found.items():
        rate = statistics.median(load.rate for load in loads)
        p50 = statistics.median(load.p50_ms for load in loads)
        p99 = statistics.median(load.p99_ms for load in loads)
        print(
            f"{name:<11} {kind:<8} {rate:>8,.0f}/s  ratio {rate / base:5.2f}"
            f"  p50 {p50:6.2f} ms  p99 {p99:6.2f} ms  p99/p50 {p99 / p50:4.1f}",
            flush=True,
        )


def rounds_of(paid: int, bare: int, key: str, rounds: int, seconds: int) -> dict[str, list[Load]]:
    """The three kinds in turns; net-new goes on through companies never asked."""
    found: dict[str, list[Load]] = {"bare": [], "free": [], "net-new": []}
    measure(bare, WARM_S, key, 0, 999)
    measure(paid, WARM_S, key, 0, 999)
    fresh = 1_000
    share = (COMPANIES - fresh) // rounds
    for _ in range(rounds):
        found["bare"].append(measure(bare, seconds, key, 0, 999))
        found["free"].append(measure(paid, seconds, key, 0, 999))
        found["net-new"].append(measure(paid, seconds, key, fresh, fresh + share - 1))
        fresh += share
    return found


def main() -> int:
    """Measures SQLite and, where it is installed, PostgreSQL."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--seconds", type=int, default=5)
    parser.add_argument("--database", choices=("sqlite", "postgresql", "both"), default="both")
    given = parser.parse_args()
    if shutil.which("wrk") is None:
        print("wrk is missing (Debian: apt-get install wrk; macOS: brew install wrk)")
        return 1
    print(f"{COMPANIES:,} companies, {CONNECTIONS} connections, one server process")
    with tempfile.TemporaryDirectory() as folder:
        if given.database != "postgresql":
            run_database("sqlite", None, Path(folder), given.rounds, given.seconds)
        if given.database != "sqlite":
            cluster = start_cluster(fsync=True)
            try:
                run_database("postgresql", cluster.url, Path(folder), given.rounds, given.seconds)
            finally:
                cluster.stop()
    return 0


if __name__ == "__main__":
    sys.exit(main())
