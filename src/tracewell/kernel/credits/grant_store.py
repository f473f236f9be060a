"""The SQL of monthly grants: plans, what is due, what a month has had."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import orjson

from tracewell.kernel.credits.model import LedgerEntry
from tracewell.kernel.credits.usage_store import add_sums, entry_sums
from tracewell.kernel.database import Sql, Transaction

_PLANS = Sql(
    sqlite="""
        SELECT org_id, plan FROM orgs WHERE org_id IN (SELECT value FROM json_each(:org_ids))""",
    postgresql="""
        SELECT org_id, plan FROM orgs WHERE org_id = ANY(CAST(:org_ids AS BIGINT[]))""",
)

# What was booked for the month before, by whatever process or clock, is passed over.
_ADD_GRANTS = Sql(
    sqlite="""
        INSERT INTO credit_ledger (entry_id, org_id, kind, credits, channel, key_id, endpoint,
          item_count, request_id, reason, created_at)
        SELECT value ->> 0, value ->> 1, 'grant', value ->> 2, value ->> 3, NULL, value ->> 4,
          0, value ->> 5, value ->> 6, value ->> 7
        FROM json_each(:entries) WHERE TRUE
        ON CONFLICT (org_id, kind, request_id) WHERE kind <> 'charge' DO NOTHING
        RETURNING entry_id""",
    postgresql="""
        INSERT INTO credit_ledger (entry_id, org_id, kind, credits, channel, key_id, endpoint,
          item_count, request_id, reason, created_at)
        SELECT value ->> 0, CAST(value ->> 1 AS BIGINT), 'grant', CAST(value ->> 2 AS BIGINT),
          value ->> 3, NULL, value ->> 4, 0, value ->> 5, value ->> 6,
          CAST(value ->> 7 AS BIGINT)
        FROM jsonb_array_elements(CAST(:entries AS JSONB)) AS entries (value)
        ON CONFLICT (org_id, kind, request_id) WHERE kind <> 'charge' DO NOTHING
        RETURNING entry_id""",
)

_SETTLE = """
    UPDATE credit_accounts SET balance = balance + :credits, grant_month = :month
    WHERE org_id = :org_id"""

_UNSETTLED = """
    SELECT org_id FROM credit_accounts WHERE grant_month < :month ORDER BY org_id LIMIT :limit"""

_OF_MONTH = """
    SELECT CAST(COALESCE(SUM(credits), 0) AS BIGINT) FROM credit_ledger
    WHERE org_id = :org_id AND kind <> 'charge'
      AND ((kind = 'grant' AND request_id = :grant)
        OR (kind = 'adjustment' AND request_id LIKE :top_ups))"""


async def fetch_plans(tx: Transaction, org_ids: Iterable[int]) -> dict[int, str]:
    """The plan of each org."""
    wanted = sorted(org_ids)
    asked = orjson.dumps(wanted).decode() if tx.dialect == "sqlite" else wanted
    return {row[0]: row[1] for row in await tx.fetch_all(_PLANS, org_ids=asked)}


async def add_grants(tx: Transaction, entries: Sequence[LedgerEntry]) -> dict[int, int]:
    """Writes those grants that were not booked before; what each org got by it."""
    by_id = {one.entry_id: one for one in entries}
    told = [
        (one.entry_id, one.org_id, one.credits, one.channel, one.endpoint, one.request_id,
         one.reason, one.created_at)
        for one in entries
    ]  # fmt: skip
    rows = await tx.fetch_all(_ADD_GRANTS, entries=orjson.dumps(told).decode())
    new = [by_id[row[0]] for row in rows]
    await add_sums(tx, entry_sums(new))
    got: dict[int, int] = {}
    for one in new:
        got[one.org_id] = got.get(one.org_id, 0) + one.credits
    return got


async def settle_account(tx: Transaction, org_id: int, credits: int, month: int) -> None:
    """Adds what was granted and notes up to which month nothing is due."""
    await tx.execute(_SETTLE, org_id=org_id, credits=credits, month=month)


async def list_unsettled(tx: Transaction, month: int, limit: int) -> list[int]:
    """Orgs that wait for the grant of that month or of one before."""
    rows = await tx.fetch_all(_UNSETTLED, month=month, limit=limit)
    return [row[0] for row in rows]


async def sum_of_month(tx: Transaction, org_id: int, grant: str, top_ups: str) -> int:
    """The credits that plans have brought in one month: by the request id of its grant, and by the
    beginning of those of its top-ups."""
    return int(await tx.fetch_value(_OF_MONTH, org_id=org_id, grant=grant, top_ups=f"{top_ups}%"))
