"""What a process keeps in memory: every reader finds what its own transaction sees."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass
from typing import Any

import pytest
from pyroaring import BitMap
from tests.trace.conftest import DAY_MS, NOW, World, organization, page
from tests.trace.trees import captures, draw_trees, fits, naive_rows

from tracewell.kernel.database import Transaction
from tracewell.trace.companies.columns import CompanyColumns
from tracewell.trace.companies.indexing import rebuild_index
from tracewell.trace.companies.store import fetch_summaries
from tracewell.trace.companies.views import SortColumn
from tracewell.trace.filters.evaluation import evaluate
from tracewell.trace.filters.model import Leaf
from tracewell.trace.filters.sources import CompanyMemory, Sources
from tracewell.trace.index.bitmaps import (
    CHUNK_BITS,
    Property,
    add_properties,
    change_properties,
    note_rebuilt,
    read_bitmaps,
    read_prefixed,
    read_state,
)
from tracewell.trace.index.cache import BitmapCache
from tracewell.trace.technologies.store import fetch_catalogue

pytestmark = pytest.mark.anyio

SORTS: tuple[SortColumn, ...] = (
    "name", "last_observed_at", "technology_count", "partnership_count",
)  # fmt: skip


async def page_of(sources: Sources, sort: SortColumn, limit: int) -> list[int]:
    return await sources.columns.page(
        sources.tx, await sources.all(), sort, descending=False, limit=limit, offset=1
    )


async def test_a_reader_is_not_told_of_companies_that_came_after_its_snapshot(world: World) -> None:
    everybody = Leaf("technology_count", "gte", 0)
    memory = CompanyMemory()
    await world.ingest([page("https://first.example/")])
    async with world.database.snapshot() as early:
        assert len(await naive_rows(early)) == 1
        await world.ingest([page("https://second.example/")])
        async with world.database.snapshot() as late:
            assert len(await evaluate(everybody, await memory.sources(late))) == 2
        sources = await memory.sources(early)
        found = await evaluate(everybody, sources)
        assert [one.slug for one in await fetch_summaries(early, list(found))] == ["first"]
        ids = await sources.columns.page(early, found, "name", descending=False, limit=50, offset=0)
        assert len(await fetch_summaries(early, ids)) == 1


@dataclass
class Reader:
    """A snapshot, what stands in it, and how its companies are sorted."""

    tx: Transaction
    rows: list[dict[str, Any]]
    sorted: dict[SortColumn, list[int]]
    sources: Sources | None


async def open_reader(world: World, stack: AsyncExitStack, memory: CompanyMemory | None) -> Reader:
    tx = await stack.enter_async_context(world.database.snapshot())
    sources = None if memory is None else await memory.sources(tx)
    fresh = await CompanyMemory().sources(tx)
    ordered = {sort: await page_of(fresh, sort, 3) for sort in SORTS}
    return Reader(tx, await naive_rows(tx), ordered, sources)


@pytest.mark.parametrize("replaced_max", [0, 100, 100_000])
async def test_every_reader_finds_what_plain_python_finds_in_its_state(
    world: World, replaced_max: int
) -> None:
    memory = CompanyMemory(CompanyColumns(replaced_max))
    trees = draw_trees(60)
    made = captures()
    readers: list[Reader] = []
    async with AsyncExitStack() as stack:
        for number in range(0, len(made), 2):
            await world.ingest(made[number : number + 2])
            # Some look at the memory at once, others when it has gone on.
            readers.append(await open_reader(world, stack, memory if number % 3 == 0 else None))
            if number == 4:
                await memory.columns.read_lines(world.database)
            if number % 4 == 0:
                async with world.database.snapshot() as tx:
                    sources = await memory.sources(tx)
                    for tree in trees[:10]:
                        await evaluate(tree, sources)
        renamed = organization(name="Zeta", industry="Mining")
        await world.ingest(
            [page("https://alpha.example/", renamed, at=NOW + 40 * DAY_MS, headers={"Server": "x"})]
        )
        async with world.database.transaction() as tx:
            await rebuild_index(tx, (await fetch_catalogue(tx)).values())
        readers.append(await open_reader(world, stack, memory))
        assert len({reader.rows[0]["last_observed_at"] for reader in readers}) > 1
        with_lines = 0
        for reader in [*readers, *reversed(readers)]:
            sources = reader.sources or await memory.sources(reader.tx)
            with_lines += sources.columns.has_lines
            for sort in SORTS:
                assert await page_of(sources, sort, 3) == reader.sorted[sort]
            for tree in trees:
                found = await evaluate(tree, sources)
                assert set(found) == {
                    one["company_id"] for one in reader.rows if fits(tree, one, 0)
                }


@dataclass
class Changed:
    """A state of its number, and after which numbers parts changed."""

    number: int
    parts: dict[int, int]
    rebuilt_number: int = 0

    def changed_since(self, number: int) -> Sequence[int] | None:
        if self.rebuilt_number > number:
            return None
        return [part for part, changed in self.parts.items() if changed > number]


async def test_kept_bitmaps_are_those_of_the_readers_state(world: World) -> None:
    cache = BitmapCache()
    parts: dict[int, int] = {}
    asked = ["x", "xy", "z", "nothing"]
    chunk = 1 << CHUNK_BITS

    async def change(company_id: int, *now: str) -> None:
        async with world.database.transaction() as tx:
            before = [
                Property("f", value)
                for value, companies in (await read_prefixed(tx, "f", "")).items()
                if company_id in companies
            ]
            await change_properties(tx, company_id, before, [Property("f", one) for one in now])
            await tx.execute("UPDATE company_changes SET change_number = change_number + 1")
            parts[company_id >> CHUNK_BITS] = (await read_state(tx)).number

    async def compare(tx: Transaction, state: Changed) -> None:
        for _ in range(2):
            assert await cache.read(tx, state, "f", asked) == await read_bitmaps(tx, "f", asked)
            assert await cache.read_prefixed(tx, state, "f", "x") == await read_prefixed(
                tx, "f", "x"
            )

    async with world.database.transaction() as tx:
        ids = [1, 5, chunk + 1, 3 * chunk]
        await add_properties(tx, {Property("f", "x"): ids, Property("f", "xy"): [5]})
    async with world.database.snapshot() as early:
        began = Changed((await read_state(early)).number, parts)
        await compare(early, began)
        for company_id, now in ((5, "z"), (chunk + 9, "x"), (3 * chunk, "xy"), (5 * chunk, "xz")):
            await change(company_id, now)
            async with world.database.snapshot() as tx:
                await compare(tx, Changed((await read_state(tx)).number, dict(parts)))
            await compare(early, began)
        async with world.database.transaction() as tx:
            await tx.execute("DELETE FROM company_bitmaps WHERE value = 'x'")
            await note_rebuilt(tx)
        async with world.database.snapshot() as tx:
            await compare(tx, Changed(*_numbers(await read_state(tx), parts)))
        await compare(early, began)


def _numbers(state: tuple[int, int], parts: dict[int, int]) -> tuple[int, dict[int, int], int]:
    return state[0], parts, state[1]


async def test_the_cache_is_bounded(world: World) -> None:
    cache = BitmapCache(bytes_max=20_000)
    async with world.database.transaction() as tx:
        everything = {Property("f", str(n)): range(n, 3_000, 2) for n in range(40)}
        await add_properties(tx, everything)
    async with world.database.snapshot() as tx:
        state = Changed((await read_state(tx)).number, {})
        for _ in range(2):
            for of, companies in everything.items():
                assert (await cache.read(tx, state, "f", [of.value]))[of.value] == BitMap(companies)
        assert 0 < cache.held_bytes <= 20_000
