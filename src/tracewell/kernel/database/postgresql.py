"""PostgreSQL through asyncpg: a pool, prepared statements, tuples."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Iterable, Iterator, Mapping, Sequence
from contextlib import asynccontextmanager
from typing import Any

import asyncpg

from tracewell.kernel.database.model import DatabaseFailed, Row
from tracewell.kernel.database.sql import Dialect, Statement, bind, positional

POOL_MIN = 2
POOL_MAX = 16
CONNECT_TIMEOUT_S = 10
COMMAND_TIMEOUT_S = 60
PATIENT_TIMEOUT_S = 3_600
"""For statements over whole tables, and for COPY, which waits for whoever makes the rows."""
ACQUIRE_TIMEOUT_S = 10


@contextlib.contextmanager
def _translated() -> Iterator[None]:
    try:
        yield
    except asyncpg.PostgresError as error:
        # The class and the SQLSTATE only: PostgreSQL's details quote the row.
        raise DatabaseFailed(f"PostgreSQL: {type(error).__name__} {error.sqlstate}") from error
    except (asyncpg.InterfaceError, OSError, TimeoutError) as error:
        raise DatabaseFailed(f"PostgreSQL: {type(error).__name__}") from error


@contextlib.contextmanager
def _or_cut(connection: Any) -> Iterator[None]:
    # What was left half done, by a failure or by a caller that went away, is not worth mending:
    # the server rolls back what is open, and the pool connects anew.
    try:
        with _translated():
            yield
    except BaseException:
        # One that broke is no longer ours to cut.
        with contextlib.suppress(asyncpg.InterfaceError):
            connection.terminate()
        raise


async def _no_reset(connection: Any) -> None:
    """Leaves the connection as it is."""


class PostgresqlTransaction:
    """Statements on one connection of the pool."""

    __slots__ = ("_connection", "_timeout_s", "failed")

    dialect: Dialect = "postgresql"

    def __init__(self, connection: Any) -> None:
        self._connection = connection
        self._timeout_s = COMMAND_TIMEOUT_S
        self.failed = False

    @contextlib.contextmanager
    def _watched(self) -> Iterator[None]:
        try:
            with _translated():
                yield
        except DatabaseFailed:
            self.failed = True
            raise

    @contextlib.contextmanager
    def driver(self) -> Iterator[Any]:
        """asyncpg's connection, for a library that writes in this transaction."""
        with self._watched():
            yield self._connection

    async def fetch_all(self, statement: Statement, **params: Any) -> Sequence[Row]:
        """All rows of the statement."""
        sql, names = _compiled(statement)
        with self._watched():
            rows: Sequence[Row] = await self._connection.fetch(
                sql, *bind(names, params), timeout=self._timeout_s
            )
        return rows

    async def fetch_one(self, statement: Statement, **params: Any) -> Row | None:
        """The first row, or None."""
        sql, names = _compiled(statement)
        with self._watched():
            row: Row | None = await self._connection.fetchrow(
                sql, *bind(names, params), timeout=self._timeout_s
            )
        return row

    async def fetch_value(self, statement: Statement, **params: Any) -> Any:
        """The first column of the first row, or None."""
        sql, names = _compiled(statement)
        with self._watched():
            return await self._connection.fetchval(
                sql, *bind(names, params), timeout=self._timeout_s
            )

    async def execute(self, statement: Statement, **params: Any) -> int:
        """Runs a statement; returns the number of rows that it changed."""
        sql, names = _compiled(statement)
        with self._watched():
            status: str = await self._connection.execute(
                sql, *bind(names, params), timeout=self._timeout_s
            )
        count = status.rsplit(" ", 1)[-1]
        return int(count) if count.isdigit() else 0

    async def execute_many(self, statement: Statement, rows: Iterable[Mapping[str, Any]]) -> None:
        """Runs a statement once for each row of parameters."""
        sql, names = _compiled(statement)
        with self._watched():
            values = [bind(names, row) for row in rows]
            await self._connection.executemany(sql, values, timeout=self._timeout_s)

    def be_patient(self) -> None:
        """Lets each further statement take `PATIENT_TIMEOUT_S`."""
        self._timeout_s = PATIENT_TIMEOUT_S

    async def copy_rows(
        self, table: str, columns: Sequence[str], rows: Iterable[Sequence[Any]]
    ) -> None:
        """Adds many rows through COPY."""
        with self._watched():
            await self._connection.copy_records_to_table(
                table, records=rows, columns=list(columns), timeout=PATIENT_TIMEOUT_S
            )

    @asynccontextmanager
    async def part(self) -> AsyncIterator[PostgresqlTransaction]:
        """A savepoint of its own within the transaction."""
        async with _run_block(self._connection, self._connection.transaction()) as part:
            yield part


