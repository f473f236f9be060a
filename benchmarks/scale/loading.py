"""What was drawn into a database, by several processes, through the product's bulk writers.

Rows are made in every process; writers take turns, as writers of companies do.
"""

from __future__ import annotations

import asyncio
import multiprocessing
import multiprocessing.synchronize
import resource
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.scale import drawing
from benchmarks.scale.companies import (
    by_rank,
    count_partners,
    fingerprints,
    make_companies,
    make_postings,
    make_publications,
    partnership_types,
)
from benchmarks.scale.drawing import Ints, Partnerships
from tracewell.kernel.database import Database, drop_indexes, open_database, rebuild_indexes
from tracewell.main.ground import all_migrations
from tracewell.trace.companies.bulk import (
    insert_batch,
    prepare_companies,
    reserve_company_ids,
)
from tracewell.trace.companies.indexing import ensure_indexed_catalogue
from tracewell.trace.companies.store import lock_companies
from tracewell.trace.partnerships.bulk import insert_publications
from tracewell.trace.postings.bulk import insert_postings
from tracewell.trace.technologies.model import Technology
from tracewell.trace.technologies.store import fetch_catalogue

PAIRS_AT_ONCE = 250_000
# Partners lie anywhere in their index: it has to be in memory, and written out few times.
_CACHE = "PRAGMA cache_size = -1048576"
SET_ASIDE = (
    "technology_uses", "technology_evidence", "firmographics", "partnerships",
    "partnership_evidence", "postings", "posting_technologies",
)  # fmt: skip
"""Tables whose indexes are made at the end. Companies' own are few entries, and SQLite would read
every profile again for those over columns behind it."""


@dataclass(frozen=True, slots=True)
class Loaded:
    """What a load took: wall and CPU seconds of all our processes (not of the database's)."""

    companies: int
    uses: int
    partnerships: int
    postings: int
    wall_s: float
    cpu_s: float


def load(url: str, companies: int, jobs: int) -> Loaded:
    """Fills an empty database."""
    began, began_cpu_s = time.perf_counter(), _cpu_s()
    rebuilding = asyncio.run(_begin(url, companies))
    drawn = drawing.draw_partnerships(companies)
    with tempfile.TemporaryDirectory() as folder:
        for field in fields(drawn):
            np.save(Path(folder) / field.name, getattr(drawn, field.name))
        context = multiprocessing.get_context("spawn")
        turn = context.Lock()
        with context.Pool(jobs, _prepare_worker, (url, companies, folder, turn)) as pool:
            portions = range(-(-companies // drawing.PORTION))
            told = pool.map(_load_portion, portions, chunksize=1)
            pairs = range(0, len(drawn.kind), PAIRS_AT_ONCE)
            pool.map(_load_pairs, pairs, chunksize=1)
            pool.close()
            pool.join()
    asyncio.run(_finish(url, rebuilding))
    uses, postings = (sum(column) for column in zip(*told, strict=True))
    wall_s, cpu_s = time.perf_counter() - began, _cpu_s() - began_cpu_s
    return Loaded(companies, uses, len(drawn.kind), postings, wall_s, cpu_s)


def _cpu_s() -> float:
    """Of this process and of those that it has waited for."""
    spent = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    return sum(one.ru_utime + one.ru_stime for one in spent)


async def _begin(url: str, companies: int) -> list[str]:
    database = await open_database(url)
    try:
        await all_migrations().up(database)
        async with database.transaction() as tx:
            await ensure_indexed_catalogue(tx, fingerprints())
            ids = await reserve_company_ids(tx, companies)
            assert ids == list(range(1, companies + 1)), "the database is empty"
            return await drop_indexes(tx, SET_ASIDE)
    finally:
        await database.close()


async def _finish(url: str, rebuilding: Sequence[str]) -> None:
    database = await open_database(url)
    try:
        async with database.transaction() as tx:
            if tx.dialect == "sqlite":
                await tx.execute(_CACHE)
            await rebuild_indexes(tx, rebuilding)
        if database.dialect == "postgresql":
            async with database.statement() as tx:
                tx.be_patient()
                await tx.execute("VACUUM (ANALYZE)")
    finally:
        await database.close()


@dataclass
class _Worker:
    """What a process keeps between portions."""

    url: str
    companies: int
    drawn: Partnerships
    partners: Ints
    types: Ints
    turn: multiprocessing.synchronize.Lock


_worker: _Worker | None = None


def _prepare_worker(url: str, companies: int, folder: str, turn: Any) -> None:
    global _worker
    columns = {
        field.name: np.load(Path(folder) / f"{field.name}.npy", mmap_mode="r")
        for field in fields(Partnerships)
    }
    drawn = Partnerships(**columns)
    partners, types = count_partners(drawn, companies), partnership_types(drawn, companies)
    _worker = _Worker(url, companies, drawn, partners, types, turn)


def _load_portion(number: int) -> tuple[int, int]:
    assert _worker is not None
    return asyncio.run(_write_portion(_worker, number))


async def _write_portion(worker: _Worker, number: int) -> tuple[int, int]:
    database = await open_database(worker.url)
    try:
        catalogue = await _fetch_catalogue(database)
        portion = drawing.draw_portion(number, worker.companies)
        made = make_companies(portion, worker.partners, worker.types, by_rank(catalogue))
        batch = prepare_companies(made)
        postings = list(make_postings(portion))
        with worker.turn:
            async with database.transaction() as tx:
                await lock_companies(tx)
                await insert_batch(tx, batch)
                await insert_postings(tx, postings, catalogue)
        return len(portion.company), len(postings)
    finally:
        await database.close()


async def _fetch_catalogue(database: Database) -> dict[str, Technology]:
    async with database.snapshot() as tx:
        return await fetch_catalogue(tx)


def _load_pairs(first: int) -> None:
    assert _worker is not None
    asyncio.run(_write_pairs(_worker, first))


async def _write_pairs(worker: _Worker, first: int) -> None:
    publications = list(make_publications(worker.drawn, first, first + PAIRS_AT_ONCE))
    database = await open_database(worker.url)
    try:
        with worker.turn:
            async with database.transaction() as tx:
                if tx.dialect == "sqlite":
                    await tx.execute(_CACHE)
                await lock_companies(tx)
                await insert_publications(tx, publications)
    finally:
        await database.close()
