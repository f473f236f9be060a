"""SQLite through apsw, called straight in the event loop, with group commit.

Every writing transaction that ends in one turn of the loop shares one COMMIT (one fsync); each is a
savepoint of its own, so that one that fails takes nothing with it. Measured reasons against a
writer thread and against aiosqlite: docs/decisions/0002-database.md.
"""

from __future__ import annotations

import asyncio
import contextlib
import random
from collections.abc import AsyncIterator, Iterable, Iterator, Mapping, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import apsw

from tracewell.kernel.database.model import DatabaseFailed, Row
from tracewell.kernel.database.sql import Dialect, Statement, bind, positional

BUSY_WAIT_MS = 5_000
STATEMENT_CACHE = 256
READERS_KEPT = 8
CHECKPOINT_EVERY_S = 1.0


@contextlib.contextmanager
def _translated() -> Iterator[None]:
    try:
        yield
    except apsw.Error as error:
        # apsw's text names tables and columns, never a bound value.
        raise DatabaseFailed(f"SQLite: {type(error).__name__}: {error}") from error


def connect(path: str) -> apsw.Connection:
    """A connection with this project's pragmas: WAL, full durability, foreign keys."""
    with _translated():
        connection = apsw.Connection(path, statementcachesize=STATEMENT_CACHE)
        connection.setbusytimeout(BUSY_WAIT_MS)
        connection.execute("PRAGMA journal_mode = WAL")
        connection.execute("PRAGMA synchronous = FULL")
        connection.execute("PRAGMA foreign_keys = ON")
        connection.execute("PRAGMA cache_size = -65536")
        connection.execute("PRAGMA temp_store = MEMORY")
    return connection


class SqliteTransaction:
    """Statements on one connection; awaiting them never yields to the loop."""

    __slots__ = ("_connection",)

    dialect: Dialect = "sqlite"

    def __init__(self, connection: apsw.Connection) -> None:
        self._connection = connection

    def _run(self, statement: Statement, params: Mapping[str, Any]) -> apsw.Cursor:
        text = statement if isinstance(statement, str) else statement.sqlite
        sql, names = positional(text, "?")
        with _translated():
            return self._connection.execute(sql, bind(names, params))

    async def fetch_all(self, statement: Statement, **params: Any) -> Sequence[Row]:
        """All rows of the statement."""
        cursor = self._run(statement, params)
        with _translated():
            return cursor.fetchall()

    async def fetch_one(self, statement: Statement, **params: Any) -> Row | None:
        """The first row, or None."""
        cursor = self._run(statement, params)
        with _translated():
            rows = cursor.fetchall()
        return rows[0] if rows else None

    async def fetch_value(self, statement: Statement, **params: Any) -> Any:
        """The first column of the first row, or None."""
        row = await self.fetch_one(statement, **params)
        return None if row is None else row[0]

    async def execute(self, statement: Statement, **params: Any) -> int:
        """Runs a statement; returns the number of rows that it changed."""
        before = self._connection.total_changes()
        cursor = self._run(statement, params)
        with _translated():
            cursor.fetchall()
        return int(self._connection.total_changes() - before)

    async def execute_many(self, statement: Statement, rows: Iterable[Mapping[str, Any]]) -> None:
        """Runs a statement once for each row of parameters."""
        text = statement if isinstance(statement, str) else statement.sqlite
        sql, names = positional(text, "?")
        with _translated():
            self._connection.executemany(sql, (bind(names, row) for row in rows))


