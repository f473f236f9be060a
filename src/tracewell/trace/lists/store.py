"""The SQL of lists. Every statement names the org: no list is reached from another."""

from __future__ import annotations

from tracewell.kernel.database import Transaction
from tracewell.trace.lists.model import CompanyList

_COLUMNS = "list_id, org_id, owner_id, org_access, name, description, created_at, updated_at"
_ADD = f"""
    INSERT INTO lists ({_COLUMNS})
    VALUES (:list_id, :org_id, :owner_id, :org_access, :name, :description, :now, :now)"""  # noqa: S608
_ONE = f"SELECT {_COLUMNS} FROM lists WHERE org_id = :org_id AND list_id = :list_id"  # noqa: S608
_PAGE = f"""
    SELECT {_COLUMNS} FROM lists WHERE org_id = :org_id
    ORDER BY list_id LIMIT :limit OFFSET :offset"""  # noqa: S608
_CHANGE = """
    UPDATE lists SET name = :name, description = :description, updated_at = :updated_at
    WHERE org_id = :org_id AND list_id = :list_id"""


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


async def find_list(tx: Transaction, org_id: int, list_id: str) -> CompanyList | None:
    """A list of the org."""
    row = await tx.fetch_one(_ONE, org_id=org_id, list_id=list_id)
    return None if row is None else CompanyList(*row)


async def list_lists(
    tx: Transaction, org_id: int, *, limit: int, offset: int
) -> tuple[list[CompanyList], int]:
    """A page of the org's lists in the order they were made, and how many there are."""
    total = await tx.fetch_value("SELECT COUNT(*) FROM lists WHERE org_id = :org_id", org_id=org_id)
    rows = await tx.fetch_all(_PAGE, org_id=org_id, limit=limit, offset=offset)
    return [CompanyList(*row) for row in rows], total


async def change_list(tx: Transaction, changed: CompanyList) -> None:
    """Writes name and description."""
    await tx.execute(
        _CHANGE,
        org_id=changed.org_id,
        list_id=changed.list_id,
        name=changed.name,
        description=changed.description,
        updated_at=changed.updated_at,
    )


async def remove_list(tx: Transaction, org_id: int, list_id: str) -> None:
    """Removes a list of the org."""
    await tx.execute(
        "DELETE FROM lists WHERE org_id = :org_id AND list_id = :list_id",
        org_id=org_id,
        list_id=list_id,
    )
