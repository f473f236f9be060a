"""`python -m tests.exactness`: the whole campaign, with a table at the end; exit code 1 when any
run was wrong, 2 when PostgreSQL cannot be run here."""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import os
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

from tests.databases import NoPostgresql, fresh_database, start_cluster
from tests.exactness.campaign import Progress, Tally, run_kills, run_seeds, run_sweep

SEEDS_A_DATABASE = 250
KILLS_A_DATABASE = 50
SWEEPS = 2
WRONG_SHOWN = 20


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m tests.exactness", description=__doc__)
    parser.add_argument("--seeds", type=int, default=1000, help="seeded runs on each database")
    parser.add_argument("--kills", type=int, default=200, help="SIGKILLs on each database")
    parser.add_argument("--first-seed", type=int, default=0)
    parser.add_argument("--database", choices=("sqlite", "postgresql", "both"), default="both")
    options = parser.parse_args()
    chosen = options.database
    dialects = ("sqlite", "postgresql") if chosen == "both" else (chosen,)
    rows: list[tuple[str, str, Tally, float]] = []
    try:
        for dialect in dialects:
            for name, run in _parts(options.first_seed, options.seeds, options.kills):
                begun = time.monotonic()
                tally = run(dialect)
                rows.append((dialect, name, tally, time.monotonic() - begun))
    except NoPostgresql as error:
        print(f"PostgreSQL cannot be run here: {error}", file=sys.stderr)
        sys.exit(2)
    _print_table(rows)
    sys.exit(1 if any(tally.wrong for _, _, tally, _ in rows) else 0)


def _parts(first_seed: int, seeds: int, kills: int) -> Sequence[tuple[str, Callable[[str], Tally]]]:
    """The parts of a campaign; each gets a fresh database from time to time, to stay quick."""

    def seeded(dialect: str) -> Tally:
        total = Tally()
        for first in range(0, seeds, SEEDS_A_DATABASE):
            part = range(first_seed + first, first_seed + min(seeds, first + SEEDS_A_DATABASE))
            with _database(dialect) as url:
                shown = _progress(f"{dialect} seeds", first, seeds)
                total.join(asyncio.run(run_seeds(url, part, progress=shown)))
        return total

    def swept(dialect: str) -> Tally:
        total = Tally()
        for seed in range(first_seed, first_seed + SWEEPS):
            with _database(dialect) as url:
                shown = _progress(f"{dialect} sweep", total.runs, None)
                total.join(asyncio.run(run_sweep(url, seed, progress=shown)))
        return total

    def killed(dialect: str) -> Tally:
        total = Tally()
        while total.kills < kills:
            part = min(KILLS_A_DATABASE, kills - total.kills)
            with _database(dialect) as url:
                shown = _progress(f"{dialect} kills", total.kills, kills)
                seed = first_seed + 1000 * total.kills
                total.join(run_kills(url, seed, part, progress=shown))
        return total

    return (("seeds", seeded), ("every await", swept), ("kills", killed))


@contextlib.contextmanager
def _database(dialect: str) -> Iterator[str]:
    if dialect == "postgresql" and "TEST_DATABASE_URL" not in os.environ:
        # The campaign's own server is durable, other than the quick one of the tests.
        os.environ["TEST_DATABASE_URL"] = start_cluster(fsync=True).url
    with (
        tempfile.TemporaryDirectory(prefix="tracewell-exactness-") as folder,
        fresh_database(dialect, Path(folder)) as url,
    ):
        yield url


def _progress(name: str, before: int, of: int | None) -> Progress:
    if not sys.stderr.isatty():
        return lambda done: None

    def show(done: int) -> None:
        end = f" of {of}" if of is not None else ""
        print(f"\r{name}: {before + done}{end}   ", end="", file=sys.stderr, flush=True)

    return show


def _print_table(rows: Sequence[tuple[str, str, Tally, float]]) -> None:
    names = ("runs", "faults", "kills", "cut", "told", "lost", "refused", "entries", "charged")
    head = "".join(f"{name:>9}" for name in (*names, "wrong", "seconds"))
    print(f"\r{'database':<12}{'part':<12}{head}")
    for dialect, part, tally, seconds in rows:
        cells = "".join(f"{getattr(tally, name):>9}" for name in names)
        print(f"{dialect:<12}{part:<12}{cells}{len(tally.wrong):>9}{seconds:>9.0f}")
    wrong = [complaint for _, _, tally, _ in rows for complaint in tally.wrong]
    for complaint in wrong[:WRONG_SHOWN]:
        print(complaint)
    if not wrong:
        print("told to clients = ledger = unlocks = spent, in every run")


if __name__ == "__main__":
    main()
