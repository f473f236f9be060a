"""A server and its workers as real processes, and what their database holds in the end."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import subprocess
import sys
import time
from collections.abc import Awaitable, Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar

import httpx
from tests.queue.sites import Sites
from tests.servers import Server, start_server

from tracewell.kernel.database import Database, Transaction, open_database
from tracewell.main.settings import Settings, variable_name

_COMMAND = str(Path(sys.executable).with_name("tracewell"))
_SETTINGS = frozenset(variable_name(name) for name in Settings.model_fields)
DONE_TIMEOUT_S = 90.0
POLL_S = 0.15

Value = TypeVar("Value")


@dataclass
class Deployment:
    """One data folder and database with whatever processes a test starts."""

    data: Path
    database_url: str
    sites: Sites
    settings: Mapping[str, str]
    workers: list[subprocess.Popen[bytes]] = field(default_factory=list)
    servers: list[Server] = field(default_factory=list)

    @property
    def environment(self) -> dict[str, str]:
        given = {
            "CRAWL_ALLOW": self.sites.allow,
            "CRAWL_PAUSE_SECONDS": "0",
            "JOB_LEASE_SECONDS": "2",
            "REFRESH_PAGES_MAX": "3",
            "DATABASE_URL": self.database_url,
            **self.settings,
        }
        return {k: v for k, v in os.environ.items() if k not in _SETTINGS} | given

    def start_server(self, *, jobs: bool = False) -> Server:
        given = {k: v for k, v in self.environment.items() if k in _SETTINGS}
        server = start_server(
            self.data, database_url=self.database_url, product="trace", environment=given,
            jobs=jobs,
        )  # fmt: skip
        self.servers.append(server)
        return server

    def start_worker(self, concurrency: int = 4) -> subprocess.Popen[bytes]:
        with (self.data.parent / "workers.log").open("ab") as log:
            worker = subprocess.Popen(
                [_COMMAND, "worker", "--concurrency", str(concurrency), "--data", str(self.data)],
                env=self.environment, stdin=subprocess.DEVNULL, stdout=log, stderr=log,
            )  # fmt: skip
        self.workers.append(worker)
        return worker

    def log(self) -> str:
        return (self.data.parent / "workers.log").read_text("utf-8", "replace")

    def run(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [_COMMAND, *arguments, "--data", str(self.data)],
            env=self.environment, capture_output=True, text=True, timeout=60,
        )  # fmt: skip

    def customer(self, server: Server, name: str) -> httpx.Client:
        server.prepare("org", "create", name, "--plan", "free")
        key = server.prepare("key", "create", "--org", name)["key"]
        return httpx.Client(
            base_url=server.trace, headers={"X-API-Key": key}, trust_env=False, timeout=30
        )

    def read(self, work: Callable[[Transaction], Awaitable[Value]]) -> Value:
        async def read(database: Database) -> Value:
            async with database.snapshot() as tx:
                return await work(tx)

        async def run() -> Value:
            database = await open_database(self.database_url)
            try:
                return await read(database)
            finally:
                await database.close()

        return asyncio.run(run())

    def rows(self, statement: str) -> list[tuple[Any, ...]]:
        async def fetch(tx: Transaction) -> list[tuple[Any, ...]]:
            return [tuple(row) for row in await tx.fetch_all(statement)]

        return self.read(fetch)

    def close(self) -> None:
        for worker in self.workers:
            if worker.poll() is None:
                worker.send_signal(signal.SIGTERM)
        for worker in self.workers:
            with contextlib.suppress(subprocess.TimeoutExpired):
                worker.wait(30)
            if worker.poll() is None:
                worker.kill()
                worker.wait()
        for server in self.servers:
            if server.process.poll() is None:
                server.stop()


@contextlib.contextmanager
def deployed(
    folder: Path, database_url: str, *, pause_s: float = 0.0, **settings: str
) -> Iterator[Deployment]:
    """A deployment beside its small web; every process is ended with it."""
    data = folder / "data"
    data.mkdir()
    with Sites(pause_s) as sites:
        made = Deployment(data, database_url, sites, settings)
        try:
            yield made
        finally:
            made.close()


def wait_for_job(
    client: httpx.Client, job_id: str, timeout_s: float = DONE_TIMEOUT_S
) -> dict[str, Any]:
    """The job once it is done."""
    deadline = time.monotonic() + timeout_s
    while True:
        with contextlib.suppress(httpx.TransportError):
            told: dict[str, Any] = client.get(f"/v1/jobs/{job_id}").json()
            if told["status"] in ("completed", "failed"):
                return told
        assert time.monotonic() < deadline, told
        time.sleep(POLL_S)
