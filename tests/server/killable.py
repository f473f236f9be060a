"""Server processes that a test ends with SIGKILL, forked from one that has imported everything. The
socket outlives them: a client that finds nobody waits instead of being refused."""

from __future__ import annotations

import logging
import multiprocessing
import os
import socket
from multiprocessing.process import BaseProcess
from pathlib import Path

from tracewell.main.serving import run_server
from tracewell.main.settings import Settings

_PROCESSES = multiprocessing.get_context("forkserver")
_PROCESSES.set_forkserver_preload([__name__])


class Killable:
    """Two processes over one deployment; each blow takes the elder."""

    def __init__(self, data: Path, database_url: str | None) -> None:
        self._data = data
        self._database_url = database_url
        self._listening = socket.create_server(("127.0.0.1", 0), backlog=512)
        self._alive: list[BaseProcess] = []

    @property
    def url(self) -> str:
        """Trace's address."""
        return f"http://127.0.0.1:{self._listening.getsockname()[1]}"

    def start(self) -> None:
        """One process more."""
        process = _PROCESSES.Process(
            target=_serve, args=(self._data, self._database_url, self._listening), daemon=True
        )
        process.start()
        self._alive.append(process)

    def kill(self) -> None:
        """Ends the elder in the middle of whatever it does, and starts another."""
        elder = self._alive.pop(0)
        elder.kill()
        elder.join()
        self.start()

    def close(self) -> None:
        """Ends what is left."""
        for process in self._alive:
            process.kill()
            process.join()
        self._listening.close()


def _serve(data: Path, database_url: str | None, listening: socket.socket) -> None:
    logging.basicConfig(level=logging.WARNING)
    for name in [name for name in os.environ if name.startswith("DATABASE_URL")]:
        del os.environ[name]
    settings = Settings(data=data, database_url=database_url, product="trace")
    run_server(settings, listening, is_alone=False)
