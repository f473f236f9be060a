"""How every use case reaches a list and changes it: found in the org, allowed, locked, audited."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from tracewell.kernel.database import Transaction
from tracewell.kernel.errors import ApiError
from tracewell.trace import errors
from tracewell.trace.lists import store
from tracewell.trace.lists.model import AccessLevel, CompanyList, Member

_ID = re.compile(r"lst_[0-9A-Z]{26}")


async def get_list(tx: Transaction, member: Member, list_id: str) -> CompanyList:
    """A list of the org, which any of its users may read. Raises ApiError (list_not_found)."""
    return await _get(tx, member, list_id, locked=False)


async def lock_list(
    tx: Transaction, member: Member, list_id: str, needed: AccessLevel
) -> CompanyList:
    """A list that the user may change, for the rest of a writing transaction.

    Raises ApiError (list_not_found, list_permission_denied).
    """
    found = await _get(tx, member, list_id, locked=True)
    if not found.lets(member.user_id, needed):
        raise ApiError(errors.LIST_PERMISSION_DENIED)
    return found


async def save_change(
    tx: Transaction,
    before: CompanyList,
    member: Member,
    now: int,
    action: str,
    details: Mapping[str, Any],
    *,
    changes_members: bool = False,
    **values: Any,
) -> CompanyList:
    """Writes a change of a locked list with its entry in the audit log."""
    now = max(now, before.updated_at)
    revision = before.revision + changes_members
    changed = replace(before, updated_at=now, revision=revision, **values)
    await store.change_list(tx, changed)
    await store.add_audit(tx, before.list_id, member.user_id, action, details, now)
    return changed


async def _get(tx: Transaction, member: Member, list_id: str, *, locked: bool) -> CompanyList:
    known = _ID.fullmatch(list_id) is not None
    found = await store.find_list(tx, member, list_id, locked=locked) if known else None
    if found is None:
        raise ApiError(errors.LIST_NOT_FOUND, f"No list found for '{list_id}'")
    return found
