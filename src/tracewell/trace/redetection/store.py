"""The SQL of redetection: which companies are due, what was taken in, and what is taken away."""

from __future__ import annotations

from collections.abc import Collection, Iterable

from tracewell.kernel.database import Transaction
from tracewell.trace.redetection.model import Ingested

_DUE = """
    FROM companies WHERE company_id > :after
      AND (detected_with IS NULL OR detected_with <> :digest)"""
_NEXT = f"SELECT company_id {_DUE} ORDER BY company_id LIMIT 1"
_COUNT = f"SELECT COUNT(*) {_DUE}"
_INGESTED = """
    SELECT capture_key, capture, url, captured_at FROM captures_ingested
    WHERE company_id = :company_id ORDER BY captured_at, capture_key"""


async def find_next_due(tx: Transaction, after: int, digest: str) -> int | None:
    """The next company that was not looked into with these fingerprints."""
    found: int | None = await tx.fetch_value(_NEXT, after=after, digest=digest)
    return found


async def count_due(tx: Transaction, digest: str) -> int:
    """How many there are."""
    found: int = await tx.fetch_value(_COUNT, after=0, digest=digest)
    return found


async def list_ingested(tx: Transaction, company_id: int) -> list[Ingested]:
    """Every capture of the company that was taken in."""
    return [Ingested(*row) for row in await tx.fetch_all(_INGESTED, company_id=company_id)]


async def note_digest(tx: Transaction, company_id: int, digest: str) -> None:
    """The company was looked into with these fingerprints."""
    await tx.execute(
        "UPDATE companies SET detected_with = :digest WHERE company_id = :company_id",
        company_id=company_id,
        digest=digest,
    )


async def drop_postings(
    tx: Transaction, company_id: int, captures: Collection[str]
) -> dict[str, tuple[int, int]]:
    """Takes away the postings that those captures told last; when each was seen first, and how
    often."""
    rows = await tx.fetch_all(
        "SELECT posting_id, posting_key, capture, first_observed_at, observation_count"
        " FROM postings WHERE company_id = :company_id",
        company_id=company_id,
    )
    gone = [row for row in rows if row[2] in captures]
    ids: Iterable[dict[str, int]] = [{"posting_id": row[0]} for row in gone]
    for table in ("posting_technologies", "postings"):
        await tx.execute_many(f"DELETE FROM {table} WHERE posting_id = :posting_id", ids)  # noqa: S608
    return {row[1]: (row[3], row[4]) for row in gone}


async def keep_first_sights(
    tx: Transaction, company_id: int, before: dict[str, tuple[int, int]]
) -> None:
    """Postings that are there again keep when they were seen first, and how often at least."""
    await tx.execute_many(
        """
        UPDATE postings SET
          observation_count = CASE WHEN observation_count < :count THEN :count
            ELSE observation_count END,
          first_observed_at = CASE WHEN first_observed_at > :first THEN :first
            ELSE first_observed_at END
        WHERE company_id = :company_id AND posting_key = :key""",
        [
            {"company_id": company_id, "key": key, "first": first, "count": count}
            for key, (first, count) in before.items()
        ],
    )
