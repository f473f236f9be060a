"""Real databases for tests: SQLite files and a throw-away PostgreSQL cluster, one a process.

`TEST_DATABASE_URL` names a PostgreSQL server to use instead of a cluster of our own. Async tests
run under anyio's plugin: mark them `pytest.mark.anyio`.
"""

from __future__ import annotations

import asyncio
import atexit
import contextlib
import functools
import os
import secrets
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
from collections.abc import AsyncIterator, Iterator, Mapping
from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path
from types import MappingProxyType
from urllib.parse import urlsplit, urlunsplit

import asyncpg
import pytest

from tracewell.kernel.database import Database, Migration, Migrations, open_database
from tracewell.kernel.database.migrate import load_migrations

DIALECTS = ("sqlite", "postgresql")
_TEMPLATE = "tracewell_template"
_ROOMS = ("kernel", "trace", "intrace")
_PLACES = ("/usr/lib/postgresql/*/bin", "/opt/homebrew/opt/postgresql*/bin",
           "/usr/local/opt/postgresql*/bin", "/usr/pgsql-*/bin")  # fmt: skip
START_TIMEOUT_S = 60

# Runs beside a cluster and ends it when its standard input closes, so that a test process that is
# killed outright leaves nothing behind. The server is the one that the folder names by then.
_KEEPER = """
import os, pathlib, shutil, signal, sys, time
folder = pathlib.Path(sys.argv[1])
sys.stdin.read()
for sign in [signal.SIGINT] * 100 + [signal.SIGKILL]:
    try:
        os.kill(int((folder / "data" / "postmaster.pid").read_text().split()[0]), sign)
    except (OSError, ValueError, IndexError):
        break
    time.sleep(0.1)
if sys.argv[2] != "kept":
    shutil.rmtree(folder, ignore_errors=True)
"""


class NoPostgresql(Exception):  # noqa: N818
    """PostgreSQL is not installed here, or cannot be run by this user."""


@dataclass(frozen=True)
class Cluster:
    """A running PostgreSQL server in a folder of its own."""

    url: str
    folder: Path
    process: subprocess.Popen[bytes]
    keeper: subprocess.Popen[bytes]

    def stop(self) -> None:
        """Ends the server; its folder goes, unless it is kept. Harmless when done before."""
        if self.process.poll() is None:
            # SIGINT: PostgreSQL's fast shutdown, which throws clients out.
            self.process.send_signal(signal.SIGINT)
            try:
                self.process.wait(10)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait()
        self.keeper.communicate()


def find_postgresql() -> Path:
    """The folder of `initdb` and `postgres`, the newest first. Raises NoPostgresql."""
    found = [
        folder
        for place in _PLACES
        for folder in Path("/").glob(place.lstrip("/"))
        if (folder / "initdb").exists() and (folder / "postgres").exists()
    ]
    if found:
        return max(found, key=_version)
    initdb = shutil.which("initdb")
    if initdb is not None:
        return Path(initdb).resolve().parent
    raise NoPostgresql("PostgreSQL is not installed (no initdb found)")


def _version(folder: Path) -> int:
    digits = "".join(character for character in str(folder) if character.isdigit())
    return int(digits or 0)


