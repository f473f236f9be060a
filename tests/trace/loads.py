"""Loads in a test's own process, and everything that they leave in a database."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from tests.trace.conftest import NOW

from tracewell.kernel.database import Database
from tracewell.main.loading import LoadOutcome, LoadPlan, load_files
from tracewell.trace.loading.reading import Reading

AS_OF = NOW - 1_000

COLUMNS = ("domain", "name", "legal_name", "lei", "company_number", "country", "city", "postcode")


def write_lines(path: Path, rows: Iterable[Mapping[str, Any]]) -> Path:
    """A JSON Lines file."""
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), "utf-8")
    return path


async def load(
    database: Database, file: Path | Sequence[Path], source: str = "companies", **options: Any
) -> LoadOutcome:
    """Loads files as the command does."""
    files = [file] if isinstance(file, Path) else file
    reading = Reading(source, as_of=options.pop("as_of", AS_OF), columns=options.pop("columns", {}))
    plan = LoadPlan(reading, tuple(map(str, files)), **options)
    return await load_files(database, lambda: NOW, plan, lambda *_: None)


async def load_rows(
    database: Database, folder: Path, rows: Iterable[Mapping[str, Any]], **options: Any
) -> LoadOutcome:
    """Loads rows as a list of companies."""
    return await load(database, write_lines(folder / "rows.jsonl", rows), **options)


_TABLES = {
    "companies": "SELECT slug, name, primary_domain, country, industry, technology_count,"
    " partnership_count, first_observed_at, last_observed_at, last_crawled_at, search_text,"
    " name_key FROM companies",
    "domains": "SELECT c.slug, d.domain, d.is_primary FROM company_domains AS d"
    " JOIN companies AS c ON c.company_id = d.company_id",
    "facts": "SELECT c.slug, f.field, f.value, f.weight, f.source_url, f.observed_at"
    " FROM firmographics AS f JOIN companies AS c ON c.company_id = f.company_id",
    "records": "SELECT r.source, r.record_key, r.state, c.slug, r.observed_at, r.body"
    " FROM loaded_records AS r LEFT JOIN companies AS c ON c.company_id = r.company_id",
    "keys": "SELECT r.source, r.record_key, k.key_hash FROM loaded_record_keys AS k"
    " JOIN loaded_records AS r ON r.record_id = k.record_id",
}


async def everything(database: Database) -> dict[str, list[str]]:
    """All that loads write, without ids and times of writing, in an order that is its own."""
    async with database.snapshot() as tx:
        return {
            name: sorted(repr(tuple(row)) for row in await tx.fetch_all(text))
            for name, text in _TABLES.items()
        }


async def profile(database: Database, slug: str) -> Any:
    """The stored profile of a company; None where there is none."""
    async with database.snapshot() as tx:
        found = await tx.fetch_value("SELECT profile FROM companies WHERE slug = :slug", slug=slug)
    return json.loads(found) if found else None


async def states(database: Database) -> dict[str, tuple[str, str | None]]:
    """State and company of every record, by the record's key."""
    async with database.snapshot() as tx:
        rows = await tx.fetch_all(
            "SELECT r.record_key, r.state, c.slug FROM loaded_records AS r"
            " LEFT JOIN companies AS c ON c.company_id = r.company_id"
        )
    return {row[0]: (row[1], row[2]) for row in rows}
