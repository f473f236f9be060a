"""The worker process that a server has beside it: started, restarted, ended with the server."""

from __future__ import annotations

import logging
import os
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager

from tracewell.main.settings import Settings, environment_of

RESTART_AFTER_S = 5.0
KILL_AFTER_S = 40.0

_log = logging.getLogger("tracewell")


@contextmanager
def job_process(settings: Settings) -> Iterator[None]:
    """Keeps a worker running while the block lasts."""
    kept = _Kept(settings)
    thread = threading.Thread(target=kept.watch, daemon=True)
    thread.start()
    try:
        yield
    finally:
        kept.end()
        thread.join()
        kept.close()


class _Kept:
    def __init__(self, settings: Settings) -> None:
        self._environment = environment_of(settings)
        self._pipe = os.pipe()
        self._ending = threading.Event()
        self._lock = threading.Lock()
        self._process: subprocess.Popen[bytes] | None = None

    def watch(self) -> None:
        while not self._ending.is_set():
            with self._lock:
                if self._ending.is_set():
                    return
                self._process = self._start()
            code = self._process.wait()
            if not self._ending.is_set():
                _log.error("the worker %d ended with code %d", self._process.pid, code)
                self._ending.wait(RESTART_AFTER_S)

    def _start(self) -> subprocess.Popen[bytes]:
        # The other end is ours alone: however this process dies, it is closed.
        return subprocess.Popen(  # noqa: S603 - our own module
            [sys.executable, "-m", "tracewell.main.job_worker", str(self._pipe[0])],
            pass_fds=[self._pipe[0]],
            env=dict(self._environment),
        )

    def end(self) -> None:
        with self._lock:
            self._ending.set()
            process = self._process
        if process is None or process.poll() is not None:
            return
        process.terminate()
        try:
            process.wait(KILL_AFTER_S)
        except subprocess.TimeoutExpired:
            process.kill()

    def close(self) -> None:
        for end in self._pipe:
            os.close(end)
