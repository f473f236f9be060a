"""Whose a row is: by number, by domain, by name and place; and what is never merged."""

from __future__ import annotations

import json
import random
from collections.abc import AsyncIterator, Iterator
from contextlib import ExitStack, asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from pyroaring import BitMap
from tests.databases import fresh_database
from tests.trace.conftest import DAY_MS, NOW, World, organization, page
from tests.trace.loads import everything, load, load_rows, profile, states

from tracewell.kernel.clock import format_utc
from tracewell.kernel.database import Database, open_database
from tracewell.trace.companies.indexing import rebuild_index
from tracewell.trace.companies.store import lock_companies
from tracewell.trace.loading.values import parse_lei
from tracewell.trace.technologies.store import fetch_catalogue

pytestmark = pytest.mark.anyio

ACME = {"id": "1", "domain": "acme.example", "name": "Acme", "legal_name": "Acme Tools GmbH",
        "country": "DE", "city": "Berlin", "postcode": "10115"}  # fmt: skip


def make_lei(number: int) -> str:
    """An invented LEI with right check digits."""
    head = f"9999{number:014d}"
    value = int("".join(str(int(character, 36)) for character in head + "00"))
    return parse_lei(f"{head}{98 - value % 97:02d}")


LEI, OTHER_LEI = make_lei(1), make_lei(2)


async def test_a_row_with_an_unknown_domain_becomes_a_company_that_nobody_has_crawled(
    world: World, tmp_path: Path
) -> None:
    outcome = await load_rows(world.database, tmp_path, [ACME | {"lei": LEI}])
    assert (outcome.counts.new, outcome.is_whole) == (1, True)
    org = await world.make_org("Reader")
    answer = await world.client.get("/v1/companies/acme.example", headers=await world.org_key(org))
    told = answer.json()
    assert (told["slug"], told["name"], told["last_crawled_at"]) == ("acme", "Acme", None)
    facts = told["firmographics"]
    assert facts["legal_name"]["value"] == "Acme Tools GmbH"
    assert facts["legal_name"]["source_url"] == "file:rows.jsonl"
    assert facts["headquarters"]["value"]["locality"] == "Berlin"
    assert facts["registry_identifiers"][0]["value"] == {"kind": "LEI", "value": LEI}
    found = await world.client.get(
        "/v1/companies?country=DE&q=acme", headers=await world.org_key(org)
    )
    assert [row["slug"] for row in found.json()["data"]] == ["acme"]


async def test_a_row_of_a_day_to_come_is_rejected_unless_the_whole_list_is_of_then(
    world: World, tmp_path: Path
) -> None:
    def row(name: str, at: int) -> dict[str, Any]:
        return {"domain": f"{name}.example", "updated_at": format_utc(at)}

    rows = [row("past", NOW - DAY_MS), row("zone", NOW + DAY_MS), row("ahead", NOW + 2 * DAY_MS)]
    outcome = await load_rows(world.database, tmp_path, rows)
    assert (outcome.counts.new, outcome.counts.rejected) == (2, 1)
    await load_rows(world.database, tmp_path, rows[2:], as_of=NOW + 2 * DAY_MS)
    key = await world.org_key(await world.make_org("Reader"))
    answer = await world.client.get("/v1/companies?sort=-last_observed_at", headers=key)
    assert [one["slug"] for one in answer.json()["data"]] == ["ahead", "zone", "past"]


async def test_registers_know_the_legal_name_and_the_company_knows_the_rest(
    world: World, tmp_path: Path
) -> None:
    said = organization(
        name="ACME!", legalName="Acme Werkzeuge", url="https://acme.example/", foundingDate="1999"
    )
    await world.ingest([page("https://acme.example/", said)])
    row = {**ACME, "founded": "2005"}
    assert (await load_rows(world.database, tmp_path, [row])).counts.matched == 1
    gleif = tmp_path / "gleif.csv"
    gleif.write_text(
        "LEI,Entity.LegalName,Entity.LegalAddress.Country,Entity.LegalAddress.City,"
        "Entity.HeadquartersAddress.Country,Entity.HeadquartersAddress.City\n"
        f"{LEI},Acme Tools GmbH,DE,Berlin,DE,Berlin\n"
    )
    assert (await load(world.database, gleif, "gleif")).counts.matched == 1
    told = await profile(world.database, "acme")
    facts = told["firmographics"]
    assert told["name"] == "ACME!"
    assert facts["founded_year"]["value"] == 1999
    assert facts["legal_name"]["value"] == "Acme Tools GmbH"
    assert facts["legal_name"]["source_url"] == f"https://search.gleif.org/#/record/{LEI}"


