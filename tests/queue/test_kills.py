"""Servers and workers that are killed outright, at seeded moments: nothing lost, nothing twice."""

from __future__ import annotations

import os
import random
import signal
import time
from pathlib import Path

from tests.queue.deployment import Deployment, deployed, wait_for_job
from tests.queue.sites import PAGES

DOMAINS = 12
KILLS = 3
SEED = int(os.environ.get("TRACEWELL_KILL_SEED", "1"))


def check_each_counted_once(deployment: Deployment, names: list[str]) -> None:
    """Every page of every domain was taken in once, and every count says so."""
    pages = [*PAGES, "/robots.txt"]
    ingested = sorted(row[0] for row in deployment.rows("SELECT url FROM captures_ingested"))
    assert ingested == sorted(f"http://{name}{path}" for name in names for path in pages)
    companies = deployment.rows("SELECT primary_domain FROM companies ORDER BY primary_domain")
    assert [row[0] for row in companies] == sorted(names)
    counts = deployment.rows("SELECT observation_count FROM technology_uses")
    assert {row[0] for row in counts} == {len(pages)}
    assert len(counts) == len(names)
    states = deployment.rows("SELECT DISTINCT status FROM refresh_domains")
    assert states == [("succeeded",)]


def test_killed_workers_and_servers_lose_nothing_and_count_nothing_twice(
    tmp_path: Path, database_url: str, dialect: str
) -> None:
    chance = random.Random(f"{dialect}-{SEED}")
    names = [f"good-{number}.example" for number in range(DOMAINS)]
    with deployed(tmp_path, database_url, pause_s=0.03) as deployment:
        server = deployment.start_server()
        client = deployment.customer(server, "Acme")
        answer = client.post("/v1/companies/refresh", json={"domains": names})
        server.kill()
        job_id = answer.json()["job_id"]
        for _ in range(2):
            deployment.start_worker(concurrency=3)
        while not deployment.sites.requests:
            time.sleep(0.02)
        for _ in range(KILLS):
            time.sleep(chance.uniform(0.0, 0.7))
            alive = [worker for worker in deployment.workers if worker.poll() is None]
            victim = chance.choice(alive)
            victim.kill()
            victim.wait()
            deployment.start_worker(concurrency=3)
        server = deployment.start_server()
        client.base_url = server.trace
        told = wait_for_job(client, job_id)
        assert told["status"] == "completed", told
        check_each_counted_once(deployment, names)
        deployment.close()
        assert not deployment.rows(
            "SELECT 1 FROM queue_tasks" if dialect == "sqlite" else "SELECT 1 FROM pgqueuer"
        )


def test_a_worker_that_stalls_past_its_lease_and_wakes_up_counts_nothing_twice(
    tmp_path: Path, database_url: str
) -> None:
    names = [f"good-{number}.example" for number in range(6)]
    with deployed(tmp_path, database_url, pause_s=0.1) as deployment:
        client = deployment.customer(deployment.start_server(), "Acme")
        answer = client.post("/v1/companies/refresh", json={"domains": names})
        stalled = deployment.start_worker(concurrency=6)
        while sum(deployment.sites.requests.values()) < 12:
            time.sleep(0.02)
        os.kill(stalled.pid, signal.SIGSTOP)
        try:
            deployment.start_worker(concurrency=6)
            told = wait_for_job(client, answer.json()["job_id"])
        finally:
            os.kill(stalled.pid, signal.SIGCONT)
        assert told["status"] == "completed", told
        # It goes on where it stood, with crawls that do not count any more.
        deployment.close()
        check_each_counted_once(deployment, names)


def test_a_killed_server_takes_its_worker_along_and_the_next_goes_on(
    tmp_path: Path, database_url: str
) -> None:
    names = [f"good-{number}.example" for number in range(8)]
    with deployed(tmp_path, database_url, pause_s=0.1) as deployment:
        server = deployment.start_server(jobs=True)
        client = deployment.customer(server, "Acme")
        job_id = client.post("/v1/companies/refresh", json={"domains": names}).json()["job_id"]
        while not deployment.sites.requests:
            time.sleep(0.02)
        (worker,) = _children(server.process.pid)
        server.kill()
        while Path(f"/proc/{worker}").exists():
            time.sleep(0.02)
        server = deployment.start_server(jobs=True)
        client.base_url = server.trace
        # A worker that dies alone is started again.
        (worker,) = _children(server.process.pid)
        os.kill(worker, signal.SIGKILL)
        assert wait_for_job(client, job_id)["status"] == "completed"
        check_each_counted_once(deployment, names)


def _children(pid: int) -> list[int]:
    text = Path(f"/proc/{pid}/task/{pid}/children").read_text("ascii")
    found = [int(child) for child in text.split()]
    if not found:
        for task in Path(f"/proc/{pid}/task").iterdir():
            found += [int(child) for child in (task / "children").read_text("ascii").split()]
    return found
