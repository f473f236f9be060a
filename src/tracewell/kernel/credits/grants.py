"""Monthly grants by plan: booked by whoever first looks at an account in a month, exactly once.

See docs/decisions/0200-monthly-grants.md.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from tracewell.kernel.credits import grant_store
from tracewell.kernel.credits.model import LedgerEntry, Standing
from tracewell.kernel.credits.months import due_months, month_name, month_of
from tracewell.kernel.database import Transaction
from tracewell.kernel.ids import IdFactory

ENTRY_PREFIX = "led"
RESERVED_PREFIXES = ("month-", "plan-")
"""How the request ids of what is booked here begin; no operator's does."""


@dataclass(frozen=True, slots=True)
class MonthlyGrants:
    """`credits_by_plan` is what an org of each plan gets a month; of any other plan, nothing."""

    credits_by_plan: Mapping[str, int]
    new_id: IdFactory

    def credits_of(self, plan: str) -> int:
        """What the plan grants a month."""
        return self.credits_by_plan.get(plan, 0)

    async def settle(
        self, tx: Transaction, accounts: Mapping[int, Standing], now: int
    ) -> dict[int, int]:
        """Books what is due to accounts whose lock the caller holds; the balances after it.

        `now` was read under the lock. Where nothing is due, no statement is run.
        """
        month = month_of(now)
        balances = {org_id: standing.balance for org_id, standing in accounts.items()}
        waiting = [org_id for org_id, one in accounts.items() if one.grant_month != month]
        if not waiting:
            return balances
        plans = await grant_store.fetch_plans(tx, waiting)
        entries = [
            self._entry(org_id, plans[org_id], due, now)
            for org_id in waiting
            if self.credits_of(plans[org_id])
            for due in due_months(accounts[org_id].grant_month, month)
        ]
        got = await grant_store.add_grants(tx, entries) if entries else {}
        for org_id in waiting:
            # Behind a month that was booked ahead, a look that books nothing leaves no trace.
            if org_id in got or month > accounts[org_id].grant_month:
                credits = got.get(org_id, 0)
                await grant_store.settle_account(tx, org_id, credits, month)
                balances[org_id] += credits
        return balances

    async def missing(self, tx: Transaction, org_id: int, before: str, plan: str, now: int) -> int:
        """What a plan brings beyond what this month's plans have brought so far; 0 or more."""
        name = month_name(month_of(now))
        had = await grant_store.sum_of_month(tx, org_id, f"month-{name}", f"plan-{name}-")
        return max(0, self.credits_of(plan) - max(had, self.credits_of(before)))

    def top_up_id(self, plan: str, now: int) -> str:
        """The request id of what a plan brings in the middle of a month: one for each height."""
        return f"plan-{month_name(month_of(now))}-{self.credits_of(plan)}"

    def _entry(self, org_id: int, plan: str, month: int, now: int) -> LedgerEntry:
        return LedgerEntry(
            entry_id=self.new_id(ENTRY_PREFIX),
            org_id=org_id,
            kind="grant",
            credits=self.credits_of(plan),
            channel="app",
            key_id=None,
            endpoint="monthly grant",
            item_count=0,
            request_id=f"month-{month_name(month)}",
            reason=f"plan {plan}",
            created_at=now,
        )