@pytest.mark.parametrize(
    ("second", "expected"),
    [
        ({"lei": LEI, "name": "Quite Another"}, ("matched", "acme")),
        ({"lei": LEI, "domain": "acme.test", "name": "Acme"}, ("matched", "acme")),
        ({"domain": "acme.example", "name": "Another Name"}, ("matched", "acme")),
        ({"domain": "acme.example", "name": "Acme", "lei": OTHER_LEI}, ("undecided", None)),
        ({"name": "ACME", "country": "DE", "city": "berlin"}, ("matched", "acme")),
        ({"name": "Acme Tools GmbH", "country": "Germany"}, ("matched", "acme")),
        ({"name": "Acme", "country": "DE", "city": "Köln"}, ("undecided", None)),
        ({"name": "Acme", "country": "DE"}, ("undecided", None)),
        ({"name": "Acme"}, ("undecided", None)),
        ({"name": "Acme", "country": "FR", "city": "Berlin"}, ("aside", None)),
        ({"name": "Acme", "country": "DE", "city": "Berlin", "lei": OTHER_LEI}, ("aside", None)),
        ({"name": "Apex", "country": "DE", "city": "Berlin"}, ("aside", None)),
        ({"domain": "acme.test", "name": "Acme", "country": "DE", "city": "Berlin"},
         ("undecided", None)),
        ({"domain": "acme.test", "name": "Acme", "country": "DE"}, ("matched", "acme-test")),
        ({"domain": "https://www.linkedin.com/company/acme", "name": "Zenith"}, ("aside", None)),
        ({"lei": LEI, "name": "Quite Another", "country": "US"}, ("undecided", None)),
    ],
)  # fmt: skip
async def test_a_row_is_matched_left_open_or_kept_aside(
    database: Database, tmp_path: Path, second: dict[str, Any], expected: tuple[str, str | None]
) -> None:
    await load_rows(database, tmp_path, [ACME | {"lei": LEI}])
    await load_rows(database, tmp_path, [second | {"id": "2"}])
    assert (await states(database))["id:2"] == expected
    if expected[0] != "matched":
        assert "Acme" in json.dumps(await profile(database, "acme"))


async def test_two_companies_of_one_name_are_both_listed_and_neither_is_taken(
    database: Database, tmp_path: Path
) -> None:
    twins = [
        {"id": f"{n}", "domain": f"north-{n}.example", "name": "North Ltd", "country": "GB",
         "city": "Leeds"}
        for n in range(2)
    ]  # fmt: skip
    lone = {"id": "9", "name": "North Limited", "country": "GB", "city": "Leeds"}
    undecided = tmp_path / "undecided.jsonl"
    # The second of the twins is doubtful itself: the first bears its name at the same place.
    await load_rows(database, tmp_path, twins[:1])
    await load_rows(database, tmp_path, [{**twins[1], "city": "York"}])
    await load_rows(database, tmp_path, [{"id": "1", "domain": "north-1.example", "city": "Leeds",
                                          "country": "GB", "as_of": "2026-09-22"}])  # fmt: skip
    await load_rows(database, tmp_path, [lone], undecided=undecided)
    told = json.loads(undecided.read_text())
    assert (await states(database))["id:9"] == ("undecided", None)
    assert [one["domain"] for one in told["candidates"]] == ["north-0.example", "north-1.example"]
    assert all(0 < one["score"] <= 1 for one in told["candidates"])


async def test_a_record_kept_aside_is_matched_when_the_domain_arrives(
    world: World, tmp_path: Path
) -> None:
    aside = [
        {"id": "1", "lei": LEI, "legal_name": "Acme Tools GmbH", "country": "DE"},
        {"id": "2", "legal_name": "Birch AG", "country": "CH", "city": "Basel"},
        {"id": "3", "legal_name": "Cedar plc", "country": "GB", "postcode": "LS1 4AP"},
    ]
    outcome = await load_rows(world.database, tmp_path, aside)
    assert outcome.counts.aside == 3
    # One by a list, one by a crawl and its imprint, one by a crawl that tells name and place.
    by_list = await load_rows(world.database, tmp_path, [{"domain": "acme.example", "lei": LEI}])
    assert (by_list.counts.new, by_list.counts.settled) == (1, 1)
    address = {"@type": "PostalAddress", "addressCountry": "CH", "addressLocality": "Basel"}
    home = organization(name="Birch", url="https://birch.example/", address=address)
    await world.ingest([page("https://birch.example/", home)])
    assert await states(world.database) == {
        f"LEI:{LEI}": ("matched", "acme"),
        "id:1": ("matched", "acme"),
        "id:2": ("matched", "birch"),
        "id:3": ("aside", None),
    }
    told = await profile(world.database, "birch")
    assert told["firmographics"]["legal_name"]["value"] == "Birch AG"


