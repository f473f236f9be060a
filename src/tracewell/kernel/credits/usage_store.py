"""The SQL of the ledger's sums: written with every entry, read by any grouping."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

import orjson

from tracewell.kernel.clock import DAY_MS
from tracewell.kernel.credits.model import Call, LedgerEntry, Usage, UsageGroup
from tracewell.kernel.database import Sql, Transaction

_CLASH = """
    ON CONFLICT (org_id, day, kind, channel, endpoint, key_id) DO UPDATE SET
      entries = credit_usage.entries + excluded.entries,
      credits = credit_usage.credits + excluded.credits,
      items = credit_usage.items + excluded.items"""
_COLUMNS = "org_id, day, kind, channel, endpoint, key_id, entries, credits, items"
ADD_SUMS = Sql(
    sqlite=f"""
        INSERT INTO credit_usage ({_COLUMNS})
        SELECT value ->> 0, value ->> 1, value ->> 2, value ->> 3, value ->> 4, value ->> 5,
          value ->> 6, value ->> 7, value ->> 8
        FROM json_each(:sums) WHERE TRUE {_CLASH}""",  # noqa: S608 - our own words
    postgresql=f"""
        INSERT INTO credit_usage ({_COLUMNS})
        SELECT CAST(value ->> 0 AS BIGINT), CAST(value ->> 1 AS INTEGER), value ->> 2, value ->> 3,
          value ->> 4, value ->> 5, CAST(value ->> 6 AS BIGINT), CAST(value ->> 7 AS BIGINT),
          CAST(value ->> 8 AS BIGINT)
        FROM jsonb_array_elements(CAST(:sums AS JSONB)) AS sums (value) {_CLASH}""",  # noqa: S608
)

_SUMS = """
    CAST(COALESCE(SUM(CASE WHEN kind = 'charge' THEN entries END), 0) AS BIGINT),
    CAST(COALESCE(SUM(CASE WHEN kind = 'charge' THEN items END), 0) AS BIGINT),
    CAST(COALESCE(SUM(CASE WHEN kind = 'charge' THEN -credits END), 0) AS BIGINT) AS charged,
    CAST(COALESCE(SUM(CASE WHEN kind = 'refund' THEN credits END), 0) AS BIGINT)"""
_OF_WINDOW = """
    FROM credit_usage
    WHERE org_id = :org_id AND day >= :first_day AND day <= :last_day
      AND kind IN ('charge', 'refund')"""
_BY: dict[UsageGroup, tuple[str, str]] = {
    "day": ("day", "day DESC"),
    "endpoint": ("endpoint", "charged DESC, endpoint"),
    "key": ("key_id", "charged DESC, key_id"),
    "channel": ("channel", "charged DESC, channel"),
}
_ROWS = {
    group: f"""
        SELECT {column}, {_SUMS} {_OF_WINDOW}
        GROUP BY {column} ORDER BY {order} LIMIT :limit OFFSET :offset"""
    for group, (column, order) in _BY.items()
}
_TOTALS = {
    group: f"SELECT COUNT(DISTINCT {column}), {_SUMS} {_OF_WINDOW}"
    for group, (column, _) in _BY.items()
}
_ENTRY_COUNT = """
    SELECT CAST(COALESCE(SUM(entries), 0) AS BIGINT) FROM credit_usage WHERE org_id = :org_id"""


Sums = dict[tuple[int, int, str, str, str, str], list[int]]
"""By the primary key: how many entries, their credits and their items."""


def charge_sums(calls: Mapping[int, Call], credits: Mapping[int, int], now: int) -> Sums:
    """What the charges of a group come to; calls and credits by the same index."""
    day = now // DAY_MS
    sums: Sums = {}
    for index, call in calls.items():
        place = (call.org_id, day, "charge", call.channel, call.endpoint, call.key_id or "")
        found = sums.get(place)
        if found is None:
            found = sums[place] = [0, 0, 0]
        paid = credits[index]
        found[0] += 1
        found[1] -= paid
        found[2] += paid
    return sums


def entry_sums(entries: Iterable[LedgerEntry]) -> Sums:
    """What entries of any kind come to."""
    sums: Sums = {}
    for one in entries:
        day = one.created_at // DAY_MS
        place = (one.org_id, day, one.kind, one.channel, one.endpoint, one.key_id or "")
        found = sums.setdefault(place, [0, 0, 0])
        found[0] += 1
        found[1] += one.credits
        found[2] += one.item_count
    return sums


def pack_sums(sums: Sums) -> str:
    """As the statements take them."""
    return orjson.dumps([(*place, *found) for place, found in sums.items()]).decode()


async def add_sums(tx: Transaction, sums: Sums) -> None:
    """Adds to the sums; the caller writes the entries in the same transaction."""
    await tx.execute(ADD_SUMS, sums=pack_sums(sums))


async def list_usage(
    tx: Transaction,
    org_id: int,
    group: UsageGroup,
    *,
    first_day: int,
    last_day: int,
    limit: int,
    offset: int,
) -> tuple[list[Usage], Usage, int]:
    """A page of sums over the days, those over all groups, and how many groups there are.

    Days stand the newest first, other groups by the credits that were charged.
    """
    window = {"org_id": org_id, "first_day": first_day, "last_day": last_day}
    rows = await tx.fetch_all(_ROWS[group], **window, limit=limit, offset=offset)
    total = await tx.fetch_one(_TOTALS[group], **window)
    assert total is not None, "sums without groups are one row"
    return [Usage(*row) for row in rows], Usage(None, *total[1:]), total[0]


async def count_entries(tx: Transaction, org_id: int) -> int:
    """How many entries the org's ledger has."""
    return int(await tx.fetch_value(_ENTRY_COUNT, org_id=org_id))