@asynccontextmanager
async def _run_block(
    connection: Any, block: Any, *, readonly: bool = False
) -> AsyncIterator[PostgresqlTransaction]:
    """asyncpg's transaction or savepoint, with our reading of how it can fail."""
    with _or_cut(connection):
        await block.start()
    transaction = PostgresqlTransaction(connection)
    try:
        yield transaction
        if transaction.failed and not readonly:
            # The body has caught it. PostgreSQL takes the COMMIT of a failed transaction
            # for a ROLLBACK, and asyncpg does not tell.
            raise DatabaseFailed("PostgreSQL: a statement of this transaction has failed")
    except BaseException:
        with contextlib.suppress(DatabaseFailed), _or_cut(connection):
            await block.rollback()
        raise
    with _or_cut(connection):
        await block.commit()


def _compiled(statement: Statement) -> tuple[str, tuple[str, ...]]:
    return positional(statement if isinstance(statement, str) else statement.postgresql, "$")


class PostgresqlDatabase:
    """A pool of connections to one PostgreSQL database."""

    dialect: Dialect = "postgresql"

    def __init__(self, pool: Any) -> None:
        self._pool = pool

    @classmethod
    async def connect(cls, url: str) -> PostgresqlDatabase:
        """Opens the pool. Raises DatabaseFailed when the server cannot be reached."""
        with _translated():
            pool = await asyncpg.create_pool(
                url,
                min_size=POOL_MIN,
                max_size=POOL_MAX,
                timeout=CONNECT_TIMEOUT_S,
                command_timeout=COMMAND_TIMEOUT_S,
                # Nothing here leaves a session variable, a cursor or a session lock behind: the
                # usual reset would be one more round trip for each use of a connection.
                reset=_no_reset,
            )
        return cls(pool)

    @asynccontextmanager
    async def transaction(self) -> AsyncIterator[PostgresqlTransaction]:
        """READ COMMITTED: what must not change under a service is locked by its statements."""
        async with self._held(readonly=False) as transaction:
            yield transaction

    @asynccontextmanager
    async def snapshot(self) -> AsyncIterator[PostgresqlTransaction]:
        """REPEATABLE READ, read only: all statements see one state."""
        async with self._held(readonly=True) as transaction:
            yield transaction

    @asynccontextmanager
    async def statement(self) -> AsyncIterator[PostgresqlTransaction]:
        """A connection without a transaction around it."""
        async with self._connection() as connection:
            yield PostgresqlTransaction(connection)

    @asynccontextmanager
    async def _held(self, *, readonly: bool) -> AsyncIterator[PostgresqlTransaction]:
        isolation = "repeatable_read" if readonly else "read_committed"
        async with self._connection() as connection:
            block = connection.transaction(isolation=isolation, readonly=readonly)
            async with _run_block(connection, block, readonly=readonly) as transaction:
                yield transaction

    @asynccontextmanager
    async def _connection(self) -> AsyncIterator[Any]:
        with _translated():
            connection = await self._pool.acquire(timeout=ACQUIRE_TIMEOUT_S)
        try:
            yield connection
        finally:
            # A connection that broke is thrown away by the pool; what was committed stands.
            with contextlib.suppress(asyncpg.PostgresError, asyncpg.InterfaceError, OSError):
                await self._pool.release(connection)

    async def close(self) -> None:
        """Waits for open transactions, then closes the pool."""
        try:
            await asyncio.wait_for(self._pool.close(), COMMAND_TIMEOUT_S)
        except TimeoutError:
            self._pool.terminate()
