"""SQLite through apsw, called straight in the event loop, with group commit.

Every writing transaction that ends in one turn of the loop, and every one that queued meanwhile,
shares one COMMIT (one fsync); each is a savepoint of its own, so that one that fails takes nothing
with it. Measured reasons against a writer thread and aiosqlite: docs/decisions/0002-database.md.
"""

from __future__ import annotations

import asyncio
import contextlib
import random
import time
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
GROUP_BODIES_MAX = 1_024
"""Bounds how long the first of a group waits for those that keep coming."""
CHECKPOINT_EVERY_S = 1.0
WAL_PAGES_MAX = 16_384
"""64 MB: beyond it, writers are made to wait (for milliseconds) until the log can begin anew."""
WAL_RESTART_WAIT_MS = 250


@contextlib.contextmanager
def _translated() -> Iterator[None]:
    try:
        yield
    except apsw.Error as error:
        raise _failure(error) from error


def _failure(error: apsw.Error) -> DatabaseFailed:
    # apsw's text names tables and columns, never a bound value.
    return DatabaseFailed(f"SQLite: {type(error).__name__}: {error}")


def connect(path: str) -> apsw.Connection:
    """A connection with this project's pragmas: WAL, full durability, foreign keys."""
    with _translated():
        connection = apsw.Connection(path, statementcachesize=STATEMENT_CACHE)
        connection.setbusytimeout(BUSY_WAIT_MS)
        _enter_wal(connection)
        connection.execute("PRAGMA synchronous = FULL")
        connection.execute("PRAGMA foreign_keys = ON")
        connection.execute("PRAGMA cache_size = -65536")
        connection.execute("PRAGMA temp_store = MEMORY")
    return connection


def _enter_wal(connection: apsw.Connection) -> None:
    # Two that switch a new file at once would wait for each other; SQLite sees that and refuses one
    # of them at once, busy timeout or not. A file that is in WAL already answers without a lock.
    deadline = time.monotonic() + BUSY_WAIT_MS / 1000
    while True:
        try:
            connection.execute("PRAGMA journal_mode = WAL")
        except apsw.BusyError:
            if time.monotonic() > deadline:
                raise
            time.sleep(random.uniform(0.001, 0.005))  # noqa: S311 - jitter
        else:
            return


def _connect_reader(path: str) -> apsw.Connection:
    connection = connect(path)
    with _translated():
        connection.execute("PRAGMA query_only = ON")
    return connection


