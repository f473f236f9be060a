"""A database that fails where it is told to, around a real one: every await is a numbered point.

At a point other tasks may run, the clock may move, and one fault may strike: an error before or
after a statement or a commit (the latter is a lost answer), a PostgreSQL backend that really ends,
storage that really refuses SQLite's write, a caller that goes away.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Iterable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass, field
from random import Random
from typing import Any, Literal

from tests.exactness.storage import FailingStorage

from tracewell.kernel.database import Database, DatabaseFailed, Dialect, Row, Transaction
from tracewell.kernel.database.sql import Statement

Fault = Literal["error", "drop", "cancel"]
FAULTS: tuple[Fault, ...] = ("error", "drop", "cancel")


class InjectedFault(DatabaseFailed):
    """The fault of a plan."""


@dataclass
class Points:
    """Counts the awaits of a run and knows what happens at each.

    `faults`: by the number of the point, from 0. `turns_max`: for how many turns of the loop a
    point may make its task wait. `move_clock` is called now and then.
    """

    random: Random
    faults: Mapping[int, Fault]
    turns_max: int
    move_clock: Callable[[], None]
    storage: FailingStorage | None = None
    running: set[asyncio.Task[Any]] = field(default_factory=set)
    passed: int = 0
    struck: int = 0

    async def pass_by(self, tx: Transaction | None = None) -> None:
        """One point. Raises DatabaseFailed where the plan says so."""
        fault = self.faults.get(self.passed)
        self.passed += 1
        if self.random.random() < 0.04:
            self.move_clock()
        for _ in range(self.random.randint(0, self.turns_max)):
            await asyncio.sleep(0)
        if fault is not None:
            self.struck += 1
            await self._strike(fault, tx)

    async def _strike(self, fault: Fault, tx: Transaction | None) -> None:
        if fault == "cancel":
            # By name, not by the set's order, which differs between two runs of one seed.
            running = sorted(self.running, key=lambda task: task.get_name())
            if running:
                self.random.choice(running).cancel()
            await asyncio.sleep(0)
            return
        if fault == "drop" and tx is not None and tx.dialect == "postgresql":
            await tx.execute("SELECT pg_terminate_backend(pg_backend_pid())")
            raise AssertionError("the backend has outlived its end")
        if fault == "drop" and self.storage is not None:
            self.storage.fail_next(self.random.choice(("write", "write", "sync")))
            return
        raise InjectedFault("injected")


class FaultyDatabase:
    """The real database below, points around every await of it."""

    def __init__(self, inner: Database, points: Points) -> None:
        self._inner = inner
        self._points = points

    @property
    def dialect(self) -> Dialect:
        """That of the real database."""
        return self._inner.dialect

    @asynccontextmanager
    async def transaction(self) -> AsyncIterator[Transaction]:
        """Points before the beginning, before the commit and after it."""
        await self._points.pass_by()
        async with self._inner.transaction() as tx:
            yield FaultyTransaction(tx, self._points)
            await self._points.pass_by(tx)
        await self._points.pass_by()

    def snapshot(self) -> AbstractAsyncContextManager[Transaction]:
        """Points before and after."""
        return self._reading(self._inner.snapshot)

    def statement(self) -> AbstractAsyncContextManager[Transaction]:
        """Points before and after."""
        return self._reading(self._inner.statement)

    @asynccontextmanager
    async def _reading(
        self, begin: Callable[[], AbstractAsyncContextManager[Transaction]]
    ) -> AsyncIterator[Transaction]:
        await self._points.pass_by()
        async with begin() as tx:
            yield FaultyTransaction(tx, self._points)
        await self._points.pass_by()

    async def close(self) -> None:
        """Closes the real one."""
        await self._inner.close()


class FaultyTransaction:
    """Points before each statement and before its result is seen."""

    def __init__(self, inner: Transaction, points: Points) -> None:
        self._inner = inner
        self._points = points

    @property
    def dialect(self) -> Dialect:
        """That of the real database."""
        return self._inner.dialect

    async def fetch_all(self, statement: Statement, **params: Any) -> Sequence[Row]:
        """All rows of the statement."""
        await self._points.pass_by(self._inner)
        rows = await self._inner.fetch_all(statement, **params)
        await self._points.pass_by(self._inner)
        return rows

    async def fetch_one(self, statement: Statement, **params: Any) -> Row | None:
        """The first row, or None."""
        await self._points.pass_by(self._inner)
        row = await self._inner.fetch_one(statement, **params)
        await self._points.pass_by(self._inner)
        return row

    async def fetch_value(self, statement: Statement, **params: Any) -> Any:
        """The first column of the first row, or None."""
        await self._points.pass_by(self._inner)
        value = await self._inner.fetch_value(statement, **params)
        await self._points.pass_by(self._inner)
        return value

    async def execute(self, statement: Statement, **params: Any) -> int:
        """Runs a statement."""
        await self._points.pass_by(self._inner)
        count = await self._inner.execute(statement, **params)
        await self._points.pass_by(self._inner)
        return count

    async def execute_many(self, statement: Statement, rows: Iterable[Mapping[str, Any]]) -> None:
        """Runs a statement once for each row."""
        await self._points.pass_by(self._inner)
        await self._inner.execute_many(statement, rows)
        await self._points.pass_by(self._inner)

    def be_patient(self) -> None:
        """As the real one."""
        self._inner.be_patient()

    async def copy_rows(
        self, table: str, columns: Sequence[str], rows: Iterable[Sequence[Any]]
    ) -> None:
        """Adds many rows."""
        await self._points.pass_by(self._inner)
        await self._inner.copy_rows(table, columns, rows)

    @asynccontextmanager
    async def part(self) -> AsyncIterator[Transaction]:
        """Points before the beginning, before the end and after it."""
        await self._points.pass_by(self._inner)
        async with self._inner.part() as part:
            yield FaultyTransaction(part, self._points)
            await self._points.pass_by(part)
        await self._points.pass_by(self._inner)
