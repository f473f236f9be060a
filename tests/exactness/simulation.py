"""One process, seeded: servers over one database, clients that retry, a fault at numbered awaits.

Two servers of a run have each their own connections, so they meet only in the database, as two
processes do; the real second process and SIGKILL are in `processes`.
"""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from random import Random

from tests.exactness.checker import Verdict, check, read_books
from tests.exactness.faults import FAULTS, Fault, FaultyDatabase, Points
from tests.exactness.history import Asked, History, Told
from tests.exactness.server import Server, populate, prepare
from tests.exactness.storage import FailingStorage
from tests.exactness.world import Intention, JumpingClock, World

from tracewell.kernel.clock import Clock
from tracewell.kernel.credits import Ledger
from tracewell.kernel.database import Database, open_database
from tracewell.kernel.ids import IdFactory

MakeServer = Callable[[Database, Clock, IdFactory], Server]

ATTEMPTS_MAX = 40
ORGS_A_RUN = 2
FAULTS_A_RUN = 8
POINTS_EXPECTED = 500
RUN_TIMEOUT_S = 60


@dataclass(frozen=True)
class Shape:
    """How much happens in a run."""

    clients: int = 6
    wishes: int = 8
    servers: int = 2
    turns_max: int = 3
    clock_moves: bool = True


class Stage:
    """An open database on which runs follow each other, each with orgs of its own."""

    def __init__(self, databases: Sequence[Database], storage: FailingStorage | None) -> None:
        self._databases = databases
        self._storage = storage
        self._org_ids = itertools.count(1)

    async def run(
        self,
        seed: int,
        shape: Shape,
        faults: Mapping[int, Fault],
        make_server: MakeServer = Server,
    ) -> tuple[Verdict, Points]:
        """One run and its verdict."""
        random = Random(f"run/{seed}")
        org_ids = tuple(itertools.islice(self._org_ids, ORGS_A_RUN))
        world = World(seed, org_ids, shape.clients)
        clock = JumpingClock(Random(f"clock/{seed}"))
        move = clock.move if shape.clock_moves else _stand_still
        points = Points(random, faults, shape.turns_max, move, self._storage)
        # Ids repeat with the seed only as far as orgs do: a seed may run twice on one database.
        new_id = IdFactory(clock, Random(f"ids/{seed}/{org_ids[0]}").getrandbits)
        plain = self._databases[0]
        await populate(plain, Ledger(clock, new_id), world)
        servers = [
            make_server(FaultyDatabase(database, points), clock, new_id)
            for database in self._databases[: shape.servers]
        ]
        run = _Run(world, clock, servers, plain, points, f"{seed}-{org_ids[0]}")
        async with asyncio.timeout(RUN_TIMEOUT_S):
            await asyncio.gather(*(run.client(n, shape.wishes) for n in range(shape.clients)))
        if self._storage is not None:
            self._storage.relent()
        books = await read_books(plain, org_ids)
        return check(books, run.history, clock.moments, may_fail=points.struck > 0), points


def _stand_still() -> None:
    """A clock that is not moved."""


class _Run:
    def __init__(
        self,
        world: World,
        clock: JumpingClock,
        servers: Sequence[Server],
        plain: Database,
        points: Points,
        name: str,
    ) -> None:
        self.world = world
        self.clock = clock
        self.servers = servers
        self.plain = plain
        self.points = points
        self.name = name
        self.history = History()

    async def client(self, client: int, wishes: int) -> None:
        """Wishes one after another; a lost answer is asked for again, of any server."""
        random = Random(f"{self.world.seed}/client/{client}")
        for number in range(wishes):
            intention = self.world.intention(client, number)
            for attempt in range(ATTEMPTS_MAX):
                told = await self._attempt(intention, attempt, random.choice(self.servers))
                if told.what != "lost" or random.random() < 0.1:
                    break  # answered, or given up
            else:
                raise AssertionError(f"{told} after {ATTEMPTS_MAX} attempts")

    async def _attempt(self, intention: Intention, attempt: int, server: Server) -> Told:
        request_id = f"{self.name}-{intention.client}-{intention.number}-{attempt}"
        asked = Asked(request_id, intention, self.clock())
        self.history.ask(asked)
        task = asyncio.create_task(server.answer(asked), name=request_id)
        self.points.running.add(task)
        await asyncio.wait([task])
        self.points.running.discard(task)
        told = Told(request_id, "lost", error="gone") if task.cancelled() else task.result()
        told = Told(request_id, told.what, self.clock(), told.items, told.numbers, told.error)
        self.history.tell(told)
        return told


@asynccontextmanager
async def open_stage(url: str, *, failing_storage: bool = False) -> AsyncIterator[Stage]:
    """Opens a migrated database twice, as two processes would."""
    storage = FailingStorage() if failing_storage and url.startswith("sqlite") else None
    databases = [await open_database(url), await open_database(url)]
    try:
        await prepare(databases[0])
        yield Stage(databases, storage)
    finally:
        for database in databases:
            await database.close()
        if storage is not None:
            storage.unregister()


def seeded_run(seed: int) -> tuple[Shape, dict[int, Fault]]:
    """The shape and the faults of a seed: a fourth of the runs have none, and none may fail."""
    random = Random(f"shape/{seed}")
    shape = Shape(
        clients=random.choice((2, 4, 6, 10)),
        wishes=random.choice((4, 8)),
        servers=random.choice((1, 2, 2)),
        turns_max=random.choice((0, 1, 3)),
        clock_moves=random.random() < 0.8,
    )
    if seed % 4 == 0:
        return shape, {}
    kinds = (FAULTS, FAULTS[:1], FAULTS[1:2], FAULTS[2:])[seed // 4 % 4]
    expected = POINTS_EXPECTED * shape.clients * shape.wishes // 48
    places = random.sample(range(expected), min(FAULTS_A_RUN, expected))
    return shape, {place: random.choice(kinds) for place in places}
