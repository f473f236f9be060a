"""Holds what clients were told against what the database holds, by replaying the ledger.

The replay is a second, plain ledger of some thirty lines: no SQL, no groups, no locks. It shares no
code with the product but the length of a window.
"""

from __future__ import annotations

import bisect
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime

from tests.exactness.history import Asked, History, Told
from tests.exactness.world import BEGIN_MS, PLAN_CREDITS, Intention

from tracewell.kernel.clock import DAY_MS
from tracewell.kernel.credits.rules import UNLOCK_MS
from tracewell.kernel.database import Database, Transaction

CAUGHT_UP = 12
"""Months that passed while nobody looked and are granted all the same; no more than these."""

_WALLS = ("ConstraintError", "Violation", "Deadlock", "Serialization")
"""Parts of the names of errors that say that a lock was missing."""


@dataclass(frozen=True)
class Entry:
    """A line of the ledger, with the windows that it paid: (item, number, end)."""

    entry_id: str
    kind: str
    credits: int
    item_count: int
    request_id: str
    created_at: int
    unlocks: tuple[tuple[int, int, int], ...]


@dataclass(frozen=True)
class Books:
    """An org in the database: entries in the order of their commits, the balance, loose ends."""

    org_id: int
    balance: int
    entries: tuple[Entry, ...]
    orphans: tuple[int, ...] = ()
    # By (day, kind): entries, credits and items, as the ledger's sums have them.
    sums: Mapping[tuple[int, str], tuple[int, int, int]] = field(default_factory=dict)


async def read_books(database: Database, org_ids: Iterable[int]) -> list[Books]:
    """The books of the orgs, in one snapshot."""
    async with database.snapshot() as tx:
        return [await _read_org(tx, org_id) for org_id in org_ids]


async def _read_org(tx: Transaction, org_id: int) -> Books:
    # The order of insertion is the order of commits, as entries are made under the account's lock.
    order = "rowid" if tx.dialect == "sqlite" else "told_order"
    rows = await tx.fetch_all(
        "SELECT entry_id, kind, credits, item_count, request_id, created_at"
        f" FROM credit_ledger WHERE org_id = :org_id ORDER BY {order}",
        org_id=org_id,
    )
    unlocks: dict[str, list[tuple[int, int, int]]] = {}
    for item, number, expires_at, entry_id in await tx.fetch_all(
        "SELECT item_id, window_no, expires_at, entry_id FROM credit_unlocks"
        " WHERE org_id = :org_id",
        org_id=org_id,
    ):
        unlocks.setdefault(entry_id, []).append((item, number, expires_at))
    entries = []
    for entry_id, kind, credits, item_count, request_id, created_at in rows:
        paid = tuple(sorted(unlocks.pop(entry_id, ())))
        entries.append(Entry(entry_id, kind, credits, item_count, request_id, created_at, paid))
    balance = await tx.fetch_value(
        "SELECT balance FROM credit_accounts WHERE org_id = :org_id", org_id=org_id
    )
    orphans = tuple(item for rows in unlocks.values() for item, _, _ in rows)
    sums = await tx.fetch_all(
        "SELECT day, kind, SUM(entries), SUM(credits), SUM(items) FROM credit_usage"
        " WHERE org_id = :org_id GROUP BY day, kind",
        org_id=org_id,
    )
    by_day = {(day, kind): (int(n), int(c), int(i)) for day, kind, n, c, i in sums}
    return Books(org_id, balance, tuple(entries), orphans, by_day)


