"""Several server processes on one port: watched, replaced, and as one to their callers."""

from __future__ import annotations

import contextlib
import os
import signal
import socket
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
from tests.server.deployment import Deployment
from tests.servers import Server

pytestmark = pytest.mark.xdist_group("server-workers")
TRIES = 30


@pytest.fixture(scope="module")
def deployment(tmp_path_factory: pytest.TempPathFactory) -> Deployment:
    made = Deployment(tmp_path_factory.mktemp("workers") / "data")
    made.add_companies(10)
    return made


@pytest.fixture(scope="module")
def server(deployment: Deployment) -> Iterator[Server]:
    with deployment.start("trace", workers=2) as started:
        wait_for_workers(started, set())
        yield started


def worker_pids(server: Server) -> set[int]:
    """The processes that the supervisor has started."""
    pid = server.process.pid
    children = Path(f"/proc/{pid}/task/{pid}/children")
    if children.exists():
        return {int(child) for child in children.read_text().split()}
    found = subprocess.run(["pgrep", "-P", str(pid)], capture_output=True, text=True, timeout=10)
    return {int(child) for child in found.stdout.split()}


def wait_for_workers(server: Server, gone: set[int]) -> None:
    """Until two workers that are not `gone` answer, each by itself."""
    deadline = time.monotonic() + 60
    while len(worker_pids(server) - gone) < 2:
        assert time.monotonic() < deadline, server.log()
        time.sleep(0.05)
    for pid in worker_pids(server):
        while True:
            assert time.monotonic() < deadline, server.log()
            with served_by(server, pid), contextlib.suppress(httpx.TransportError):
                if httpx.get(f"{server.url}/healthz", timeout=0.5).is_success:
                    break


@contextlib.contextmanager
def served_by(server: Server, chosen: int) -> Iterator[None]:
    """While the block runs, only one of the workers takes connections: the others stand still."""
    others = worker_pids(server) - {chosen}
    for pid in others:
        os.kill(pid, signal.SIGSTOP)
    try:
        yield
    finally:
        for pid in others:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGCONT)


def is_listening(port: int) -> bool:
    """Whether anybody takes connections."""
    with socket.socket() as probe:
        probe.settimeout(5)
        return probe.connect_ex(("127.0.0.1", port)) == 0


def statuses(server: Server, key: str, count: int) -> list[int]:
    """What so many requests, each on a connection of its own, are told."""
    headers = {"X-API-Key": key, "Connection": "close"}
    return [
        httpx.get(f"{server.url}/v1/credits", headers=headers, timeout=20).status_code
        for _ in range(count)
    ]


def test_workers_share_the_limiter(deployment: Deployment, server: Server) -> None:
    key = deployment.add_customer(per_minute=10).key
    first, second = worker_pids(server)
    with served_by(server, first):
        assert statuses(server, key, 6) == [200] * 6
    with served_by(server, second):
        assert statuses(server, key, 6) == [200] * 4 + [429] * 2
    assert set(statuses(server, key, 6)) == {429}


def test_a_revoked_key_is_refused_by_every_worker_within_a_second(
    deployment: Deployment, server: Server
) -> None:
    customer = deployment.add_customer()
    for pid in worker_pids(server):
        with served_by(server, pid):
            assert statuses(server, customer.key, 1) == [200]
    deployment.run(lambda ground: ground.identity.revoke_key(customer.key_id))
    time.sleep(1)
    assert set(statuses(server, customer.key, TRIES)) == {401}


def test_metrics_count_the_requests_of_all_workers(deployment: Deployment, server: Server) -> None:
    key = deployment.add_customer().key
    name = 'tracewell_http_requests_total{endpoint="GET /v1/credits",status="200"}'

    def counted() -> float:
        lines = httpx.get(f"{server.url}/metrics").text.splitlines()
        return sum(float(line.rpartition(" ")[2]) for line in lines if line.startswith(name))

    before = counted()
    for pid in worker_pids(server):
        with served_by(server, pid):
            statuses(server, key, 5)
    for pid in worker_pids(server):
        with served_by(server, pid):
            # An answer is counted after it is sent: the last one perhaps a moment after we have it.
            deadline = time.monotonic() + 10
            while counted() < before + 10 and time.monotonic() < deadline:
                time.sleep(0.05)
            assert counted() == before + 10


def test_a_killed_worker_is_replaced(deployment: Deployment, server: Server) -> None:
    key = deployment.add_customer().key
    killed = worker_pids(server).pop()
    os.kill(killed, signal.SIGKILL)
    wait_for_workers(server, {killed})
    assert killed not in worker_pids(server)
    assert set(statuses(server, key, 10)) == {200}
    assert f"worker {killed} ended with code -9" in server.log()


def test_no_worker_outlives_its_supervisor(tmp_path: Path) -> None:
    deployment = Deployment(tmp_path / "data")
    server = deployment.start("trace", workers=2)
    assert len(worker_pids(server)) == 2
    server.kill()
    deadline = time.monotonic() + 30
    while is_listening(server.port):
        assert time.monotonic() < deadline, server.log()
        time.sleep(0.05)
