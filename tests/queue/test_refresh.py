"""POST /v1/companies/refresh to companies, through a real server and a real worker."""

from __future__ import annotations

import json
import signal
import time
from pathlib import Path

from tests.queue.deployment import POLL_S, deployed, wait_for_job
from tests.queue.sites import PAGES

EXPECTED = {
    "good-1.example": None,
    "dead-1.example": "timed_out",
    "missing-1.example": "http_error",
    "json-1.example": "not_html",
    "empty-1.example": "not_html",
    "loop-1.example": "too_many_redirects",
    "moved-1.example": "redirected_elsewhere",
    "renamed-1.example": None,
    "cut-1.example": "connection_lost",
    "closed-1.example": "refused_by_robots",
    "nowhere.invalid": "dns_failed",
    "10.0.0.1": "invalid_domain",
    "no domain at all": "invalid_domain",
    "co.uk": "invalid_domain",
}


def test_each_domain_comes_to_its_own_end(tmp_path: Path, database_url: str) -> None:
    with deployed(tmp_path, database_url, REFRESH_TIMEOUT_SECONDS="4") as deployment:
        server = deployment.start_server(jobs=True)
        client = deployment.customer(server, "Acme")
        before = client.get("/v1/credits").json()
        wanted = ["https://WWW.Good-1.example/x", *list(EXPECTED)[1:], "good-1.example"]
        answer = client.post("/v1/companies/refresh", json={"domains": wanted})
        assert answer.status_code == 202
        job_id = answer.json()["job_id"]
        assert answer.json() == {"job_id": job_id}
        assert answer.headers["location"] == f"/v1/jobs/{job_id}"
        told = wait_for_job(client, job_id)
        assert (told["status"], told["progress"]) == ("completed", {"total": 14, "done": 14})
        ends = {one["domain"]: one["error"] and one["error"]["code"] for one in told["domains"]}
        assert ends == EXPECTED
        assert client.get("/v1/credits").json() == before
        messages = " ".join(one["error"]["message"] for one in told["domains"] if one["error"])
        assert "127.0.0.1" not in messages
        # The alias leads to the company that the home page redirected to for good.
        found = client.get("/v1/companies/renamed-1.example").json()
        assert found["primary_domain"] == "good-renamed.example"
        assert client.get("/v1/companies/good-1.example").json()["technology_count"] >= 1
        pages = deployment.rows(
            "SELECT url FROM captures_ingested AS i JOIN companies AS c"
            " ON c.company_id = i.company_id WHERE c.primary_domain = 'good-1.example'"
        )
        wanted_pages = {f"http://good-1.example{path}" for path in (*PAGES, "/robots.txt")}
        assert sorted(row[0] for row in pages) == sorted(wanted_pages)
        metrics = client.get(server.url + "/metrics").text
        assert 'tracewell_queue_tasks{kind="refresh",state="waiting"} 0.0' in metrics


def test_a_dead_domain_holds_nobody_up_and_progress_is_live(
    tmp_path: Path, database_url: str
) -> None:
    with deployed(tmp_path, database_url, pause_s=0.1) as deployment:
        client = deployment.customer(deployment.start_server(), "Acme")
        wanted = ["dead-1.example", *(f"good-{n}.example" for n in range(6))]
        answer = client.post("/v1/companies/refresh", json={"domains": wanted})
        job_id = answer.json()["job_id"]
        told = client.get(f"/v1/jobs/{job_id}").json()
        assert (told["status"], told["progress"]["done"]) == ("queued", 0)
        deployment.start_worker(concurrency=2)
        seen = set()
        while (told := client.get(f"/v1/jobs/{job_id}").json())["progress"]["done"] < 6:
            seen.add(told["progress"]["done"])
            assert told["status"] in ("queued", "running")
            time.sleep(POLL_S)
        # The six others are through while the dead one still runs.
        states = {one["domain"]: one["status"] for one in told["domains"]}
        assert states.pop("dead-1.example") == "running"
        assert set(states.values()) == {"succeeded"}
        assert len(seen) >= 2


def test_a_worker_that_is_told_to_end_gives_its_domains_back(
    tmp_path: Path, database_url: str
) -> None:
    with deployed(tmp_path, database_url, JOB_LEASE_SECONDS="600") as deployment:
        client = deployment.customer(deployment.start_server(), "Acme")
        answer = client.post("/v1/companies/refresh", json={"domains": ["dead-1.example"]})
        job_id = answer.json()["job_id"]
        worker = deployment.start_worker()
        while not deployment.sites.requests["dead-1.example", "/"]:
            assert worker.poll() is None, deployment.log()
            time.sleep(POLL_S)
        worker.send_signal(signal.SIGTERM)
        assert worker.wait(30) == 0
        assert client.get(f"/v1/jobs/{job_id}").json()["status"] == "queued"
        # Another begins at once, although the lease would have lasted ten minutes.
        deployment.start_worker()
        while deployment.sites.requests["dead-1.example", "/"] < 2:
            assert deployment.workers[-1].poll() is None, deployment.log()
            time.sleep(POLL_S)


def test_an_operator_cancels_and_retries(tmp_path: Path, database_url: str) -> None:
    with deployed(tmp_path, database_url) as deployment:
        client = deployment.customer(deployment.start_server(), "Acme")
        domains = ["good-1.example", "good-2.example", "no domain"]
        job_id = client.post("/v1/companies/refresh", json={"domains": domains}).json()["job_id"]
        listed = deployment.run("jobs", "list", "--open")
        assert "2 tasks wait" in listed.stdout
        assert job_id in listed.stdout
        assert deployment.run("jobs", "cancel", job_id).returncode == 0
        told = client.get(f"/v1/jobs/{job_id}").json()
        assert told["status"] == "failed"
        codes = [one["error"]["code"] for one in told["domains"]]
        assert codes == ["cancelled", "cancelled", "invalid_domain"]
        assert "cancelled" in deployment.run("jobs", "show", job_id).stdout
        assert deployment.run("jobs", "show", "job_none").returncode == 1
        deployment.start_worker()
        other = client.post("/v1/companies/refresh", json={"domains": ["good-3.example"]})
        assert wait_for_job(client, other.json()["job_id"])["status"] == "completed"
        assert not deployment.sites.requests["good-1.example", "/"]
        # What is no domain is not queued again.
        again = json.loads(deployment.run("jobs", "retry", job_id, "--json").stdout)
        assert again == {"domains_queued": 2}
        assert wait_for_job(client, job_id)["status"] == "completed"
        assert json.loads(deployment.run("jobs", "list", "--open", "--json").stdout)["jobs"] == []
