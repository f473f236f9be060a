"""What an org may see of its credits. Free, and nothing here charges or grants."""

from __future__ import annotations

from dataclasses import dataclass

from tracewell.kernel.credits import Ledger, LedgerEntry
from tracewell.kernel.database import Database
from tracewell.kernel.identity import store as identity_store
from tracewell.trace.paging import Page


@dataclass(frozen=True, slots=True)
class Balance:
    """The org's credits and the plan that it is on."""

    balance: int
    plan: str


class Credits:
    """Reads of one org's account."""

    def __init__(self, database: Database, ledger: Ledger) -> None:
        self._database = database
        self._ledger = ledger

    async def get_balance(self, org_id: int) -> Balance:
        """Raises LookupError where there is no such org."""
        async with self._database.snapshot() as tx:
            org = await identity_store.find_org_by_id(tx, org_id)
            account = await self._ledger.get_account(tx, org_id)
        if org is None:
            raise LookupError(org_id)
        return Balance(account.balance, org.plan)

    async def list_entries(self, org_id: int, page: Page) -> tuple[list[LedgerEntry], int]:
        """A page of the ledger, the newest entry first, and how many there are."""
        async with self._database.snapshot() as tx:
            return await self._ledger.list_entries(tx, org_id, limit=page.limit, offset=page.offset)
