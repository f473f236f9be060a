"""Many runs: by seed, with each fault at each await in turn, and with kills; used by the command
and, shorter, by the tests."""

from __future__ import annotations

import asyncio
import tempfile
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from pathlib import Path

from tests.exactness.checker import Verdict
from tests.exactness.faults import FAULTS, Points
from tests.exactness.kills import Killed, KillRun
from tests.exactness.server import Server, prepare
from tests.exactness.simulation import MakeServer, Shape, open_stage, seeded_run

from tracewell.kernel.database import open_database

KILLS_A_RUN = 10
SWEEP = Shape(clients=3, wishes=2, servers=2, turns_max=1)

Progress = Callable[[int], None]


def silent(done: int) -> None:
    """No progress."""


@dataclass
class Tally:
    """What many runs came to; `wrong` names the run and what was wrong in it."""

    runs: int = 0
    faults: int = 0
    kills: int = 0
    cut: int = 0
    told: int = 0
    lost: int = 0
    refused: int = 0
    entries: int = 0
    charged: int = 0
    wrong: list[str] = field(default_factory=list)

    def add(self, name: str, verdict: Verdict, points: Points | None = None) -> None:
        """Counts one run."""
        self.runs += 1
        self.faults += points.struck if points is not None else 0
        self.told += verdict.told
        self.lost += verdict.lost
        self.refused += verdict.refused
        self.entries += verdict.entries
        self.charged += verdict.charged
        self.wrong += [f"{name}: {complaint}" for complaint in verdict.wrong]

    def join(self, other: Tally) -> None:
        """Counts another tally's runs."""
        for name, value in vars(other).items():
            setattr(self, name, getattr(self, name) + value)

    def add_killed(self, name: str, killed: Killed) -> None:
        """Counts one run with kills."""
        self.add(name, killed.verdict)
        self.kills += killed.kills
        self.cut += killed.cut


async def run_seeds(
    url: str,
    seeds: Iterable[int],
    *,
    make_server: MakeServer = Server,
    until_wrong: bool = False,
    progress: Progress = silent,
) -> Tally:
    """Seeded runs on one migrated database; `until_wrong` ends with the first that is wrong."""
    tally = Tally()
    async with open_stage(url, failing_storage=True) as stage:
        for seed in seeds:
            shape, faults = seeded_run(seed)
            verdict, points = await stage.run(seed, shape, faults, make_server)
            tally.add(f"seed {seed}", verdict, points)
            progress(tally.runs)
            if until_wrong and tally.wrong:
                break
    return tally


async def run_sweep(url: str, seed: int, *, progress: Progress = silent) -> Tally:
    """One small run again and again, with each kind of fault at its first await, its second, ..."""
    tally = Tally()
    async with open_stage(url, failing_storage=True) as stage:
        struck, place = 1, 0
        while struck:
            struck = 0
            for fault in FAULTS:
                verdict, points = await stage.run(seed, SWEEP, {place: fault})
                tally.add(f"seed {seed}, {fault} at {place}", verdict, points)
                struck += points.struck
                progress(tally.runs)
            place += 1
    return tally


def run_kills(
    url: str,
    first_seed: int,
    kills: int,
    *,
    strike: Callable[[], None] | None = None,
    progress: Progress = silent,
) -> Tally:
    """Runs of two processes, with `kills` kills in all, on one migrated database.

    `strike` is called instead of killing a worker, where the server is to crash.
    """
    asyncio.run(_prepare(url))
    tally = Tally()
    number = 0
    while tally.kills < kills:
        seed = first_seed + number
        with tempfile.TemporaryDirectory(prefix="tracewell-kills-") as folder:
            run = KillRun(url, Path(folder), seed, (2 * number + 1, 2 * number + 2))
            tally.add_killed(
                f"kills {seed}", run.run(min(kills - tally.kills, KILLS_A_RUN), strike)
            )
        number += 1
        progress(tally.kills)
    return tally


async def _prepare(url: str) -> None:
    database = await open_database(url)
    try:
        await prepare(database)
    finally:
        await database.close()
