"""Group commit for paid reads: what arrives while one group is handled is the next group.

Two stages, each with a group of its own under way: reading answers what is free, without a
transaction; paying charges for the rest, for exactly what was read, and commits, in one
transaction. So a free answer never waits for somebody else's commit, and no data are read while
other writers wait. Reading is the product's, set-based like the charge.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import Generic, TypeVar

from tracewell.kernel.credits.model import Call, Charge, ChargeRequest, CreditsExhausted
from tracewell.kernel.credits.service import Ledger
from tracewell.kernel.database import Database, DatabaseFailed, Transaction

Wanted = TypeVar("Wanted")
Answer = TypeVar("Answer")

GROUP_MAX = 1_024
"""Bounds a group's statement size; the rest waits for the next group."""


@dataclass(frozen=True, slots=True)
class Found(Generic[Answer]):
    """What a reader found for one want: the answer and the items it tells."""

    answer: Answer
    items: tuple[int, ...]


Reader = Callable[[Transaction, Sequence[Wanted]], Awaitable[Sequence[Found[Answer] | None]]]
"""Reads the data of a group; None where there is none, at the same index."""


@dataclass(slots=True)
class _Waiting(Generic[Wanted, Answer]):
    call: Call
    wanted: Wanted
    outcome: asyncio.Future[tuple[Answer, Charge] | None]
    found: Found[Answer] | None = None
    """What was read for it; it is not told before it is paid."""

    def tell(self, outcome: tuple[Answer, Charge] | None) -> None:
        if not self.outcome.done():
            self.outcome.set_result(outcome)

    def fail(self, error: Exception) -> None:
        if not self.outcome.done():
            self.outcome.set_exception(error)


class ChargeBatcher(Generic[Wanted, Answer]):
    """Serves paid reads of one kind in groups; one a process.

    A caller that is cancelled before its group is being paid is not charged. Later the group stays
    as it is: the charge stands like any whose answer was lost, and asking again is free.
    """

    def __init__(self, database: Database, ledger: Ledger, read: Reader[Wanted, Answer]) -> None:
        self._database = database
        self._ledger = ledger
        self._read = read
        self._paying = _Stage(self._pay)
        self._reading = _Stage(self._answer_free)

    async def serve(self, call: Call, wanted: Wanted) -> tuple[Answer, Charge] | None:
        """The answer and what it cost, or None when there is nothing to tell (nothing charged).

        Raises CreditsExhausted and DatabaseFailed.
        """
        outcome: asyncio.Future[tuple[Answer, Charge] | None]
        outcome = asyncio.get_running_loop().create_future()
        waiting = _Waiting(call, wanted, outcome)
        self._reading.add(waiting)
        return await outcome

    async def _answer_free(self, group: Sequence[_Waiting[Wanted, Answer]]) -> None:
        # No transaction, and none of its round trips: each statement sees a later state than that
        # before it, and the windows are looked at last. What they call free is free by then.
        async with self._database.statement() as tx:
            found = await self._read(tx, [waiting.wanted for waiting in group])
            present = _present(group, found)
            free = await self._ledger.free(tx, _requests(present)) if present else []
        for waiting, item in zip(group, found, strict=True):
            if item is None:
                waiting.tell(None)
        for (waiting, item), charge in zip(present, free, strict=True):
            if charge is None:
                waiting.found = item
                self._paying.add(waiting)
            else:
                waiting.tell((item.answer, charge))

    async def _pay(self, group: Sequence[_Waiting[Wanted, Answer]]) -> None:
        present = _present(group, [waiting.found for waiting in group])
        async with self._database.transaction() as tx:
            charges = await self._ledger.charge_all(tx, _requests(present))
        # Only here is the commit durable, and only now may anyone be told.
        for (waiting, item), outcome in zip(present, charges, strict=True):
            if isinstance(outcome, CreditsExhausted):
                waiting.fail(outcome)
            else:
                waiting.tell((item.answer, outcome))


class _Stage(Generic[Wanted, Answer]):
    """Handles what arrives in groups, one group at a time."""

    def __init__(
        self, handle: Callable[[Sequence[_Waiting[Wanted, Answer]]], Awaitable[None]]
    ) -> None:
        self._handle = handle
        self._arrived: list[_Waiting[Wanted, Answer]] = []
        self._worker: asyncio.Task[None] | None = None

    def add(self, waiting: _Waiting[Wanted, Answer]) -> None:
        self._arrived.append(waiting)
        if self._worker is None:
            self._worker = asyncio.create_task(self._work())

    async def _work(self) -> None:
        group: Sequence[_Waiting[Wanted, Answer]] = ()
        try:
            while self._arrived:
                taken, self._arrived = self._arrived[:GROUP_MAX], self._arrived[GROUP_MAX:]
                group = [waiting for waiting in taken if not waiting.outcome.done()]
                if group:
                    await self._handle_all(group)
        except asyncio.CancelledError:
            # The process stops: nobody may be left waiting for an answer that will not come.
            for waiting in (*group, *self._arrived):
                waiting.outcome.cancel()
            self._arrived = []
            raise
        finally:
            self._worker = None

    async def _handle_all(self, group: Sequence[_Waiting[Wanted, Answer]]) -> None:
        try:
            await self._handle(group)
        except DatabaseFailed as error:
            for waiting in group:
                waiting.fail(error)
        except Exception as error:  # noqa: BLE001 - handed to the caller whose want it was
            if len(group) == 1:
                group[0].fail(error)
                return
            # The product's reader fell over some want; the others' calls must not fall with it.
            for waiting in group:
                if not waiting.outcome.done():
                    await self._handle_all([waiting])


def _present(
    group: Sequence[_Waiting[Wanted, Answer]], found: Sequence[Found[Answer] | None]
) -> list[tuple[_Waiting[Wanted, Answer], Found[Answer]]]:
    return [(waiting, item) for waiting, item in zip(group, found, strict=True) if item is not None]


def _requests(
    present: Sequence[tuple[_Waiting[Wanted, Answer], Found[Answer]]],
) -> list[ChargeRequest]:
    return [ChargeRequest(waiting.call, item.items) for waiting, item in present]
