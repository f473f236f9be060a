"""What is written in bulk stands in the database as if it had been written one by one."""

from __future__ import annotations

import random
from collections.abc import AsyncIterator, Iterable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from pyroaring import BitMap
from tests.databases import fresh_database

from tracewell.detection import Fingerprint
from tracewell.extraction import PARTNERSHIP_TYPES, Fact
from tracewell.kernel.database import (
    Database,
    DatabaseFailed,
    Transaction,
    drop_indexes,
    open_database,
    rebuild_indexes,
)
from tracewell.trace.companies import store as companies
from tracewell.trace.companies.bulk import (
    find_company_ids,
    insert_companies,
    list_taken_slugs,
    reserve_company_ids,
)
from tracewell.trace.companies.days import DAY_MS, day_of
from tracewell.trace.companies.indexing import ensure_indexed_catalogue, rebuild_index
from tracewell.trace.companies.model import Company, Domain, Sign, Use
from tracewell.trace.companies.rules import keep_facts, name_of
from tracewell.trace.index.bitmaps import CHUNK_BITS, Property, add_properties, read_any
from tracewell.trace.partnerships import store as partnerships
from tracewell.trace.partnerships.bulk import Publication, insert_publications
from tracewell.trace.partnerships.model import Claim, Sight
from tracewell.trace.postings import store as postings
from tracewell.trace.postings.bulk import insert_postings
from tracewell.trace.postings.model import SeenPosting
from tracewell.trace.technologies.model import Technology

pytestmark = pytest.mark.anyio

AT = 1_770_000_000_000
FINGERPRINTS = [
    Fingerprint(name=f"Technology {number}", categories=("CMS", "Analytics")[: number % 3],
                vendor=f"Vendor {number % 3}" if number % 4 else None)
    for number in range(12)
]  # fmt: skip
TABLES = (
    "companies", "company_domains", "technology_uses", "technology_evidence", "firmographics",
    "partnerships", "partnership_evidence", "postings", "posting_technologies", "company_changes",
)  # fmt: skip


def draw_company(
    number: int, company_id: int, catalogue: list[Technology], chance: random.Random
) -> Company:
    """A company with some of everything, and now and then without."""
    domain = f"c{number}.{chance.choice(['example', 'test'])}"
    first = AT - chance.randrange(400) * DAY_MS - chance.randrange(DAY_MS)
    told = [
        ("name", f"Ćompany {number} Ltd"), ("industry", chance.choice(["Software", "Retail"])),
        ("employee_range", "51-200"), ("founded_year", str(1950 + number)),
        ("headquarters", '{"country":"DE"}'),
    ]  # fmt: skip
    facts = keep_facts(
        Fact(field, value, 50, f"https://{domain}/", first)  # type: ignore[arg-type]
        for field, value in chance.sample(told, chance.randrange(len(told) + 1))
    )
    domains = [Domain(domain, True, first, AT)]
    if chance.random() < 0.3:
        domains.append(Domain(f"alias{number}.example", False, first, first))
    uses = tuple(
        draw_use(one, first, chance)
        for one in chance.sample(catalogue, min(len(catalogue), chance.randrange(6)))
    )
    return Company(
        company_id, f"c{number}", domain, tuple(domains), uses, facts, 0, 0, first, AT, AT,
        (day_of(first), day_of(AT)),
        tuple(one for one in PARTNERSHIP_TYPES if chance.random() < 0.4),
    )  # fmt: skip


def draw_use(technology: Technology, first: int, chance: random.Random) -> Use:
    """A use, active or dropped, with or without version and evidence."""
    version = chance.choice([None, "1.2", "1.10"])
    dropped_at = chance.choice([None, None, AT])
    signs = tuple(
        Sign("meta", "generator", f"pattern {place}", "…", "https://x.example/", "a.warc.gz:1",
             None, 7, first)
        for place in range(chance.randrange(3))
    )  # fmt: skip
    return Use(
        technology, version, None if version is None else first, chance.choice([40, 60, 75, 100]),
        "active" if dropped_at is None else "dropped", first, AT, chance.randint(1, 9), signs,
        (day_of(first), day_of(AT)), dropped_at,
    )  # fmt: skip


