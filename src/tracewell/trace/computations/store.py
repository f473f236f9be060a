"""The SQL of computations: what changed companies run, and which technologies belong together."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from typing import Any

import orjson

from tracewell.kernel.database import Sql, Transaction

_CHANGED = """
    SELECT company_id FROM companies WHERE change_number > :change_number LIMIT :limit"""
_STACKS = Sql(
    sqlite="""
        SELECT company_id, technology_id FROM technology_uses
        WHERE company_id IN (SELECT value FROM json_each(:ids)) AND status = 'active'""",
    postgresql="""
        SELECT company_id, technology_id FROM technology_uses
        WHERE company_id = ANY(CAST(:ids AS BIGINT[])) AND status = 'active'""",
)
_OF_VENDOR = """
    SELECT technology_id FROM technologies AS t JOIN vendors AS v ON v.vendor_id = t.vendor_id
    WHERE v.slug = :slug"""
_OF_CATEGORY = """
    SELECT tc.technology_id FROM technology_categories AS tc
    JOIN categories AS c ON c.category_id = tc.category_id WHERE c.slug = :slug"""


def _asked(tx: Transaction, ids: Sequence[int]) -> Any:
    return orjson.dumps(ids).decode() if tx.dialect == "sqlite" else list(ids)


async def fetch_change_number(tx: Transaction) -> int:
    """The number of the last change of any company."""
    return int(await tx.fetch_value("SELECT change_number FROM company_changes"))


async def list_changed(tx: Transaction, change_number: int, limit: int) -> list[int]:
    """Up to `limit` companies that have changed after a change."""
    rows = await tx.fetch_all(_CHANGED, change_number=change_number, limit=limit)
    return [row[0] for row in rows]


async def fetch_stacks(tx: Transaction, company_ids: Sequence[int]) -> dict[int, set[int]]:
    """The technologies that each of the companies runs now."""
    found: dict[int, set[int]] = {company_id: set() for company_id in company_ids}
    for company_id, technology_id in await tx.fetch_all(_STACKS, ids=_asked(tx, company_ids)):
        found[company_id].add(technology_id)
    return found


async def list_of_vendor(tx: Transaction, slug: str) -> list[int]:
    """The technologies of a vendor."""
    return sorted(row[0] for row in await tx.fetch_all(_OF_VENDOR, slug=slug))


async def list_of_category(tx: Transaction, slug: str) -> list[int]:
    """The technologies of a category."""
    return sorted(row[0] for row in await tx.fetch_all(_OF_CATEGORY, slug=slug))


async def fetch_alike(tx: Transaction, technology_ids: Sequence[int]) -> Mapping[int, set[int]]:
    """The technologies that share a category with each of these, itself left out."""
    members: dict[int, set[int]] = defaultdict(set)
    categories: dict[int, list[int]] = defaultdict(list)
    for technology_id, category_id in await tx.fetch_all(
        "SELECT technology_id, category_id FROM technology_categories"
    ):
        members[category_id].add(technology_id)
        categories[technology_id].append(category_id)
    return {
        one: set().union(*(members[category] for category in categories[one])) - {one}
        for one in technology_ids
    }
