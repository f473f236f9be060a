"""A PostgreSQL server that crashes: one backend killed, or all of them stopped at once."""

from __future__ import annotations

import asyncio
import contextlib
import dataclasses
import os
import signal
import subprocess
import time
from random import Random

import asyncpg
from tests.databases import Cluster, start_cluster

RECOVERY_TIMEOUT_S = 60
PROBE_EVERY_S = 0.05


class CrashingServer:
    """A cluster of its own, durable, which is back when `strike` returns."""

    def __init__(self, random: Random) -> None:
        self._random = random
        self._cluster: Cluster = start_cluster(fsync=True)
        self.crashes = 0

    @property
    def url(self) -> str:
        """Of the server; a database of it is named by the caller."""
        return self._cluster.url

    def strike(self) -> None:
        """SIGKILL to one backend, at which the server ends all the others and recovers; or
        PostgreSQL's immediate stop, which leaves recovery to the next start."""
        if self._random.random() < 0.5:
            self._kill_a_backend()
        else:
            self._stop_and_start()
        self.crashes += 1
        self._wait_for_recovery()

    def _kill_a_backend(self) -> None:
        while True:
            # One that ended by itself since it was named is no crash: then another.
            with contextlib.suppress(ProcessLookupError):
                os.kill(asyncio.run(self._any_backend()), signal.SIGKILL)
                return

    async def _any_backend(self) -> int:
        connection = await asyncpg.connect(self.url)
        try:
            rows = await connection.fetch(
                "SELECT pid FROM pg_stat_activity"
                " WHERE backend_type = 'client backend' ORDER BY state <> 'active', pid"
            )
        finally:
            await connection.close()
        return int(rows[0]["pid"])

    def _stop_and_start(self) -> None:
        process = self._cluster.process
        process.send_signal(signal.SIGQUIT)
        process.wait(RECOVERY_TIMEOUT_S)
        folder = self._cluster.folder
        with (folder / "log").open("ab") as log:
            process = subprocess.Popen(
                process.args, cwd=folder, stdout=log, stderr=log, start_new_session=True
            )
        self._cluster = dataclasses.replace(self._cluster, process=process)

    def _wait_for_recovery(self) -> None:
        deadline = time.monotonic() + RECOVERY_TIMEOUT_S
        while True:
            try:
                asyncio.run(self._probe())
            except (OSError, asyncpg.PostgresError, asyncpg.InterfaceError):
                if time.monotonic() > deadline:
                    raise
                time.sleep(PROBE_EVERY_S)
            else:
                return

    async def _probe(self) -> None:
        connection = await asyncpg.connect(self.url, timeout=5)
        try:
            await connection.execute("SELECT 1")
        finally:
            await connection.close()

    def stop(self) -> None:
        """Ends the server and removes its folder."""
        self._cluster.stop()
