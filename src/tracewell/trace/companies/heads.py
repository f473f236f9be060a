"""Which company an identifier names, and what every answer about it begins with."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import orjson

from tracewell.kernel.database import Sql, Transaction
from tracewell.kernel.errors import ApiError
from tracewell.trace import errors
from tracewell.trace.companies.domains import parse_identifier

_HEAD = "c.company_id, c.slug, c.name, c.primary_domain, c.partnership_count"
_BY_DOMAIN = Sql(
    sqlite=f"""
        SELECT d.domain, {_HEAD} FROM json_each(:keys) AS asked
        JOIN company_domains AS d ON d.domain = asked.value
        JOIN companies AS c ON c.company_id = d.company_id""",  # noqa: S608 - our own words
    postgresql=f"""
        SELECT d.domain, {_HEAD} FROM company_domains AS d
        JOIN companies AS c ON c.company_id = d.company_id
        WHERE d.domain = ANY(CAST(:keys AS TEXT[]))""",  # noqa: S608
)
_BY_SLUG = Sql(
    sqlite=f"""
        SELECT c.slug, {_HEAD} FROM json_each(:keys) AS asked
        JOIN companies AS c ON c.slug = asked.value""",  # noqa: S608
    postgresql=f"""
        SELECT c.slug, {_HEAD} FROM companies AS c
        WHERE c.slug = ANY(CAST(:keys AS TEXT[]))""",  # noqa: S608
)


@dataclass(frozen=True, slots=True)
class Head:
    """A company as answers about something of it name it."""

    company_id: int
    slug: str
    name: str
    primary_domain: str
    partnership_count: int


async def get_head(tx: Transaction, identifier: str) -> Head:
    """The company of a domain or a slug. Raises ApiError (company_not_found)."""
    try:
        key = parse_identifier(identifier)
    except ValueError:
        key = ""
    found = await find_heads(tx, [key]) if key else {}
    if key not in found:
        raise ApiError(errors.COMPANY_NOT_FOUND, f"No company found for '{identifier}'")
    return found[key]


async def find_heads(tx: Transaction, keys: Sequence[str]) -> Mapping[str, Head]:
    """The companies of domains and slugs that have been parsed, by key."""
    # A domain has a dot and a slug has none, so that no key is found by both.
    asked = {
        _BY_DOMAIN: [key for key in dict.fromkeys(keys) if "." in key],
        _BY_SLUG: [key for key in dict.fromkeys(keys) if "." not in key],
    }
    found: dict[str, Head] = {}
    for statement, some in asked.items():
        if some:
            given = orjson.dumps(some).decode() if tx.dialect == "sqlite" else some
            for key, *head in await tx.fetch_all(statement, keys=given):
                found[key] = Head(*head)
    return found
