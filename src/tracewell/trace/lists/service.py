"""The use cases of lists, one transaction each. Another org's list does not exist for a caller."""

from __future__ import annotations

import re
from dataclasses import replace

from tracewell.kernel.clock import Clock
from tracewell.kernel.database import Database, Transaction
from tracewell.kernel.errors import ApiError
from tracewell.kernel.ids import IdFactory
from tracewell.trace import errors
from tracewell.trace.lists import store
from tracewell.trace.lists.model import Changes, CompanyList, Member
from tracewell.trace.paging import Page

_PREFIX = "lst"
_ID = re.compile(r"lst_[0-9A-Z]{26}")


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
        return made

    async def list_lists(self, member: Member, page: Page) -> tuple[list[CompanyList], int]:
        """A page of the org's lists, and how many there are."""
        async with self._database.snapshot() as tx:
            return await store.list_lists(tx, member.org_id, limit=page.limit, offset=page.offset)

    async def get_list(self, member: Member, list_id: str) -> CompanyList:
        """A list of the org. Raises ApiError (list_not_found)."""
        async with self._database.snapshot() as tx:
            return await self._get(tx, member, list_id)

    async def change_list(self, member: Member, list_id: str, changes: Changes) -> CompanyList:
        """Changes name or description. Raises ApiError (list_not_found, list_permission_denied)."""
        async with self._database.transaction() as tx:
            found = await self._get(tx, member, list_id)
            if found.access_of(member.user_id) == "viewer":
                raise ApiError(errors.LIST_PERMISSION_DENIED)
            if not changes.values:
                return found
            now = max(self._clock(), found.updated_at)
            changed = replace(found, updated_at=now, **changes.values)  # type: ignore[arg-type]
            await store.change_list(tx, changed)
        return changed

    async def remove_list(self, member: Member, list_id: str) -> None:
        """Removes a list; its owner's right. Raises like `change_list`."""
        async with self._database.transaction() as tx:
            found = await self._get(tx, member, list_id)
            if found.access_of(member.user_id) != "owner":
                raise ApiError(errors.LIST_PERMISSION_DENIED)
            await store.remove_list(tx, member.org_id, list_id)

    async def _get(self, tx: Transaction, member: Member, list_id: str) -> CompanyList:
        known = _ID.fullmatch(list_id) is not None
        found = await store.find_list(tx, member.org_id, list_id) if known else None
        if found is None:
            raise ApiError(errors.LIST_NOT_FOUND, f"No list found for '{list_id}'")
        return found
