"""The use cases of sharing a list with colleagues, one transaction each. Only its owner
changes anything."""

from __future__ import annotations

from tracewell.kernel.clock import Clock
from tracewell.kernel.database import Database, Transaction
from tracewell.kernel.errors import ApiError
from tracewell.trace import errors
from tracewell.trace.lists import store
from tracewell.trace.lists.access import get_list, lock_list, save_change
from tracewell.trace.lists.model import CompanyList, Grant, Member, Share
from tracewell.trace.paging import Page


class Sharing:
    """Grants to single colleagues, and the change of the owner."""

    def __init__(self, database: Database, clock: Clock) -> None:
        self._database = database
        self._clock = clock

    async def list_shares(
        self, member: Member, list_id: str, page: Page
    ) -> tuple[list[Grant], int]:
        """A page of the grants, and how many there are. Raises ApiError (list_not_found)."""
        async with self._database.snapshot() as tx:
            await get_list(tx, member, list_id)
            return await store.list_shares(tx, list_id, limit=page.limit, offset=page.offset)

    async def grant(self, member: Member, list_id: str, email: str, level: Share) -> Grant:
        """Gives a colleague a level, whatever it was before.

        Raises ApiError (list_not_found, list_permission_denied, user_not_found).
        """
        async with self._database.transaction() as tx:
            found = await lock_list(tx, member, list_id, "owner")
            user_id = await self._colleague(tx, found, email)
            return await self._save(tx, found, member, user_id, level, "share.granted")

    async def change(self, member: Member, list_id: str, user_id: int, level: Share) -> Grant:
        """Changes a grant. Raises like `grant`; user_not_found where there is none."""
        async with self._database.transaction() as tx:
            found = await lock_list(tx, member, list_id, "owner")
            if await store.find_share(tx, list_id, user_id) is None:
                raise ApiError(errors.USER_NOT_FOUND)
            return await self._save(tx, found, member, user_id, level, "share.changed")

    async def revoke(self, member: Member, list_id: str, user_id: int) -> None:
        """Takes a grant back: the org's level counts again. Raises like `change`."""
        async with self._database.transaction() as tx:
            found = await lock_list(tx, member, list_id, "owner")
            if not await store.remove_share(tx, list_id, user_id):
                raise ApiError(errors.USER_NOT_FOUND)
            details = {"user_id": user_id}
            await save_change(tx, found, member, self._clock(), "share.revoked", details)

    async def transfer(self, member: Member, list_id: str, email: str) -> CompanyList:
        """Makes a colleague the owner; the former owner becomes an editor. Raises like `grant`."""
        async with self._database.transaction() as tx:
            found = await lock_list(tx, member, list_id, "owner")
            user_id = await self._colleague(tx, found, email)
            now = self._clock()
            await store.remove_share(tx, list_id, user_id)
            await store.save_share(
                tx, list_id, member.user_id, "editor", granted_by=member.user_id, now=now
            )
            return await save_change(
                tx, found, member, now, "owner.changed", {"user_id": user_id},
                owner_id=user_id, granted="editor",
            )  # fmt: skip

    async def _colleague(self, tx: Transaction, found: CompanyList, email: str) -> int:
        user_id = await store.find_colleague(tx, found.org_id, email)
        if user_id is None or user_id == found.owner_id:
            raise ApiError(errors.USER_NOT_FOUND)
        return user_id

    async def _save(
        self,
        tx: Transaction,
        found: CompanyList,
        member: Member,
        user_id: int,
        level: Share,
        action: str,
    ) -> Grant:
        now = self._clock()
        await store.save_share(
            tx, found.list_id, user_id, level, granted_by=member.user_id, now=now
        )
        details = {"user_id": user_id, "access_level": level}
        await save_change(tx, found, member, now, action, details)
        grant = await store.find_share(tx, found.list_id, user_id)
        assert grant is not None, "it was written in this transaction"
        return grant
