"""The use cases of the ledger. Whoever returns paid items calls `charge` in the transaction that
read them, and answers only after it has been committed."""

from __future__ import annotations

from collections.abc import Sequence

from tracewell.kernel.clock import Clock
from tracewell.kernel.credits import store
from tracewell.kernel.credits.model import (
    Account,
    Call,
    Charge,
    ChargeRequest,
    CreditsExhausted,
    EntryKind,
    LedgerEntry,
)
from tracewell.kernel.credits.rules import UNLOCK_MS, plan_charges
from tracewell.kernel.database import Transaction
from tracewell.kernel.ids import IdFactory

_ENTRY_PREFIX = "led"


class AccountNotFound(LookupError):  # noqa: N818
    """The org has no credit account."""


class Ledger:
    """Exact charges over any number of processes; see docs/decisions/0004-credits-ledger.md."""

    def __init__(self, clock: Clock, new_id: IdFactory, unlock_ms: int = UNLOCK_MS) -> None:
        self._clock = clock
        self._new_id = new_id
        self._unlock_ms = unlock_ms

    async def free(self, tx: Transaction, requests: Sequence[ChargeRequest]) -> list[Charge | None]:
        """What costs nothing, without a write: a `Charge` of 0 where every item is unlocked.

        None where something is due. `tx` may be a snapshot.
        """
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
        orgs = {r.call.org_id for r, is_free in zip(requests, free, strict=True) if is_free}
        balances = await store.fetch_balances(tx, orgs) if orgs else {}
        return [
            Charge(0, balances.get(request.call.org_id, 0)) if is_free else None
            for request, is_free in zip(requests, free, strict=True)
        ]

    async def charge_all(
        self, tx: Transaction, requests: Sequence[ChargeRequest]
    ) -> tuple[Charge | CreditsExhausted, ...]:
        """Charges a group in a writing transaction, each request all or nothing, in order."""
        balances = await store.lock_balances(tx, (request.call.org_id for request in requests))
        windows = await store.fetch_windows(tx, _keys(requests))
        now = self._clock()
        plan = plan_charges(requests, windows, balances, now)
        if plan.unlocks:
            entry_ids = {
                index: self._new_id(_ENTRY_PREFIX)
                for index in dict.fromkeys(unlock.request_index for unlock in plan.unlocks)
            }
            await store.write_plan(tx, requests, plan, entry_ids, now, now + self._unlock_ms)
        return plan.outcomes

    async def charge(self, tx: Transaction, request: ChargeRequest) -> Charge:
        """Charges one call. Raises CreditsExhausted, having written nothing."""
        (outcome,) = await self.charge_all(tx, [request])
        if isinstance(outcome, CreditsExhausted):
            raise outcome
        return outcome

    async def open_account(self, tx: Transaction, org_id: int) -> None:
        """Makes the account of a new org."""
        await store.open_account(tx, org_id)

    async def book(
        self, tx: Transaction, call: Call, kind: EntryKind, credits: int, reason: str
    ) -> int:
        """Books a grant, a refund or an adjustment; returns the new balance.

        Raises AccountNotFound; DatabaseFailed when the balance would go below zero.
        """
        balance = await store.add_to_balance(tx, call.org_id, credits)
        if balance is None:
            raise AccountNotFound(call.org_id)
        # The clock is read under the account's lock, so that the ledger's times keep its order.
        entry = LedgerEntry(
            entry_id=self._new_id(_ENTRY_PREFIX),
            org_id=call.org_id,
            kind=kind,
            credits=credits,
            channel=call.channel,
            key_id=call.key_id,
            endpoint=call.endpoint,
            item_count=0,
            request_id=call.request_id,
            reason=reason,
            created_at=self._clock(),
        )
        await store.add_entry(tx, entry)
        return balance

    async def get_account(self, tx: Transaction, org_id: int) -> Account:
        """The balance. Raises AccountNotFound."""
        balance = await store.fetch_balance(tx, org_id)
        if balance is None:
            raise AccountNotFound(org_id)
        return Account(org_id, balance)

    async def list_entries(
        self, tx: Transaction, org_id: int, *, limit: int, offset: int
    ) -> tuple[list[LedgerEntry], int]:
        """A page of the ledger, the newest first, and how many entries there are."""
        entries = await store.fetch_entries(tx, org_id, limit=limit, offset=offset)
        return entries, await store.count_entries(tx, org_id)


def _keys(requests: Sequence[ChargeRequest]) -> list[tuple[int, int]]:
    return [(request.call.org_id, item) for request in requests for item in request.items]
