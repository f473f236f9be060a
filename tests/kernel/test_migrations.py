"""The tables of every room: up, down and up again, on both databases, by one or by many."""

from __future__ import annotations

import asyncio
import subprocess
import sys
from collections.abc import AsyncIterator
from importlib.resources import files
from pathlib import Path

import pytest

from tracewell.kernel.database import (
    Database,
    DatabaseFailed,
    Migration,
    MigrationFailed,
    Migrations,
    Sql,
    open_database,
)
from tracewell.kernel.database.migrate import load_migrations

pytestmark = pytest.mark.anyio

ROOMS = ("kernel", "trace", "intrace")
TABLES = Sql(
    sqlite="SELECT type || ' ' || name || ' ' || COALESCE(sql, '') FROM sqlite_schema"
    " WHERE name NOT LIKE 'sqlite_%' AND name <> 'schema_migrations' ORDER BY 1",
    postgresql="""
        SELECT c.relkind::text || ' ' || c.relname || ' ' || COALESCE(
          (SELECT string_agg(a.attname || ' ' || format_type(a.atttypid, a.atttypmod)
             || a.attnotnull::text, ', ' ORDER BY a.attnum)
           FROM pg_attribute AS a
           WHERE a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped), '')
        FROM pg_class AS c WHERE c.relnamespace = 'public'::regnamespace
          AND c.relname NOT LIKE 'schema_migrations%'
        UNION ALL SELECT 'function ' || p.proname || md5(p.prosrc) FROM pg_proc AS p
          WHERE p.pronamespace = 'public'::regnamespace
        UNION ALL SELECT 'trigger ' || t.tgname FROM pg_trigger AS t WHERE NOT t.tgisinternal
        ORDER BY 1""",
)


def steps_of(room: str) -> tuple[Migration, ...]:
    return load_migrations(room, files(f"tracewell.{room}") / "migrations")


def all_steps() -> Migrations:
    return Migrations([step for room in ROOMS for step in steps_of(room)])


@pytest.fixture
async def empty(empty_database_url: str, anyio_backend: str) -> AsyncIterator[Database]:
    """A database without any table, on each dialect."""
    opened = await open_database(empty_database_url)
    yield opened
    await opened.close()


async def tables(database: Database) -> list[str]:
    async with database.snapshot() as tx:
        return [row[0] for row in await tx.fetch_all(TABLES)]


async def test_every_step_of_every_room_goes_up_down_and_up_to_the_same_tables(
    empty: Database,
) -> None:
    migrations = all_steps()
    seen: list[list[str]] = []
    for number, step in enumerate(migrations.steps, 1):
        ladder = Migrations(migrations.steps[:number])
        before = await tables(empty)
        assert await ladder.up(empty) == [step]
        after = await tables(empty)
        # A step for the other dialect alone changes nothing here.
        assert (after != before) == bool(step.statements(empty.dialect, up=True))
        if step.room == "kernel" or step.version > 1:
            assert await ladder.down(empty, step.room, step.version - 1) == [step]
        else:
            assert await ladder.down(empty, step.room, 0) == [step]
        assert await tables(empty) == before
        assert await ladder.up(empty) == [step]
        assert await tables(empty) == after
        seen.append(after)
    for room in reversed(ROOMS):
        await migrations.down(empty, room, 0)
    assert await tables(empty) == []
    assert await migrations.up(empty) == list(migrations.steps)
    assert await tables(empty) == seen[-1]


async def test_going_up_twice_does_nothing_the_second_time(empty: Database) -> None:
    assert await all_steps().up(empty)
    assert await all_steps().up(empty) == []


async def test_rooms_with_rows_in_them_go_down(empty: Database) -> None:
    migrations = all_steps()
    await migrations.up(empty)
    async with empty.transaction() as tx:
        await tx.execute("INSERT INTO orgs (name, plan, created_at) VALUES ('a', 'free', 1)")
        await tx.execute("INSERT INTO credit_accounts (org_id, balance) VALUES (1, 0)")
        await tx.execute(
            "INSERT INTO credit_ledger (entry_id, org_id, kind, credits, channel, endpoint,"
            " item_count, request_id, created_at)"
            " VALUES ('e', 1, 'grant', 0, 'app', 'x', 0, 'r', 1)"
        )
        for key, successor in (("k1", "NULL"), ("k2", "'k1'")):
            await tx.execute(
                "INSERT INTO api_keys (key_id, key_hash, prefix, kind, org_id, roles, created_at,"
                f" successor_id) VALUES ('{key}', :hash, 'trace_', 'org', 1, '[]', 1, {successor})",
                hash=key.encode(),
            )
    for room in reversed(ROOMS):
        await migrations.down(empty, room, 0)
    assert await tables(empty) == []


