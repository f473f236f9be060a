"""The real server for tests: the console script in a process of its own, on a free port.

`start_server` gives a server of a test's own, the fixture `servers` such as several tests of one
worker share; mark sharers with `SERVER_DIALECTS`, so that `--dist loadgroup` keeps them together.
"""

from __future__ import annotations

import contextlib
import itertools
import json
import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import Any

import httpx
import pytest
from click.testing import CliRunner
from tests.databases import DIALECTS, NoPostgresql, fresh_database

from tracewell.cli.admin import admin
from tracewell.main.settings import Product, Settings, variable_name

START_TIMEOUT_S = 60
STOP_TIMEOUT_S = 60
ADMIN_TIMEOUT_S = 60
LOG_TIMEOUT_S = 10
POLL_S = 0.02

SERVER_DIALECTS = [
    pytest.param(dialect, marks=pytest.mark.xdist_group(f"server-{dialect}"))
    for dialect in DIALECTS
]
"""Parameters for fixtures over shared servers: all tests of one dialect run in one worker."""

_COMMAND = str(Path(sys.executable).with_name("tracewell"))
_LISTENING = re.compile(r"listening on (http://\S+)")
_SETTINGS = frozenset(variable_name(name) for name in Settings.model_fields)


class ServerFailed(Exception):  # noqa: N818
    """The server did not start, did not become ready, or did not end in good order."""


class AdminRefused(Exception):  # noqa: N818
    """A command of the operator's ended with another code than 0; the text is what it told."""


@dataclass
class Server:
    """A running server. `trace` and `intrace` are the products' addresses, without `/v1`.

    As a context manager it ends the server and insists on the exit code 0.
    """

    url: str
    data: Path
    product: Product
    database_url: str
    environment: Mapping[str, str]
    process: subprocess.Popen[bytes]
    log_path: Path
    _ended: bool = field(default=False, init=False)
    _told: bool = field(default=False, init=False)

    @property
    def trace(self) -> str:
        """Trace's address: alone it has no prefix."""
        return f"{self.url}/trace" if self.product == "both" else self.url

    @property
    def intrace(self) -> str:
        """Intrace's address: alone it has no prefix."""
        return f"{self.url}/intrace" if self.product == "both" else self.url

    @property
    def port(self) -> int:
        """The port on the loopback address."""
        return int(self.url.rpartition(":")[2])

    def admin(self, *arguments: str, stdin: str = "") -> Any:
        """`tracewell admin ... --json` beside the server; the JSON it prints.

        Raises AdminRefused.
        """
        done = subprocess.run(
            [_COMMAND, "admin", *arguments, "--data", str(self.data), "--json"],
            env={**_environment(self.environment), "PUBLIC_URL": self.url},
            input=stdin,
            capture_output=True,
            text=True,
            timeout=ADMIN_TIMEOUT_S,
        )
        if done.returncode != 0:
            raise AdminRefused(f"{' '.join(arguments)}: {done.returncode}: {done.stderr}")
        return json.loads(done.stdout)

    def prepare(self, *arguments: str) -> Any:
        """The same command inside of this process: for what a test only needs to be there.

        Raises AdminRefused.
        """
        environment = {**dict.fromkeys(_SETTINGS), **self.environment, "PUBLIC_URL": self.url}
        command = [*arguments, "--data", str(self.data), "--json"]
        done = CliRunner(env=environment).invoke(admin, command)
        if done.exit_code != 0:
            raise AdminRefused(f"{' '.join(arguments)}: {done.output}") from done.exception
        return json.loads(done.stdout)

    def wait_until_ready(self) -> None:
        """Returns when `/readyz` says so. Raises ServerFailed with the log."""
        deadline = time.monotonic() + START_TIMEOUT_S
        while time.monotonic() < deadline:
            if self.process.poll() is not None:
                raise ServerFailed(f"the server ended with {self.process.returncode}: {self.log()}")
            with contextlib.suppress(httpx.TransportError):
                if httpx.get(f"{self.url}/readyz", timeout=10, trust_env=False).is_success:
                    return
            time.sleep(POLL_S)
        raise ServerFailed(f"the server does not become ready: {self.log()}")

    def begin_stop(self) -> None:
        """Sends SIGTERM, once; `stop` waits for the end."""
        if not self._told and self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
        self._told = True

    def stop(self) -> int:
        """Ends the server with SIGTERM, if it runs still; returns its exit code."""
        self._ended = True
        self.begin_stop()
        try:
            return self.process.wait(STOP_TIMEOUT_S)
        except subprocess.TimeoutExpired:
            self.kill()
            raise ServerFailed(f"the server does not end: {self.log()}") from None

    def kill(self) -> None:
        """Ends the server with SIGKILL, as a crash would."""
        self._ended = True
        self.process.kill()
        self.process.wait()

    def log(self) -> str:
        """Everything the server has written so far."""
        return self.log_path.read_text("utf-8", "replace")

    def wait_for_log(self, text: str) -> str:
        """The log as soon as it holds the text: it is written beside the answer, not before.

        Raises ServerFailed.
        """
        deadline = time.monotonic() + LOG_TIMEOUT_S
        while text not in (told := self.log()):
            if time.monotonic() > deadline:
                raise ServerFailed(f"the log does not tell {text!r}: {told}")
            time.sleep(POLL_S)
        return told

    def __enter__(self) -> Server:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        at: TracebackType | None,
    ) -> None:
        if self._ended:
            return
        code = self.stop()
        if code != 0 and error is None:
            raise ServerFailed(f"the server ended with {code}: {self.log()}")


