"""Many job postings at once, as they stand after `store.save_postings` of each company.

For postings that are not written yet.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from tracewell.kernel.database import Transaction, reserve_ids
from tracewell.trace.postings.model import SeenPosting
from tracewell.trace.technologies.model import Technology

_COLUMNS = (
    "posting_id", "company_id", "posting_key", "title", "location", "is_remote", "employment_type",
    "posted_at", "expires_at", "url", "capture", "first_observed_at", "last_observed_at",
    "observation_count",
)  # fmt: skip


async def insert_postings(
    tx: Transaction,
    seen: Sequence[tuple[int, SeenPosting]],
    catalogue: Mapping[str, Technology],
) -> None:
    """Writes postings by company id, each seen once; `catalogue` has the technologies by name.

    Raises DatabaseFailed when a posting is there already.
    """
    ids = await reserve_ids(tx, "postings", "posting_id", len(seen))
    rows = (
        (
            posting_id, company_id, one.key, one.title, one.location,
            None if one.is_remote is None else int(one.is_remote), one.employment_type,
            one.posted_at, one.expires_at, one.url, one.capture, one.observed_at,
            one.observed_at, 1,
        )
        for posting_id, (company_id, one) in zip(ids, seen, strict=True)
    )  # fmt: skip
    await tx.copy_rows("postings", _COLUMNS, rows)
    names = (
        (posting_id, catalogue[name].technology_id)
        for posting_id, (_, one) in zip(ids, seen, strict=True)
        for name in dict.fromkeys(one.technologies)
        if name in catalogue
    )
    await tx.copy_rows("posting_technologies", ("posting_id", "technology_id"), names)