class SqliteTransaction:
    """Statements on one connection; awaiting them never yields to the loop."""

    __slots__ = ("_connection", "failed")

    dialect: Dialect = "sqlite"

    def __init__(self, connection: apsw.Connection) -> None:
        self._connection = connection
        self.failed = False

    def _run(self, statement: Statement, params: Mapping[str, Any]) -> Sequence[Row]:
        text = statement if isinstance(statement, str) else statement.sqlite
        sql, names = positional(text, "?")
        values = bind(names, params)
        self._refuse_after_failure()
        try:
            rows: Sequence[Row] = self._connection.execute(sql, values).fetchall()
        except apsw.Error as error:
            self.failed = True
            raise _failure(error) from error
        return rows

    def _refuse_after_failure(self) -> None:
        # As PostgreSQL does. SQLite may have rolled back by itself (a full disk), and would take
        # a further statement as a transaction of its own.
        if self.failed:
            raise DatabaseFailed("SQLite: a statement of this transaction has failed before")

    async def fetch_all(self, statement: Statement, **params: Any) -> Sequence[Row]:
        """All rows of the statement."""
        return self._run(statement, params)

    async def fetch_one(self, statement: Statement, **params: Any) -> Row | None:
        """The first row, or None."""
        rows = self._run(statement, params)
        return rows[0] if rows else None

    async def fetch_value(self, statement: Statement, **params: Any) -> Any:
        """The first column of the first row, or None."""
        row = await self.fetch_one(statement, **params)
        return None if row is None else row[0]

    async def execute(self, statement: Statement, **params: Any) -> int:
        """Runs a statement; returns the number of rows that it changed."""
        before = self._connection.total_changes()
        self._run(statement, params)
        return int(self._connection.total_changes() - before)

    async def execute_many(self, statement: Statement, rows: Iterable[Mapping[str, Any]]) -> None:
        """Runs a statement once for each row of parameters."""
        text = statement if isinstance(statement, str) else statement.sqlite
        sql, names = positional(text, "?")
        self._run_many(sql, (bind(names, row) for row in rows))

    def be_patient(self) -> None:
        """Nothing to do: statements have all the time that they need."""

    async def copy_rows(
        self, table: str, columns: Sequence[str], rows: Iterable[Sequence[Any]]
    ) -> None:
        """Adds many rows through one prepared statement."""
        marks = ", ".join("?" * len(columns))
        sql = f"INSERT INTO {table} ({', '.join(columns)}) VALUES ({marks})"  # noqa: S608
        self._run_many(sql, rows)

    def _run_many(self, sql: str, rows: Iterable[Sequence[Any]]) -> None:
        self._refuse_after_failure()
        try:
            self._connection.executemany(sql, rows)
        except apsw.Error as error:
            self.failed = True
            raise _failure(error) from error

    @asynccontextmanager
    async def part(self) -> AsyncIterator[SqliteTransaction]:
        """A savepoint of its own within the transaction."""
        self._refuse_after_failure()
        with _translated():
            self._connection.execute("SAVEPOINT part")
        part = SqliteTransaction(self._connection)
        try:
            yield part
            part._refuse_after_failure()  # the body may have caught it
            with _translated():
                self._connection.execute("RELEASE part")
        except BaseException:
            self._undo_part()
            raise

    def _undo_part(self) -> None:
        try:
            self._connection.execute("ROLLBACK TO part")
            self._connection.execute("RELEASE part")
        except apsw.Error:
            # SQLite has rolled all of it back by itself: the whole has failed with its part.
            self.failed = True


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
        self._queued = 0
        self._group: asyncio.Future[None] | None = None
        self._group_bodies = 0
        self._commit_scheduled = False
        self._checkpointer: asyncio.Task[None] | None = None
        self._checkpoint: asyncio.Future[None] | None = None
        self._written = False

    @asynccontextmanager
    async def transaction(self) -> AsyncIterator[SqliteTransaction]:
        """A savepoint in the current group; left only after the group's commit is durable."""
        refusal: Exception | None = None
        # From the arrival: those who queue behind a locked file do not add their waits up.
        deadline = asyncio.get_running_loop().time() + BUSY_WAIT_MS / 1000
        async with self._turn():
            group = self._group or await self._begin(deadline)
            self._group_bodies += 1
            with _translated():
                self._writer.execute("SAVEPOINT body")
            transaction = SqliteTransaction(self._writer)
            try:
                yield transaction
                transaction._refuse_after_failure()  # the body may have caught it
                with _translated():
                    self._writer.execute("RELEASE body")
            except Exception as error:  # noqa: BLE001 - raised below, in its time
                self._undo_body()
                refusal = error
            except BaseException:
                self._undo_body()
                raise
        # A body that refused has seen what the group wrote before it: if that is not committed, the
        # refusal is as void as a success. A caller that is cancelled here has committed all the
        # same, like a lost answer.
        await asyncio.shield(group)
        if refusal is not None:
            raise refusal

    @asynccontextmanager
    async def _turn(self) -> AsyncIterator[None]:
        """One body at a time; the commit comes when nobody is in or queues."""
        self._queued += 1
        try:
            await self._body.acquire()
        except BaseException:
            self._queued -= 1
            self._schedule_commit()
            raise
        self._queued -= 1
        try:
            yield
        finally:
            self._body.release()
            self._schedule_commit()

    def _schedule_commit(self) -> None:
        if self._group is not None and not self._commit_scheduled:
            self._commit_scheduled = True
            asyncio.get_running_loop().call_soon(self._commit)

    def _undo_body(self) -> None:
        if self._writer.in_transaction:
            try:
                self._writer.execute("ROLLBACK TO body")
                self._writer.execute("RELEASE body")
            except apsw.Error:
                # What cannot be undone alone must not be committed with the others.
                with contextlib.suppress(apsw.Error):
                    self._writer.execute("ROLLBACK")
            else:
                return
        # A full disk or an I/O error may have rolled the whole group back already.
        group, self._group = self._group, None
        if group is not None:
            _fail(group, DatabaseFailed("SQLite rolled the transaction back"))

    async def _begin(self, deadline: float) -> asyncio.Future[None]:
        loop = asyncio.get_running_loop()
        with _translated():
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
                raise _failure(error) from error
        self._group = loop.create_future()
        self._group_bodies = 0
        if self._checkpointer is None:
            self._checkpointer = loop.create_task(self._checkpoint_regularly())
        return self._group

    def _commit(self) -> None:
        self._commit_scheduled = False
        group = self._group
        if group is None or self._body.locked():
            return  # who is in schedules the commit when leaving
        if self._queued and self._group_bodies < GROUP_BODIES_MAX:
            return  # who queues will join this group
        self._group = None
        try:
            self._writer.execute("COMMIT")
        except apsw.Error as error:
            with contextlib.suppress(apsw.Error):
                self._writer.execute("ROLLBACK")
            _fail(group, _failure(error))
            return
        self._written = True
        group.set_result(None)

    @asynccontextmanager
    async def snapshot(self) -> AsyncIterator[SqliteTransaction]:
        """A reading connection of its own for as long as the block lasts."""
        with self._reader() as reader:
            with _translated():
                reader.execute("BEGIN")
            try:
                yield SqliteTransaction(reader)
            finally:
                with contextlib.suppress(apsw.Error):
                    reader.execute("COMMIT")

    @asynccontextmanager
    async def statement(self) -> AsyncIterator[SqliteTransaction]:
        """A reading connection without a transaction around it."""
        with self._reader() as reader:
            yield SqliteTransaction(reader)

    @contextlib.contextmanager
    def _reader(self) -> Iterator[apsw.Connection]:
        reader = self._readers.pop() if self._readers else _connect_reader(self._path)
        try:
            yield reader
        finally:
            # One that is still in a transaction would show its next user an old state.
            if len(self._readers) < READERS_KEPT and not reader.in_transaction:
                self._readers.append(reader)
            else:
                reader.close()

    async def _checkpoint_regularly(self) -> None:
        while True:
            await asyncio.sleep(CHECKPOINT_EVERY_S)
            if self._written:
                self._written = False
                # In a thread: SQLite copies and syncs without holding the interpreter.
                self._checkpoint = asyncio.ensure_future(asyncio.to_thread(_checkpoint, self._path))
                await asyncio.shield(self._checkpoint)

    async def close(self) -> None:
        """Commits what is pending, folds the write-ahead log in, closes the file."""
        if self._group is not None:
            await asyncio.wait([self._group])
        if self._checkpointer is not None:
            self._checkpointer.cancel()
            await asyncio.wait([self._checkpointer])
        if self._checkpoint is not None:
            await asyncio.wait([self._checkpoint])
        if self._written:
            # Others may hold the file open: then closing alone would leave the log as it is.
            await asyncio.to_thread(_checkpoint, self._path)
        for reader in self._readers:
            reader.close()
        self._readers.clear()
        self._writer.close()


def _checkpoint(path: str) -> None:
    """Copies the log into the file; without this a log that is always written never ends."""
    with contextlib.suppress(apsw.Error, DatabaseFailed):
        connection = connect(path)
        try:
            pages, _ = connection.wal_checkpoint()
            if pages > WAL_PAGES_MAX:
                connection.setbusytimeout(WAL_RESTART_WAIT_MS)
                connection.wal_checkpoint(mode=apsw.SQLITE_CHECKPOINT_RESTART)
        finally:
            connection.close()


def _fail(group: asyncio.Future[None], error: DatabaseFailed) -> None:
    group.set_exception(error)
    group.exception()  # retrieved: a group whose members all left early is no surprise