def start_server(
    data: Path,
    *,
    database_url: str | None = None,
    product: Product = "both",
    environment: Mapping[str, str] | None = None,
    workers: int = 1,
    port: int = 0,
    jobs: bool = False,
) -> Server:
    """Starts a server over the data folder `data` and waits until it is ready.

    Without `database_url` it is on SQLite in that folder. `environment` holds settings; those of
    whoever runs the tests do not count. `port` 0: any that is free. `jobs`: with a worker beside
    it. Raises ServerFailed.
    """
    data.mkdir(parents=True, exist_ok=True)
    given = dict(environment or {})
    if database_url is not None:
        given["DATABASE_URL"] = database_url
    log_path = data.with_name(f"{data.name}.{time.monotonic_ns()}.log")
    with log_path.open("wb") as log:
        process = subprocess.Popen(
            [_COMMAND, "serve", "--data", str(data), "--product", product, "--port", str(port),
             "--workers", str(workers), "--jobs" if jobs else "--no-jobs"],
            env=_environment(given), stdin=subprocess.DEVNULL, stdout=log, stderr=log,
        )  # fmt: skip
    try:
        server = Server(
            _wait_for_address(process, log_path), data, product,
            database_url or f"sqlite:///{data / 'tracewell.db'}", given, process, log_path,
        )  # fmt: skip
        server.wait_until_ready()
    except BaseException:
        process.kill()
        process.wait()
        raise
    return server


def _environment(given: Mapping[str, str]) -> dict[str, str]:
    return {k: v for k, v in os.environ.items() if k not in _SETTINGS} | dict(given)


def _wait_for_address(process: subprocess.Popen[bytes], log_path: Path) -> str:
    # Port 0: the server says which one it got, so that no other process can take it before.
    deadline = time.monotonic() + START_TIMEOUT_S
    while time.monotonic() < deadline:
        told = log_path.read_text("utf-8", "replace")
        match = _LISTENING.search(told)
        if match is not None:
            return match.group(1)
        if process.poll() is not None:
            raise ServerFailed(f"the server ended with {process.returncode}: {told}")
        time.sleep(POLL_S)
    raise ServerFailed(f"the server does not listen: {log_path.read_text('utf-8', 'replace')}")


@dataclass
class Servers:
    """Shared servers, one for each (dialect, product, environment), started when asked for."""

    folder: Path
    _running: dict[tuple[str, str, frozenset[tuple[str, str]]], Server] = field(
        default_factory=dict, init=False
    )
    _stack: contextlib.ExitStack = field(default_factory=contextlib.ExitStack, init=False)
    _numbers: itertools.count[int] = field(default_factory=itertools.count, init=False)

    def get(
        self,
        dialect: str,
        *,
        product: Product = "both",
        environment: Mapping[str, str] | None = None,
    ) -> Server:
        """The shared server; skips the test where PostgreSQL cannot be run (CI=true: fails)."""
        key = (dialect, product, frozenset((environment or {}).items()))
        if key not in self._running:
            place = self.folder / f"{dialect}-{next(self._numbers)}"
            place.mkdir()
            url = None if dialect == "sqlite" else self._postgresql(dialect, place)
            server = start_server(
                place / "data", database_url=url, product=product, environment=environment
            )
            self._running[key] = self._stack.enter_context(server)
        return self._running[key]

    def _postgresql(self, dialect: str, place: Path) -> str:
        try:
            return self._stack.enter_context(fresh_database(dialect, place, migrated=False))
        except NoPostgresql as error:
            if os.environ.get("CI") == "true":
                pytest.fail(str(error))
            pytest.skip(str(error))

    def close(self) -> None:
        """Ends all of them, and their databases. Raises ServerFailed when one ended badly."""
        for server in self._running.values():
            # They take their leave side by side.
            server.begin_stop()
        self._stack.close()


@pytest.fixture(scope="session")
def servers(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Servers]:
    """The servers that the tests of this worker share."""
    shared = Servers(tmp_path_factory.mktemp("servers"))
    try:
        yield shared
    finally:
        shared.close()