def month_of(at: int) -> int:
    """The month of a moment, counted from year 0."""
    moment = datetime.fromtimestamp(at // 1000, UTC)
    return moment.year * 12 + moment.month - 1


def month_of_grant(request_id: str) -> int:
    """The month that an entry `month-2026-11` is for."""
    year, month = request_id.removeprefix("month-").split("-")
    return int(year) * 12 + int(month) - 1


@dataclass
class _Replay:
    """The states that an org went through; state n is that after n entries."""

    balances: list[int] = field(default_factory=lambda: [0])
    with_balance: dict[int, list[int]] = field(default_factory=lambda: {0: [0]})
    since: list[int] = field(default_factory=lambda: [0])
    # The last month that is granted. An account is opened with the first one settled.
    granted: list[int] = field(default_factory=lambda: [month_of(BEGIN_MS)])
    # For each item, its windows: (the state that has it, its end).
    windows: dict[int, list[tuple[int, int]]] = field(default_factory=dict)

    def due(self, state: int, items: Iterable[int], now: int) -> set[int]:
        """The items that are not free in that state at that time."""
        return {item for item in items if not now < self.end(state, item)}

    def end(self, state: int, item: int) -> int:
        """The end of the item's newest window in that state."""
        windows = self.windows.get(item, [])
        place = bisect.bisect_right(windows, state, key=lambda window: window[0])
        return windows[place - 1][1] if place else 0

    def add(self, entry: Entry, due: Iterable[int]) -> None:
        state = len(self.balances)
        self.balances.append(self.balances[-1] + entry.credits)
        self.with_balance.setdefault(self.balances[-1], []).append(state)
        self.since.append(entry.created_at)
        is_monthly = entry.request_id.startswith("month-")
        self.granted.append(month_of_grant(entry.request_id) if is_monthly else self.granted[-1])
        for item in due:
            self.windows.setdefault(item, []).append((state, entry.created_at + UNLOCK_MS))


@dataclass
class Verdict:
    """What was found: `wrong` is empty when all is exact; the rest is for the summary."""

    wrong: list[str] = field(default_factory=list)
    entries: int = 0
    charged: int = 0
    told: int = 0
    lost: int = 0
    refused: int = 0


def check(
    books: Sequence[Books], history: History, moments: Sequence[int], *, may_fail: bool
) -> Verdict:
    """Replays the books and compares. `moments`: all values of the clock, in their order.

    `may_fail`: whether the run had faults; without any, no call may have been lost.
    """
    verdict = Verdict()
    by_org: dict[int, list[tuple[Asked, Told]]] = {}
    for request_id, asked in history.asked.items():
        told = history.told.get(request_id, Told(request_id, "lost"))
        by_org.setdefault(asked.intention.org_id, []).append((asked, told))
    for told in history.told.values():
        verdict.told += told.what != "lost"
        verdict.lost += told.what == "lost"
        verdict.refused += told.what == "refused"
        if told.what == "lost" and (not may_fail or any(wall in told.error for wall in _WALLS)):
            verdict.wrong.append(f"{told.request_id}: failed by itself: {told.error}")
    for org in books:
        complaints = _Org(org, by_org.get(org.org_id, []), moments, verdict).complaints()
        verdict.wrong += [f"org {org.org_id}: {complaint}" for complaint in complaints]
    return verdict


class _Org:
    def __init__(
        self,
        books: Books,
        calls: Sequence[tuple[Asked, Told]],
        moments: Sequence[int],
        verdict: Verdict,
    ) -> None:
        self.books = books
        self.calls = calls
        self.asked: Mapping[str, tuple[Asked, Told]] = {call[0].request_id: call for call in calls}
        self.moments = moments
        self.verdict = verdict
        self.grants: dict[str, list[tuple[Asked, Told]]] = {}
        for call in calls:
            if call[0].intention.kind == "grant":
                self.grants.setdefault(call[0].booking_id, []).append(call)
        self.replay = _Replay()
        self.booked: dict[str, int] = {}
        self.wrong: list[str] = []

    def complaints(self) -> list[str]:
        self._sums()
        for state, entry in enumerate(self.books.entries, 1):
            self._entry(entry)
            self.booked[entry.request_id] = state
        paid = {entry.request_id for entry in self.books.entries}
        for asked, told in self.calls:
            if asked.request_id not in paid:
                self._unpaid(asked, told)
        return self.wrong

    def _sums(self) -> None:
        entries = self.books.entries
        spent = -sum(entry.credits for entry in entries if entry.kind == "charge")
        granted = sum(entry.credits for entry in entries if entry.kind != "charge")
        windows = sum(len(entry.unlocks) for entry in entries)
        self.verdict.entries += len(entries)
        self.verdict.charged += spent
        if self.books.balance != granted - spent:
            self.wrong.append(f"balance {self.books.balance}, ledger {granted - spent}")
        if windows != spent:
            self.wrong.append(f"{windows} windows for {spent} credits spent")
        if self.books.orphans:
            self.wrong.append(f"windows that nobody paid: items {self.books.orphans}")
        sums: dict[tuple[int, str], tuple[int, int, int]] = {}
        for entry in entries:
            place = (entry.created_at // DAY_MS, entry.kind)
            count, credits, items = sums.get(place, (0, 0, 0))
            sums[place] = (count + 1, credits + entry.credits, items + entry.item_count)
        if sums != self.books.sums:
            self.wrong.append("the sums by day are not the ledger's")
        ids = [entry.request_id for entry in entries]
        if len(ids) != len(set(ids)):
            self.wrong.append("a call has two entries")

    def _entry(self, entry: Entry) -> None:
        state = len(self.replay.balances) - 1
        if entry.created_at < self.replay.since[-1]:
            self.wrong.append(f"{entry.request_id}: booked before its predecessor")
        due: set[int] = set()
        call = self.asked.get(entry.request_id)
        if entry.request_id.startswith("month-"):
            self._monthly(entry)
        elif entry.request_id in self.grants:
            self._grant(entry, self.grants[entry.request_id])
        elif call is not None and entry.kind == "charge":
            due = self._charge(entry, call, state)
        elif not entry.request_id.startswith("opening-"):
            self.wrong.append(f"{entry.request_id}: an entry of no call")
        if month_of(entry.created_at) > self.replay.granted[-1] and entry.kind == "charge":
            self.wrong.append(f"{entry.request_id}: charged before the month's grant")
        self.replay.add(entry, due)
        balance = self.replay.balances[-1]
        if balance < 0:
            self.wrong.append(f"{entry.request_id}: the balance falls to {balance}")
        if call is None or call[1].what == "lost":
            return
        asked, told = call
        if not asked.at <= entry.created_at <= told.at:
            self.wrong.append(f"{entry.request_id}: booked outside of its call's time")
        expected = (-entry.credits, balance)
        if told.numbers != expected:
            self.wrong.append(f"{entry.request_id}: told {told.numbers}, true is {expected}")

    def _monthly(self, entry: Entry) -> None:
        """Month after month without a gap, but for those that passed too long ago."""
        month, present = month_of_grant(entry.request_id), month_of(entry.created_at)
        expected = max(self.replay.granted[-1], present - CAUGHT_UP) + 1
        if month != expected or month > present:
            self.wrong.append(f"{entry.request_id}: booked in {present}, due was {expected}")
        if (entry.kind, entry.credits) != ("grant", PLAN_CREDITS):
            self.wrong.append(f"{entry.request_id}: {entry.kind} of {entry.credits}")

    def _grant(self, entry: Entry, attempts: Sequence[tuple[Asked, Told]]) -> None:
        """Booked in the time of one of the attempts, with what they asked for."""
        if attempts[0][0].intention.credits != entry.credits:
            self.wrong.append(f"{entry.request_id}: granted {entry.credits}")
        if not any(
            asked.at <= entry.created_at and (told.what == "lost" or entry.created_at <= told.at)
            for asked, told in attempts
        ):
            self.wrong.append(f"{entry.request_id}: booked outside of its calls' time")

    def _charge(self, entry: Entry, call: tuple[Asked, Told], state: int) -> set[int]:
        asked, told = call
        intention = asked.intention
        due = self.replay.due(state, intention.present, entry.created_at)
        paid = [item for item, _, _ in entry.unlocks]
        if sorted(paid) != sorted(due) or not due:
            self.wrong.append(f"{entry.request_id}: paid for {paid}, due was {sorted(due)}")
        if -entry.credits != len(due) or entry.item_count != len(due):
            self.wrong.append(f"{entry.request_id}: {entry.credits} credits for {sorted(due)}")
        for item, number, end in entry.unlocks:
            if number != len(self.replay.windows.get(item, ())) + 1:
                self.wrong.append(f"{entry.request_id}: item {item} has window {number}")
            if end != entry.created_at + UNLOCK_MS:
                self.wrong.append(f"{entry.request_id}: item {item} is free until {end}")
        if told.what not in ("charged", "lost"):
            self.wrong.append(f"{entry.request_id}: charged, but told {told.what}")
        if told.what == "charged":
            self._data(intention, told)
        return due

    def _data(self, intention: Intention, told: Told) -> None:
        if set(told.items) != set(intention.present):
            self.wrong.append(f"{told.request_id}: told {told.items} of {intention.items}")

    def _unpaid(self, asked: Asked, told: Told) -> None:
        """A call without an entry: lost, absent, free or refused; the latter two must be true of
        some state of the org while the call was under way."""
        intention = asked.intention
        if told.what == "granted":
            booked = self.booked.get(asked.booking_id)
            if booked is None:
                self.wrong.append(f"{asked.request_id}: a grant was told and not booked")
            elif not self._ever(asked, told, told.numbers[0], 0, since=booked):
                self.wrong.append(f"{asked.request_id}: told a false balance {told.numbers}")
        elif told.what == "absent" and intention.present:
            self.wrong.append(f"{asked.request_id}: {intention.items} told absent")
        elif told.what == "charged":
            self._data(intention, told)
            credits, remaining = told.numbers
            if credits:
                self.wrong.append(f"{asked.request_id}: told {credits} credits, none booked")
            elif not self._ever(asked, told, remaining, 0):
                self.wrong.append(f"{asked.request_id}: data without a charge, or a false balance")
        elif told.what == "refused":
            requested, shortfall = told.numbers
            if shortfall < 1 or not self._ever(asked, told, requested - shortfall, requested):
                self.wrong.append(f"{asked.request_id}: refused falsely: {told.numbers}")

    def _ever(self, asked: Asked, told: Told, balance: int, due: int, since: int = 0) -> bool:
        """Whether the org had that balance and that much was due at a moment of the call, with
        the moment's month granted; in the state `since` or a later one."""
        times = self.replay.since
        for state in self.replay.with_balance.get(balance, ()):
            until = times[state + 1] if state + 1 < len(times) else told.at
            begin = max(asked.at, times[state])
            if state < since or begin > told.at or (due and until < asked.at):
                continue
            # A refusal reads the clock under the account's lock, while the state still holds. A
            # free answer reads a snapshot first, from which a charge that is booked but not yet
            # committed is missing, and the clock thereafter.
            last = min(told.at, until) if due else told.at
            first = bisect.bisect_left(self.moments, begin)
            for now in (begin, *self.moments[first : bisect.bisect_right(self.moments, last)]):
                is_granted = month_of(now) <= self.replay.granted[state]
                found = self.replay.due(state, asked.intention.present, now)
                if is_granted and len(found) == due:
                    return True
        return False
