"""The SQL of loading: what a batch may touch, read in sets; records; the settled mark."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable, Sequence
from typing import Any

import orjson

from tracewell.extraction import Fact
from tracewell.kernel.database import Row, Sql, Transaction, reserve_ids
from tracewell.trace.companies.rules import keep_facts
from tracewell.trace.loading.bodies import decode
from tracewell.trace.loading.known import Known, key_hashes, record_name_keys
from tracewell.trace.loading.workspace import Kept


def _in_keys(before: str, column: str, kind: str) -> Sql:
    """A statement that ends in `<column> is one of :keys`."""
    return Sql(
        sqlite=f"{before} {column} IN (SELECT value FROM json_each(:keys))",  # noqa: S608 - our words
        postgresql=f"{before} {column} = ANY(CAST(:keys AS {kind}[]))",
    )


_BY_HASH = _in_keys("SELECT DISTINCT company_id FROM company_keys WHERE", "key_hash", "BIGINT")
_BY_DOMAIN = _in_keys("SELECT company_id FROM company_domains WHERE", "domain", "TEXT")
_DROP_COMPANY_KEYS = _in_keys("DELETE FROM company_keys WHERE", "company_id", "BIGINT")
_COMPANIES = _in_keys(
    "SELECT company_id, slug, primary_domain, first_observed_at FROM companies WHERE",
    "company_id", "BIGINT",
)  # fmt: skip
_DOMAINS = _in_keys("SELECT company_id, domain FROM company_domains WHERE", "company_id", "BIGINT")
_FACTS = _in_keys(
    "SELECT company_id, field, value, weight, source_url, observed_at FROM firmographics WHERE",
    "company_id", "BIGINT",
)  # fmt: skip
_RECORD = "record_id, source, record_key, state, company_id, observed_at, digest, body"
_BY_KEY = _in_keys(
    f"SELECT {_RECORD} FROM loaded_records WHERE source = :source AND",  # noqa: S608 - our words
    "record_key", "TEXT",
)  # fmt: skip
_WAITING = _in_keys("SELECT DISTINCT record_id FROM loaded_record_keys WHERE", "key_hash", "BIGINT")
_BY_ID = _in_keys(f"SELECT {_RECORD} FROM loaded_records WHERE", "record_id", "BIGINT")  # noqa: S608
_NAMED = _in_keys("SELECT partner_key FROM partnerships WHERE", "partner_key", "TEXT")
_DROP_KEYS = _in_keys("DELETE FROM loaded_record_keys WHERE", "record_id", "BIGINT")
_SAVE = """
    UPDATE loaded_records SET state = :state, company_id = :company_id, observed_at = :observed_at,
      digest = :digest, body = :body WHERE record_id = :record_id"""
_COLUMNS = (
    "record_id", "source", "record_key", "state", "company_id", "observed_at", "digest", "body",
)  # fmt: skip


def _listed(tx: Transaction, keys: Collection[Any]) -> Any:
    return orjson.dumps(list(keys)).decode() if tx.dialect == "sqlite" else list(keys)


async def find_company_ids(
    tx: Transaction, hashes: Collection[int], domains: Collection[str]
) -> set[int]:
    """Companies that any of these lead to (and now and then one that shares a hash alone)."""
    found: set[int] = set()
    for statement, keys in ((_BY_HASH, hashes), (_BY_DOMAIN, domains)):
        if keys:
            found.update(row[0] for row in await tx.fetch_all(statement, keys=_listed(tx, keys)))
    return found


async def write_keys(tx: Transaction, known: Sequence[Known]) -> None:
    """Writes by what records find these companies, whatever was written of them before."""
    if known:
        ids = [one.company_id for one in known]
        await tx.execute(_DROP_COMPANY_KEYS, keys=_listed(tx, ids))
        rows = ((hashed, one.company_id) for one in known for hashed in one.hashes)
        await tx.copy_rows("company_keys", ("key_hash", "company_id"), rows)


async def fetch_known(tx: Transaction, company_ids: Collection[int]) -> list[Known]:
    """The companies, as loading sees them."""
    if not company_ids:
        return []
    keys = _listed(tx, company_ids)
    domains: dict[int, list[str]] = defaultdict(list)
    for company_id, domain in await tx.fetch_all(_DOMAINS, keys=keys):
        domains[company_id].append(domain)
    facts: dict[int, list[Fact]] = defaultdict(list)
    for company_id, *fact in await tx.fetch_all(_FACTS, keys=keys):
        facts[company_id].append(Fact(*fact))
    return [
        Known(company_id, slug, primary, _in_order(primary, domains[company_id]),
              keep_facts(facts[company_id]), first)
        for company_id, slug, primary, first in await tx.fetch_all(_COMPANIES, keys=keys)
    ]  # fmt: skip


def _in_order(primary: str, domains: Iterable[str]) -> tuple[str, ...]:
    return tuple(sorted(domains, key=lambda one: (one != primary, one)))


async def fetch_kept(tx: Transaction, source: str, keys: Collection[str]) -> list[Kept]:
    """The records of a source that are stored under those keys."""
    rows = await tx.fetch_all(_BY_KEY, source=source, keys=_listed(tx, keys))
    return [_kept(row) for row in rows]


async def fetch_waiting(tx: Transaction, hashes: Collection[int]) -> list[Kept]:
    """Unmatched records that share a key (and now and then one that shares its hash alone)."""
    if not hashes:
        return []
    ids = [row[0] for row in await tx.fetch_all(_WAITING, keys=_listed(tx, hashes))]
    if not ids:
        return []
    return [_kept(row) for row in await tx.fetch_all(_BY_ID, keys=_listed(tx, ids))]


def _kept(row: Row) -> Kept:
    record_id, source, key, state, company_id, observed_at, digest, body = row
    record = decode(source, key, body, observed_at)
    return Kept(record, body, bytes(digest), state, company_id, record_id)


async def list_named_domains(tx: Transaction, domains: Collection[str]) -> set[str]:
    """Those of the domains that companies name as a partner's."""
    keys = _listed(tx, [f"domain:{domain}" for domain in domains])
    rows = await tx.fetch_all(_NAMED, keys=keys)
    return {row[0].removeprefix("domain:") for row in rows}


