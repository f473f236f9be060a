"""How long usage and pages of the ledger take over a million entries of one org.

`python -m benchmarks.usage [--entries N] [--database sqlite|postgresql|both]`
Wall time in the process that asks, and its CPU seconds; SQLite is read in that process.
"""

from __future__ import annotations

import argparse
import asyncio
import statistics
import tempfile
import time
from importlib.resources import files
from pathlib import Path
from random import Random
from typing import get_args

from tests.databases import start_cluster

from tracewell.kernel.clock import DAY_MS
from tracewell.kernel.credits import Call, ChargeRequest, Ledger, UsageGroup
from tracewell.kernel.database import Database, Migrations, Transaction, open_database
from tracewell.kernel.database.migrate import load_migrations
from tracewell.kernel.ids import IdFactory

BEGIN_MS = 1_790_000_000_000
DAYS = 366
GROUP = 1_000
KEYS, ENDPOINTS = 20, 8
REPEATS = 9
WINDOWS = (30, DAYS)


class Clock:
    """Time that moves on with the entries, over a year."""

    def __init__(self) -> None:
        self.now = BEGIN_MS

    def __call__(self) -> int:
        return self.now


async def fill(database: Database, entries: int) -> None:
    """Charges of one credit by every key on every endpoint, spread evenly over the days."""
    steps = load_migrations("kernel", files("tracewell.kernel") / "migrations")
    await Migrations(steps).up(database)
    clock, random = Clock(), Random(1)
    ledger = Ledger(clock, IdFactory(clock))
    async with database.transaction() as tx:
        await tx.execute("INSERT INTO orgs (name, plan, created_at) VALUES ('one', 'none', 0)")
        await ledger.open_account(tx, 1)
        await ledger.book(tx, Call(1, "app", None, "b", "req_0"), "grant", entries, "benchmark")
    for first in range(0, entries, GROUP):
        clock.now = BEGIN_MS + first * DAYS * DAY_MS // entries
        requests = [
            ChargeRequest(
                Call(
                    org_id=1,
                    channel="api",
                    key_id=f"key_{random.randrange(KEYS)}",
                    endpoint=f"GET /v1/endpoint-{random.randrange(ENDPOINTS)}",
                    request_id=f"req_{item}",
                ),
                (item,),
            )
            for item in range(first, min(first + GROUP, entries))
        ]
        async with database.transaction() as tx:
            await ledger.charge_all(tx, requests)


async def measure(url: str, entries: int) -> None:
    """Fills the database and prints a line for each question."""
    database = await open_database(url)
    try:
        await fill(database, entries)
        ledger = Ledger(lambda: BEGIN_MS, IdFactory())
        last_day = BEGIN_MS // DAY_MS + DAYS
        for days in WINDOWS:
            for group in get_args(UsageGroup):

                async def usage(
                    tx: Transaction, group: UsageGroup = group, days: int = days
                ) -> int:
                    _, totals, _ = await ledger.list_usage(
                        tx, 1, group, first_day=last_day - days, last_day=last_day,
                        limit=50, offset=0,
                    )  # fmt: skip
                    return totals.charge_count

                await ask(database, f"usage by {group}, {days} days", usage)
        for page in (1, 100):

            async def entries_page(tx: Transaction, page: int = page) -> int:
                return (await ledger.list_entries(tx, 1, limit=100, offset=100 * (page - 1)))[1]

            await ask(database, f"ledger, page {page} of 100", entries_page)
        async with database.snapshot() as tx:
            began = time.perf_counter()
            await tx.fetch_all(
                "SELECT endpoint, SUM(credits) FROM credit_ledger WHERE org_id = 1 GROUP BY 1"
            )
            spent = time.perf_counter() - began
        print(f"  {'the same sums out of the entries':<34} {spent * 1000:>9.1f} ms")
    finally:
        await database.close()


async def ask(database: Database, name: str, question: object) -> None:
    """Prints the median of some asks."""
    walls, cpus = [], []
    told = 0
    for _ in range(REPEATS):
        wall, cpu = time.perf_counter(), time.process_time()
        async with database.snapshot() as tx:
            told = await question(tx)  # type: ignore[operator]
        walls.append(time.perf_counter() - wall)
        cpus.append(time.process_time() - cpu)
    wall_ms, cpu_ms = (statistics.median(each) * 1000 for each in (walls, cpus))
    print(f"  {name:<34} {wall_ms:>9.1f} ms wall {cpu_ms:>9.1f} ms CPU   ({told:,} entries)")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--entries", type=int, default=1_000_000)
    parser.add_argument("--database", choices=["sqlite", "postgresql", "both"], default="both")
    options = parser.parse_args()
    if options.database != "postgresql":
        print("sqlite")
        with tempfile.TemporaryDirectory(prefix="tracewell-usage-") as folder:
            asyncio.run(measure(f"sqlite:///{Path(folder) / 'usage.db'}", options.entries))
    if options.database != "sqlite":
        print("postgresql")
        cluster = start_cluster()
        try:
            asyncio.run(measure(cluster.url, options.entries))
        finally:
            cluster.stop()


if __name__ == "__main__":
    main()
