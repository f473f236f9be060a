"""The SQL of what a list holds: versions of its definition, domains by hand, computed members."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import orjson
from pyroaring import BitMap

from tracewell.kernel.database import Sql, Transaction
from tracewell.trace.lists.model import (
    PAST_MEMBERS_AGE_MAX_MS,
    PAST_MEMBERS_MAX,
    Definition,
    ListedDomain,
    Materialization,
    Side,
)

_DEFINITION = "version, registry_version, root, author_id, created_at, restored_from"
_ADD_DEFINITION = f"""
    INSERT INTO list_definitions (list_id, {_DEFINITION})
    VALUES (:list_id, :version, :registry_version, :root, :author_id, :created_at,
      :restored_from)"""  # noqa: S608 - our own words
_ONE_DEFINITION = f"""
    SELECT {_DEFINITION} FROM list_definitions
    WHERE list_id = :list_id AND version = :version"""  # noqa: S608
_DEFINITIONS = f"""
    SELECT {_DEFINITION} FROM list_definitions WHERE list_id = :list_id
    ORDER BY version DESC LIMIT :limit OFFSET :offset"""  # noqa: S608
_SAVE_DOMAIN = """
    INSERT INTO list_domains (list_id, domain, side, user_id, created_at)
    VALUES (:list_id, :domain, :side, :user_id, :created_at)
    ON CONFLICT (list_id, domain) DO UPDATE SET side = excluded.side, user_id = excluded.user_id,
      created_at = excluded.created_at"""
_SIDES = Sql(
    sqlite="""
        SELECT domain, side FROM list_domains WHERE list_id = :list_id
          AND domain IN (SELECT value FROM json_each(:domains))""",
    postgresql="""
        SELECT domain, side FROM list_domains WHERE list_id = :list_id
          AND domain = ANY(CAST(:domains AS TEXT[]))""",
)
_DOMAINS = """
    SELECT l.domain, d.company_id IS NOT NULL, l.user_id, l.created_at FROM list_domains AS l
    LEFT JOIN company_domains AS d ON d.domain = l.domain
    WHERE l.list_id = :list_id AND l.side = :side ORDER BY l.domain LIMIT :limit OFFSET :offset"""
_COMPANIES = """
    SELECT d.company_id FROM list_domains AS l JOIN company_domains AS d ON d.domain = l.domain
    WHERE l.list_id = :list_id AND l.side = :side"""
_SAVE_MEMBERS = """
    INSERT INTO list_materializations (list_id, revision, definition_version, change_number,
      materialized_at, high, medium, exploratory, added)
    VALUES (:list_id, :revision, :definition_version, :change_number, :materialized_at, :high,
      :medium, :exploratory, :added)
    ON CONFLICT (list_id) DO UPDATE SET revision = excluded.revision,
      definition_version = excluded.definition_version, change_number = excluded.change_number,
      materialized_at = excluded.materialized_at, high = excluded.high, medium = excluded.medium,
      exploratory = excluded.exploratory, added = excluded.added,
      number = list_materializations.number + 1
    WHERE excluded.revision >= list_materializations.revision"""
_COMPUTED = """number, revision, definition_version, change_number, materialized_at, high, medium,
      exploratory, added"""
_MEMBERS = f"SELECT {_COMPUTED} FROM list_materializations WHERE list_id = :list_id"  # noqa: S608
_PAST_MEMBERS = f"""
    SELECT {_COMPUTED} FROM list_past_members
    WHERE list_id = :list_id AND number = :number"""  # noqa: S608
_KEEP_PAST = f"""
    INSERT INTO list_past_members (list_id, {_COMPUTED}, replaced_at)
    SELECT list_id, {_COMPUTED}, CAST(:now AS BIGINT) FROM list_materializations
    WHERE list_id = :list_id AND revision <= :revision"""  # noqa: S608
_FORGET_PAST = """
    DELETE FROM list_past_members WHERE list_id = :list_id AND (replaced_at <= :since
      OR number < (SELECT number FROM list_materializations WHERE list_id = :list_id) - :most)"""


def _asked(tx: Transaction, values: Sequence[str]) -> Any:
    return orjson.dumps(values).decode() if tx.dialect == "sqlite" else list(values)


async def add_definition(tx: Transaction, list_id: str, made: Definition) -> None:
    """Appends a version."""
    await tx.execute(
        _ADD_DEFINITION,
        list_id=list_id,
        version=made.version,
        registry_version=made.registry_version,
        root=orjson.dumps(made.root).decode(),
        author_id=made.author_id,
        created_at=made.created_at,
        restored_from=made.restored_from,
    )


async def find_definition(tx: Transaction, list_id: str, version: int) -> Definition | None:
    """A version of the list's definition."""
    row = await tx.fetch_one(_ONE_DEFINITION, list_id=list_id, version=version)
    return None if row is None else _definition(row)


