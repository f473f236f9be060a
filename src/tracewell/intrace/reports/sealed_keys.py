"""Which keys results at rest are sealed with, and sealing them anew after a rotation."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Final

from tracewell.kernel.clock import Clock
from tracewell.kernel.database import Database, Transaction
from tracewell.kernel.sealing import Sealer

BATCH: Final = 50
SEALED: Final = (("reports", "request_id", "payload"), ("analyses", "analysis_id", "body"))
"""Tables whose rows hold personal data: (table, key, column)."""

_KEYS = "SELECT key_id FROM result_keys ORDER BY key_id"
_ADD_KEY = """
    INSERT INTO result_keys (key_id, first_used_at) VALUES (:key_id, :now)
    ON CONFLICT (key_id) DO NOTHING
"""
_FORGET_KEYS = "DELETE FROM result_keys WHERE key_id <> :key_id"


class ResultKeysMissing(Exception):  # noqa: N818 - a sentence: "result keys are missing"
    """Results are sealed with keys that are not configured; the ids are told."""

    def __init__(self, key_ids: list[str]) -> None:
        super().__init__(f"results are encrypted with {', '.join(key_ids)}, not configured")
        self.key_ids = key_ids


async def ensure_keys(database: Database, sealer: Sealer, clock: Clock) -> None:
    """Notes the key that seals. Raises ResultKeysMissing where another one is not configured."""
    async with database.transaction() as tx:
        known = [row[0] for row in await tx.fetch_all(_KEYS)]
        missing = [key_id for key_id in known if key_id not in sealer.key_ids]
        if missing:
            raise ResultKeysMissing(missing)
        if sealer.key_id is not None and sealer.key_id not in known:
            await tx.execute(_ADD_KEY, key_id=sealer.key_id, now=clock())


async def iter_resealing(
    database: Database, sealer: Sealer, *, dry_run: bool
) -> AsyncIterator[tuple[int, int]]:
    """Brings every row under the sealing key: yields after each batch how many rows were read and
    how many were (or would be) sealed anew.

    A transaction for a batch: it may be broken off and begun again. Afterwards the other keys are
    not needed any more. Raises SealBroken, DatabaseFailed.
    """
    read, changed = 0, 0
    for table in SEALED:
        after = ""
        while True:
            async with database.transaction() as tx:
                rows = await _list_rows(tx, table, after)
                for key, stored in rows:
                    read += 1
                    if not sealer.is_current(bytes(stored)):
                        changed += 1
                        if not dry_run:
                            await _reseal(tx, table, key, bytes(stored), sealer)
            if not rows:
                break
            after = rows[-1][0]
            yield read, changed
    if not dry_run:
        async with database.transaction() as tx:
            await tx.execute(_FORGET_KEYS, key_id=sealer.key_id or "")


async def _list_rows(
    tx: Transaction, table: tuple[str, str, str], after: str
) -> list[tuple[str, bytes]]:
    name, key, column = table
    statement = f"""
        SELECT {key}, {column} FROM {name} WHERE {key} > :after ORDER BY {key} LIMIT :limit
    """  # noqa: S608 - constants of this module
    return [(row[0], row[1]) for row in await tx.fetch_all(statement, after=after, limit=BATCH)]


async def _reseal(
    tx: Transaction, table: tuple[str, str, str], row_key: str, stored: bytes, sealer: Sealer
) -> None:
    name, key, column = table
    statement = f"UPDATE {name} SET {column} = :value WHERE {key} = :row_key"  # noqa: S608
    plain = sealer.open(stored, row_key)
    await tx.execute(statement, value=sealer.seal(plain, row_key), row_key=row_key)
