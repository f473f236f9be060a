"""`python -m benchmarks.scale`: builds what is missing, measures every size on either database."""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import json
import shutil
import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path
from urllib.parse import urlsplit, urlunsplit

import asyncpg
from tests.databases import start_cluster

from benchmarks.__main__ import describe_machine
from benchmarks.scale.companies import count_partners
from benchmarks.scale.drawing import draw_partnerships
from benchmarks.scale.loading import Loaded, load
from benchmarks.scale.measuring import (
    CONNECTIONS,
    Figure,
    kinds,
    measure_export,
    measure_kind,
)
from benchmarks.scale.server import serve

FOLDER = Path(__file__).parents[2] / ".bench" / "scale"
SIZES = (10_000, 100_000, 1_000_000)
BYTES_PER_COMPANY = {"sqlite": 18_000, "postgresql": 16_000}
"""On disk; while it is built, the log of what is written takes as much again on SQLite."""
POSTGRESQL = {
    "shared_buffers": "4GB",
    "max_wal_size": "8GB",
    "checkpoint_timeout": "15min",
    "random_page_cost": "1.1",
    "effective_cache_size": "12GB",
}
"""As one would set them on a machine with 24 GB and an SSD."""


@dataclass(frozen=True, slots=True)
class Target:
    """A database of one size."""

    database: str
    companies: int
    folder: Path
    url: str

    @property
    def done_path(self) -> Path:
        """Is there once the database has been filled, and says what that took."""
        return self.folder / "loaded.json"


@contextlib.contextmanager
def open_target(database: str, companies: int, folder: Path) -> Iterator[Target]:
    """The place of the data, PostgreSQL running; what was filled half is emptied."""
    own = folder / f"{database}-{companies}"
    is_done = (own / "loaded.json").exists()
    if not is_done:
        shutil.rmtree(own, ignore_errors=True)
    own.mkdir(parents=True, exist_ok=True)
    if database == "sqlite":
        yield Target(database, companies, own, f"sqlite:///{own / 'tracewell.db'}")
        return
    kept = folder / "postgresql"
    kept.mkdir(exist_ok=True)
    cluster = start_cluster(fsync=True, kept=kept, settings=POSTGRESQL)
    try:
        name = f"scale_{companies}"
        if not is_done:
            asyncio.run(_make_database(cluster.url, name))
        url = urlunsplit(urlsplit(cluster.url)._replace(path=f"/{name}"))
        yield Target(database, companies, own, url)
    finally:
        cluster.stop()


async def _make_database(url: str, name: str) -> None:
    connection = await asyncpg.connect(url)
    try:
        await connection.execute(f'DROP DATABASE IF EXISTS "{name}"')
        await connection.execute(f'CREATE DATABASE "{name}"')
    finally:
        await connection.close()


def ensure_loaded(target: Target, jobs: int) -> Loaded:
    """Fills the database unless it has been filled. Says before how much it will take."""
    if not target.done_path.exists():
        needed = BYTES_PER_COMPANY[target.database] * target.companies
        free = shutil.disk_usage(target.folder).free
        print(f"loading: some {needed / 1e9:.1f} GB below {target.folder.parent}", flush=True)
        if free < 2.5 * needed:
            sys.exit(f"{free / 1e9:.0f} GB are free; {2.5 * needed / 1e9:.0f} GB should be")
        loaded = load(target.url, target.companies, jobs)
        target.done_path.write_text(json.dumps(asdict(loaded)))
    return Loaded(**json.loads(target.done_path.read_text()))


def measure(
    target: Target, rounds: int, only: str, connections: Sequence[int]
) -> list[list[Figure]]:
    """Prints the figures of one database; returns, of each kind, those by connections."""
    partners = count_partners(draw_partnerships(target.companies), target.companies)
    figures: list[list[Figure]] = []
    with serve(target.folder, target.url) as server:
        print(
            f"ready after {server.ready_s:.1f} s ({server.ready_cpu_s:.1f} s of CPU),"
            f" warm after {server.warm_cpu_s:.1f} s of CPU, {server.idle_mib:.0f} MiB",
            flush=True,
        )
        for number, kind in enumerate(kinds(target.companies, partners)):
            if only not in kind.name:
                continue
            figures.append([])
            for count in connections:
                seed = int(datetime.now(UTC).timestamp() * 1000) + number
                one = asyncio.run(measure_kind(server, kind, rounds, seed, count))
                figures[-1].append(one)
                print(
                    f"{one.name:45} {count:2} in flight  p50 {one.p50_ms:7.1f} ms"
                    f"  p99 {one.p99_ms:7.1f} ms  CPU {one.cpu_ms:6.2f} ms  ({one.aim})",
                    flush=True,
                )
        if only in "export":
            print("\n".join(asyncio.run(measure_export(server, target.companies))), flush=True)
        print(f"{server.resident_mib():.0f} MiB at the end", flush=True)
    return figures


def main() -> None:
    """Sizes in turn, on SQLite, then on PostgreSQL; at the end a table of how the figures grow."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.scale", description=__doc__)
    parser.add_argument("--folder", type=Path, default=FOLDER, help="where the data are kept")
    parser.add_argument("--databases", default="sqlite,postgresql")
    parser.add_argument("--sizes", default=",".join(map(str, SIZES)))
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument(
        "--connections",
        default=",".join(map(str, CONNECTIONS)),
        help="numbers of requests in flight",
    )
    parser.add_argument("--jobs", type=int, default=2, help="processes that load")
    parser.add_argument("--only", default="", help="figures whose name holds this")
    parser.add_argument("--build-only", action="store_true")
    given = parser.parse_args()
    connections = [int(one) for one in given.connections.split(",")]
    print(f"{datetime.now(UTC):%Y-%m-%d}  {describe_machine()}")
    sizes = [int(one) for one in given.sizes.split(",")]
    for database in given.databases.split(","):
        found: dict[int, list[list[Figure]]] = {}
        for companies in sizes:
            print(f"\n## {database}, {companies:,} companies", flush=True)
            with open_target(database, companies, given.folder.resolve()) as target:
                loaded = ensure_loaded(target, given.jobs)
                print(
                    f"{loaded.uses:,} uses, {loaded.partnerships:,} partnerships,"
                    f" {loaded.postings:,} postings: loaded in {loaded.wall_s:.0f} s"
                    f" ({loaded.cpu_s:.0f} s of CPU in {given.jobs} loaders)",
                    flush=True,
                )
                if not given.build_only:
                    found[companies] = measure(target, given.rounds, given.only, connections)
        print(f"\n{_table(database, found)}", flush=True)


def _table(database: str, found: Mapping[int, Sequence[Sequence[Figure]]]) -> str:
    """p50 / p99 in milliseconds by size, and within a size by the number of connections."""
    rows = list(zip(*found.values(), strict=True))
    if not rows:
        return ""
    heads = [
        f"{companies:,}, {one.connections} connection{'s' * (one.connections > 1)}"
        for companies, figures in zip(found, rows[0], strict=True)
        for one in figures
    ]
    lines = [f"| {database}, p50 / p99 in ms | {' | '.join(heads)} | aim |"]
    lines.append("|" + " --- |" * (len(heads) + 2))
    for row in rows:
        cells = " | ".join(f"{one.p50_ms:.1f} / {one.p99_ms:.1f}" for some in row for one in some)
        lines.append(f"| {row[0][0].name} | {cells} | {row[0][0].aim} |")
    return "\n".join(lines)


if __name__ == "__main__":
    main()