def start_cluster(
    *,
    fsync: bool = False,
    kept: Path | None = None,
    settings: Mapping[str, str] = MappingProxyType({}),
) -> Cluster:
    """Makes and starts a cluster on a free port of the loopback address.

    `fsync` off is quick, and right wherever no machine is to die. A `kept` folder stays and is
    used again. Raises NoPostgresql.
    """
    binaries = find_postgresql()
    folder = kept or Path(tempfile.mkdtemp(prefix="tracewell-pg-"))
    try:
        as_user = _as_other_user(folder)
        password = _ensure_data(binaries, folder, as_user)
        port = _free_port()
        values = {
            "listen_addresses": "127.0.0.1",
            "port": str(port),
            "unix_socket_directories": "",
            "max_connections": "200",
            "shared_buffers": "64MB",
            "fsync": "on" if fsync else "off",
            "synchronous_commit": "on" if fsync else "off",
            "full_page_writes": "on" if fsync else "off",
            **settings,
        }
        command = [*as_user, str(binaries / "postgres"), "-D", str(folder / "data")]
        for name, value in values.items():
            command += ["-c", f"{name}={value}"]
        with (folder / "log").open("wb") as log:
            process = subprocess.Popen(
                command, cwd=folder, stdout=log, stderr=log, start_new_session=True
            )
        keeper = subprocess.Popen(
            [sys.executable, "-c", _KEEPER, str(folder), "kept" if kept else "removed"],
            stdin=subprocess.PIPE,
            start_new_session=True,
        )
    except (OSError, subprocess.CalledProcessError) as error:
        if kept is None:
            shutil.rmtree(folder, ignore_errors=True)
        told = getattr(error, "stderr", None) or str(error).encode()
        raise NoPostgresql(f"PostgreSQL cannot be set up: {told.decode()}") from error
    url = f"postgresql://postgres:{password}@127.0.0.1:{port}/postgres"
    cluster = Cluster(url, folder, process, keeper)
    atexit.register(cluster.stop)
    try:
        asyncio.run(_wait_for(cluster))
    except BaseException:
        cluster.stop()
        raise
    return cluster


def _ensure_data(binaries: Path, folder: Path, as_user: list[str]) -> str:
    """Makes the cluster's data, unless the folder has them; the password."""
    password_file = folder / "password"
    if (folder / "data").exists():
        return password_file.read_text("ascii")
    password = secrets.token_hex(16)
    password_file.write_text(password, "ascii")
    password_file.chmod(0o644 if as_user else 0o600)
    subprocess.run(
        [*as_user, binaries / "initdb", "--pgdata", folder / "data", "--username", "postgres",
         "--auth", "scram-sha-256", "--pwfile", password_file, "--encoding", "UTF8",
         "--locale", "C.UTF-8" if _has_c_utf8() else "C", "--no-sync"],
        check=True, capture_output=True, cwd=folder,
    )  # fmt: skip
    password_file.chmod(0o600)
    return password


def _as_other_user(folder: Path) -> list[str]:
    """PostgreSQL refuses to run as root: then it runs as `postgres`, who must own the folder."""
    if not hasattr(os, "geteuid") or os.geteuid() != 0:
        return []
    import pwd

    try:
        user = pwd.getpwnam("postgres")
    except KeyError as error:
        raise NoPostgresql("there is no user `postgres` to run PostgreSQL as") from error
    setpriv = shutil.which("setpriv")
    if setpriv is None:
        raise NoPostgresql("setpriv is missing, so that PostgreSQL would run as root")
    os.chown(folder, user.pw_uid, user.pw_gid)
    # setpriv becomes the server itself, so that a signal to it reaches PostgreSQL.
    return [setpriv, f"--reuid={user.pw_uid}", f"--regid={user.pw_gid}", "--clear-groups", "--"]


def _has_c_utf8() -> bool:
    locale = shutil.which("locale")
    if locale is None:
        return False
    listed = subprocess.run([locale, "-a"], capture_output=True, check=False).stdout
    return b"c.utf" in listed.lower()


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


async def _wait_for(cluster: Cluster) -> None:
    loop = asyncio.get_running_loop()
    deadline = loop.time() + START_TIMEOUT_S
    while True:
        try:
            connection = await asyncpg.connect(cluster.url, timeout=5)
        except (OSError, asyncpg.PostgresError) as error:
            if cluster.process.poll() is not None or loop.time() > deadline:
                log = (cluster.folder / "log").read_text("utf-8", "replace")
                raise NoPostgresql(f"PostgreSQL does not start: {log[-2000:]}") from error
            await asyncio.sleep(0.05)
        else:
            await connection.close()
            return


