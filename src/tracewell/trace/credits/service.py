"""What an org may see of its credits. Free; a month's grant that is due is booked first."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date

from tracewell.kernel.clock import DAY_MS, Clock
from tracewell.kernel.credits import Account, Ledger, LedgerEntry, Usage, UsageGroup
from tracewell.kernel.database import Database
from tracewell.kernel.errors import ApiError
from tracewell.trace import errors
from tracewell.trace.paging import Page

WINDOW_DAYS_DEFAULT = 30
WINDOW_DAYS_MAX = 366
_EPOCH = date(1970, 1, 1).toordinal()


@dataclass(frozen=True, slots=True)
class UsageWindow:
    """Days of UTC, both included."""

    first: date
    last: date


@dataclass(frozen=True, slots=True)
class UsagePage:
    """A page of groups, all groups together, and how many there are."""

    window: UsageWindow
    rows: list[Usage]
    totals: Usage
    group_count: int


def parse_window(first: date | None, last: date | None, today: date) -> UsageWindow:
    """The wanted days; thirty up to today where none are named. Raises ApiError (bad_request)."""
    if last is None:
        last = today
    if first is None:
        first = date.fromordinal(max(1, last.toordinal() - WINDOW_DAYS_DEFAULT + 1))
    if first > last:
        raise ApiError(errors.BAD_REQUEST, "`from` is behind `to`.")
    if last.toordinal() - first.toordinal() >= WINDOW_DAYS_MAX:
        raise ApiError(errors.BAD_REQUEST, f"A window has at most {WINDOW_DAYS_MAX} days.")
    return UsageWindow(first, last)


def day_of(number: int) -> date:
    """The day of a number of days since the epoch."""
    return date.fromordinal(_EPOCH + number)


class Credits:
    """Reads of one org's account."""

    def __init__(self, database: Database, ledger: Ledger, clock: Clock) -> None:
        self._database = database
        self._ledger = ledger
        self._clock = clock

    async def get_account(self, org_id: int) -> Account:
        """The balance, the plan and the next grant. Raises AccountNotFound."""
        return await self._ledger.get_settled_account(self._database, org_id)

    async def list_entries(self, org_id: int, page: Page) -> tuple[list[LedgerEntry], int]:
        """A page of the ledger, the newest entry first, and how many there are."""
        await self._ledger.get_settled_account(self._database, org_id)
        async with self._database.snapshot() as tx:
            return await self._ledger.list_entries(tx, org_id, limit=page.limit, offset=page.offset)

    async def get_usage(
        self, org_id: int, group: UsageGroup, first: date | None, last: date | None, page: Page
    ) -> UsagePage:
        """What was charged and refunded in a window. Raises ApiError (bad_request)."""
        window = parse_window(first, last, day_of(self._clock() // DAY_MS))
        async with self._database.snapshot() as tx:
            rows, totals, count = await self._ledger.list_usage(
                tx,
                org_id,
                group,
                first_day=window.first.toordinal() - _EPOCH,
                last_day=window.last.toordinal() - _EPOCH,
                limit=page.limit,
                offset=page.offset,
            )
        return UsagePage(window, rows, totals, count)
