"""Several server processes on one listening socket: started, watched, ended together.

uvicorn's own supervisor builds plain uvicorn servers, which would cut connections at the end.
"""

from __future__ import annotations

import logging
import os
import signal
import socket
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass, field

from tracewell.main.listening import turn_away

RESTARTS_A_MINUTE_MAX = 10
POLL_S = 0.1
KILL_AFTER_S = 40.0

_log = logging.getLogger("tracewell")


@dataclass(slots=True)
class Supervisor:
    """Keeps `workers` processes running on `listening` until it is told to stop."""

    listening: socket.socket
    workers: int
    _stopping: bool = False
    _pipe: tuple[int, int] = field(default_factory=os.pipe)
    _restarts: list[float] = field(default_factory=list)

    def run(self) -> int:
        """Returns the exit code: 0 after a signal, 3 when workers cannot stay up."""
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, self._stop)
        with tempfile.TemporaryDirectory(prefix="tracewell-metrics-") as counts:
            # Where the workers' counts add up (metrics.py).
            os.environ["PROMETHEUS_MULTIPROC_DIR"] = counts
            return self._watch()

    def _watch(self) -> int:
        processes = [self._start() for _ in range(self.workers)]
        failed = False
        while not self._stopping and not failed:
            time.sleep(POLL_S)
            for place, process in enumerate(processes):
                code = process.poll()
                if code is None or self._stopping:
                    continue
                _log.error("worker %d ended with code %d", process.pid, code)
                if self._may_restart():
                    processes[place] = self._start()
                else:
                    failed = True
        turn_away(self.listening)
        self._end(processes)
        return 3 if failed else 0

    def _stop(self, number: int, frame: object) -> None:
        self._stopping = True

    def _start(self) -> subprocess.Popen[bytes]:
        # The pipe's other end is ours alone: when this process dies, however it does, it is closed.
        inherited = (self.listening.fileno(), self._pipe[0])
        return subprocess.Popen(  # noqa: S603 - our own module
            [sys.executable, "-m", "tracewell.main.worker", *map(str, inherited)],
            pass_fds=inherited,
        )

    def _may_restart(self) -> bool:
        now = time.monotonic()
        self._restarts = [at for at in self._restarts if now - at < 60] + [now]
        return len(self._restarts) <= RESTARTS_A_MINUTE_MAX

    def _end(self, processes: list[subprocess.Popen[bytes]]) -> None:
        for process in processes:
            process.terminate()
        # Not before they are told: the last to close its copy lets in who still waits.
        self.listening.close()
        deadline = time.monotonic() + KILL_AFTER_S
        for process in processes:
            try:
                process.wait(max(0.1, deadline - time.monotonic()))
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
