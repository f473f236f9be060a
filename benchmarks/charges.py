"""Exact charges per second on both databases, and the ratio to the textbook row-lock transaction.

`python -m benchmarks.charges [--json] [--seconds S] [--database sqlite|postgresql|both]`
All is durable: SQLite with synchronous=FULL, PostgreSQL with fsync and synchronous_commit on.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import itertools
import json
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Awaitable, Callable, Iterator, Sequence
from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path
from urllib.parse import urlsplit, urlunsplit

import asyncpg
import uvloop
from tests.databases import NoPostgresql, start_cluster

from tracewell.kernel.clock import system_clock
from tracewell.kernel.credits import Call, ChargeBatcher, Ledger
from tracewell.kernel.credits.batch import Found
from tracewell.kernel.database import Database, Migrations, Transaction, open_database
from tracewell.kernel.database.migrate import load_migrations
from tracewell.kernel.ids import IdFactory

IN_FLIGHT = 256
ORGS = 256
REPEATS = 3
BALANCE = 10**12
FREE_ITEMS = 10_000
HOT = "net-new, one hot org"
ROW_LOCK = "row lock, one hot org"
RATIO = "times the row lock"
ENDPOINT = "GET /v1/companies/{identifier}"


@dataclass(frozen=True)
class Load:
    """What one process does: `mode` is hot (one org), many (256 orgs) or free (repeats)."""

    url: str
    mode: str
    seconds: float
    first_item: int = 0


async def prepare(url: str) -> None:
    """Migrates the database and gives every org more credits than a run can spend."""
    steps = load_migrations("kernel", files("tracewell.kernel") / "migrations")
    database = await open_database(url)
    try:
        await Migrations(steps).up(database)
        ledger = Ledger(system_clock, IdFactory())
        async with database.transaction() as tx:
            for org_id in range(1, ORGS + 1):
                await tx.execute(
                    "INSERT INTO orgs (org_id, name, plan, created_at)"
                    " VALUES (:org_id, :name, 'none', 0)",
                    org_id=org_id,
                    name=f"org {org_id}",
                )
                await ledger.open_account(tx, org_id)
                call = Call(org_id, "api", None, "benchmark", "grant")
                await ledger.book(tx, call, "grant", BALANCE, "benchmark")
    finally:
        await database.close()


async def drive(load: Load) -> float:
    """Calls per second of 256 clients that call again as soon as they are answered."""
    database = await open_database(load.url)
    try:
        batcher = ChargeBatcher(database, Ledger(system_clock, IdFactory()), read_itself)
        if load.mode == "free":
            await fill(database)
        return await timed(load.seconds, serving(batcher, load))
    finally:
        await database.close()


async def read_itself(tx: Transaction, wanted: Sequence[int]) -> list[Found[int] | None]:
    """A reader without a query, so that the ledger alone is measured."""
    return [Found(item, (item,)) for item in wanted]


async def fill(database: Database) -> None:
    batcher = ChargeBatcher(database, Ledger(system_clock, IdFactory()), read_itself)
    calls = [batcher.serve(Call(1, "api", None, ENDPOINT, "fill"), i) for i in range(FREE_ITEMS)]
    await asyncio.gather(*calls)


def serving(batcher: ChargeBatcher[int, int], load: Load) -> Callable[[int], Awaitable[None]]:
    expected = 0 if load.mode == "free" else 1

    async def serve(number: int) -> None:
        org_id = number % ORGS + 1 if load.mode == "many" else 1
        item = number % FREE_ITEMS if load.mode == "free" else load.first_item + number
        answered = await batcher.serve(Call(org_id, "api", "key", ENDPOINT, f"req_{number}"), item)
        if answered is None or answered[1].credits != expected:
            raise AssertionError(f"call {number} was answered {answered}")

    return serve


async def timed(seconds: float, serve: Callable[[int], Awaitable[None]]) -> float:
    numbers = itertools.count()
    begun = time.perf_counter()
    done = 0

    async def client() -> None:
        nonlocal done
        while time.perf_counter() - begun < seconds:
            await serve(next(numbers))
            done += 1

    await asyncio.gather(*(client() for _ in range(IN_FLIGHT)))
    return done / (time.perf_counter() - begun)


async def drive_row_lock(url: str, seconds: float) -> float:
    """The textbook: lock the account's row, look, insert, update, commit; one call each."""
    pool = await asyncpg.create_pool(url, min_size=16, max_size=16)

    async def serve(number: int) -> None:
        async with pool.acquire() as connection, connection.transaction():
            balance = await connection.fetchval(
                "SELECT balance FROM credit_accounts WHERE org_id = 1 FOR UPDATE"
            )
            taken = await connection.fetchval(
                "SELECT 1 FROM credit_unlocks WHERE org_id = 1 AND item_id = $1", number
            )
            if taken or balance < 1:
                raise AssertionError("nothing to charge")
            await connection.execute(
                "INSERT INTO credit_ledger (entry_id, org_id, kind, credits, channel, key_id,"
                " endpoint, item_count, request_id, reason, created_at)"
                " VALUES ($1, 1, 'charge', -1, 'api', 'key', $2, 1, $3, NULL, 0)",
                f"led_{number}",
                ENDPOINT,
                f"req_{number}",
            )
            await connection.execute(
                "INSERT INTO credit_unlocks (org_id, item_id, window_no, expires_at, entry_id)"
                " VALUES (1, $1, 1, 0, $2)",
                number,
                f"led_{number}",
            )
            await connection.execute(
                "UPDATE credit_accounts SET balance = balance - 1 WHERE org_id = 1"
            )

    try:
        return await timed(seconds, serve)
    finally:
        await pool.close()


