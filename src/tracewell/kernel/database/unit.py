"""A unit of work: the writing transactions that one request's services open, committed as one.

Services know nothing of it: they open transactions of a `JoiningDatabase`, and inside of a unit
each becomes a part (a savepoint) of the unit's own. Why: docs/decisions/0202-idempotency.md.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AbstractAsyncContextManager, AsyncExitStack, asynccontextmanager
from contextvars import ContextVar

from tracewell.kernel.database.model import Database, Transaction
from tracewell.kernel.database.sql import Dialect

Begin = Callable[[Transaction], Awaitable[None]]


class Unit:
    """Its transaction begins with the first write, so that what is read before holds no lock.

    `begin` is run in the transaction before anything else; what it raises is kept as `refusal` and
    raised again by whatever would write, so that no service can carry on by catching it.
    """

    def __init__(self, database: Database, begin: Begin, stack: AsyncExitStack) -> None:
        self._database = database
        self._begin = begin
        self._stack = stack
        self._task = asyncio.current_task()
        self._tx: Transaction | None = None
        self.refusal: Exception | None = None

    @property
    def has_begun(self) -> bool:
        """Whether something may have been written that only this unit sees."""
        return self._tx is not None

    async def transaction(self) -> Transaction:
        """The unit's own transaction. Raises what `begin` does, and DatabaseFailed."""
        if asyncio.current_task() is not self._task:
            # It would wait for its own parent, or write between the parent's statements.
            raise RuntimeError("a unit of work belongs to the task that opened it")
        if self.refusal is not None:
            raise self.refusal
        if self._tx is None:
            tx = await self._stack.enter_async_context(self._database.transaction())
            try:
                await self._begin(tx)
            except Exception as error:
                self.refusal = error
                raise
            self._tx = tx
        return self._tx

    @asynccontextmanager
    async def part(self) -> AsyncIterator[Transaction]:
        """A part of the unit, undone alone on error."""
        async with (await self.transaction()).part() as part:
            yield part


_current: ContextVar[Unit | None] = ContextVar("tracewell_unit", default=None)


@asynccontextmanager
async def open_unit(database: Database, begin: Begin) -> AsyncIterator[Unit]:
    """Everything that this task writes inside the block through a `JoiningDatabase`, as one.

    Durable when the block has been left, undone on error. Raises DatabaseFailed as a transaction.
    """
    async with AsyncExitStack() as stack:
        unit = Unit(database, begin, stack)
        token = _current.set(unit)
        try:
            yield unit
        finally:
            _current.reset(token)


class JoiningDatabase:
    """A database whose transactions join the unit of work that they are opened in, if any."""

    def __init__(self, database: Database) -> None:
        self._database = database

    @property
    def dialect(self) -> Dialect:
        """Which words the database speaks."""
        return self._database.dialect

    def transaction(self) -> AbstractAsyncContextManager[Transaction]:
        """A transaction, or a part of the unit's."""
        unit = _current.get()
        return self._database.transaction() if unit is None else unit.part()

    def snapshot(self) -> AbstractAsyncContextManager[Transaction]:
        """One state of the data; after the unit's first write, what the unit sees, in which others'
        commits may show between two statements."""
        unit = _current.get()
        if unit is None or not unit.has_begun:
            return self._database.snapshot()
        return unit.part()

    def statement(self) -> AbstractAsyncContextManager[Transaction]:
        """Statements without a transaction, or in the unit's after its first write."""
        unit = _current.get()
        if unit is None or not unit.has_begun:
            return self._database.statement()
        return unit.part()

    async def close(self) -> None:
        """Closes the database."""
        await self._database.close()
