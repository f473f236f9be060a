"""What a database is to the services: transactions, snapshots and one error. No driver here."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from typing import Any, Protocol

from tracewell.kernel.database.sql import Dialect, Statement

Row = Sequence[Any]
"""A row by position, in the order of the statement's columns."""


class DatabaseFailed(Exception):  # noqa: N818 - a sentence: "the database failed"
    """The database could not be reached, read or written. The text holds no row's value."""


class Transaction(Protocol):
    """Statements that see one state and, in a writing transaction, take effect together."""

    @property
    def dialect(self) -> Dialect:
        """Which words the database speaks."""
        ...

    async def fetch_all(self, statement: Statement, **params: Any) -> Sequence[Row]:
        """All rows of the statement."""
        ...

    async def fetch_one(self, statement: Statement, **params: Any) -> Row | None:
        """The first row, or None."""
        ...

    async def fetch_value(self, statement: Statement, **params: Any) -> Any:
        """The first column of the first row, or None."""
        ...

    async def execute(self, statement: Statement, **params: Any) -> int:
        """Runs a statement; returns the number of rows that it changed."""
        ...

    async def execute_many(self, statement: Statement, rows: Iterable[Mapping[str, Any]]) -> None:
        """Runs a statement once for each row of parameters."""
        ...

    def be_patient(self) -> None:
        """Lets each further statement take an hour: for migrations and bulk loads."""
        ...

    async def copy_rows(
        self, table: str, columns: Sequence[str], rows: Iterable[Sequence[Any]]
    ) -> None:
        """Adds many rows, each in the order of the columns, by the database's quickest way.

        Table and columns are words of the code's own, never of a caller. Defaults, constraints and
        triggers hold as for any other row.
        """
        ...

    def part(self) -> AbstractAsyncContextManager[Transaction]:
        """A part of a writing transaction that is undone alone on error (a savepoint).

        Raises DatabaseFailed as `Database.transaction` does; what it wrote is durable when the
        whole is.
        """
        ...


class Database(Protocol):
    """A pool of connections to one database."""

    @property
    def dialect(self) -> Dialect:
        """Which words the database speaks."""
        ...

    def transaction(self) -> AbstractAsyncContextManager[Transaction]:
        """A writing transaction: durable when the block has been left, rolled back on error.

        Nothing but this database may be awaited inside: a transaction is never open over the
        network. Raises DatabaseFailed, also when the block caught the failure of a statement: then
        nothing was written. A DatabaseFailed raised by the commit itself leaves it open whether
        the transaction stands, as a lost connection does; so a retry must be idempotent.
        """
        ...

    def snapshot(self) -> AbstractAsyncContextManager[Transaction]:
        """A reading transaction over one state of the data. Raises DatabaseFailed."""
        ...

    def statement(self) -> AbstractAsyncContextManager[Transaction]:
        """For reading statements that each see a state of their own, the later ones no older state,
        without a transaction's round trips.

        Raises DatabaseFailed.
        """
        ...

    async def close(self) -> None:
        """Waits for what is being committed and frees the connections."""
        ...
