"""One thin store layer over SQLite (embedded) and PostgreSQL: named SQL, rows as tuples.

Why no ORM, why apsw and asyncpg: docs/decisions/0002-database.md.
"""

from tracewell.kernel.database.foreign import ForeignDatabase
from tracewell.kernel.database.indexes import drop_indexes, rebuild_indexes
from tracewell.kernel.database.migrate import Migration, MigrationFailed, Migrations
from tracewell.kernel.database.model import (
    Database,
    DatabaseFailed,
    Row,
    Transaction,
)
from tracewell.kernel.database.numbering import reserve_ids
from tracewell.kernel.database.opening import open_database
from tracewell.kernel.database.sql import Dialect, Sql

__all__ = [
    "Database",
    "DatabaseFailed",
    "Dialect",
    "ForeignDatabase",
    "Migration",
    "MigrationFailed",
    "Migrations",
    "Row",
    "Sql",
    "Transaction",
    "drop_indexes",
    "open_database",
    "rebuild_indexes",
    "reserve_ids",
]
