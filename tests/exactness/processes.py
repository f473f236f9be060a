"""A worker: a real process that runs its clients until it is told to stop, or killed.

What its clients asked and were told is in a file, so that the next worker in its place goes on with
the same wishes and asks again for what was lost. Who kills is in `kills`.
"""

from __future__ import annotations

import asyncio
import mmap
import time
from dataclasses import dataclass
from pathlib import Path

from tests.exactness.history import Asked, HistoryFile, Told, iter_history
from tests.exactness.server import Server
from tests.exactness.world import BEGIN_MS, World

from tracewell.kernel.database import Database, DatabaseFailed, open_database
from tracewell.kernel.ids import IdFactory

WORKERS = 2
PAUSE_AFTER_LOSS_S = 0.01
PATIENCE_S = 60


class SharedClock:
    """A fake clock in a file that several processes map; one of them moves it."""

    def __init__(self, path: Path) -> None:
        with path.open("r+b") as file:
            self._map = mmap.mmap(file.fileno(), 16)
        # A cast view moves eight bytes at once: nobody reads half a time.
        self._words = memoryview(self._map).cast("q")

    @classmethod
    def create(cls, path: Path) -> SharedClock:
        """A new one, at the beginning of the world."""
        path.write_bytes(bytes(16))
        clock = cls(path)
        clock.set(BEGIN_MS)
        return clock

    def __call__(self) -> int:
        return self._words[0]

    def set(self, now: int) -> None:
        """Moves it."""
        self._words[0] = now

    def stop(self) -> None:
        """Tells all workers to end."""
        self._words[1] = 1

    @property
    def stopped(self) -> bool:
        """Whether workers are to end."""
        return self._words[1] != 0


@dataclass(frozen=True)
class Place:
    """What a worker needs to know; `life` counts the workers that were in this slot."""

    url: str
    folder: Path
    world: World
    slot: int
    life: int

    @property
    def history(self) -> Path:
        """Where the slot's clients are written down."""
        return self.folder / f"history-{self.slot}.jsonl"


def work(place: Place) -> None:
    """The body of a worker process."""
    asyncio.run(_work(place))


async def _work(place: Place) -> None:
    clock = SharedClock(place.folder / "clock")
    database = await _open_patiently(place.url)
    history = HistoryFile(place.history)
    server = Server(database, clock, IdFactory(clock))
    resumed = _resume(place)
    try:
        await asyncio.gather(
            *(
                _Client(place, client, clock, server, history).run(*resumed.get(client, (0, None)))
                for client in range(place.slot, place.world.clients, WORKERS)
            )
        )
    finally:
        await database.close()
        history.close()


async def _open_patiently(url: str) -> Database:
    deadline = time.monotonic() + PATIENCE_S
    while True:
        try:
            return await open_database(url)
        except DatabaseFailed:
            if time.monotonic() > deadline:
                raise
            await asyncio.sleep(PAUSE_AFTER_LOSS_S)


def _resume(place: Place) -> dict[int, tuple[int, str | None]]:
    """For each client its next wish, and the call for it that was never answered."""
    position: dict[int, tuple[int, str | None]] = {}
    clients: dict[str, tuple[int, int]] = {}
    for line in iter_history(place.history):
        if isinstance(line, Asked):
            wish = line.intention
            clients[line.request_id] = (wish.client, wish.number)
            position[wish.client] = (wish.number, line.request_id)
        elif line.what != "lost":
            client, number = clients[line.request_id]
            position[client] = (number + 1, None)
    return position


@dataclass
class _Client:
    place: Place
    client: int
    clock: SharedClock
    server: Server
    history: HistoryFile

    async def run(self, number: int, unanswered: str | None) -> None:
        """Wishes without end, each until it is answered."""
        attempt = 0
        while not self.clock.stopped:
            intention = self.place.world.intention(self.client, number)
            if unanswered is not None:
                await asyncio.sleep(PAUSE_AFTER_LOSS_S)
            # Org ids are in the name, as they differ between the runs on one database.
            org_id = self.place.world.org_ids[0]
            request_id = f"{org_id}-{self.client}-{number}-{self.place.life}-{attempt}"
            asked = Asked(request_id, intention, self.clock())
            self.history.ask(asked)
            told = await self.server.answer(asked)
            told = Told(request_id, told.what, self.clock(), told.items, told.numbers, told.error)
            self.history.tell(told)
            attempt += 1
            if told.what == "lost":
                unanswered = request_id
            else:
                number, unanswered, attempt = number + 1, None, 0