class SqliteDatabase:
    """One file, one writing connection, a few reading ones."""

    dialect: Dialect = "sqlite"

    def __init__(self, path: Path) -> None:
        """Opens (and creates) the file. Raises DatabaseFailed when that cannot be done."""
        self._path = str(path)
        self._writer = connect(self._path)
        # The checkpoint is a task of its own: inside a commit it would hold the loop.
        self._writer.wal_autocheckpoint(0)
        self._readers: list[apsw.Connection] = []
        self._body = asyncio.Lock()
        self._group: asyncio.Future[None] | None = None
        self._checkpointer: asyncio.Task[None] | None = None
        self._written = False

    @asynccontextmanager
    async def transaction(self) -> AsyncIterator[SqliteTransaction]:
        """A savepoint in the current group; left only after the group's commit is durable."""
        async with self._body:
            group = self._group or await self._begin()
            with _translated():
                self._writer.execute("SAVEPOINT body")
            try:
                yield SqliteTransaction(self._writer)
            except BaseException:
                self._undo_body()
                raise
            with _translated():
                self._writer.execute("RELEASE body")
        # A caller that is cancelled here has committed all the same, like a lost answer.
        await asyncio.shield(group)

    def _undo_body(self) -> None:
        # A full disk or an I/O error may have rolled the whole group back already.
        if self._writer.in_transaction:
            with _translated():
                self._writer.execute("ROLLBACK TO body")
                self._writer.execute("RELEASE body")
        elif self._group is not None:
            group, self._group = self._group, None
            _fail(group, DatabaseFailed("SQLite rolled the transaction back"))

    async def _begin(self) -> asyncio.Future[None]:
        loop = asyncio.get_running_loop()
        deadline = loop.time() + BUSY_WAIT_MS / 1000
        self._writer.setbusytimeout(0)
        while True:
            try:
                self._writer.execute("BEGIN IMMEDIATE")
                break
            except apsw.BusyError as error:
                # Another process writes: wait without holding the loop.
                if loop.time() > deadline:
                    raise DatabaseFailed("SQLite: the file is locked by another writer") from error
                await asyncio.sleep(random.uniform(0.0005, 0.003))  # noqa: S311 - jitter
            except apsw.Error as error:
                raise DatabaseFailed(f"SQLite: {type(error).__name__}: {error}") from error
        self._group = loop.create_future()
        loop.call_soon(self._commit)
        if self._checkpointer is None:
            self._checkpointer = loop.create_task(self._checkpoint_regularly())
        return self._group

    def _commit(self) -> None:
        group = self._group
        if group is None:
            return
        if self._body.locked():
            # A body that was made to wait for its turn is still writing: commit after it.
            asyncio.get_running_loop().call_soon(self._commit)
            return
        self._group = None
        try:
            self._writer.execute("COMMIT")
        except apsw.Error as error:
            with contextlib.suppress(apsw.Error):
                self._writer.execute("ROLLBACK")
            _fail(group, DatabaseFailed(f"SQLite: {type(error).__name__}: {error}"))
            return
        self._written = True
        group.set_result(None)

    @asynccontextmanager
    async def snapshot(self) -> AsyncIterator[SqliteTransaction]:
        """A reading connection of its own for as long as the block lasts."""
        reader = self._readers.pop() if self._readers else connect(self._path)
        try:
            with _translated():
                reader.execute("BEGIN")
            yield SqliteTransaction(reader)
        finally:
            with contextlib.suppress(apsw.Error):
                reader.execute("COMMIT")
            if len(self._readers) < READERS_KEPT:
                self._readers.append(reader)
            else:
                reader.close()

    @asynccontextmanager
    async def statement(self) -> AsyncIterator[SqliteTransaction]:
        """A reading connection without a transaction around it."""
        reader = self._readers.pop() if self._readers else connect(self._path)
        try:
            yield SqliteTransaction(reader)
        finally:
            self._readers.append(reader)

    async def _checkpoint_regularly(self) -> None:
        connection = connect(self._path)
        try:
            while True:
                await asyncio.sleep(CHECKPOINT_EVERY_S)
                if self._written:
                    self._written = False
                    with contextlib.suppress(apsw.Error):
                        # In a thread: SQLite copies and syncs without holding the interpreter.
                        await asyncio.to_thread(connection.wal_checkpoint)
        finally:
            connection.close()

    async def close(self) -> None:
        """Commits what is pending, folds the write-ahead log in, closes the file."""
        if self._group is not None:
            await asyncio.wait([self._group])
        if self._checkpointer is not None:
            self._checkpointer.cancel()
            await asyncio.wait([self._checkpointer])
        for reader in self._readers:
            reader.close()
        self._readers.clear()
        self._writer.close()


def _fail(group: asyncio.Future[None], error: DatabaseFailed) -> None:
    group.set_exception(error)
    group.exception()  # retrieved: a group whose members all left early is no surprise