async def test_a_loaded_domain_becomes_the_partner_that_pages_named(
    world: World, tmp_path: Path
) -> None:
    link = '<h1>Our partners</h1><a href="https://acme.example/"><img alt="Acme"></a>'
    await world.ingest([page("https://birch.example/partners", link)])
    await load_rows(world.database, tmp_path, [ACME])
    assert (await profile(world.database, "acme"))["partnership_count"] == 1


# Rows that meet each other in every way: few names, numbers, places and domains for many rows.
def draw_rows(seed: int, count: int) -> list[dict[str, Any]]:
    chance = random.Random(seed)
    names = ["Acme", "Acme Tools", "Birch AG", "Cedar Ltd", "Cedar Limited", "Delta", "北方公司",
             "Elm & Sons plc", "Fir"]  # fmt: skip
    rows: list[dict[str, Any]] = []
    for number in range(count):
        row: dict[str, Any] = {"name": chance.choice(names)}
        if chance.random() < 0.7:
            row["id"] = str(chance.randrange(count))
        if chance.random() < 0.35:
            row["domain"] = f"{chance.choice(['acme', 'cedar', 'x', 'elm'])}{number % 17}.example"
        if chance.random() < 0.3:
            row["lei"] = make_lei(chance.randrange(20))
        if chance.random() < 0.3:
            row["company_number"] = f"{chance.randrange(20)}"
        if chance.random() < 0.7:
            row["country"] = chance.choice(["GB", "DE"])
        if chance.random() < 0.6:
            row["city"] = chance.choice(["Leeds", "York", "Berlin"])
        if chance.random() < 0.05:
            row["country"] = "Nowhere"
        if chance.random() < 0.3:
            row["observed_at"] = f"2026-0{chance.randrange(1, 9)}-01"
        rows.append(row)
    return rows


@pytest.fixture
def urls(dialect: str, tmp_path: Path) -> Iterator[Iterator[str]]:
    """Empty databases of one dialect, one after the other."""
    with ExitStack() as stack:
        made = [stack.enter_context(fresh_database(dialect, tmp_path)) for _ in range(4)]
        yield iter(made)


@asynccontextmanager
async def opened(urls: Iterator[str]) -> AsyncIterator[Database]:
    database = await open_database(next(urls))
    try:
        yield database
    finally:
        await database.close()


@pytest.mark.parametrize("seed", range(3))
async def test_portions_of_any_size_give_what_one_row_after_the_other_gives(
    urls: Iterator[str], tmp_path: Path, seed: int
) -> None:
    rows = draw_rows(seed, 110)
    async with opened(urls) as one_by_one:
        await load_rows(one_by_one, tmp_path, rows, batch_rows=1)
        expected = await everything(one_by_one)
    assert {len(part) > 0 for part in expected.values()} == {True}
    for size in (7, 1_000):
        async with opened(urls) as database:
            outcome = await load_rows(database, tmp_path, rows, batch_rows=size)
            counts = outcome.counts
            assert counts.rows == len(rows)
            assert counts.settled > 0
            assert await everything(database) == expected
            await load_rows(database, tmp_path, rows, batch_rows=size, resumes=False)
            assert await everything(database) == expected, "loaded twice"
            await assert_index_is_exact(database)
    async with opened(urls) as database:
        for half in (rows[:50], rows[50:]):
            await load_rows(database, tmp_path, half, batch_rows=20)
        assert await everything(database) == expected, "loaded in two halves"


async def assert_index_is_exact(database: Database) -> None:
    text = "SELECT facet, value, chunk, bits FROM company_bitmaps ORDER BY facet, value, chunk"

    async def read(tx: Any) -> list[Any]:
        return [(*row[:3], BitMap.deserialize(row[3])) for row in await tx.fetch_all(text)]

    async with database.transaction() as tx:
        await lock_companies(tx)
        before = sorted(await read(tx))
        await rebuild_index(tx, (await fetch_catalogue(tx)).values())
        assert sorted(await read(tx)) == before
