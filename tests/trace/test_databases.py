"""The databases that the tests themselves stand on."""

from __future__ import annotations

import pytest
from tests.databases import all_migrations

from tracewell.kernel.database import Database, open_database

pytestmark = pytest.mark.anyio


async def test_a_test_database_is_migrated_and_empty(database: Database) -> None:
    async with database.snapshot() as tx:
        assert await tx.fetch_value("SELECT COUNT(*) FROM orgs") == 0
    assert await all_migrations().applied(database) == {
        (step.room, step.version) for step in all_migrations().steps
    }


async def test_migrations_run_up_down_and_up_again(empty_database_url: str) -> None:
    migrations = all_migrations()
    database = await open_database(empty_database_url)
    try:
        assert await migrations.up(database) == list(migrations.steps)
        for room in ("intrace", "trace", "kernel"):
            await migrations.down(database, room, 0)
        assert await migrations.applied(database) == set()
        assert await migrations.up(database) == list(migrations.steps)
        assert await migrations.up(database) == []
    finally:
        await database.close()
