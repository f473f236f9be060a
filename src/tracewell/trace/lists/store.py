"""The SQL of lists, their shares and their audit log. Every statement that finds a list names the
org: no list is reached from another."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import orjson

from tracewell.kernel.database import Sql, Transaction
from tracewell.trace.lists.model import AuditEntry, CompanyList, Grant, Member, Share

_COLUMNS = """l.list_id, l.org_id, l.owner_id, l.org_access, l.name, l.description, l.created_at,
    l.updated_at, l.definition_version, l.revision, s.access_level"""
_FROM = """FROM lists AS l
    LEFT JOIN list_shares AS s ON s.list_id = l.list_id AND s.user_id = :user_id"""
_ADD = """
    INSERT INTO lists (list_id, org_id, owner_id, org_access, name, description, created_at,
      updated_at)
    VALUES (:list_id, :org_id, :owner_id, :org_access, :name, :description, :now, :now)"""
_ONE = f"""
    SELECT {_COLUMNS} {_FROM} WHERE l.org_id = :org_id AND l.list_id = :list_id"""
_ONE_LOCKED = Sql(sqlite=_ONE, postgresql=f"{_ONE} FOR UPDATE OF l")
_PAGE = f"""
    SELECT {_COLUMNS} {_FROM} WHERE l.org_id = :org_id
    ORDER BY l.list_id LIMIT :limit OFFSET :offset"""
_CHANGE = """
    UPDATE lists SET name = :name, description = :description, org_access = :org_access,
      owner_id = :owner_id, updated_at = :updated_at, definition_version = :definition_version,
      revision = :revision
    WHERE org_id = :org_id AND list_id = :list_id"""
_PARTS = (
    "list_past_members",
    "list_materializations",
    "list_audit",
    "list_shares",
    "list_domains",
    "list_definitions",
    "lists",
)
_SAVE_SHARE = """
    INSERT INTO list_shares (list_id, user_id, access_level, granted_by, created_at)
    VALUES (:list_id, :user_id, :access_level, :granted_by, :now)
    ON CONFLICT (list_id, user_id) DO UPDATE SET access_level = excluded.access_level,
      granted_by = excluded.granted_by, created_at = excluded.created_at"""
_SHARES = """
    SELECT s.user_id, u.email, s.access_level, s.granted_by, s.created_at
    FROM list_shares AS s JOIN users AS u ON u.user_id = s.user_id
    WHERE s.list_id = :list_id ORDER BY u.email LIMIT :limit OFFSET :offset"""
_ADD_AUDIT = """
    INSERT INTO list_audit (list_id, number, action, user_id, details, created_at)
    SELECT :list_id, COALESCE(MAX(number), 0) + 1, CAST(:action AS TEXT),
      CAST(:user_id AS BIGINT), CAST(:details AS TEXT), CAST(:now AS BIGINT)
    FROM list_audit WHERE list_id = :list_id"""
_AUDIT = """
    SELECT number, action, user_id, details, created_at FROM list_audit
    WHERE list_id = :list_id ORDER BY number DESC LIMIT :limit OFFSET :offset"""


async def add_list(tx: Transaction, made: CompanyList) -> None:
    """Stores a new list."""
    await tx.execute(
        _ADD,
        list_id=made.list_id,
        org_id=made.org_id,
        owner_id=made.owner_id,
        org_access=made.org_access,
        name=made.name,
        description=made.description,
        now=made.created_at,
    )


async def find_list(
    tx: Transaction, member: Member, list_id: str, *, locked: bool = False
) -> CompanyList | None:
    """A list of the org as the user meets it; `locked` until the writing transaction ends."""
    row = await tx.fetch_one(
        _ONE_LOCKED if locked else _ONE,
        org_id=member.org_id,
        user_id=member.user_id,
        list_id=list_id,
    )
    return None if row is None else CompanyList(*row)


async def list_lists(
    tx: Transaction, member: Member, *, limit: int, offset: int
) -> tuple[list[CompanyList], int]:
    """A page of the org's lists in the order they were made, and how many there are."""
    total = await tx.fetch_value(
        "SELECT COUNT(*) FROM lists WHERE org_id = :org_id", org_id=member.org_id
    )
    rows = await tx.fetch_all(
        _PAGE, org_id=member.org_id, user_id=member.user_id, limit=limit, offset=offset
    )
    return [CompanyList(*row) for row in rows], total


