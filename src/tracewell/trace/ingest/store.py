"""The SQL of what was taken in already."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import orjson

from tracewell.kernel.database import Sql, Transaction
from tracewell.trace.ingest.model import Observed

_KNOWN = Sql(
    sqlite="""
        SELECT capture_key FROM captures_ingested
        WHERE capture_key IN (SELECT value FROM json_each(:keys))""",
    postgresql="""
        SELECT capture_key FROM captures_ingested
        WHERE capture_key = ANY(CAST(:keys AS TEXT[]))""",
)
_ADD = """
    INSERT INTO captures_ingested (capture_key, company_id, capture, url, captured_at)
    VALUES (:key, :company_id, :capture, :url, :captured_at)"""


async def fetch_known_keys(tx: Transaction, keys: Sequence[str]) -> set[str]:
    """Which of the captures were taken in before."""
    asked = orjson.dumps(keys).decode() if tx.dialect == "sqlite" else list(keys)
    return {row[0] for row in await tx.fetch_all(_KNOWN, keys=asked)}


async def add_captures(tx: Transaction, company_id: int, captures: Iterable[Observed]) -> None:
    """Notes captures as taken in."""
    await tx.execute_many(
        _ADD,
        [
            {
                "key": one.key,
                "company_id": company_id,
                "capture": one.capture,
                "url": one.url,
                "captured_at": one.captured_at,
            }
            for one in captures
        ],
    )
