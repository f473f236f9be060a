"""The real server in a process of its own, with an org that has credits; how much it uses."""

from __future__ import annotations

import contextlib
import json
import os
import secrets
import subprocess
import sys
import threading
import time
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from benchmarks.paid_read import free_port

START_TIMEOUT_S = 300
_SETTLED_CPU_S = 0.05
CREDITS = 1_000_000_000
_TICKS = os.sysconf("SC_CLK_TCK")
_TRACEWELL = [sys.executable, "-m", "tracewell"]


@dataclass
class Server:
    """A running server. `org_key` belongs to an org that has not seen a company yet, `user_key` to
    one of its users. `ready_s`, `ready_cpu_s`: until it answered; `warm_cpu_s`: until it had read
    what it keeps in memory, with which it holds `idle_mib`."""

    url: str
    pid: int
    org_key: str
    user_key: str
    ready_s: float
    ready_cpu_s: float
    warm_cpu_s: float
    idle_mib: float

    def cpu_s(self) -> float:
        """Seconds of CPU that the process has used; a database server's are not in them."""
        return cpu_s(self.pid)

    def resident_mib(self) -> float:
        """Memory that the process holds at this moment."""
        return resident_mib(self.pid)


def cpu_s(pid: int) -> float:
    """Seconds of CPU that a process has used."""
    parts = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(parts[11]) + int(parts[12])) / _TICKS


def resident_mib(pid: int) -> float:
    """Memory that a process holds."""
    return int(Path(f"/proc/{pid}/statm").read_text().split()[1]) * 4096 / 2**20


@contextlib.contextmanager
def serve(folder: Path, database_url: str) -> Iterator[Server]:
    """A server over the database for as long as the block lasts."""
    environment = {
        **os.environ,
        "TRACEWELL_DATA": str(folder),
        "TRACEWELL_PRODUCT": "trace",
        "DATABASE_URL": database_url,
    }
    name = f"bench-{secrets.token_hex(4)}"
    _admin(environment, "org", "create", name, "--plan", "pro")
    _admin(environment, "credits", "grant", name, str(CREDITS), "--reason", "bench")
    mail = f"{name}@example.com"
    _admin(environment, "user", "create", mail, "--org", name, "--verified")
    limit = ("--per-minute", "1000000")
    org_key = _admin(environment, "key", "create", "--org", name, *limit)["key"]
    user_key = _admin(environment, "key", "create", "--user", mail, *limit)["key"]
    port = free_port()
    began = time.perf_counter()
    process = subprocess.Popen(
        [*_TRACEWELL, "serve", "--no-jobs", "--port", str(port)],
        env=environment,
        stderr=subprocess.DEVNULL,
    )
    try:
        url = f"http://127.0.0.1:{port}"
        pid = _serving_process(process, f"{url}/readyz")
        ready_s, ready_cpu_s = time.perf_counter() - began, cpu_s(pid)
        _wait_until_warm(pid)
        yield Server(
            url, pid, org_key, user_key, ready_s, ready_cpu_s, cpu_s(pid), resident_mib(pid)
        )
    finally:
        process.terminate()
        process.wait(60)


def _serving_process(process: subprocess.Popen[bytes], url: str) -> int:
    deadline = time.monotonic() + START_TIMEOUT_S
    while True:
        with contextlib.suppress(OSError), urllib.request.urlopen(url, timeout=5) as answer:
            if answer.status == 200:
                break
        if time.monotonic() > deadline or process.poll() is not None:
            raise RuntimeError("the server does not start")
        time.sleep(0.05)
    children = Path(f"/proc/{process.pid}/task/{process.pid}/children").read_text().split()
    return max((int(child) for child in children), key=resident_mib, default=process.pid)


def _wait_until_warm(pid: int) -> None:
    """Until the process has nothing to do any more: what it reads after its start is no request's
    cost."""
    before = 0.0
    while cpu_s(pid) - before > _SETTLED_CPU_S:
        before = cpu_s(pid)
        time.sleep(1)


def _admin(environment: dict[str, str], *words: str) -> dict[str, Any]:
    done = subprocess.run(
        [*_TRACEWELL, "admin", *words, "--json"],
        env=environment,
        check=True,
        capture_output=True,
        text=True,
    )
    found: dict[str, Any] = json.loads(done.stdout)
    return found


@dataclass
class MemoryWatch:
    """The most memory that a process holds while the block runs, looked at every 20 ms."""

    pid: int
    peak_mib: float = 0.0
    _done: threading.Event = field(default_factory=threading.Event)
    _thread: threading.Thread | None = None

    def __enter__(self) -> MemoryWatch:
        self._thread = threading.Thread(target=self._look)
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._done.set()
        assert self._thread is not None
        self._thread.join()

    def _look(self) -> None:
        while not self._done.wait(0.02):
            self.peak_mib = max(self.peak_mib, resident_mib(self.pid))
