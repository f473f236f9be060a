"""Real faults, caused past the server by someone who holds the database: nothing is patched."""

from __future__ import annotations

import asyncio
import contextlib
import threading
from collections.abc import Iterator, Sequence
from typing import Any
from urllib.parse import unquote, urlsplit, urlunsplit

import apsw
import asyncpg
from tests.servers import Server

from tracewell.kernel.database import open_database


def alter(server: Server, statement: str, **params: Any) -> int:
    """Runs one statement in the server's database; how many rows it changed."""

    async def run() -> int:
        database = await open_database(server.database_url)
        try:
            async with database.transaction() as tx:
                return await tx.execute(statement, **params)
        finally:
            await database.close()

    return asyncio.run(run())


def read(server: Server, statement: str, **params: Any) -> list[Sequence[Any]]:
    """The rows of a statement."""

    async def run() -> list[Sequence[Any]]:
        database = await open_database(server.database_url)
        try:
            async with database.snapshot() as tx:
                return list(await tx.fetch_all(statement, **params))
        finally:
            await database.close()

    return asyncio.run(run())


@contextlib.contextmanager
def table_gone(server: Server, table: str) -> Iterator[None]:
    """The table has another name for a while."""
    alter(server, f"ALTER TABLE {table} RENAME TO {table}_elsewhere")
    try:
        yield
    finally:
        alter(server, f"ALTER TABLE {table}_elsewhere RENAME TO {table}")


@contextlib.contextmanager
def held(server: Server, statement: str) -> Iterator[None]:
    """A writing transaction in which the statement was run stands open meanwhile."""
    done, ready = threading.Event(), threading.Event()

    async def run() -> None:
        database = await open_database(server.database_url)
        try:
            async with database.transaction() as tx:
                await tx.execute(statement)
                ready.set()
                await asyncio.to_thread(done.wait)
        finally:
            await database.close()

    thread = threading.Thread(target=asyncio.run, args=(run(),))
    thread.start()
    try:
        assert ready.wait(30)
        yield
    finally:
        done.set()
        thread.join()


@contextlib.contextmanager
def unwritable(server: Server) -> Iterator[None]:
    """The database can be read and not written: another process holds SQLite's write lock and does
    not let go; PostgreSQL takes read-only transactions alone."""
    if server.database_url.startswith("sqlite"):
        with _locked(server):
            yield
        return
    name = urlsplit(server.database_url).path.lstrip("/")
    _reconnect(server, f'ALTER DATABASE "{name}" SET default_transaction_read_only = on')
    try:
        yield
    finally:
        _reconnect(server, f'ALTER DATABASE "{name}" RESET default_transaction_read_only')


@contextlib.contextmanager
def _locked(server: Server) -> Iterator[None]:
    connection = apsw.Connection(unquote(urlsplit(server.database_url).path[1:]))
    try:
        connection.setbusytimeout(10_000)
        connection.execute("BEGIN EXCLUSIVE")
        yield
        connection.execute("ROLLBACK")
    finally:
        connection.close()


def _reconnect(server: Server, statement: str) -> None:
    """Runs the statement and ends the server's connections, so that new ones obey it."""
    parts = urlsplit(server.database_url)

    async def run() -> None:
        connection = await asyncpg.connect(urlunsplit(parts._replace(path="/postgres")))
        try:
            await connection.execute(statement)
            await connection.execute(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = $1",
                parts.path.lstrip("/"),
            )
        finally:
            await connection.close()

    asyncio.run(run())
    server.wait_until_ready()
