"""The data of the scale benchmark: the same for a seed, and such as captures could have given."""

from __future__ import annotations

import asyncio
from pathlib import Path

import numpy as np
import pytest
from benchmarks.scale import companies, drawing
from benchmarks.scale.loading import load
from pyroaring import BitMap

from tracewell.kernel.database import open_database
from tracewell.trace.companies.indexing import rebuild_index
from tracewell.trace.companies.rules import keep_facts, settle_use
from tracewell.trace.filters.evaluation import evaluate
from tracewell.trace.filters.model import Leaf
from tracewell.trace.filters.sources import CompanyMemory
from tracewell.trace.technologies.model import Technology
from tracewell.trace.technologies.store import fetch_catalogue

CATALOGUE = [
    Technology(number + 1, f"t{number}", companies.technology_name(number), None, None, None, ())
    for number in range(drawing.TECHNOLOGIES)
]


def test_a_seed_gives_the_same_data_every_time() -> None:
    assert (
        drawing.digest(1_000) == "95f74c96818b771b5b0c7e41e26ba85d153ea0a4a85cd2feee6dea3f9c52d77c"
    )
    assert drawing.digest(1_000, seed=1) != drawing.digest(1_000)


def test_a_portion_does_not_depend_on_those_before() -> None:
    count = drawing.PORTION + 500
    alone = drawing.draw_portion(1, count)
    *_, in_turn = drawing.draw_portions(count)
    assert alone.first == drawing.PORTION
    assert len(alone.visits) == 500
    np.testing.assert_array_equal(alone.technology, in_turn.technology)


def test_drawn_companies_are_such_as_captures_could_have_given() -> None:
    portion = drawing.draw_portion(0, 500)
    drawn = drawing.draw_partnerships(500)
    partners = companies.count_partners(drawn, 500)
    types = companies.partnership_types(drawn, 500)
    made = list(companies.make_companies(portion, partners, types, CATALOGUE))
    assert 25 < sum(len(company.uses) for company in made) / 500 < 35
    assert {use.status for company in made for use in company.uses} == {"active", "dropped"}
    for company in made:
        assert len({use.technology.technology_id for use in company.uses}) == len(company.uses)
        assert company.facts == keep_facts(company.facts)
        for use in company.uses:
            assert settle_use(use, company.visit_days) == use
    assert len({company.slug for company in made}) == 500
    pairs = {frozenset(pair) for pair in zip(drawn.publisher, drawn.partner, strict=True)}
    assert len(pairs) == len(drawn.kind) == 1_500


def test_a_load_gives_companies_that_can_be_searched(database_url: str, tmp_path: Path) -> None:
    loaded = load(database_url, 300, jobs=1)
    assert (loaded.companies, loaded.partnerships) == (300, 900)

    async def look() -> None:
        database = await open_database(database_url)
        try:
            async with database.transaction() as tx:
                rows = await tx.fetch_all("SELECT facet, value, chunk, bits FROM company_bitmaps")
                kept = {tuple(row[:3]): BitMap.deserialize(row[3]) for row in rows}
                await rebuild_index(tx, (await fetch_catalogue(tx)).values())
                rows = await tx.fetch_all("SELECT facet, value, chunk, bits FROM company_bitmaps")
                assert kept == {tuple(row[:3]): BitMap.deserialize(row[3]) for row in rows}
                leaf = Leaf("partnership_type", "any_of", ["channel"])
                found = await evaluate(leaf, await CompanyMemory().sources(tx))
                rows = await tx.fetch_all(
                    "SELECT DISTINCT company_id FROM partnerships"
                    " WHERE partnership_type = 'channel'"
                )
                assert found == BitMap([row[0] for row in rows])
                assert 0 < len(found) < 300
                uses = await tx.fetch_value("SELECT COUNT(*) FROM technology_uses")
                assert uses == loaded.uses
                count = "SELECT COUNT(DISTINCT partner_key) FROM partnerships WHERE company_id = 7"
                kept_count = "SELECT partnership_count FROM companies WHERE company_id = 7"
                assert await tx.fetch_value(count) == await tx.fetch_value(kept_count)
        finally:
            await database.close()

    asyncio.run(look())


def test_a_load_takes_an_empty_database_only(database_url: str) -> None:
    load(database_url, 10, jobs=1)
    with pytest.raises((AssertionError, ValueError), match="empty"):
        load(database_url, 10, jobs=1)