async def change_list(tx: Transaction, changed: CompanyList) -> None:
    """Writes everything of the list that can change."""
    await tx.execute(
        _CHANGE,
        org_id=changed.org_id,
        list_id=changed.list_id,
        name=changed.name,
        description=changed.description,
        org_access=changed.org_access,
        owner_id=changed.owner_id,
        updated_at=changed.updated_at,
        definition_version=changed.definition_version,
        revision=changed.revision,
    )


async def remove_list(tx: Transaction, list_id: str) -> None:
    """Removes a list that the caller has found in its org, and all that belongs to it."""
    for table in _PARTS:
        await tx.execute(f"DELETE FROM {table} WHERE list_id = :list_id", list_id=list_id)  # noqa: S608


async def find_colleague(tx: Transaction, org_id: int, email: str) -> int | None:
    """The user of the org with the address, in any letter case."""
    found: int | None = await tx.fetch_value(
        "SELECT user_id FROM users WHERE org_id = :org_id AND LOWER(email) = :email",
        org_id=org_id,
        email=email.strip().lower(),
    )
    return found


async def save_share(
    tx: Transaction, list_id: str, user_id: int, level: Share, *, granted_by: int, now: int
) -> None:
    """Gives a colleague a level, whatever it was."""
    await tx.execute(
        _SAVE_SHARE, list_id=list_id, user_id=user_id, access_level=level,
        granted_by=granted_by, now=now,
    )  # fmt: skip


async def remove_share(tx: Transaction, list_id: str, user_id: int) -> bool:
    """Takes a grant back; False where there was none."""
    changed = await tx.execute(
        "DELETE FROM list_shares WHERE list_id = :list_id AND user_id = :user_id",
        list_id=list_id,
        user_id=user_id,
    )
    return changed > 0


async def find_share(tx: Transaction, list_id: str, user_id: int) -> Grant | None:
    """What a colleague was given."""
    row = await tx.fetch_one(
        """
        SELECT s.user_id, u.email, s.access_level, s.granted_by, s.created_at
        FROM list_shares AS s JOIN users AS u ON u.user_id = s.user_id
        WHERE s.list_id = :list_id AND s.user_id = :user_id""",
        list_id=list_id,
        user_id=user_id,
    )
    return None if row is None else Grant(*row)


async def list_shares(
    tx: Transaction, list_id: str, *, limit: int, offset: int
) -> tuple[list[Grant], int]:
    """A page of the grants by address, and how many there are."""
    total = await tx.fetch_value(
        "SELECT COUNT(*) FROM list_shares WHERE list_id = :list_id", list_id=list_id
    )
    rows = await tx.fetch_all(_SHARES, list_id=list_id, limit=limit, offset=offset)
    return [Grant(*row) for row in rows], total


async def add_audit(
    tx: Transaction, list_id: str, user_id: int, action: str, details: Mapping[str, Any], now: int
) -> None:
    """Appends to the audit log of a list that the transaction has locked."""
    await tx.execute(
        _ADD_AUDIT, list_id=list_id, user_id=user_id, action=action,
        details=orjson.dumps(details).decode(), now=now,
    )  # fmt: skip


async def list_audit(
    tx: Transaction, list_id: str, *, limit: int, offset: int
) -> tuple[list[AuditEntry], int]:
    """A page of the audit log, the newest first, and how many entries there are."""
    total = await tx.fetch_value(
        "SELECT COUNT(*) FROM list_audit WHERE list_id = :list_id", list_id=list_id
    )
    rows = await tx.fetch_all(_AUDIT, list_id=list_id, limit=limit, offset=offset)
    return [
        AuditEntry(n, action, user, orjson.loads(d), at) for n, action, user, d, at in rows
    ], total
