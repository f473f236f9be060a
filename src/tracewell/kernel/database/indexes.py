"""Indexes and references that are set aside while an empty table is filled, and made anew at once.

Only for a load that may begin again from nothing: until `rebuild_indexes` has been committed the
tables are slow to read and nothing checks what their rows refer to.
"""

from __future__ import annotations

from collections.abc import Sequence

from tracewell.kernel.database.model import Transaction

_SQLITE = "SELECT name, sql FROM sqlite_schema WHERE type = 'index' AND tbl_name = :table"
# Those of primary keys and unique constraints stay: a load relies on them.
_INDEXES = """
    SELECT c.relname, pg_get_indexdef(i.indexrelid) FROM pg_index AS i
    JOIN pg_class AS c ON c.oid = i.indexrelid
    WHERE i.indrelid = CAST(CAST(:table AS TEXT) AS regclass) AND NOT i.indisunique
      AND NOT EXISTS (SELECT 1 FROM pg_constraint AS k WHERE k.conindid = i.indexrelid)"""
_REFERENCES = """
    SELECT conname, pg_get_constraintdef(oid) FROM pg_constraint
    WHERE conrelid = CAST(CAST(:table AS TEXT) AS regclass) AND contype = 'f'"""
_MEMORY = "SET LOCAL maintenance_work_mem = '512MB'"


async def drop_indexes(tx: Transaction, tables: Sequence[str]) -> list[str]:
    """Drops what only reads need of empty tables; on PostgreSQL the references to others as well.

    Returns the statements for `rebuild_indexes`. Tables are words of the code's own. Raises
    ValueError when a table has rows.
    """
    rebuilding: list[str] = []
    for table in tables:
        if await tx.fetch_value(f"SELECT 1 FROM {table} LIMIT 1"):  # noqa: S608 - our own words
            raise ValueError(f"{table} is not empty")
    for table in tables:
        if tx.dialect == "sqlite":
            for name, sql in await tx.fetch_all(_SQLITE, table=table):
                if sql is not None:
                    await tx.execute(f"DROP INDEX {name}")
                    rebuilding.append(sql)
            continue
        for name, sql in await tx.fetch_all(_REFERENCES, table=table):
            await tx.execute(f"ALTER TABLE {table} DROP CONSTRAINT {name}")
            rebuilding.append(f"ALTER TABLE {table} ADD CONSTRAINT {name} {sql}")
        for name, sql in await tx.fetch_all(_INDEXES, table=table):
            await tx.execute(f"DROP INDEX {name}")
            rebuilding.append(sql)
    return rebuilding


async def rebuild_indexes(tx: Transaction, rebuilding: Sequence[str]) -> None:
    """Makes anew what `drop_indexes` dropped. Raises DatabaseFailed where a row refers to none."""
    tx.be_patient()
    if tx.dialect == "postgresql":
        await tx.execute(_MEMORY)
    for statement in rebuilding:
        await tx.execute(statement)
