"""A Redis server of the tests' own, the places a limiter can be opened in, and many processes."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack
from pathlib import Path

import pytest

HAMMER = Path(__file__).with_name("hammer.py")


def _start_redis(directory: Path) -> tuple[subprocess.Popen[bytes], str]:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    command = ["redis-server", "--bind", "127.0.0.1", "--port", str(port), "--dir", str(directory)]
    server = subprocess.Popen(
        [*command, "--save", "", "--appendonly", "no"],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    for _ in range(200):
        try:
            socket.create_connection(("127.0.0.1", port), timeout=1).close()
        except OSError:
            if server.poll() is not None:
                break
            time.sleep(0.05)
        else:
            return server, f"redis://127.0.0.1:{port}/0"
    server.kill()
    server.wait()
    raise RuntimeError("redis-server does not start")


StartRedis = Callable[[], tuple[subprocess.Popen[bytes], str]]


@pytest.fixture(scope="session")
def start_redis(tmp_path_factory: pytest.TempPathFactory) -> Iterator[StartRedis]:
    """Starts a server without persistence; it is killed when the session ends."""
    if shutil.which("redis-server") is None:
        if os.environ.get("CI") == "true":
            pytest.fail("redis-server is not installed")
        pytest.skip("redis-server is not installed")
    with ExitStack() as servers:

        def start() -> tuple[subprocess.Popen[bytes], str]:
            server, url = _start_redis(tmp_path_factory.mktemp("redis"))
            servers.callback(server.wait)
            servers.callback(server.kill)
            return server, url

        yield start


@pytest.fixture(scope="session")
def redis_url(start_redis: StartRedis) -> str:
    return start_redis()[1]


class Hammers:
    """Processes that ask for admissions of one principal as fast as they can (see hammer.py)."""

    def __init__(self, place: str, out: Path, *, limit: int, window_s: int) -> None:
        self._arguments = [place, str(limit), str(window_s)]
        self._out = out
        self._go = out / "go"
        self._outputs: list[Path] = []
        self.running: list[subprocess.Popen[bytes]] = []

    def start(self, *, seconds: float) -> subprocess.Popen[bytes]:
        output = self._out / f"{len(self._outputs)}.admitted"
        self._outputs.append(output)
        process = subprocess.Popen(
            [sys.executable, str(HAMMER), *self._arguments, str(seconds), output, self._go]
        )
        self.running.append(process)
        return process

    def go(self) -> None:
        """Lets all begin once each of them is ready."""
        deadline = time.monotonic() + 30
        while not all(output.exists() for output in self._outputs):
            assert time.monotonic() < deadline
            assert all(process.poll() is None for process in self.running)
            time.sleep(0.01)
        self._go.touch()

    def admissions(self) -> list[tuple[int, int, int]]:
        """Clock before, stamp, clock after, of all admissions, in the order of the stamps."""
        rows = []
        for output in self._outputs:
            if not output.exists():  # killed before it began
                continue
            for line in output.read_text().splitlines(keepends=True):
                if line.endswith("\n"):
                    before, stamp, after = map(int, line.split())
                    rows.append((before, stamp, after))
        return sorted(rows, key=lambda row: row[1])


@pytest.fixture
def hammers(tmp_path: Path) -> Iterator[Callable[..., Hammers]]:
    started: list[Hammers] = []

    def make(place: str, *, limit: int, window_s: int) -> Hammers:
        out = tmp_path / "hammers"
        out.mkdir()
        started.append(Hammers(place, out, limit=limit, window_s=window_s))
        return started[-1]

    yield make
    for group in started:
        for process in group.running:
            process.kill()
            process.wait()


@pytest.fixture
def worst_window() -> Callable[[Sequence[int], int], int]:
    """The most stamps (ascending) that any half-open window of that length holds."""

    def worst(stamps: Sequence[int], window: int) -> int:
        most = first = 0
        for last, stamp in enumerate(stamps):
            while stamps[first] <= stamp - window:
                first += 1
            most = max(most, last - first + 1)
        return most

    return worst
