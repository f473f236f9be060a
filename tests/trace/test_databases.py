"""The databases that the tests themselves stand on."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from tests.databases import NoPostgresql, all_migrations, find_postgresql

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


async def test_a_killed_test_process_leaves_no_cluster_behind() -> None:
    try:
        find_postgresql()
    except NoPostgresql as error:
        if os.environ.get("CI") == "true":
            pytest.fail(str(error))
        pytest.skip(str(error))
    script = (
        "import time; from tests.databases import start_cluster;"
        "print(start_cluster().folder, flush=True); time.sleep(600)"
    )
    with subprocess.Popen([sys.executable, "-c", script], stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        folder = Path(process.stdout.readline().decode().strip())
        assert (folder / "data" / "postmaster.pid").exists()
        process.send_signal(signal.SIGKILL)
    deadline = time.monotonic() + 30
    while folder.exists():
        assert time.monotonic() < deadline, "the cluster is still there"
        time.sleep(0.05)