def all_migrations() -> Migrations:
    """The migrations of every room that has some."""
    steps: list[Migration] = []
    for room in _ROOMS:
        folder = files(f"tracewell.{room}") / "migrations"
        if folder.is_dir():
            steps += load_migrations(room, folder)
    return Migrations(steps)


@functools.cache
def _server_url() -> str:
    """The server that tests use in this process, with the template database made."""
    url = os.environ.get("TEST_DATABASE_URL") or start_cluster().url
    asyncio.run(_make_template(url))
    return url


def _named(url: str, name: str) -> str:
    return urlunsplit(urlsplit(url)._replace(path=f"/{name}"))


def _template_name() -> str:
    # A given server may be shared by several processes: each has its own template.
    return f"{_TEMPLATE}_{os.getpid()}"


async def _make_template(url: str) -> None:
    name = _template_name()
    await _run(url, f'DROP DATABASE IF EXISTS "{name}"')
    await _run(url, f'CREATE DATABASE "{name}"')
    atexit.register(_drop_quietly, url, name)
    database = await open_database(_named(url, name))
    try:
        await all_migrations().up(database)
    finally:
        await database.close()


async def _run(url: str, statement: str) -> None:
    connection = await asyncpg.connect(url)
    try:
        await connection.execute(statement)
    finally:
        await connection.close()


def _drop_quietly(url: str, name: str) -> None:
    with contextlib.suppress(OSError, asyncpg.PostgresError, asyncpg.InterfaceError):
        asyncio.run(_run(url, f'DROP DATABASE IF EXISTS "{name}" WITH (FORCE)'))


@contextlib.contextmanager
def fresh_database(dialect: str, folder: Path, *, migrated: bool = True) -> Iterator[str]:
    """The URL of a database of nobody else's. Raises NoPostgresql."""
    if dialect == "sqlite":
        path = folder / f"test-{secrets.token_hex(4)}.db"
        url = f"sqlite:///{path}"
        if migrated:
            asyncio.run(_migrate(url))
        yield url
        return
    server = _server_url()
    name = f"test_{os.getpid()}_{secrets.token_hex(6)}"
    template = _template_name() if migrated else "template0"
    asyncio.run(_run(server, f'CREATE DATABASE "{name}" TEMPLATE "{template}"'))
    try:
        yield _named(server, name)
    finally:
        _drop_quietly(server, name)


async def _migrate(url: str) -> None:
    database = await open_database(url)
    try:
        await all_migrations().up(database)
    finally:
        await database.close()


@pytest.fixture(params=DIALECTS)
def dialect(request: pytest.FixtureRequest) -> str:
    """The name of each database that the system runs on, in turn."""
    return str(request.param)


@pytest.fixture
def database_url(dialect: str, tmp_path: Path) -> Iterator[str]:
    """A migrated database of the test's own, on each dialect."""
    with _or_skipped(dialect, tmp_path, migrated=True) as url:
        yield url


@pytest.fixture
def empty_database_url(dialect: str, tmp_path: Path) -> Iterator[str]:
    """A database without any table, on each dialect."""
    with _or_skipped(dialect, tmp_path, migrated=False) as url:
        yield url


@contextlib.contextmanager
def _or_skipped(dialect: str, folder: Path, *, migrated: bool) -> Iterator[str]:
    with contextlib.ExitStack() as stack:
        try:
            url = stack.enter_context(fresh_database(dialect, folder, migrated=migrated))
        except NoPostgresql as error:
            if os.environ.get("CI") == "true":
                pytest.fail(str(error))
            pytest.skip(str(error))
        yield url


@pytest.fixture(scope="session")
def anyio_backend() -> str:
    """Async tests run on asyncio, as the server does."""
    return "asyncio"


@pytest.fixture
async def database(database_url: str, anyio_backend: str) -> AsyncIterator[Database]:
    """An opened, migrated database, on each dialect; for async tests."""
    opened = await open_database(database_url)
    try:
        yield opened
    finally:
        await opened.close()