def draw_publications(made: list[Company], chance: random.Random) -> list[Publication]:
    """Partnerships among the companies, some told by both, and of strangers."""
    drawn: dict[tuple[int, str, str], Publication] = {}
    for company in made:
        for _ in range(chance.randrange(4)):
            other = chance.choice([*made, None])
            if other is company:
                continue
            name, domain, partner_id = "A Stranger", "stranger.example", None
            if other is not None:
                name, domain, partner_id = name_of(other), other.primary_domain, other.company_id
            kind = chance.choice(["technology", "channel", "generic"])
            sights = tuple(
                Sight(f"https://{company.primary_domain}/{place}", "partner_page", "x",
                      "a.warc.gz:2", 1, 2, AT - chance.randrange(9) * DAY_MS)
                for place in range(chance.randint(1, 7))
            )  # fmt: skip
            claim = Claim(name, domain, kind, sights)  # type: ignore[arg-type]
            drawn[company.company_id, domain, kind] = Publication(
                company.company_id, name_of(company), company.primary_domain, claim, partner_id
            )
    return list(drawn.values())


def draw_postings(made: Iterable[Company], chance: random.Random) -> list[tuple[int, SeenPosting]]:
    """Some postings, of which some name technologies."""
    return [
        (
            company.company_id,
            SeenPosting(f"job {place}", "Engineer", chance.choice([None, "Berlin"]),
                        chance.choice([None, True, False]), None, None, None,
                        f"https://{company.primary_domain}/{place}", "a.warc.gz:3", AT,
                        tuple(chance.sample(["Technology 1", "Technology 2", "Unknown"], 2))),
        )
        for company in made
        for place in range(chance.randrange(3))
    ]  # fmt: skip


async def write_one_by_one(
    tx: Transaction,
    made: list[Company],
    told: list[Publication],
    seen: list[tuple[int, SeenPosting]],
    catalogue: dict[str, Technology],
) -> None:
    """As an ingest writes, company after company."""
    for company in made:
        added = await companies.add_company(
            tx, company.slug, company.primary_domain, company.first_observed_at
        )
        assert added.company_id == company.company_id
        await companies.save_company(tx, company)
    for one in told:
        publisher = (one.company_name, one.company_domain)
        await partnerships.save_claims(tx, one.company_id, publisher, [one.claim])
    for company_id, posting in seen:
        await postings.save_postings(tx, company_id, [posting], catalogue)


async def dump(database: Database) -> dict[str, list[tuple[Any, ...]]]:
    """Every row of Trace's companies, and the index as sets."""
    found: dict[str, list[tuple[Any, ...]]] = {}
    async with database.snapshot() as tx:
        for table in TABLES:
            rows = await tx.fetch_all(f"SELECT * FROM {table}")
            found[table] = sorted((tuple(row) for row in rows), key=repr)
        rows = await tx.fetch_all("SELECT facet, value, chunk, bits FROM company_bitmaps")
        found["bitmaps"] = sorted(
            (row[0], row[1], row[2], tuple(BitMap.deserialize(row[3]))) for row in rows
        )
        if tx.dialect == "sqlite":
            text = "SELECT rowid FROM company_texts WHERE company_texts MATCH '\"c1\u002e\"'"
            found["texts"] = [tuple(row) for row in await tx.fetch_all(text)]
    return found


@pytest.fixture
def other_url(dialect: str, database_url: str, tmp_path: Path) -> Iterator[str]:
    """A second migrated database."""
    with fresh_database(dialect, tmp_path) as url:
        yield url


@pytest.fixture
async def other(other_url: str, anyio_backend: str) -> AsyncIterator[Database]:
    """The second database, opened."""
    opened = await open_database(other_url)
    yield opened
    await opened.close()


@pytest.mark.parametrize("seed", range(3))
async def test_companies_written_in_bulk_stand_as_if_written_one_by_one(
    database: Database, other: Database, seed: int
) -> None:
    for one in (database, other):
        async with one.transaction() as tx:
            catalogue = dict(await ensure_indexed_catalogue(tx, FINGERPRINTS))
    chance = random.Random(seed)
    known = sorted(catalogue.values(), key=lambda one: one.technology_id)
    drawn = [draw_company(number, number + 1, known, chance) for number in range(40)]
    told = draw_publications(drawn, chance)
    seen = draw_postings(drawn, chance)
    async with database.transaction() as tx:
        await write_one_by_one(tx, drawn, told, seen, catalogue)
    async with other.transaction() as tx:
        await companies.lock_companies(tx)
        for part in (drawn[:25], drawn[25:]):
            ids = await reserve_company_ids(tx, len(part))
            assert ids == [company.company_id for company in part]
            await insert_companies(tx, part)
        await insert_publications(tx, told)
        await insert_postings(tx, seen, catalogue)
    meant, found = await dump(database), await dump(other)
    assert all(meant.values())
    assert found == meant
    async with other.transaction() as tx:
        await rebuild_index(tx, known)
    assert (await dump(other))["bitmaps"] == meant["bitmaps"]


