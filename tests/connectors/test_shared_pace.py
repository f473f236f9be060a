"""The pace and the breaker of a source are those of all processes of a data folder together."""

from __future__ import annotations

import asyncio
import os
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import httpx
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.server.deployment import Deployment
from tests.servers import Server

from tracewell.intrace.connectors.failures import SourceFailedError
from tracewell.intrace.connectors.model import Rate
from tracewell.intrace.connectors.network.pace import FAILURES_MAX, Host, OwnHost, Pace
from tracewell.intrace.connectors.network.shared_pace import SharedPace

ORIGIN = "https://source.example"
TURNS = 3
MANIFEST = f"""
id: counted
name: A source that counts
terms_url: https://counted.example/terms
licence: CC0-1.0
timeout_s: 5
cache_s: 0
base_url: http://counted.example:PORT
rate: {{requests: {TURNS}, per_s: 3600}}
requests:
  username: {{path: "users/{{value}}"}}
answer:
  found: id
  absent_status: [404]
  subject: id
  observations: [{{predicate: username.handle, value: id}}]
health: {{path: status}}
"""


class CountingSource(ThreadingHTTPServer):
    """Answers every question and remembers it."""

    daemon_threads = True

    def __init__(self) -> None:
        self.asked: list[str] = []
        super().__init__(("127.0.0.1", 0), _Answer)


class _Answer(BaseHTTPRequestHandler):
    server: CountingSource

    def do_GET(self) -> None:
        self.server.asked.append(self.path)
        body = b'{"id": "%s"}' % self.path.rpartition("/")[2].encode()
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        """Says nothing."""


@pytest.fixture
def deployment(tmp_path: Path) -> Deployment:
    return Deployment(tmp_path / "data")


@pytest.fixture
def source() -> Iterator[CountingSource]:
    with CountingSource() as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield server
        server.shutdown()
        thread.join()


def test_two_servers_ask_a_source_no_oftener_than_one_may(
    deployment: Deployment, source: CountingSource
) -> None:
    port = source.server_address[1]
    (deployment.data / "connectors").mkdir(parents=True)
    manifest = MANIFEST.replace("PORT", str(port))
    (deployment.data / "connectors" / "counted.yaml").write_text(manifest)
    key = deployment.add_service(("analyst",))
    environment = {
        "CONNECTOR_ENABLED": "counted",
        "CONNECTOR_ALLOW": f"counted.example=127.0.0.1:{port}",
    }

    def outcome(server: Server, name: str) -> str:
        body = {"identifiers": [{"type": "username", "value": name}]}
        told = httpx.post(
            f"{server.intrace}/v1/lookup", json=body, headers={"X-API-Key": key}, timeout=60
        )
        coverage = told.json()["coverage"]
        return str(next(c["status"] for c in coverage if c["connector_id"] == "counted"))

    with (
        deployment.start("intrace", environment=environment) as one,
        deployment.start("intrace", environment=environment) as other,
        ThreadPoolExecutor(6) as callers,
    ):
        asked = [(server, f"user{n}") for n in range(TURNS) for server in (one, other)]
        outcomes = list(callers.map(lambda pair: outcome(*pair), asked))
    assert sorted(outcomes) == ["answered"] * TURNS + ["rate_limited"] * TURNS
    assert len(source.asked) == TURNS


@settings(deadline=None, max_examples=60)
@given(
    st.integers(1, 4),
    st.floats(0.1, 10),
    st.lists(
        st.tuples(
            st.sampled_from(["ask", "ask", "ask", "hold", "fail", "answer"]), st.floats(0, 9)
        ),
        max_size=40,
    ),
)
def test_two_processes_decide_as_one_would(
    tmp_path_factory: pytest.TempPathFactory,
    requests: int,
    per_s: float,
    steps: list[tuple[str, float]],
) -> None:
    folder = tmp_path_factory.mktemp("pace")
    rate = Rate(requests, per_s)
    shared = [SharedPace(folder).host("x", ORIGIN, rate) for _ in range(2)]
    own = OwnHost(Pace(requests, per_s))

    async def told_by(hosts: list[Host]) -> list[object]:
        now = 0.0
        told: list[object] = []
        for place, (what, gap) in enumerate(steps):
            now += gap
            host = hosts[place % len(hosts)]
            if what == "hold":
                await host.hold(now + gap)
            elif what == "ask":
                told += [await host.reserve(now, now + 20), await host.find_rest(now)]
            else:
                await host.note(now, has_answered=what == "answer")
        return told

    assert asyncio.run(told_by([*shared])) == asyncio.run(told_by([own]))


def test_times_of_another_boot_hold_nothing_up(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def turn() -> float | None:
        host = SharedPace(tmp_path).host("x", ORIGIN, Rate(1, 3600.0))
        return (await host.reserve(1_000.0, 1_010.0)).start

    assert asyncio.run(turn()) == 1_000.0
    assert asyncio.run(turn()) is None
    boot = tmp_path / "boot_id"
    boot.write_text("another")
    monkeypatch.setattr("tracewell.intrace.connectors.network.shared_pace._BOOT_ID", boot)
    assert asyncio.run(turn()) == 1_000.0


def test_a_try_whose_process_was_killed_is_tried_again_by_another(tmp_path: Path) -> None:
    async def work() -> None:
        host = SharedPace(tmp_path).host("x", ORIGIN, Rate(1, 1.0))
        for _ in range(FAILURES_MAX):
            await host.note(0.0, has_answered=False)
        assert await host.find_rest(100.0) is None, "the one that tries, and dies"
        assert await host.find_rest(101.0) is not None
        assert await host.find_rest(161.0) is None

    asyncio.run(work())


def test_a_source_is_not_asked_where_its_pace_cannot_be_kept(tmp_path: Path) -> None:
    (tmp_path / "pace").write_text("no folder")
    host = SharedPace(tmp_path / "pace").host("x", ORIGIN, Rate(1, 1.0))
    with pytest.raises(SourceFailedError, match="its pace cannot be kept"):
        asyncio.run(host.reserve(0.0, 1.0))


def test_files_that_nobody_touches_go_at_the_next_start(tmp_path: Path) -> None:
    async def reserve(name: str) -> None:
        await SharedPace(tmp_path).host(name, ORIGIN, Rate(1, 1.0)).reserve(0.0, 1.0)

    asyncio.run(reserve("old"))
    for path in tmp_path.iterdir():
        os.utime(path, (0, 0))
    asyncio.run(reserve("new"))
    assert len(list(tmp_path.iterdir())) == 1