async def test_the_ground_room_stays_while_another_stands_on_it(empty: Database) -> None:
    migrations = all_steps()
    await migrations.up(empty)
    before = await tables(empty)
    with pytest.raises(MigrationFailed, match="kernel carries intrace, trace"):
        await migrations.down(empty, "kernel", 0)
    assert await tables(empty) == before


async def test_a_database_of_a_newer_release_is_refused_and_left_alone(empty: Database) -> None:
    migrations = all_steps()
    await migrations.up(empty)
    async with empty.transaction() as tx:
        await tx.execute("INSERT INTO schema_migrations (room, version) VALUES ('trace', 9000)")
    before = await tables(empty)
    with pytest.raises(MigrationFailed, match="trace 9000"):
        await migrations.up(empty)
    with pytest.raises(MigrationFailed, match="trace 9000"):
        await migrations.down(empty, "trace", 0)
    assert await tables(empty) == before


async def test_asking_what_is_applied_writes_nothing(empty: Database) -> None:
    migrations = all_steps()
    assert await migrations.applied(empty) == set()
    everything = Sql(
        sqlite="SELECT COUNT(*) FROM sqlite_schema",
        postgresql="SELECT COUNT(*) FROM pg_class WHERE relnamespace = 'public'::regnamespace",
    )
    async with empty.statement() as tx:
        assert await tx.fetch_value(everything) == 0
    await migrations.up(empty)
    assert await migrations.applied(empty) == {(s.room, s.version) for s in migrations.steps}


async def test_a_step_that_fails_half_way_leaves_nothing(empty: Database) -> None:
    wrong = Migration("kernel", 1, "wrong", "CREATE TABLE a (x INTEGER);\n\nNONSENSE;", "DROP")
    with pytest.raises(DatabaseFailed, match="yntax"):
        await Migrations([wrong]).up(empty)
    assert await tables(empty) == []
    assert await Migrations([wrong]).applied(empty) == set()


async def test_several_processes_that_migrate_at_once_all_succeed(
    empty: Database, empty_database_url: str
) -> None:
    code = (
        "import asyncio, sys\n"
        "from tests.kernel.test_migrations import all_steps\n"
        "from tracewell.kernel.database import open_database\n"
        "async def main():\n"
        "    database = await open_database(sys.argv[1])\n"
        "    print(len(await all_steps().up(database)))\n"
        "    await database.close()\n"
        "asyncio.run(main())\n"
    )
    root = Path(__file__).parents[2]
    processes = [
        subprocess.Popen(
            [sys.executable, "-c", code, empty_database_url],
            stdout=subprocess.PIPE,
            text=True,
            cwd=root,
        )
        for _ in range(4)
    ]
    told = await asyncio.gather(
        *(asyncio.to_thread(process.communicate, timeout=60) for process in processes)
    )
    assert [process.returncode for process in processes] == [0] * 4
    done = sorted(int(out) for out, _ in told)
    assert done == [0, 0, 0, len(all_steps().steps)]


def _folder(tmp_path: Path, **texts: str) -> Path:
    for name, text in texts.items():
        (tmp_path / f"{name}.sql").write_text(text)
    return tmp_path


@pytest.mark.parametrize(
    ("name", "text", "told"),
    [
        ("1_short", "-- up\nA\n-- down\nB\n", "NNNN_name"),
        ("0001_UPPER", "-- up\nA\n-- down\nB\n", "NNNN_name"),
        ("0002_gap", "-- up\nA\n-- down\nB\n", "without a gap"),
        ("0001_no_down", "-- up\nA\n", "needs"),
        ("0001_empty_down", "-- up\nA\n-- down\n\n", "needs"),
        ("0001_no_up", "A\n-- down\nB\n", "needs"),
    ],
)
async def test_a_wrong_migration_file_is_told(
    tmp_path: Path, name: str, text: str, told: str
) -> None:
    with pytest.raises(MigrationFailed, match=told):
        load_migrations("room", _folder(tmp_path, **{name: text}))


async def test_each_dialect_gets_its_own_words() -> None:
    step = Migration(
        "room",
        1,
        "words",
        "CREATE TABLE a (i {identity}, b {bytes})\n"
        "-- only sqlite\nWITHOUT ROWID\n-- end\n;\n\n"
        "-- only postgresql\nCREATE FUNCTION f() AS $$ BEGIN; END $$;\n-- end\n",
        "DROP TABLE a",
    )
    assert step.statements("sqlite", up=True) == [
        "CREATE TABLE a (i INTEGER PRIMARY KEY AUTOINCREMENT, b BLOB)\nWITHOUT ROWID\n"
    ]
    assert step.statements("postgresql", up=True) == [
        "CREATE TABLE a (i BIGINT GENERATED BY DEFAULT AS IDENTITY PRIMARY KEY, b BYTEA)\n",
        "CREATE FUNCTION f() AS $$ BEGIN; END $$",
    ]
    assert step.statements("sqlite", up=False) == ["DROP TABLE a"]