def run_processes(url: str, seconds: float, count: int) -> float:
    """The same hot org from several processes; the sum of their calls per second."""
    running = [
        subprocess.Popen(
            [
                *(sys.executable, "-m", "benchmarks.charges", "--seconds", str(seconds)),
                *("--worker", url, str(number * 10**9)),
            ],
            stdout=subprocess.PIPE,
        )
        for number in range(1, count + 1)
    ]
    return sum(float(process.communicate()[0]) for process in running)


@contextlib.contextmanager
def fresh(server: str | None) -> Iterator[Callable[[], str]]:
    """Makes as many prepared databases as are asked for."""
    with tempfile.TemporaryDirectory(prefix="tracewell-charges-") as folder:
        numbers = itertools.count()

        def make() -> str:
            name = f"charges_{next(numbers)}"
            if server is None:
                url = f"sqlite:///{Path(folder) / name}.db"
            else:
                url = urlunsplit(urlsplit(server)._replace(path=f"/{name}"))
                asyncio.run(create(server, name))
            asyncio.run(prepare(url))
            return url

        yield make


async def create(server: str, name: str) -> None:
    connection = await asyncpg.connect(server)
    try:
        await connection.execute(f'CREATE DATABASE "{name}"')
    finally:
        await connection.close()


def measure(server: str | None, seconds: float) -> dict[str, float]:
    """Medians, in calls per second, by what was done; `RATIO` is the median of the rounds' ratios.

    The rounds go through all rows in turn, so that a noisy minute of the machine hits each alike.
    """
    ways: dict[str, Callable[[str], float]] = {
        HOT: lambda url: uvloop.run(drive(Load(url, "hot", seconds))),
        "net-new, 256 orgs": lambda url: uvloop.run(drive(Load(url, "many", seconds))),
        "free repeats": lambda url: uvloop.run(drive(Load(url, "free", seconds))),
        "two processes, one hot org": lambda url: run_processes(url, seconds, 2),
    }
    if server is not None:
        ways[ROW_LOCK] = lambda url: uvloop.run(drive_row_lock(url, seconds))
    with fresh(server) as make:
        rounds = [{name: way(make()) for name, way in ways.items()} for _ in range(REPEATS)]
    rows = {name: statistics.median(each[name] for each in rounds) for name in ways}
    if server is not None:
        rows[RATIO] = statistics.median(each[HOT] / each[ROW_LOCK] for each in rounds)
    return rows


TARGETS = {"sqlite": 40_000, "postgresql": 20_000}
RATIO_TARGET = 30


def print_table(results: dict[str, dict[str, float]]) -> None:
    for dialect, rows in results.items():
        print(f"\n{dialect}: calls per second, {IN_FLIGHT} in flight, median of {REPEATS}")
        for name, rate in rows.items():
            if name != RATIO:
                print(f"  {name:<30} {rate:>10,.0f}")
        met = "met" if rows[HOT] >= TARGETS[dialect] else "missed"
        print(f"  target {TARGETS[dialect]:,}: {met}")
        if RATIO in rows:
            met = "met" if rows[RATIO] >= RATIO_TARGET else "missed"
            print(f"  {rows[RATIO]:.1f} times the row lock; target {RATIO_TARGET}: {met}")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--database", choices=["sqlite", "postgresql", "both"], default="both")
    parser.add_argument("--seconds", type=float, default=2.0)
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--worker", nargs=2, metavar=("URL", "FIRST_ITEM"), help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.worker is not None:
        url, first_item = options.worker
        print(uvloop.run(drive(Load(url, "hot", options.seconds, int(first_item)))))
        return
    results: dict[str, dict[str, float]] = {}
    if options.database != "postgresql":
        results["sqlite"] = measure(None, options.seconds)
    if options.database != "sqlite":
        try:
            cluster = start_cluster(fsync=True)
        except NoPostgresql as error:
            sys.exit(f"no PostgreSQL to measure: {error}")
        try:
            results["postgresql"] = measure(cluster.url, options.seconds)
        finally:
            cluster.stop()
    if options.json:
        print(json.dumps(results, indent=2))
    else:
        print_table(results)


if __name__ == "__main__":
    main()
