"""The parent of two workers: moves their clock, ends one with SIGKILL in the middle of its commits,
starts another in its place, and holds all that was told against the database at the end."""

from __future__ import annotations

import asyncio
import contextlib
import multiprocessing
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from multiprocessing.process import BaseProcess
from pathlib import Path
from random import Random

from tests.exactness.checker import Books, Verdict, check, read_books
from tests.exactness.history import read_history
from tests.exactness.processes import PATIENCE_S, WORKERS, Place, SharedClock, work
from tests.exactness.server import populate
from tests.exactness.world import BEGIN_MS, World, next_moment

from tracewell.kernel.credits import Ledger
from tracewell.kernel.database import Database, open_database
from tracewell.kernel.ids import IdFactory

CLIENTS_A_WORKER = 5
GRANTS = 0.08
ANSWERS_BEFORE_A_KILL = 10
KILL_WITHIN_S = 0.03
CLOCK_EVERY_S = 0.002
PAUSE_S = 0.02

_PROCESSES = multiprocessing.get_context("forkserver")
_PROCESSES.set_forkserver_preload(["tests.exactness.processes"])


@dataclass
class _Answers:
    """Counts the answers in a history while it is being written."""

    path: Path
    count: int = 0
    _offset: int = 0

    def read(self) -> int:
        """How many there are since `count` was 0."""
        if self.path.exists():
            with self.path.open("rb") as file:
                file.seek(self._offset)
                for line in file:
                    if not line.endswith(b"\n"):
                        break
                    self._offset += len(line)
                    self.count += line.startswith(b'["told"') and b'"lost"' not in line
        return self.count


@dataclass
class Killed:
    """A run's verdict and how it went; `cut`: calls that no answer ever came to."""

    verdict: Verdict
    kills: int
    cut: int


class KillRun:
    """One run over a prepared database; its orgs are its own."""

    def __init__(self, url: str, folder: Path, seed: int, org_ids: tuple[int, ...]) -> None:
        self._url = url
        self._random = Random(f"kills/{seed}")
        self._clock = SharedClock.create(folder / "clock")
        self._moments = [BEGIN_MS]
        world = World(seed, org_ids, WORKERS * CLIENTS_A_WORKER, GRANTS)
        self._world = world
        self._places = [Place(url, folder, world, slot, 0) for slot in range(WORKERS)]
        self._answers = [_Answers(place.history) for place in self._places]
        self._alive: list[BaseProcess] = []

    def run(self, kills: int, strike: Callable[[], None] | None = None) -> Killed:
        """`kills` times: lets commits run, then ends a worker, or calls `strike` instead."""
        asyncio.run(self._populate())
        with self._workers():
            for number in range(kills):
                slot = self._random.randrange(WORKERS)
                self._let_run(number)
                if strike is not None:
                    strike()
                else:
                    self._kill(slot)
            self._let_run(kills)
            self._clock.stop()
            for worker in self._alive:
                worker.join(PATIENCE_S)
                if worker.exitcode != 0:
                    raise AssertionError(f"a worker ended with {worker.exitcode}")
        history = read_history(*(place.history for place in self._places))
        books = asyncio.run(self._books())
        verdict = check(books, history, self._moments, may_fail=strike is not None)
        return Killed(verdict, kills, len(history.asked.keys() - history.told.keys()))

    @contextlib.contextmanager
    def _workers(self) -> Iterator[None]:
        self._alive = [self._start(place) for place in self._places]
        try:
            yield
        finally:
            for worker in self._alive:
                worker.kill()
                worker.join()

    def _start(self, place: Place) -> BaseProcess:
        worker = _PROCESSES.Process(target=work, args=(place,), daemon=True)
        worker.start()
        return worker

    def _let_run(self, number: int) -> None:
        """Until every worker has answered some calls since the last blow, and a moment more."""
        for answers in self._answers:
            answers.count = 0
        deadline = time.monotonic() + PATIENCE_S
        while any(answers.read() < ANSWERS_BEFORE_A_KILL for answers in self._answers):
            self._move_clock()
            if time.monotonic() > deadline:
                raise AssertionError(f"the workers stand still after {number} kills")
        until = time.monotonic() + self._random.uniform(0, KILL_WITHIN_S)
        while time.monotonic() < until:
            self._move_clock()

    def _move_clock(self) -> None:
        if self._random.random() < 0.2:
            now = next_moment(self._moments[-1], self._moments[-12:], self._random)
            if now != self._moments[-1]:
                self._moments.append(now)
                self._clock.set(now)
        time.sleep(CLOCK_EVERY_S)

    def _kill(self, slot: int) -> None:
        victim = self._alive[slot]
        victim.kill()
        victim.join(PATIENCE_S)
        if victim.exitcode != -9:
            raise AssertionError(f"a worker ended with {victim.exitcode} before it was killed")
        self._places[slot] = replace(self._places[slot], life=self._places[slot].life + 1)
        self._alive[slot] = self._start(self._places[slot])

    async def _populate(self) -> None:
        database = await open_database(self._url)
        try:
            await populate(database, Ledger(self._clock, IdFactory(self._clock)), self._world)
        finally:
            await database.close()

    async def _books(self) -> list[Books]:
        database = await open_database(self._url)
        try:
            await _wait_for_the_dead(database)
            return await read_books(database, self._world.org_ids)
        finally:
            await database.close()


async def _wait_for_the_dead(database: Database) -> None:
    """On PostgreSQL the COMMIT of a killed worker may still be under way in its backend."""
    if database.dialect == "sqlite":
        return
    for _ in range(int(PATIENCE_S / PAUSE_S)):
        async with database.statement() as tx:
            busy = await tx.fetch_value(
                "SELECT COUNT(*) FROM pg_stat_activity WHERE datname = current_database()"
                " AND state <> 'idle' AND pid <> pg_backend_pid()"
            )
        if not busy:
            return
        await asyncio.sleep(PAUSE_S)
    raise AssertionError("backends of killed workers do not end")
