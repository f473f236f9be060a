"""The use cases of lists as such, one transaction each. Another org's list does not exist for a
caller."""

from __future__ import annotations

from dataclasses import replace

from tracewell.kernel.clock import Clock
from tracewell.kernel.database import Database
from tracewell.kernel.errors import ApiError
from tracewell.kernel.ids import IdFactory
from tracewell.trace import errors
from tracewell.trace.lists import store
from tracewell.trace.lists.access import get_list, lock_list, save_change
from tracewell.trace.lists.model import AuditEntry, Changes, CompanyList, Member
from tracewell.trace.paging import Page

_PREFIX = "lst"


class Lists:
    """Lists of an org, made and changed by its users."""

    def __init__(self, database: Database, clock: Clock, new_id: IdFactory) -> None:
        self._database = database
        self._clock = clock
        self._new_id = new_id

    async def create_list(self, member: Member, name: str, description: str | None) -> CompanyList:
        """Makes a list that the user owns and the org may read."""
        now = self._clock()
        made = CompanyList(
            self._new_id(_PREFIX), member.org_id, member.user_id, "viewer", name, description,
            now, now,
        )  # fmt: skip
        async with self._database.transaction() as tx:
            await store.add_list(tx, made)
            await store.add_audit(
                tx, made.list_id, member.user_id, "list.created", {"name": name}, now
            )
        return made

    async def list_lists(self, member: Member, page: Page) -> tuple[list[CompanyList], int]:
        """A page of the org's lists, and how many there are."""
        async with self._database.snapshot() as tx:
            return await store.list_lists(tx, member, limit=page.limit, offset=page.offset)

    async def get_list(self, member: Member, list_id: str) -> CompanyList:
        """A list of the org. Raises ApiError (list_not_found)."""
        async with self._database.snapshot() as tx:
            return await get_list(tx, member, list_id)

    async def change_list(self, member: Member, list_id: str, changes: Changes) -> CompanyList:
        """Changes name, description or, for the owner, what the org may do.

        Raises ApiError (list_not_found, list_permission_denied).
        """
        async with self._database.transaction() as tx:
            found = await lock_list(tx, member, list_id, "editor")
            if "org_access" in changes.values and not found.lets(member.user_id, "owner"):
                raise ApiError(errors.LIST_PERMISSION_DENIED)
            if replace(found, **changes.values) == found:
                return found
            return await save_change(
                tx, found, member, self._clock(), "list.changed", changes.values, **changes.values
            )

    async def remove_list(self, member: Member, list_id: str) -> None:
        """Removes a list; its owner's right. Raises like `change_list`."""
        async with self._database.transaction() as tx:
            await lock_list(tx, member, list_id, "owner")
            await store.remove_list(tx, list_id)

    async def list_audit(
        self, member: Member, list_id: str, page: Page
    ) -> tuple[list[AuditEntry], int]:
        """A page of the list's audit log, the newest first, and how many entries there are."""
        async with self._database.snapshot() as tx:
            await get_list(tx, member, list_id)
            return await store.list_audit(tx, list_id, limit=page.limit, offset=page.offset)
