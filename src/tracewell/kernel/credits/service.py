"""The use cases of the ledger. Whoever returns paid items calls `charge` in the transaction that
read them, and answers only after it has been committed."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from types import MappingProxyType

from tracewell.kernel.clock import Clock
from tracewell.kernel.credits import grant_store, store, usage_store
from tracewell.kernel.credits.grants import ENTRY_PREFIX, MonthlyGrants
from tracewell.kernel.credits.model import (
    Account,
    AccountNotFound,
    BookedOtherwise,
    Booking,
    Call,
    Charge,
    ChargeRequest,
    CreditsExhausted,
    EntryKind,
    LedgerEntry,
    Standing,
    Usage,
    UsageGroup,
)
from tracewell.kernel.credits.months import begin_of_month, month_of
from tracewell.kernel.credits.rules import UNLOCK_MS, plan_charges
from tracewell.kernel.database import Database, Transaction
from tracewell.kernel.ids import IdFactory

SAMPLED = 8
"""Items of a call that are looked at before all of them are."""
SETTLED_AT_ONCE_MAX = 200
"""Accounts that housekeeping locks in one transaction."""
_NO_PLANS: Mapping[str, int] = MappingProxyType({})


class Ledger:
    """Exact charges over any number of processes; see docs/decisions/0004-credits-ledger.md.

    `monthly` is what an org of each plan is granted a month. Whatever changes or tells a balance
    here books the grants that are due first.
    """

    def __init__(
        self,
        clock: Clock,
        new_id: IdFactory,
        unlock_ms: int = UNLOCK_MS,
        monthly: Mapping[str, int] = _NO_PLANS,
    ) -> None:
        self._clock = clock
        self._new_id = new_id
        self._unlock_ms = unlock_ms
        self._grants = MonthlyGrants(monthly, new_id)

    async def free(self, tx: Transaction, requests: Sequence[ChargeRequest]) -> list[Charge | None]:
        """What costs nothing, without a write: a `Charge` of 0 where every item is unlocked.

        None where something is due, a month's grant included. `tx` may be a snapshot.
        """
        free, now = await self._are_free(tx, [_some_of(request) for request in requests])
        large = [place for place, request in enumerate(requests) if _is_large(request)]
        if any(free[place] for place in large):
            free, now = await self._are_free(tx, requests)
        orgs = {r.call.org_id for r, is_free in zip(requests, free, strict=True) if is_free}
        accounts = await store.fetch_accounts(tx, orgs) if orgs else {}
        month = month_of(now)
        told: list[Charge | None] = []
        for request, is_free in zip(requests, free, strict=True):
            account = accounts.get(request.call.org_id, Standing(0, month)) if is_free else None
            is_settled = account is not None and account.grant_month >= month
            told.append(Charge(0, account.balance) if account and is_settled else None)
        return told

    async def _are_free(
        self, tx: Transaction, requests: Sequence[ChargeRequest]
    ) -> tuple[list[bool], int]:
        """Which have all of their items unlocked, and when that was."""
        windows = await store.fetch_windows(tx, _keys(requests))
        now = self._clock()
        free = [
            all(
                (window := windows.get((request.call.org_id, item))) is not None
                and now < window.expires_at
                for item in request.items
            )
            for request in requests
        ]
        return free, now

    async def charge_all(
        self, tx: Transaction, requests: Sequence[ChargeRequest]
    ) -> tuple[Charge | CreditsExhausted, ...]:
        """Charges a group in a writing transaction, each request all or nothing, in order.

        A grant that is due is booked also where all are refused, so commit in any case.
        """
        accounts = await store.lock_accounts(tx, (request.call.org_id for request in requests))
        windows = await store.fetch_windows(tx, _keys(requests))
        now = self._clock()
        balances = await self._grants.settle(tx, accounts, now)
        plan = plan_charges(requests, windows, balances, now)
        if plan.unlocks:
            entry_ids = {
                index: self._new_id(ENTRY_PREFIX)
                for index in dict.fromkeys(unlock.request_index for unlock in plan.unlocks)
            }
            await store.write_plan(tx, requests, plan, entry_ids, now, now + self._unlock_ms)
        return plan.outcomes

    async def open_account(self, tx: Transaction, org_id: int) -> None:
        """Makes the account of a new org, whose first monthly grant is the next month's."""
        await store.open_account(tx, org_id, month_of(self._clock()))

    async def open_account_of_plan(self, tx: Transaction, org_id: int) -> None:
        """Makes the account of a new org with the present month's grant of its plan."""
        await store.open_account(tx, org_id, month_of(self._clock()) - 1)
        await self.settle(tx, [org_id])

    async def settle(self, tx: Transaction, org_ids: Iterable[int]) -> dict[int, int]:
        """Locks accounts and books the monthly grants that are due; the balances after it."""
        accounts = await store.lock_accounts(tx, org_ids)
        return await self._grants.settle(tx, accounts, self._clock())

    async def settle_all(self, database: Database) -> int:
        """Books what is due to whomever, a few accounts at a time; how many had something due."""
        count = 0
        while True:
            async with database.transaction() as tx:
                month = month_of(self._clock())
                waiting = await grant_store.list_unsettled(tx, month, SETTLED_AT_ONCE_MAX)
                await self.settle(tx, waiting)
            count += len(waiting)
            if len(waiting) < SETTLED_AT_ONCE_MAX:
                return count

    async def book(
        self, tx: Transaction, call: Call, kind: EntryKind, credits: int, reason: str
    ) -> Booking:
        """Books a grant, a refund or an adjustment, once for each request id of the org.

        Raises AccountNotFound; BookedOtherwise where the request id was booked with other credits;
        DatabaseFailed when the balance would go below zero.
        """
        accounts = await store.lock_accounts(tx, [call.org_id])
        # Read once, under the account's lock: the ledger's times keep its order, and the entry
        # stands behind its own month's grant.
        now = self._clock()
        balances = await self._grants.settle(tx, accounts, now)
        if call.org_id not in balances:
            raise AccountNotFound(call.org_id)
        booked = await store.find_booked(tx, call.org_id, kind, call.request_id)
        if booked is not None:
            if booked != credits:
                raise BookedOtherwise(call.request_id, booked)
            return Booking(balances[call.org_id], is_new=False)
        balance = await store.add_to_balance(tx, call.org_id, credits)
        entry = LedgerEntry(
            entry_id=self._new_id(ENTRY_PREFIX),
            org_id=call.org_id,
            kind=kind,
            credits=credits,
            channel=call.channel,
            key_id=call.key_id,
            endpoint=call.endpoint,
            item_count=0,
            request_id=call.request_id,
            reason=reason,
            created_at=now,
        )
        await store.add_entry(tx, entry)
        return Booking(balance, is_new=True)

    async def top_up(self, tx: Transaction, org_id: int, before: str, plan: str) -> int:
        """Books what the org's new plan brings this month beyond what its plans have brought; how
        much. The caller has settled the account in this transaction, by the old plan."""
        now = self._clock()
        credits = await self._grants.missing(tx, org_id, before, plan, now)
        if credits:
            request_id = self._grants.top_up_id(plan, now)
            call = Call(org_id, "app", None, "plan change", request_id)
            await self.book(tx, call, "adjustment", credits, f"plan {before} to {plan}")
        return credits

    async def get_account(self, tx: Transaction, org_id: int) -> Account:
        """How the org stands by what is booked. Raises AccountNotFound."""
        found = await store.fetch_account(tx, org_id)
        if found is None:
            raise AccountNotFound(org_id)
        standing, plan = found
        month = month_of(self._clock())
        return Account(
            org_id=org_id,
            balance=standing.balance,
            plan=plan,
            next_grant_at=begin_of_month(month + 1),
            next_credits=self._grants.credits_of(plan),
            is_grant_due=standing.grant_month < month,
        )

    async def get_settled_account(self, database: Database, org_id: int) -> Account:
        """How the org stands, with all that is due booked. Raises AccountNotFound."""
        async with database.snapshot() as tx:
            account = await self.get_account(tx, org_id)
        if account.is_grant_due:
            async with database.transaction() as tx:
                await self.settle(tx, [org_id])
                account = await self.get_account(tx, org_id)
        return account

    async def list_entries(
        self, tx: Transaction, org_id: int, *, limit: int, offset: int
    ) -> tuple[list[LedgerEntry], int]:
        """A page of the ledger, the newest first, and how many entries there are."""
        entries = await store.fetch_entries(tx, org_id, limit=limit, offset=offset)
        return entries, await usage_store.count_entries(tx, org_id)

    async def list_usage(
        self,
        tx: Transaction,
        org_id: int,
        group: UsageGroup,
        *,
        first_day: int,
        last_day: int,
        limit: int,
        offset: int,
    ) -> tuple[list[Usage], Usage, int]:
        """A page of what was charged and refunded on the days (since the epoch, both included),
        all of it together, and how many groups there are."""
        return await usage_store.list_usage(
            tx,
            org_id,
            group,
            first_day=first_day,
            last_day=last_day,
            limit=limit,
            offset=offset,
        )


def _is_large(request: ChargeRequest) -> bool:
    return len(request.items) > SAMPLED


def _some_of(request: ChargeRequest) -> ChargeRequest:
    """The request, or one for a few of its many items: one of them that is due tells enough."""
    if not _is_large(request):
        return request
    return ChargeRequest(request.call, request.items[:: -(-len(request.items) // SAMPLED)])


def _keys(requests: Sequence[ChargeRequest]) -> list[tuple[int, int]]:
    return [(request.call.org_id, item) for request in requests for item in request.items]