async def list_definitions(
    tx: Transaction, list_id: str, *, limit: int, offset: int
) -> list[Definition]:
    """A page of the versions, the newest first."""
    rows = await tx.fetch_all(_DEFINITIONS, list_id=list_id, limit=limit, offset=offset)
    return [_definition(row) for row in rows]


def _definition(row: Sequence[Any]) -> Definition:
    version, registry_version, root, *rest = row
    return Definition(version, registry_version, orjson.loads(root), *rest)


async def fetch_sides(tx: Transaction, list_id: str, domains: Sequence[str]) -> Mapping[str, Side]:
    """On which side those of the domains stand that stand on one."""
    rows = await tx.fetch_all(_SIDES, list_id=list_id, domains=_asked(tx, domains))
    return {row[0]: row[1] for row in rows}


async def count_domains(tx: Transaction, list_id: str, side: Side | None = None) -> int:
    """How many domains the list holds by hand, on one side or both."""
    text = "SELECT COUNT(*) FROM list_domains WHERE list_id = :list_id"
    if side is None:
        return int(await tx.fetch_value(text, list_id=list_id))
    return int(await tx.fetch_value(f"{text} AND side = :side", list_id=list_id, side=side))


async def save_domains(
    tx: Transaction, list_id: str, domains: Sequence[str], side: Side, user_id: int, now: int
) -> None:
    """Puts domains on a side, wherever they stood."""
    row = {"list_id": list_id, "side": side, "user_id": user_id, "created_at": now}
    await tx.execute_many(_SAVE_DOMAIN, [{**row, "domain": domain} for domain in domains])


async def remove_domains(tx: Transaction, list_id: str, domains: Sequence[str], side: Side) -> None:
    """Takes domains from a side."""
    await tx.execute_many(
        "DELETE FROM list_domains WHERE list_id = :list_id AND side = :side AND domain = :domain",
        [{"list_id": list_id, "side": side, "domain": domain} for domain in domains],
    )


async def list_domains(
    tx: Transaction, list_id: str, side: Side, *, limit: int, offset: int
) -> list[ListedDomain]:
    """A page of one side's domains in their order."""
    rows = await tx.fetch_all(_DOMAINS, list_id=list_id, side=side, limit=limit, offset=offset)
    return [ListedDomain(domain, bool(tracked), *rest) for domain, tracked, *rest in rows]


async def read_companies(tx: Transaction, list_id: str, side: Side) -> BitMap:
    """The companies whose domains stand on a side."""
    rows = await tx.fetch_all(_COMPANIES, list_id=list_id, side=side)
    return BitMap([row[0] for row in rows])


async def save_members(tx: Transaction, list_id: str, made: Materialization) -> None:
    """Keeps computed members, unless those of a later state of the list are there. The caller has
    locked the list. Those that are replaced stay a while."""
    now = made.materialized_at
    await tx.execute(_KEEP_PAST, list_id=list_id, revision=made.revision, now=now)
    await tx.execute(
        _SAVE_MEMBERS,
        list_id=list_id,
        revision=made.revision,
        definition_version=made.definition_version,
        change_number=made.change_number,
        materialized_at=made.materialized_at,
        high=made.high.serialize(),
        medium=made.medium.serialize(),
        exploratory=made.exploratory.serialize(),
        added=made.added.serialize(),
    )
    since = now - PAST_MEMBERS_AGE_MAX_MS
    await tx.execute(_FORGET_PAST, list_id=list_id, since=since, most=PAST_MEMBERS_MAX)


async def find_members(
    tx: Transaction, list_id: str, number: int | None = None
) -> Materialization | None:
    """The members as they were computed last, or as the computation of the number had them."""
    row = await tx.fetch_one(_MEMBERS, list_id=list_id)
    if number is not None and row is not None and row[0] != number:
        row = await tx.fetch_one(_PAST_MEMBERS, list_id=list_id, number=number)
    if row is None:
        return None
    bitmaps = (BitMap.deserialize(bits) for bits in row[5:])
    return replace(Materialization(*row[1:5], *bitmaps), number=row[0])


async def fetch_change_number(tx: Transaction) -> int:
    """The number of the last change of any company."""
    return int(await tx.fetch_value("SELECT change_number FROM company_changes"))
