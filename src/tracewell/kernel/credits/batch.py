"""Group commit for paid reads: what arrives while one commit runs is the next group.

A group is one transaction: read the answers' data, charge for it, commit; then every caller gets
its answer. Reading is the product's, set-based like the charge.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import Generic, TypeVar

from tracewell.kernel.credits.model import Call, Charge, ChargeRequest, CreditsExhausted
from tracewell.kernel.credits.service import Ledger
from tracewell.kernel.database import Database, Transaction

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


class ChargeBatcher(Generic[Wanted, Answer]):
    """Serves paid reads of one kind in groups; one flusher a process.

    A caller that is cancelled leaves its group as it is: the charge stands like any whose answer
    was lost, and asking again is free.
    """

    def __init__(self, database: Database, ledger: Ledger, read: Reader[Wanted, Answer]) -> None:
        self._database = database
        self._ledger = ledger
        self._read = read
        self._arrived: list[_Waiting[Wanted, Answer]] = []
        self._flusher: asyncio.Task[None] | None = None

    async def serve(self, call: Call, wanted: Wanted) -> tuple[Answer, Charge] | None:
        """The answer and what it cost, or None when there is nothing to tell (nothing charged).

        Raises CreditsExhausted and DatabaseFailed.
        """
        waiting = _Waiting(call, wanted, asyncio.get_running_loop().create_future())
        self._arrived.append(waiting)
        if self._flusher is None:
            self._flusher = asyncio.create_task(self._flush())
        return await waiting.outcome

    async def _flush(self) -> None:
        try:
            while self._arrived:
                group, self._arrived = self._arrived[:GROUP_MAX], self._arrived[GROUP_MAX:]
                try:
                    settled = await self._settle(group)
                except Exception as error:  # noqa: BLE001 - handed to each caller of the group
                    settled = [error] * len(group)
                for waiting, outcome in zip(group, settled, strict=True):
                    _tell(waiting.outcome, outcome)
        finally:
            self._flusher = None

    async def _settle(
        self, group: Sequence[_Waiting[Wanted, Answer]]
    ) -> Sequence[tuple[Answer, Charge] | Exception | None]:
        """Free answers from a snapshot; what is due, read and charged in one transaction."""
        wants = [waiting.wanted for waiting in group]
        settled: list[tuple[Answer, Charge] | Exception | None] = [None] * len(group)
        async with self._database.snapshot() as snapshot:
            found = await self._read(snapshot, wants)
            present = [index for index, item in enumerate(found) if item is not None]
            free = await self._ledger.free(snapshot, _requests(group, found, present))
        due = []
        for index, charge in zip(present, free, strict=True):
            item = found[index]
            if charge is None:
                due.append(index)
            elif item is not None:
                settled[index] = (item.answer, charge)
        if due:
            async with self._database.transaction() as tx:
                found = await self._read(tx, [wants[index] for index in due])
                paying = [group[index] for index in due]
                there = [place for place, item in enumerate(found) if item is not None]
                charges = await self._ledger.charge_all(tx, _requests(paying, found, there))
            for place, outcome in zip(there, charges, strict=True):
                item = found[place]
                if item is not None:
                    settled[due[place]] = (
                        outcome if isinstance(outcome, CreditsExhausted) else (item.answer, outcome)
                    )
        return settled


def _requests(
    group: Sequence[_Waiting[Wanted, Answer]],
    found: Sequence[Found[Answer] | None],
    places: Sequence[int],
) -> list[ChargeRequest]:
    return [
        ChargeRequest(group[place].call, item.items)
        for place in places
        if (item := found[place]) is not None
    ]


def _tell(
    future: asyncio.Future[tuple[Answer, Charge] | None],
    outcome: tuple[Answer, Charge] | Exception | None,
) -> None:
    if future.done():
        return
    if isinstance(outcome, Exception):
        future.set_exception(outcome)
    else:
        future.set_result(outcome)
