"""The ledger's SQL: set-based, so that a group of charges costs as many statements as one."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence

import orjson

from tracewell.kernel.credits.model import Call, ChargeRequest, LedgerEntry, Standing
from tracewell.kernel.credits.rules import ChargePlan, ItemKey, Unlock, Window
from tracewell.kernel.credits.usage_store import (
    ADD_SUMS,
    add_sums,
    charge_sums,
    entry_sums,
    pack_sums,
)
from tracewell.kernel.database import Sql, Transaction

# SQLite's writer is alone by BEGIN IMMEDIATE; PostgreSQL locks the accounts, in one order.
_LOCK_ACCOUNTS = Sql(
    sqlite="""
        SELECT org_id, balance, grant_month FROM credit_accounts
        WHERE org_id IN (SELECT value FROM json_each(:org_ids))""",
    postgresql="""
        SELECT org_id, balance, grant_month FROM credit_accounts
        WHERE org_id = ANY(CAST(:org_ids AS BIGINT[])) ORDER BY org_id FOR UPDATE""",
)

# The newest window of each asked item: at most one seek of the primary key an item.
_WINDOWS = Sql(
    sqlite="""
        SELECT u.org_id, u.item_id, u.window_no, u.expires_at
        FROM json_each(:pairs) AS asked CROSS JOIN credit_unlocks AS u
          ON u.org_id = asked.value ->> 0 AND u.item_id = asked.value ->> 1
        WHERE u.window_no = (
          SELECT MAX(window_no) FROM credit_unlocks
          WHERE org_id = u.org_id AND item_id = u.item_id)""",
    postgresql="""
        SELECT asked.org_id, asked.item_id, u.window_no, u.expires_at
        FROM unnest(CAST(:org_ids AS BIGINT[]), CAST(:item_ids AS BIGINT[]))
          AS asked (org_id, item_id)
        CROSS JOIN LATERAL (
          SELECT window_no, expires_at FROM credit_unlocks
          WHERE org_id = asked.org_id AND item_id = asked.item_id
          ORDER BY window_no DESC LIMIT 1) AS u""",
)
# Plain numbers are read in half of the time that pairs take.
_WINDOWS_OF_ORG_SQLITE = """
    SELECT u.org_id, u.item_id, u.window_no, u.expires_at
    FROM json_each(:item_ids) AS asked CROSS JOIN credit_unlocks AS u
      ON u.org_id = :org_id AND u.item_id = asked.value
    WHERE u.window_no = (
      SELECT MAX(window_no) FROM credit_unlocks
      WHERE org_id = u.org_id AND item_id = u.item_id)"""

_UNLOCK_COLUMNS = ("org_id", "item_id", "window_no", "expires_at", "entry_id")
_ADD_UNLOCKS_OF_CALL_SQLITE = """
    INSERT INTO credit_unlocks (org_id, item_id, window_no, expires_at, entry_id)
    SELECT :org_id, value, :window_no, :expires_at, :entry_id FROM json_each(:item_ids)"""

_ADD_ENTRIES_SQLITE = """
    INSERT INTO credit_ledger (entry_id, org_id, kind, credits, channel, key_id, endpoint,
      item_count, request_id, reason, created_at)
    SELECT value ->> 0, value ->> 1, 'charge', value ->> 2, value ->> 3, value ->> 4, value ->> 5,
      -(value ->> 2), value ->> 6, NULL, :now
    FROM json_each(:entries)"""

_SPEND_SQLITE = """
    UPDATE credit_accounts SET balance = balance - spent.credits
    FROM (SELECT value ->> 0 AS org_id, value ->> 1 AS credits FROM json_each(:spent)) AS spent
    WHERE credit_accounts.org_id = spent.org_id"""

# One round trip: the four writes stand or fall together.
_WRITE_POSTGRESQL = f"""
    WITH entries AS (
      INSERT INTO credit_ledger (entry_id, org_id, kind, credits, channel, key_id, endpoint,
        item_count, request_id, reason, created_at)
      SELECT e.entry_id, e.org_id, 'charge', -e.credits, e.channel, e.key_id, e.endpoint,
        e.credits, e.request_id, NULL, CAST(:now AS BIGINT)
      FROM unnest(CAST(:entry_ids AS TEXT[]), CAST(:entry_orgs AS BIGINT[]),
        CAST(:entry_credits AS INTEGER[]), CAST(:entry_channels AS TEXT[]),
        CAST(:entry_keys AS TEXT[]), CAST(:entry_endpoints AS TEXT[]),
        CAST(:entry_requests AS TEXT[]))
        AS e (entry_id, org_id, credits, channel, key_id, endpoint, request_id)
    ), unlocked AS (
      INSERT INTO credit_unlocks (org_id, item_id, window_no, expires_at, entry_id)
      SELECT u.org_id, u.item_id, u.window_no, CAST(:expires_at AS BIGINT), u.entry_id
      FROM unnest(CAST(:unlock_orgs AS BIGINT[]), CAST(:unlock_items AS BIGINT[]),
        CAST(:unlock_windows AS INTEGER[]), CAST(:unlock_entries AS TEXT[]))
        AS u (org_id, item_id, window_no, entry_id)
    ), summed AS ({ADD_SUMS.postgresql})
    UPDATE credit_accounts SET balance = balance - spent.credits
    FROM unnest(CAST(:spent_orgs AS BIGINT[]), CAST(:spent_credits AS BIGINT[]))
      AS spent (org_id, credits)
    WHERE credit_accounts.org_id = spent.org_id"""  # noqa: S608 - our own words

_OPEN = """
    INSERT INTO credit_accounts (org_id, balance, grant_month) VALUES (:org_id, 0, :grant_month)"""

_ADD_ENTRY = """
    INSERT INTO credit_ledger (entry_id, org_id, kind, credits, channel, key_id, endpoint,
      item_count, request_id, reason, created_at)
    VALUES (:entry_id, :org_id, :kind, :credits, :channel, :key_id, :endpoint, :item_count,
      :request_id, :reason, :now)"""

_ADD_BALANCE = """
    UPDATE credit_accounts SET balance = balance + :credits
    WHERE org_id = :org_id RETURNING balance"""

_ACCOUNTS = Sql(
    sqlite="""
        SELECT org_id, balance, grant_month FROM credit_accounts
        WHERE org_id IN (SELECT value FROM json_each(:org_ids))""",
    postgresql="""
        SELECT org_id, balance, grant_month FROM credit_accounts
        WHERE org_id = ANY(CAST(:org_ids AS BIGINT[]))""",
)

_ACCOUNT = """
    SELECT a.balance, a.grant_month, o.plan
    FROM credit_accounts AS a JOIN orgs AS o ON o.org_id = a.org_id
    WHERE a.org_id = :org_id"""

_BOOKED = """
    SELECT credits FROM credit_ledger
    WHERE org_id = :org_id AND kind = :kind AND request_id = :request_id AND kind <> 'charge'"""

_ENTRIES = """
    SELECT entry_id, org_id, kind, credits, channel, key_id, endpoint, item_count, request_id,
      reason, created_at
    FROM credit_ledger WHERE org_id = :org_id
    ORDER BY created_at DESC, entry_id DESC LIMIT :limit OFFSET :offset"""


async def lock_accounts(tx: Transaction, org_ids: Iterable[int]) -> dict[int, Standing]:
    """How the orgs that have an account stand, locked until the transaction ends."""
    return await _accounts(tx, _LOCK_ACCOUNTS, org_ids)


async def fetch_accounts(tx: Transaction, org_ids: Iterable[int]) -> dict[int, Standing]:
    """How the orgs that have an account stand, without a lock."""
    return await _accounts(tx, _ACCOUNTS, org_ids)


async def _accounts(tx: Transaction, statement: Sql, org_ids: Iterable[int]) -> dict[int, Standing]:
    wanted = sorted(set(org_ids))
    asked = orjson.dumps(wanted).decode() if tx.dialect == "sqlite" else wanted
    rows = await tx.fetch_all(statement, org_ids=asked)
    return {row[0]: Standing(row[1], row[2]) for row in rows}


async def fetch_windows(tx: Transaction, keys: Iterable[ItemKey]) -> dict[ItemKey, Window]:
    """The newest window of each item that ever had one."""
    asked = list(dict.fromkeys(keys))
    org_ids, item_ids = [key[0] for key in asked], [key[1] for key in asked]
    if tx.dialect == "postgresql":
        rows = await tx.fetch_all(_WINDOWS, org_ids=org_ids, item_ids=item_ids)
    elif len(set(org_ids)) == 1:
        given = orjson.dumps(item_ids).decode()
        rows = await tx.fetch_all(_WINDOWS_OF_ORG_SQLITE, org_id=org_ids[0], item_ids=given)
    else:
        rows = await tx.fetch_all(_WINDOWS, pairs=orjson.dumps(asked).decode())
    return {(org, item): Window(number, ends) for org, item, number, ends in rows}


async def write_plan(
    tx: Transaction,
    requests: Sequence[ChargeRequest],
    plan: ChargePlan,
    entry_ids: Mapping[int, str],
    now: int,
    expires_at: int,
) -> None:
    """Writes ledger entries, unlocks and balances of a plan; `entry_ids` by request index."""
    calls = {index: requests[index].call for index in entry_ids}
    credits = _credits(plan)
    sums = charge_sums(calls, credits, now)
    if tx.dialect == "sqlite":
        entries = [
            (entry_ids[index], call.org_id, -credits[index], call.channel, call.key_id,
             call.endpoint, call.request_id)
            for index, call in calls.items()
        ]  # fmt: skip
        await _add_unlocks(tx, calls, plan.unlocks, entry_ids, expires_at)
        await tx.execute(_ADD_ENTRIES_SQLITE, entries=orjson.dumps(entries).decode(), now=now)
        await add_sums(tx, sums)
        spent = orjson.dumps(list(plan.spent.items())).decode()
        await tx.execute(_SPEND_SQLITE, spent=spent)
        return
    await tx.execute(
        _WRITE_POSTGRESQL,
        now=now,
        expires_at=expires_at,
        sums=pack_sums(sums),
        entry_ids=list(entry_ids.values()),
        entry_orgs=[call.org_id for call in calls.values()],
        entry_credits=[credits[index] for index in calls],
        entry_channels=[call.channel for call in calls.values()],
        entry_keys=[call.key_id for call in calls.values()],
        entry_endpoints=[call.endpoint for call in calls.values()],
        entry_requests=[call.request_id for call in calls.values()],
        unlock_orgs=[calls[u.request_index].org_id for u in plan.unlocks],
        unlock_items=[u.item_id for u in plan.unlocks],
        unlock_windows=[u.window_no for u in plan.unlocks],
        unlock_entries=[entry_ids[u.request_index] for u in plan.unlocks],
        spent_orgs=list(plan.spent),
        spent_credits=list(plan.spent.values()),
    )


async def _add_unlocks(
    tx: Transaction,
    calls: Mapping[int, Call],
    unlocks: Iterable[Unlock],
    entry_ids: Mapping[int, str],
    expires_at: int,
) -> None:
    """Writes windows on SQLite: those of a call with many in one statement, the others together."""
    together: dict[tuple[int, int], list[int]] = {}
    for index, item_id, window_no in unlocks:
        together.setdefault((index, window_no), []).append(item_id)
    rows: list[tuple[int, int, int, int, str]] = []
    for (index, window_no), item_ids in together.items():
        org_id, entry_id = calls[index].org_id, entry_ids[index]
        if len(item_ids) > 1:
            await tx.execute(
                _ADD_UNLOCKS_OF_CALL_SQLITE,
                org_id=org_id,
                window_no=window_no,
                expires_at=expires_at,
                entry_id=entry_id,
                item_ids=orjson.dumps(item_ids).decode(),
            )
        else:
            rows += [(org_id, item_id, window_no, expires_at, entry_id) for item_id in item_ids]
    await tx.copy_rows("credit_unlocks", _UNLOCK_COLUMNS, rows)


def _credits(plan: ChargePlan) -> dict[int, int]:
    return Counter([unlock.request_index for unlock in plan.unlocks])


async def open_account(tx: Transaction, org_id: int, grant_month: int) -> None:
    """Makes an account with a balance of 0 that waits for the grants after that month."""
    await tx.execute(_OPEN, org_id=org_id, grant_month=grant_month)


async def add_to_balance(tx: Transaction, org_id: int, credits: int) -> int:
    """Moves the balance of an account that exists; returns the new one."""
    balance: int = await tx.fetch_value(_ADD_BALANCE, credits=credits, org_id=org_id)
    return balance


async def add_entry(tx: Transaction, entry: LedgerEntry) -> None:
    """Writes one entry."""
    await add_sums(tx, entry_sums([entry]))
    await tx.execute(
        _ADD_ENTRY,
        entry_id=entry.entry_id,
        org_id=entry.org_id,
        kind=entry.kind,
        credits=entry.credits,
        channel=entry.channel,
        key_id=entry.key_id,
        endpoint=entry.endpoint,
        item_count=entry.item_count,
        request_id=entry.request_id,
        reason=entry.reason,
        now=entry.created_at,
    )


async def fetch_account(tx: Transaction, org_id: int) -> tuple[Standing, str] | None:
    """How the org stands, and its plan; None without an account."""
    row = await tx.fetch_one(_ACCOUNT, org_id=org_id)
    return None if row is None else (Standing(row[0], row[1]), row[2])


async def find_booked(tx: Transaction, org_id: int, kind: str, request_id: str) -> int | None:
    """The credits that were booked for a request; None where none were. Not for charges."""
    value: int | None = await tx.fetch_value(
        _BOOKED, org_id=org_id, kind=kind, request_id=request_id
    )
    return value


async def fetch_entries(
    tx: Transaction, org_id: int, *, limit: int, offset: int
) -> list[LedgerEntry]:
    """A page of the ledger, the newest first."""
    rows = await tx.fetch_all(_ENTRIES, org_id=org_id, limit=limit, offset=offset)
    return [LedgerEntry(*row) for row in rows]
