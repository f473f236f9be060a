"""Exports of a list of 100,000 members over real sockets, on both databases: rows a second, rows a
second of the server's CPU, time to the first byte, memory above idle.

    python -m benchmarks.list_export [--members 100000] [--database both]

A server in a process of its own. The first export charges all members, the others are free.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

import httpx
from pyroaring import BitMap
from tests.databases import NoPostgresql, start_cluster
from tests.servers import start_server

from tracewell.kernel.credits import Call
from tracewell.kernel.database import Transaction
from tracewell.kernel.identity.model import Org
from tracewell.main.ground import Ground, open_ground
from tracewell.main.settings import Settings
from tracewell.trace.companies.properties import ALL
from tracewell.trace.index.bitmaps import write_bitmap

MEMBERS = 100_000
AT = 1_790_000_000_000
FORMATS = ("csv", "csv", "jsonl", "parquet")
TIMEOUT_S = 300
SAMPLE_S = 0.01
EVERYBODY = {
    "registry_version": 1,
    "root": {"field": "technology_count", "operator": "gte", "value": 0},
}
_COLUMNS = (
    "slug", "name", "sort_name", "search_text", "primary_domain", "technology_count",
    "first_observed_at", "last_observed_at", "last_crawled_at", "profile",
)  # fmt: skip


def _rows(count: int) -> Iterator[tuple[Any, ...]]:
    for number in range(count):
        name = f"company {number * 7919 % count} of some length"
        domain = f"company-{number}.example"
        yield f"company-{number}", name, name, "", domain, number % 60, AT, AT, AT, "{}"


async def fill(settings: Settings, count: int) -> str:
    """Companies, and an org that can pay for them; the key of a user of it."""
    async with open_ground(settings) as ground:
        async with ground.database.transaction() as tx:
            await tx.copy_rows("companies", _COLUMNS, _rows(count))
            ids = await tx.fetch_all("SELECT company_id FROM companies")
            await write_bitmap(tx, ALL, BitMap([row[0] for row in ids]))
        return await _make_buyer(ground, count)


async def _make_buyer(ground: Ground, credits: int) -> str:
    async def opened(tx: Transaction, org: Org) -> None:
        await ground.ledger.open_account(tx, org.org_id)
        call = Call(org.org_id, "app", None, "bench", ground.new_id("req"))
        await ground.ledger.book(tx, call, "grant", credits, "a benchmark")

    org = await ground.identity.create_org("Buyer", "pro", opened)
    user = await ground.identity.create_user("ann@buyer.example", org, verified=True)
    return (await ground.identity.create_key("user", user=user)).text


@dataclass
class Watched:
    """A process's memory, looked at all the time, and the CPU that it has used."""

    pid: int
    peak_mib: float = 0.0
    _stopped: threading.Event = field(default_factory=threading.Event)

    def resident_mib(self) -> float:
        """What it holds now."""
        pages = int(Path(f"/proc/{self.pid}/statm").read_text().split()[1])
        return pages * os.sysconf("SC_PAGE_SIZE") / 2**20

    def cpu_s(self) -> float:
        """User and system time since its start."""
        fields = Path(f"/proc/{self.pid}/stat").read_text().rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")

    def __enter__(self) -> Watched:
        threading.Thread(target=self._look, daemon=True).start()
        return self

    def __exit__(self, *error: object) -> None:
        self._stopped.set()

    def _look(self) -> None:
        while not self._stopped.wait(SAMPLE_S):
            self.peak_mib = max(self.peak_mib, self.resident_mib())


def measure(name: str, settings: Settings, count: int) -> None:
    """Prints a row for each export."""
    key = asyncio.run(fill(settings, count))
    with (
        start_server(settings.data, database_url=settings.database_url, product="trace") as server,
        httpx.Client(
            base_url=server.url, headers={"X-API-Key": key}, timeout=TIMEOUT_S, trust_env=False
        ) as client,
        Watched(server.process.pid) as watched,
    ):
        made = client.post("/v1/lists", json={"name": "Everybody"}).raise_for_status().json()
        one = f"/v1/lists/{made['list_id']}"
        client.put(f"{one}/definition", json=EVERYBODY).raise_for_status()
        idle = watched.resident_mib()
        print(f"{name}: {count:,} members, {idle:.0f} MiB idle", flush=True)
        for number, file_format in enumerate(FORMATS):
            watched.peak_mib = 0.0
            _export(client, f"{one}/export?format={file_format}", watched, idle, count, number == 0)


def _export(
    client: httpx.Client, path: str, watched: Watched, idle: float, count: int, is_first: bool
) -> None:
    began, began_cpu, size, lines = time.perf_counter(), watched.cpu_s(), 0, 0
    first_s = 0.0
    with client.stream("GET", path) as answer:
        answer.raise_for_status()
        assert answer.headers["x-credits-charged"] == (str(count) if is_first else "0")
        for part in answer.iter_raw():
            first_s = first_s or time.perf_counter() - began
            size += len(part)
            lines += part.count(b"\n")
    took, cpu = time.perf_counter() - began, watched.cpu_s() - began_cpu
    file_format = path.rpartition("=")[2]
    assert file_format == "parquet" or lines == count + (file_format == "csv")
    print(
        f"  {file_format:8} {'charged' if is_first else 'free':8} {count / took:8,.0f} rows/s"
        f"  {count / cpu:8,.0f} rows/CPU-s  first byte after {first_s:5.2f} s"
        f"  {size / 2**20:5.1f} MiB  peak {watched.peak_mib - idle:+5.0f} MiB",
        flush=True,
    )


def main() -> int:
    """Measures SQLite and, where it is installed, PostgreSQL."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--members", type=int, default=MEMBERS)
    parser.add_argument("--database", choices=("sqlite", "postgresql", "both"), default="both")
    given = parser.parse_args()
    names: tuple[Literal["sqlite", "postgresql"], ...] = ("sqlite", "postgresql")
    for name in names:
        if given.database not in (name, "both"):
            continue
        with tempfile.TemporaryDirectory() as scratch:
            folder = Path(scratch) / "data"
            try:
                url = None if name == "sqlite" else start_cluster(fsync=True).url
            except NoPostgresql as error:
                print(f"{name}: {error}", file=sys.stderr)
                continue
            measure(name, Settings(data=folder, database_url=url), given.members)
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
