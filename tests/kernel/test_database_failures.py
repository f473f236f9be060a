"""What happens when the database itself is in trouble: locked, full, killed, gone and back."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import apsw
import pytest
from tests.databases import Cluster, NoPostgresql, start_cluster
from tests.kernel.conftest import CREATE

from tracewell.kernel.database import Database, DatabaseFailed, open_database
from tracewell.kernel.database import sqlite as sqlite_room
from tracewell.kernel.database.sqlite import SqliteDatabase

pytestmark = pytest.mark.anyio

WRITER = Path(__file__).with_name("writer.py")
ADD = "INSERT INTO things (name, amount, body) VALUES (:name, 1, :body)"


async def add(database: Database, name: str, body: str = "") -> None:
    async with database.transaction() as tx:
        await tx.execute(ADD, name=name, body=body)


async def count(database: Database) -> int:
    async with database.statement() as tx:
        return int(await tx.fetch_value("SELECT COUNT(*) FROM things"))


def start_writer(url: str, name: str, rows: int) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, str(WRITER), url, name, str(rows)], stdout=subprocess.PIPE, text=True
    )


def finish(process: subprocess.Popen[str]) -> list[str]:
    told, _ = process.communicate(timeout=60)
    return told.splitlines()


async def test_two_processes_write_at_once_and_no_row_is_lost(
    dialect: str, tmp_path: Path, things: Database, empty_database_url: str
) -> None:
    await add(things, "shared")
    writers = [start_writer(empty_database_url, name, 120) for name in ("left", "right")]
    told = [line for writer in writers for line in await asyncio.to_thread(finish, writer)]
    assert [writer.returncode for writer in writers] == [0, 0]
    assert len(set(told)) == 240
    async with things.snapshot() as tx:
        assert await tx.fetch_value("SELECT COUNT(*) FROM things") == 241
        assert await tx.fetch_value("SELECT amount FROM things WHERE name = 'shared'") == 241


async def test_what_a_killed_process_told_is_in_the_database(
    things: Database, empty_database_url: str
) -> None:
    await add(things, "shared")
    writer = start_writer(empty_database_url, "killed", 100_000)
    assert writer.stdout is not None
    told = [await asyncio.to_thread(writer.stdout.readline) for _ in range(50)]
    writer.kill()
    rest, _ = await asyncio.to_thread(writer.communicate)
    told += rest.splitlines(keepends=True)
    whole = {line.strip() for line in told if line.endswith("\n")}
    async with things.snapshot() as tx:
        found = {row[0] for row in await tx.fetch_all("SELECT name FROM things")}
        shared = await tx.fetch_value("SELECT amount FROM things WHERE name = 'shared'")
    assert whole <= found
    # Both statements of each transaction took effect, or neither did.
    assert shared == len(found)
    await add(things, "afterwards")


async def test_a_file_that_another_program_locks_is_told_in_time_and_works_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sqlite_room, "BUSY_WAIT_MS", 200)
    path = tmp_path / "locked.db"
    database = SqliteDatabase(path)
    async with database.transaction() as tx:
        await tx.execute(CREATE)
    other = apsw.Connection(str(path))
    other.execute("BEGIN IMMEDIATE")
    turns = 0

    async def count_turns() -> None:
        nonlocal turns
        while True:
            await asyncio.sleep(0)
            turns += 1

    ticking = asyncio.create_task(count_turns())
    outcomes = await asyncio.gather(
        add(database, "early"), add(database, "second"), return_exceptions=True
    )
    assert [type(outcome) for outcome in outcomes] == [DatabaseFailed, DatabaseFailed]
    assert "locked" in str(outcomes[0])
    assert turns > 100  # the loop was not held meanwhile
    ticking.cancel()
    assert await count(database) == 0  # readers are not kept out
    waiting = asyncio.create_task(add(database, "patient"))
    await asyncio.sleep(0.02)
    other.execute("COMMIT")
    await waiting
    await add(database, "late")
    assert await count(database) == 2
    await database.close()


async def test_those_who_queue_behind_a_locked_file_do_not_add_their_waits_up(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sqlite_room, "BUSY_WAIT_MS", 300)
    path = tmp_path / "locked.db"
    database = SqliteDatabase(path)
    async with database.transaction() as tx:
        await tx.execute(CREATE)
    other = apsw.Connection(str(path))
    other.execute("BEGIN IMMEDIATE")
    writers = [asyncio.create_task(add(database, f"writer {n}")) for n in range(10)]
    # Ten waits one after another would be three seconds: all of them are told within three waits.
    done, _ = await asyncio.wait(writers, timeout=0.9)
    other.execute("COMMIT")
    assert len(done) == 10
    assert {type(writer.exception()) for writer in done} == {DatabaseFailed}
    await database.close()


@contextlib.contextmanager
def small_disk(folder: Path) -> Iterator[Path]:
    """A file system of one megabyte; skips where none can be mounted."""
    folder.mkdir()
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=1m", "tmpfs", str(folder)],
        capture_output=True,
        check=False,
    )
    if mounted.returncode:
        pytest.skip("a small file system can only be mounted by root on Linux")
    try:
        yield folder
    finally:
        subprocess.run(["umount", "--lazy", str(folder)], check=True)


@pytest.mark.skipif(sys.platform != "linux", reason="mounts a tmpfs")
async def test_a_full_disk_leaves_nothing_half_written_and_heals(tmp_path: Path) -> None:
    with small_disk(tmp_path / "disk") as disk:
        database = SqliteDatabase(disk / "small.db")
        async with database.transaction() as tx:
            await tx.execute(CREATE)
        ballast = disk / "ballast"
        with ballast.open("wb") as file, contextlib.suppress(OSError):
            for _ in range(512):
                file.write(os.urandom(1024))
                file.flush()
        await _fill_and_heal(database, ballast.unlink)


async def test_a_full_database_leaves_nothing_half_written_and_heals(tmp_path: Path) -> None:
    database = SqliteDatabase(tmp_path / "bounded.db")
    async with database.transaction() as tx:
        await tx.execute(CREATE)
    database._writer.execute("PRAGMA max_page_count = 64")
    await _fill_and_heal(
        database, lambda: database._writer.execute("PRAGMA max_page_count = 100000")
    )


async def _fill_and_heal(database: SqliteDatabase, make_room: object) -> None:
    told: list[str] = []

    async def pair(number: int) -> None:
        async with database.transaction() as tx:
            await tx.execute(ADD, name=f"{number} left", body="x" * 3_000)
            await tx.execute(ADD, name=f"{number} right", body="x" * 3_000)
        told.append(str(number))

    failures = 0
    for first in range(0, 400, 8):
        outcomes = await asyncio.gather(
            *(pair(number) for number in range(first, first + 8)), return_exceptions=True
        )
        assert {type(outcome) for outcome in outcomes} <= {type(None), DatabaseFailed}
        failures += sum(outcome is not None for outcome in outcomes)
        if failures > 16:
            break
    assert failures > 16
    async with database.snapshot() as tx:
        rows = await tx.fetch_all("SELECT name FROM things")
    assert {row[0] for row in rows} == {f"{number} {side}" for number in told
                                        for side in ("left", "right")}  # fmt: skip
    assert callable(make_room)
    make_room()
    await add(database, "after the flood", "y" * 3_000)
    assert await count(database) == 2 * len(told) + 1
    await database.close()
    assert apsw.Connection(database._path).pragma("integrity_check") == "ok"


async def test_the_log_of_a_file_that_is_always_written_does_not_grow_for_ever(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sqlite_room, "CHECKPOINT_EVERY_S", 0.01)
    monkeypatch.setattr(sqlite_room, "WAL_PAGES_MAX", 64)
    path = tmp_path / "busy.db"
    database = SqliteDatabase(path)
    async with database.transaction() as tx:
        await tx.execute(CREATE)
    written = 0
    for number in range(300):
        await add(database, str(number), "z" * 20_000)
        written += 20_000
        await asyncio.sleep(0.001)
    assert (tmp_path / "busy.db-wal").stat().st_size < written / 2
    await database.close()


async def test_closing_while_the_log_is_folded_in_loses_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sqlite_room, "CHECKPOINT_EVERY_S", 0.0)
    for attempt in range(10):
        path = tmp_path / f"{attempt}.db"
        database = SqliteDatabase(path)
        async with database.transaction() as tx:
            await tx.execute(CREATE)
        for number in range(attempt):
            await add(database, str(number), "z" * 50_000)
        await database.close()
        assert not path.with_name(f"{attempt}.db-wal").exists()
        assert apsw.Connection(str(path)).execute("SELECT COUNT(*) FROM things").get == attempt


@pytest.fixture
def cluster() -> Iterator[Cluster]:
    """A PostgreSQL server that a test may end."""
    try:
        started = start_cluster()
    except NoPostgresql as error:
        pytest.skip(str(error))
    yield started
    started.stop()


def restart(cluster: Cluster) -> subprocess.Popen[bytes]:
    """Ends the server, throwing its clients out, and starts it anew on the same data."""
    cluster.process.send_signal(signal.SIGINT)
    cluster.process.wait(20)
    return subprocess.Popen(
        cluster.process.args,
        cwd=cluster.folder,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )


async def test_a_restarted_server_is_found_again(cluster: Cluster) -> None:
    database: Database | None = None
    second: subprocess.Popen[bytes] | None = None
    try:
        database = await open_database(cluster.url)
        async with database.transaction() as tx:
            await tx.execute(CREATE)
        await add(database, "before")
        with pytest.raises(DatabaseFailed):  # noqa: PT012 - the block is the subject
            async with database.transaction() as tx:
                await tx.execute(ADD, name="in the middle", body="")
                second = await asyncio.to_thread(restart, cluster)
                await tx.execute(ADD, name="too late", body="")
        for _ in range(400):
            with contextlib.suppress(DatabaseFailed):  # the server is still starting
                await add(database, "after")
                break
            await asyncio.sleep(0.02)
        outcomes = await asyncio.gather(*(count(database) for _ in range(20)))
        assert outcomes == [2] * 20
    finally:
        if database is not None:
            await database.close()
        if second is not None:
            second.send_signal(signal.SIGINT)
            second.wait(20)


async def test_a_server_that_is_gone_is_told_as_a_failed_database(cluster: Cluster) -> None:
    database = await open_database(cluster.url)
    cluster.stop()
    with pytest.raises(DatabaseFailed):
        await count(database)
    with pytest.raises(DatabaseFailed):
        await open_database(cluster.url)
    await database.close()


@pytest.mark.parametrize(
    "url",
    ["mysql://localhost/x", "sqlite://relative/x.db", "sqlite:///", "", "postgresql", "x.db"],
)
async def test_a_url_of_no_known_form_is_refused_with_the_forms(url: str) -> None:
    with pytest.raises(ValueError, match="sqlite:///path"):
        await open_database(url)


@pytest.mark.parametrize(
    "url",
    ["postgresql://user:secret-word@localhost:notaport/x", "postgresql://u:secret-word@a..b:1/x",
     "postgresql://u:secret-word@127.0.0.1:1/x", "postgresql://u:secret-word@[::1]:99999/x"],
)  # fmt: skip
async def test_a_server_that_cannot_be_named_is_told_without_its_password(url: str) -> None:
    with pytest.raises(DatabaseFailed) as caught:
        await open_database(url)
    assert "secret-word" not in str(caught.value)


async def test_a_file_that_is_no_database_is_told(tmp_path: Path) -> None:
    (tmp_path / "text.db").write_text("certainly not a database\n" * 100)
    for path in ("text.db", "text.db/below.db"):
        with pytest.raises(DatabaseFailed):
            await open_database(f"sqlite:///{tmp_path / path}")


def test_processes_that_make_one_new_file_at_the_same_moment_all_open_it(tmp_path: Path) -> None:
    code = (
        "import asyncio, sys, time\n"
        "from tracewell.kernel.database import open_database\n"
        "async def main():\n"
        "    for number, url in enumerate(sys.argv[2:]):\n"
        "        time.sleep(max(0, float(sys.argv[1]) + number / 10 - time.time()))\n"
        "        await (await open_database(url)).close()\n"
        "asyncio.run(main())\n"
    )
    # Of eight that did not wait for each other one in twenty-four was refused.
    urls = [f"sqlite:///{tmp_path / f'{number}.db'}" for number in range(20)]
    begin = str(time.time() + 2)
    processes = [subprocess.Popen([sys.executable, "-c", code, begin, *urls]) for _ in range(6)]
    assert [process.wait(60) for process in processes] == [0] * 6
