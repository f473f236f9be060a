"""Exports of a list of 100,000 members: rows a second and memory above idle, by format.

    python -m benchmarks list_export [MEMBERS]

In process over SQLite: charging, reading, writing the file's bytes; no sockets.
"""

from __future__ import annotations

import asyncio
import sys
import tempfile
import time
from importlib.resources import files
from pathlib import Path
from typing import Any

from pyroaring import BitMap

from tracewell.kernel.credits import Call, Ledger
from tracewell.kernel.database import Database, Migrations, open_database
from tracewell.kernel.database.migrate import load_migrations
from tracewell.kernel.ids import IdFactory
from tracewell.trace.companies.columns import CompanyColumns
from tracewell.trace.companies.properties import ALL
from tracewell.trace.index.bitmaps import write_bitmap
from tracewell.trace.lists.definitions import Definitions
from tracewell.trace.lists.exporting import ExportFormat, open_writer
from tracewell.trace.lists.members import Members
from tracewell.trace.lists.model import Member
from tracewell.trace.lists.service import Lists
from tracewell.trace.search.service import Search

MEMBERS = 100_000
NOW = 1_790_000_000_000
FORMATS: tuple[ExportFormat, ...] = ("csv", "jsonl", "parquet")
EVERYBODY = {"field": "technology_count", "operator": "gte", "value": 0}
_COMPANY = """
    INSERT INTO companies (slug, name, sort_name, search_text, primary_domain, technology_count,
      first_observed_at, last_observed_at, last_crawled_at, profile)
    VALUES (:slug, :name, :name, '', :domain, :count, :at, :at, :at, '{}')"""


def resident_mib() -> float:
    """Memory that the process holds at this moment."""
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * 4096 / 2**20


async def fill(database: Database, ledger: Ledger, count: int) -> None:
    """An org with a user and credits, and companies."""
    async with database.transaction() as tx:
        await tx.execute(
            "INSERT INTO orgs (name, plan, created_at) VALUES ('Buyer', 'pro', :now)", now=NOW
        )
        await tx.execute(
            "INSERT INTO users (email, org_id, created_at) VALUES ('a@b.example', 1, :now)", now=NOW
        )
        await ledger.open_account(tx, 1)
        await ledger.book(tx, Call(1, "app", None, "bench", "req_0"), "grant", count, "a benchmark")
        rows: list[dict[str, Any]] = [
            {
                "slug": f"company-{number}",
                "name": f"company {number * 7919 % count} of some length",
                "domain": f"company-{number}.example",
                "count": number % 60,
                "at": NOW,
            }
            for number in range(count)
        ]
        await tx.execute_many(_COMPANY, rows)
        ids = await tx.fetch_all("SELECT company_id FROM companies")
        await write_bitmap(tx, ALL, BitMap([row[0] for row in ids]))


async def measure(folder: Path, count: int) -> None:
    """Prints a row for each export: the first is charged, the others are free."""

    def clock() -> int:
        return NOW

    new_id = IdFactory(clock)
    database = await open_database(f"sqlite:///{folder / 'lists.db'}")
    steps = [
        step
        for room in ("kernel", "trace")
        for step in load_migrations(room, files(f"tracewell.{room}") / "migrations")
    ]
    await Migrations(steps).up(database)
    ledger = Ledger(clock, new_id)
    await fill(database, ledger, count)
    member = Member(1, 1)
    made = await Lists(database, clock, new_id).create_list(member, "Everybody", None)
    definitions = Definitions(database, clock)
    await definitions.put_definition(member, made.list_id, 1, EVERYBODY, None)
    search = Search(database, ledger, CompanyColumns())
    members = Members(database, ledger, search, clock)
    await search.warm()
    call = Call(1, "api", None, "GET /v1/lists/{list_id}/export", "req_1")
    idle = resident_mib()
    print(f"{count} members, {idle:.0f} MiB idle")
    for label, file_format in (("charged", FORMATS[0]), *(("free", one) for one in FORMATS)):
        began, began_cpu = time.perf_counter(), time.process_time()
        portions, charge = await members.export(call, member, made.list_id, None, force=False)
        charged_s = time.perf_counter() - began
        writer, size, peak = open_writer(file_format), 0, resident_mib()
        async for portion in portions:
            size += len(writer.rows(portion))
            peak = max(peak, resident_mib())
        size += len(writer.end())
        took, cpu = time.perf_counter() - began, time.process_time() - began_cpu
        assert charge.credits == (count if label == "charged" else 0)
        print(
            f"{file_format:8} {label:8} {count / took:8.0f} rows/s  {count / cpu:8.0f} rows/CPU-s"
            f"  first byte after {charged_s:5.2f} s  {size / 2**20:5.1f} MiB"
            f"  peak {peak - idle:+5.0f} MiB"
        )
    await database.close()


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as scratch:
        asyncio.run(measure(Path(scratch), int(sys.argv[1]) if sys.argv[1:] else MEMBERS))
