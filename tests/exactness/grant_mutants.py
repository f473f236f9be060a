"""Planted bugs of grants: of a month's, and of one whose answer was lost."""

from __future__ import annotations

from collections.abc import Mapping

from tests.exactness.history import Told
from tests.exactness.mutants import OpenLedger
from tests.exactness.server import Server
from tests.exactness.world import PLAN_CREDITS

from tracewell.kernel.clock import Clock
from tracewell.kernel.credits import Call, Ledger, LedgerEntry, grant_store, store
from tracewell.kernel.credits.model import Standing
from tracewell.kernel.credits.months import month_of
from tracewell.kernel.database import Transaction
from tracewell.kernel.ids import IdFactory


class _LateGrants(OpenLedger):
    async def settled(
        self, tx: Transaction, accounts: Mapping[int, Standing], now: int
    ) -> dict[int, int]:
        await super().settled(tx, accounts, now)
        return {org_id: account.balance for org_id, account in accounts.items()}


class _GrantsByTheMark(OpenLedger):
    async def settled(
        self, tx: Transaction, accounts: Mapping[int, Standing], now: int
    ) -> dict[int, int]:
        balances = {org_id: account.balance for org_id, account in accounts.items()}
        for org_id, account in accounts.items():
            if account.grant_month < month_of(now):
                request_id = self.new_id("req")
                entry = LedgerEntry(
                    self.new_id("led"), org_id, "grant", PLAN_CREDITS, "app", None,
                    "monthly grant", 0, request_id, None, now,
                )  # fmt: skip
                await store.add_entry(tx, entry)
                balances[org_id] = await store.add_to_balance(tx, org_id, PLAN_CREDITS)
                await grant_store.settle_account(tx, org_id, 0, month_of(now))
        return balances


class GrantAfterDecision(Server):
    """Decides by the balance from before the month's grant."""

    def make_ledger(self, clock: Clock, new_id: IdFactory) -> Ledger:
        return _LateGrants(clock, new_id)


class GrantWithoutMonth(Server):
    """Grants once for however many months have passed, under an id that says no month."""

    def make_ledger(self, clock: Clock, new_id: IdFactory) -> Ledger:
        return _GrantsByTheMark(clock, new_id)


class GrantTwice(Server):
    """Grants anew when the answer to a grant was lost."""

    async def grant(self, call: Call, credits: int) -> Told:
        again = call._replace(request_id=f"{call.request_id}-{self.ledger._new_id('req')}")
        return await super().grant(again, credits)


GRANT_MUTANTS: tuple[type[Server], ...] = (GrantAfterDecision, GrantWithoutMonth, GrantTwice)