async def test_what_is_written_after_a_bulk_goes_on_from_its_ids_and_changes(
    database: Database,
) -> None:
    chance = random.Random(1)
    async with database.transaction() as tx:
        ids = await reserve_company_ids(tx, 3)
        drawn = [draw_company(one, one, [], chance) for one in ids]
        await insert_companies(tx, drawn)
        numbers = await tx.fetch_all("SELECT change_number FROM companies ORDER BY company_id")
        added = await companies.add_company(tx, "next", "next.example", AT)
        await companies.save_company(tx, added)
        later = await tx.fetch_value(
            "SELECT change_number FROM companies WHERE company_id = :id", id=added.company_id
        )
        assert added.company_id == ids[-1] + 1
        assert later == numbers[-1][0] + 1
        assert await find_company_ids(tx, ["next.example", "nobody.example"]) == {
            "next.example": added.company_id
        }
        assert await list_taken_slugs(tx, ["next", "c1", "free"]) == {"next", "c1"}


async def test_a_bulk_that_meets_a_taken_domain_writes_nothing(database: Database) -> None:
    chance = random.Random(2)
    company = draw_company(1, 1, [], chance)
    async with database.transaction() as tx:
        await insert_companies(tx, [company])
    before = await dump(database)
    twin = replace(company, company_id=2, slug="twin")
    fresh = draw_company(3, 3, [], chance)
    with pytest.raises(DatabaseFailed):
        async with database.transaction() as tx:
            await insert_companies(tx, [fresh, twin])
    assert await dump(database) == before


async def test_properties_are_added_to_those_that_are_there(database: Database) -> None:
    chunk = 1 << CHUNK_BITS
    first = {Property("a", "x"): [1, 2, chunk + 5], Property("a", "y"): [7]}
    second = {Property("a", "x"): [2, 3, 5 * chunk], Property("b", "x"): [chunk]}
    async with database.transaction() as tx:
        await add_properties(tx, first)
        await add_properties(tx, second)
        await add_properties(tx, {})
        assert set(await read_any(tx, "a", ["x"])) == {1, 2, 3, chunk + 5, 5 * chunk}
        assert set(await read_any(tx, "a", ["y"])) == {7}
        assert set(await read_any(tx, "b", ["x"])) == {chunk}


async def schema(database: Database) -> list[tuple[Any, ...]]:
    """Every index and reference by name."""
    async with database.snapshot() as tx:
        if tx.dialect == "sqlite":
            text = "SELECT name, sql FROM sqlite_schema WHERE type = 'index' ORDER BY name"
        else:
            text = """
                SELECT indexname, indexdef FROM pg_indexes WHERE schemaname = 'public'
                UNION ALL SELECT conname, pg_get_constraintdef(oid) FROM pg_constraint
                WHERE contype = 'f' ORDER BY 1, 2"""
        return [tuple(row) for row in await tx.fetch_all(text)]


async def test_indexes_that_were_set_aside_for_a_load_are_there_again(database: Database) -> None:
    before = await schema(database)
    async with database.transaction() as tx:
        rebuilding = await drop_indexes(tx, ["companies", "technology_uses", "partnerships"])
    assert len(rebuilding) == len(before) - len(await schema(database)) > 5
    async with database.transaction() as tx:
        await insert_companies(tx, [draw_company(1, 1, [], random.Random(3))])
        await rebuild_indexes(tx, rebuilding)
    assert await schema(database) == before
    with pytest.raises(ValueError, match="companies is not empty"):
        async with database.transaction() as tx:
            await drop_indexes(tx, ["partnerships", "companies"])
    assert await schema(database) == before


async def test_a_row_that_refers_to_none_is_found_when_references_are_made_anew(
    database: Database,
) -> None:
    async with database.snapshot() as tx:
        if tx.dialect == "sqlite":
            return  # there they hold all the while
    async with database.transaction() as tx:
        rebuilding = await drop_indexes(tx, ["company_domains"])
        await tx.execute(
            "INSERT INTO company_domains (domain, company_id, is_primary, first_observed_at,"
            " last_observed_at) VALUES ('orphan.example', 99, 1, 0, 0)"
        )
    with pytest.raises(DatabaseFailed):
        async with database.transaction() as tx:
            await rebuild_indexes(tx, rebuilding)
