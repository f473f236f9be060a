"""Ids of rows that are written in bulk: taken from the table's own numbering before the rows are.

For columns that migrations declare as `{identity}`.
"""

from __future__ import annotations

from tracewell.kernel.database.model import Transaction

_LAST = "SELECT seq FROM sqlite_sequence WHERE name = :table"
_NEXT = """
    SELECT nextval(pg_get_serial_sequence(:table, :column))
    FROM generate_series(1, CAST(:count AS INTEGER))"""


async def reserve_ids(tx: Transaction, table: str, column: str, count: int) -> list[int]:
    """Ids for that many new rows, ascending, which must be written in this transaction.

    Table and column are words of the code's own. Later rows get ids above.
    """
    if tx.dialect == "postgresql":
        rows = await tx.fetch_all(_NEXT, table=table, column=column, count=count)
        return [row[0] for row in rows]
    last = await tx.fetch_value(_LAST, table=table) or 0
    return list(range(last + 1, last + 1 + count))