async def save_kept(tx: Transaction, kept: Sequence[Kept]) -> None:
    """Writes records, new and changed ones, and the keys by which they wait."""
    new = [one for one in kept if one.record_id is None]
    old = [one for one in kept if one.record_id is not None]
    if old:
        await tx.execute(_DROP_KEYS, keys=_listed(tx, [one.record_id for one in old]))
        await tx.execute_many(
            _SAVE, (dict(zip(_COLUMNS, _values(one), strict=True)) for one in old)
        )
    if new:
        ids = await reserve_ids(tx, "loaded_records", "record_id", len(new))
        for one, record_id in zip(new, ids, strict=True):
            one.record_id = record_id
        await tx.copy_rows("loaded_records", _COLUMNS, map(_values, new))
    await tx.copy_rows(
        "loaded_record_keys",
        ("key_hash", "record_id"),
        (
            (hashed, one.record_id)
            for one in kept
            if one.state != "matched"
            for hashed in {*key_hashes(record_name_keys(one.record), one.record.identifiers)}
        ),
    )


def _values(one: Kept) -> tuple[Any, ...]:
    record = one.record
    return (
        one.record_id, record.source, record.key, one.state, one.company_id, record.observed_at,
        one.digest, one.body,
    )  # fmt: skip


async def has_records(tx: Transaction) -> bool:
    """Whether anything was ever loaded here."""
    return await tx.fetch_value("SELECT 1 FROM loaded_records LIMIT 1") is not None


async def has_waiting(tx: Transaction) -> bool:
    """Whether any record waits for a company."""
    return await tx.fetch_value("SELECT 1 FROM loaded_record_keys LIMIT 1") is not None


_ALL_COMPANIES = 2**62
Mark = tuple[int, int]
"""A change number and the company that has it."""


async def fetch_mark(tx: Transaction) -> Mark:
    """Up to which change keys are written and waiting records have been looked at."""
    row = await tx.fetch_one("SELECT change_number, company_id FROM load_settlement")
    assert row is not None, "the table has one row"
    return row[0], row[1]


async def save_mark(tx: Transaction, mark: Mark) -> None:
    """Notes up to which change that was done."""
    await tx.execute(
        "UPDATE load_settlement SET change_number = :number, company_id = :company_id",
        number=mark[0],
        company_id=mark[1],
    )


async def save_last_mark(tx: Transaction) -> None:
    """Notes that it was done up to the last change there is."""
    await tx.execute(
        "UPDATE load_settlement SET company_id = :all,"
        " change_number = (SELECT change_number FROM company_changes)",
        all=_ALL_COMPANIES,
    )


async def list_changed(tx: Transaction, mark: Mark, limit: int) -> list[Mark]:
    """The next companies that changed behind the mark."""
    rows = await tx.fetch_all(
        "SELECT change_number, company_id FROM companies"
        " WHERE (change_number, company_id) > (:number, :company_id)"
        " ORDER BY change_number, company_id LIMIT :limit",
        number=mark[0], company_id=mark[1], limit=limit,
    )  # fmt: skip
    return [(row[0], row[1]) for row in rows]


async def list_unmatched(
    tx: Transaction, state: str, after: int, limit: int
) -> list[tuple[int, Kept]]:
    """Records in a state, by id, behind an id."""
    rows = await tx.fetch_all(
        f"SELECT {_RECORD} FROM loaded_records WHERE state = :state AND record_id > :after"  # noqa: S608
        " AND state <> 'matched' ORDER BY record_id LIMIT :limit",
        state=state, after=after, limit=limit,
    )  # fmt: skip
    return [(row[0], _kept(row)) for row in rows]
