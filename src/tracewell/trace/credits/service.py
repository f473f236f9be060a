"""What an org may see of its credits. Free; a month's grant that is due is booked first."""

from __future__ import annotations

from tracewell.kernel.credits import Account, Ledger, LedgerEntry
from tracewell.kernel.database import Database
from tracewell.trace.paging import Page


class Credits:
    """Reads of one org's account."""

    def __init__(self, database: Database, ledger: Ledger) -> None:
        self._database = database
        self._ledger = ledger

    async def get_account(self, org_id: int) -> Account:
        """The balance, the plan and the next grant. Raises AccountNotFound."""
        return await self._ledger.get_settled_account(self._database, org_id)

    async def list_entries(self, org_id: int, page: Page) -> tuple[list[LedgerEntry], int]:
        """A page of the ledger, the newest entry first, and how many there are."""
        await self._ledger.get_settled_account(self._database, org_id)
        async with self._database.snapshot() as tx:
            return await self._ledger.list_entries(tx, org_id, limit=page.limit, offset=page.offset)
