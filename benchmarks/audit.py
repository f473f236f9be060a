"""The audit log on SQLite: durable records a second, the check of a million, proofs at a million.

`python -m benchmarks.audit [--json] [--records N] [--seconds S]`
All is durable (synchronous=FULL). A lookup is a record and a completion: N records are 2N leaves.
"""

from __future__ import annotations

import argparse
import asyncio
import itertools
import json
import random
import tempfile
import time
from collections.abc import Awaitable, Callable
from pathlib import Path

import uvloop
from tests.databases import all_migrations

from tracewell.intrace.audit import store, tree_store
from tracewell.intrace.audit.checking import Outside, check_log
from tracewell.intrace.audit.model import (
    AuditPrincipal,
    AuditRecord,
    Caller,
    Completion,
    encode_completion,
    encode_record,
    whole_second,
)
from tracewell.intrace.audit.service import Audit
from tracewell.intrace.audit.tree import AuditTree
from tracewell.kernel.clock import system_clock
from tracewell.kernel.database import Database, open_database
from tracewell.kernel.ids import IdFactory
from tracewell.kernel.merkle import Frontier, Node, hash_leaf
from tracewell.kernel.signing import Keyring, PublicKeyDirectory, SigningKeyFile, ensure_signing_key

IN_FLIGHT = (1, 4, 16)
PROOFS = 2_000
AT_ONCE = 2_000
REPORT_HASH = "sha256:" + "0" * 64

new_id = IdFactory()


def caller() -> Caller:
    """A person of an identity provider."""
    principal = AuditPrincipal("00u1a2b3c4d5e6f7g8h9", "ada.lovelace@example.com", "session-1234")
    return Caller(new_id("req"), "user:00u1a2b3c4d5e6f7g8h9", principal, "192.0.2.17")


async def write(database: Database, in_flight: int, seconds: float) -> dict[str, float]:
    """Records a second of clients that each log again as soon as their record is durable."""
    audit = Audit(database, system_clock, "org_bench")
    took: list[float] = []
    begun = time.perf_counter()

    async def client() -> None:
        while time.perf_counter() - begun < seconds:
            at = time.perf_counter()
            await audit.record_lookup(
                caller(), identifiers_queried=2, requester_reference="case 2026-17"
            )
            took.append(time.perf_counter() - at)

    cpu = time.process_time()
    await asyncio.gather(*(client() for _ in range(in_flight)))
    wall, cpu = time.perf_counter() - begun, time.process_time() - cpu
    took.sort()
    return {
        "in flight": in_flight,
        "records a second": len(took) / wall,
        "p50 ms": took[len(took) // 2] * 1e3,
        "p99 ms": took[len(took) * 99 // 100] * 1e3,
        "CPU us a record": cpu / len(took) * 1e6,
    }


async def fill(database: Database, records: int) -> list[str]:
    """Logs lookups by the thousand in a transaction: the rows that the service would write."""
    made: list[tuple[Node, bytes]] = []
    frontier = Frontier(on_node=lambda node, hashed: made.append((node, hashed)))
    requests: list[str] = []
    for first in range(0, records, AT_ONCE):
        rows, done = [], []
        now = whole_second(system_clock())
        async with database.transaction() as tx:
            for number in range(first, min(first + AT_ONCE, records)):
                record = AuditRecord(caller(), "org_bench", "case 2026-17", 2, now)
                request_id, encoded = record.caller.request_id, encode_record(record)
                completion = Completion(now, report_hash=REPORT_HASH)
                rows.append(
                    {"seq": number + 1, "request_id": request_id, "logged_at": now,
                     "user_id": record.caller.principal.user_id, "record": encoded,
                     "leaf_hash": hash_leaf(encoded), "leaf": 2 * number}
                )  # fmt: skip
                done.append(
                    {"request_id": request_id, "completed_at": now, "failure": None,
                     "report_hash": REPORT_HASH, "leaf": 2 * number + 1}
                )  # fmt: skip
                frontier.append(hash_leaf(encoded))
                frontier.append(hash_leaf(encode_completion(request_id, completion)))
                requests.append(request_id)
            await tx.execute_many(store.ADD_RECORD, rows)
            await tx.execute_many(store.ADD_COMPLETION, done)
            await tree_store.add_nodes(tx, made)
        made.clear()
    return requests


async def timed(count: int, work: Callable[[], Awaitable[object]]) -> dict[str, float]:
    """Milliseconds of a piece of work."""
    took = []
    for _ in range(count):
        at = time.perf_counter()
        await work()
        took.append((time.perf_counter() - at) * 1e3)
    took.sort()
    return {"p50 ms": took[count // 2], "p99 ms": took[count * 99 // 100]}


async def measure(records: int, seconds: float) -> dict[str, object]:
    """All figures."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        results: dict[str, object] = {}
        writing = []
        for in_flight in IN_FLIGHT:
            database = await open_migrated(folder / f"write-{in_flight}.db")
            writing.append(await write(database, in_flight, seconds))
            await database.close()
        results["writing"] = writing
        database = await open_migrated(folder / "large.db")
        await without_triggers(database)
        requests = await fill(database, records)
        signing = Keyring(SigningKeyFile(ensure_signing_key(folder)), PublicKeyDirectory(folder))
        tree = AuditTree(database, system_clock, signing, "org_bench")
        at = time.perf_counter()
        await tree.head()
        results["first head ms"] = (time.perf_counter() - at) * 1e3
        chosen = itertools.cycle(random.Random(7).sample(requests, min(PROOFS, len(requests))))
        results["inclusion, record and completion"] = await timed(
            PROOFS, lambda: tree.inclusion(next(chosen))
        )
        sizes = itertools.cycle(random.Random(7).sample(range(1, 2 * records), 500))
        results["consistency"] = await timed(500, lambda: tree.consistency(next(sizes)))
        at, cpu = time.perf_counter(), time.process_time()
        async with database.snapshot() as tx:
            checked = await check_log(tx, Outside(signing.verification_keys()))
        if not checked.is_whole or checked.records != records or checked.heads_matched != 1:
            raise AssertionError(f"the log is not whole: {checked.findings.told[:3]}")
        results["check s"] = time.perf_counter() - at
        results["check CPU s"] = time.process_time() - cpu
        results["records checked"] = records
        await database.close()
        results["bytes a lookup"] = (folder / "large.db").stat().st_size / records
        return results


async def open_migrated(path: Path) -> Database:
    database = await open_database(f"sqlite:///{path}")
    await all_migrations().up(database)
    return database


async def without_triggers(database: Database) -> None:
    """They would double the time of filling; the check and the proofs do not meet them."""
    async with database.transaction() as tx:
        for (name,) in await tx.fetch_all("SELECT name FROM sqlite_schema WHERE type = 'trigger'"):
            await tx.execute(f"DROP TRIGGER {name}")


def main() -> None:
    """Measures and prints."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--records", type=int, default=1_000_000)
    parser.add_argument("--seconds", type=float, default=3)
    options = parser.parse_args()
    results = uvloop.run(measure(options.records, options.seconds))
    if options.json:
        print(json.dumps(results, indent=2))
        return
    for name, figures in results.items():
        for line in figures if isinstance(figures, list) else [figures]:
            told = line.items() if isinstance(line, dict) else [("", line)]
            print(f"{name:<34}", "  ".join(f"{key} {value:,.2f}".strip() for key, value in told))


if __name__ == "__main__":
    main()
