"""A short campaign on both databases; the long one is `make test-exactness`."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from pathlib import Path
from random import Random

import pytest
from tests.databases import NoPostgresql, all_migrations
from tests.exactness.campaign import Tally, run_kills, run_seeds, run_sweep
from tests.exactness.crashes import CrashingServer
from tests.exactness.grant_mutants import GRANT_MUTANTS
from tests.exactness.mutants import MUTANTS, Control
from tests.exactness.server import Server

from tracewell.kernel.database import open_database

SEEDS = 80
KILLS = 8
CRASHES = 5
MUTANT_SEEDS_MAX = 200


def exact(tally: Tally) -> bool:
    """Whether nothing was wrong; shows what was."""
    assert tally.wrong == []
    return True


def test_seeded_runs_are_exact(database_url: str) -> None:
    tally = asyncio.run(run_seeds(database_url, range(SEEDS)))
    assert exact(tally)
    assert tally.runs == SEEDS
    assert min(tally.faults, tally.lost, tally.refused, tally.charged) > 100


def test_a_fault_at_every_await_leaves_the_ledger_exact(database_url: str) -> None:
    tally = asyncio.run(run_sweep(database_url, 1))
    assert exact(tally)
    # The last round found no await that was left.
    assert tally.faults > 100
    assert tally.faults <= tally.runs - 3


def test_what_two_processes_told_is_true_however_often_one_is_killed(database_url: str) -> None:
    tally = run_kills(database_url, 0, KILLS)
    assert exact(tally)
    assert tally.kills == KILLS
    assert tally.cut >= KILLS
    assert tally.charged > 50


@pytest.mark.parametrize("mutant", [*MUTANTS, *GRANT_MUTANTS])
def test_a_planted_bug_is_caught(database_url: str, mutant: type[Server]) -> None:
    tally = asyncio.run(
        run_seeds(database_url, range(MUTANT_SEEDS_MAX), make_server=mutant, until_wrong=True)
    )
    assert tally.wrong, f"{mutant.__name__} was not seen in {tally.runs} runs"


def test_the_parts_that_the_planted_bugs_are_made_of_are_exact(database_url: str) -> None:
    assert exact(asyncio.run(run_seeds(database_url, range(32), make_server=Control)))


def test_the_planted_bugs_are_out_of_the_products_reach() -> None:
    sources = Path(__file__).parents[2] / "src"
    for source in sources.rglob("*.py"):
        text = source.read_text("utf-8")
        assert "from tests" not in text, source
        assert "import tests" not in text, source


@pytest.fixture
def crashing_server() -> Iterator[CrashingServer]:
    """A durable PostgreSQL server with migrated tables, which a test may crash."""
    try:
        server = CrashingServer(Random(7))
    except NoPostgresql as error:
        pytest.skip(str(error))
    try:
        asyncio.run(_migrate(server.url))
        yield server
    finally:
        server.stop()


async def _migrate(url: str) -> None:
    database = await open_database(url)
    try:
        await all_migrations().up(database)
    finally:
        await database.close()


def test_what_was_told_is_true_after_the_server_itself_has_crashed(
    crashing_server: CrashingServer,
) -> None:
    tally = run_kills(crashing_server.url, 0, CRASHES, strike=crashing_server.strike)
    assert exact(tally)
    assert crashing_server.crashes == CRASHES
    assert tally.lost > 0
    assert tally.charged > 20
