"""The SQL of postings: writing. The newest sight says what a posting says."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from tracewell.kernel.database import Sql, Transaction
from tracewell.trace.postings.model import SeenPosting
from tracewell.trace.technologies.model import Technology

_ADD_TEXT = """
    INSERT INTO postings (company_id, posting_key, title, location, is_remote, employment_type,
      posted_at, expires_at, url, capture, first_observed_at, last_observed_at, observation_count)
    VALUES (:company_id, :key, :title, :location, :is_remote, :employment_type, :posted_at,
      :expires_at, :url, :capture, :observed_at, :observed_at, 1)
    ON CONFLICT (company_id, posting_key) DO UPDATE SET {told},
      first_observed_at = {least}(postings.first_observed_at, excluded.first_observed_at),
      last_observed_at = {most}(postings.last_observed_at, excluded.last_observed_at),
      observation_count = postings.observation_count + 1
    RETURNING posting_id, capture"""
# Of two sights at once the one with the greater capture, so that the order of reading is no matter.
_TOLD = ", ".join(
    f"{column} = CASE WHEN (excluded.last_observed_at, excluded.capture)"
    f" > (postings.last_observed_at, postings.capture)"
    f" THEN excluded.{column} ELSE postings.{column} END"
    for column in ("is_remote", "employment_type", "posted_at", "expires_at", "title", "location",
                   "url", "capture")
)  # fmt: skip
_ADD = Sql(
    sqlite=_ADD_TEXT.format(told=_TOLD, least="MIN", most="MAX"),
    postgresql=_ADD_TEXT.format(told=_TOLD, least="LEAST", most="GREATEST"),
)
_NAMES = """
    INSERT INTO posting_technologies (posting_id, technology_id)
    VALUES (:posting_id, :technology_id) ON CONFLICT DO NOTHING"""
_COUNT = """
    SELECT COUNT(*) FROM postings WHERE company_id = :company_id
      AND last_observed_at >= :since AND (expires_at IS NULL OR expires_at > :at)"""
OPEN_FOR_MS = 45 * 86_400_000
"""How long a posting without an end counts as open after it was seen last."""


async def save_postings(
    tx: Transaction,
    company_id: int,
    seen: Iterable[SeenPosting],
    catalogue: Mapping[str, Technology],
) -> None:
    """Notes what a company's pages post; `catalogue` has the technologies by name."""
    for one in seen:
        values: dict[str, Any] = {
            name: getattr(one, name) for name in one.__slots__ if name != "technologies"
        }
        if one.is_remote is not None:
            values["is_remote"] = int(one.is_remote)
        row = await tx.fetch_one(_ADD, company_id=company_id, **values)
        assert row is not None, "an upsert returns its row"
        await tx.execute_many(
            _NAMES,
            [
                {"posting_id": row[0], "technology_id": catalogue[name].technology_id}
                for name in one.technologies
                if name in catalogue
            ],
        )


async def count_open(tx: Transaction, company_id: int, at: int) -> int:
    """Postings that are open at `at`: not expired, and seen within `OPEN_FOR_MS` before it."""
    found: int = await tx.fetch_value(_COUNT, company_id=company_id, at=at, since=at - OPEN_FOR_MS)
    return found
