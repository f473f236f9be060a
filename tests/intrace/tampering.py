"""What an owner of the database can do to the log: past the server, past the triggers."""

from __future__ import annotations

import contextlib
import sqlite3
from collections.abc import Callable, Coroutine
from typing import Any

from tests.intrace.serving import in_database

from tracewell.intrace.audit import leaf_store
from tracewell.intrace.audit.checking import CheckedLog, Outside, check_log
from tracewell.kernel.database import Database, Transaction
from tracewell.kernel.merkle import Span, hash_leaf

TABLES = ("audit_records", "audit_completions", "audit_purges", "audit_nodes", "audit_checkpoints")

Attack = Callable[[Transaction], Coroutine[Any, Any, None]]


def tamper(url: str, *statements: str | Attack, **params: Any) -> None:
    """Takes the triggers away, then runs statements as whoever owns the tables may."""

    async def run(database: Database) -> None:
        async with database.transaction() as tx:
            await _unguard(tx)
            for statement in statements:
                if isinstance(statement, str):
                    await tx.execute(statement, **params)
                else:
                    await statement(tx)

    in_database(url, run)


def delete_past_foreign_keys(url: str, table: str, request_id: str) -> None:
    """Removes a row that others refer to; the triggers are gone already."""
    if url.startswith("sqlite"):
        with contextlib.closing(sqlite3.connect(url.removeprefix("sqlite:///"))) as connection:
            connection.execute(f"DELETE FROM {table} WHERE request_id = ?", (request_id,))
            connection.commit()
        return
    tamper(url, f"DELETE FROM {table} WHERE request_id = :request_id", request_id=request_id)


async def _unguard(tx: Transaction) -> None:
    if tx.dialect == "postgresql":
        for table in TABLES:
            await tx.execute(f"ALTER TABLE {table} DISABLE TRIGGER ALL")
        return
    rows = await tx.fetch_all("SELECT name FROM sqlite_schema WHERE type = 'trigger'")
    for (name,) in rows:
        await tx.execute(f"DROP TRIGGER {name}")


async def rebuild_tree(tx: Transaction) -> None:
    """Makes leaf hashes and tree fit the rows again, and forgets every signed head."""
    await tx.execute("DELETE FROM audit_checkpoints")
    await tx.execute("DELETE FROM audit_nodes")
    end = await leaf_store.get_end(tx)
    for row in await leaf_store.list_leaf_rows(tx, Span(0, end)):
        if row.seq is not None and row.entry is not None:
            await tx.execute(
                "UPDATE audit_records SET leaf_hash = :hash WHERE leaf = :leaf",
                hash=hash_leaf(row.entry),
                leaf=row.leaf,
            )
    await leaf_store.ensure_built(tx)


def check(url: str, outside: Outside) -> CheckedLog:
    """The check of the log, past the server."""

    async def run(database: Database) -> CheckedLog:
        async with database.snapshot() as tx:
            return await check_log(tx, outside)

    return in_database(url, run)
