"""Refresh jobs at the front door, and what an operator's schedule queues; no worker runs here."""

from __future__ import annotations

import pathlib
import re

import pytest
from tests.trace.conftest import DAY_MS, NOW, World, page

from tracewell.kernel.ids import IdFactory
from tracewell.kernel.queue import count_tasks
from tracewell.trace.jobs.model import KIND, DomainState, DomainStatus
from tracewell.trace.jobs.outcomes import MESSAGES
from tracewell.trace.jobs.rules import job_status, parse_wanted
from tracewell.trace.jobs.service import PURGED_AT_ONCE_MAX, Jobs
from tracewell.web.exchange import FAILURE_CODES

pytestmark = pytest.mark.anyio

DOCS = pathlib.Path(__file__).parents[2] / "docs" / "refresh.md"


async def keys(world: World) -> dict[str, str]:
    return await world.org_key(await world.make_org("Acme"))


async def test_a_refresh_is_answered_with_a_job_that_waits(world: World) -> None:
    mine = await keys(world)
    answer = await world.client.post(
        "/v1/companies/refresh",
        json={"domains": ["HTTPS://www.Acme.example/a", "acme.example", "10.0.0.1", "a\x00b"]},
        headers=mine,
    )
    assert answer.status_code == 202
    job_id = answer.json()["job_id"]
    assert answer.headers["location"] == f"/v1/jobs/{job_id}"
    assert "x-credits-charged" not in answer.headers
    told = (await world.client.get(f"/v1/jobs/{job_id}", headers=mine)).json()
    assert told == {
        "job_id": job_id,
        "status": "running",
        "progress": {"total": 3, "done": 2},
        "domains": [
            {"domain": "acme.example", "status": "queued", "error": None, "started_at": None,
             "finished_at": None},
            *(
                {"domain": domain, "status": "failed",
                 "error": {"code": "invalid_domain", "message": MESSAGES["invalid_domain"]},
                 "started_at": None, "finished_at": told["created_at"]}
                for domain in ("10.0.0.1", "a\ufffdb")
            ),
        ],
        "created_at": told["created_at"],
        "finished_at": None,
    }  # fmt: skip
    async with world.database.snapshot() as tx:
        assert (await count_tasks(tx, KIND)).waiting == 1


@pytest.mark.parametrize(
    "body",
    [{}, {"domains": []}, {"domains": ["a.example"] * 51}, {"domains": "a.example"},
     {"domains": [7]}, {"domains": ["a.example"], "more": 1}, {"domains": ["x" * 2_049]}],
    ids=["none", "empty", "51", "text", "number", "more", "long"],
)  # fmt: skip
async def test_a_wrong_body_is_told_as_fastapi_does(world: World, body: object) -> None:
    answer = await world.client.post("/v1/companies/refresh", json=body, headers=await keys(world))
    assert answer.status_code == 422
    assert answer.json()["detail"]


async def test_fifty_domains_are_taken_and_a_job_of_no_domain_has_failed(world: World) -> None:
    mine = await keys(world)
    fifty = {"domains": [f"c{number}.example" for number in range(50)]}
    answer = await world.client.post("/v1/companies/refresh", json=fifty, headers=mine)
    told = await world.client.get(answer.headers["location"], headers=mine)
    assert (told.json()["status"], told.json()["progress"]) == ("queued", {"total": 50, "done": 0})
    answer = await world.client.post(
        "/v1/companies/refresh", json={"domains": ["co.uk"]}, headers=mine
    )
    told = await world.client.get(answer.headers["location"], headers=mine)
    assert told.json()["status"] == "failed"
    assert told.json()["finished_at"] is not None


async def test_a_job_is_seen_by_its_org_alone(world: World) -> None:
    org = await world.make_org("Acme")
    user = await world.make_user(org, "jane@acme.example")
    mine, colleague = await world.org_key(org), await world.user_key(user)
    stranger = await world.org_key(await world.make_org("Bolt"))
    answer = await world.client.post(
        "/v1/companies/refresh", json={"domains": ["acme.example"]}, headers=mine
    )
    place = answer.headers["location"]
    assert (await world.client.get(place, headers=colleague)).status_code == 200
    for path, headers in ((place, stranger), ("/v1/jobs/job_0", mine), ("/v1/jobs/%00", mine)):
        found = await world.client.get(path, headers=headers)
        assert found.status_code == 404
        assert found.json() == {"error": {"code": "job_not_found", "message": "No such job."}}
    assert (await world.client.get(place)).status_code == 401
    assert (await world.client.post("/v1/companies/refresh", json={})).status_code == 401
    wrong = await world.client.get("/v1/companies/refresh", headers=mine)
    assert wrong.json()["error"]["code"] in ("company_not_found", "method_not_allowed")


async def test_companies_that_were_not_crawled_lately_are_queued_once(world: World) -> None:
    old = NOW - 40 * DAY_MS
    await world.ingest([page("https://old.example/", at=old), page("https://new.example/")])
    jobs = Jobs(world.database, world.clock, IdFactory(world.clock))
    assert await jobs.refresh_stale(30) == 1
    assert await jobs.refresh_stale(30) == 0
    (job,) = await jobs.list_jobs(limit=10, is_open=True)
    assert (job.org_id, [one.domain for one in job.domains]) == (None, ["old.example"])
    await jobs.cancel_job(job.job_id)
    # It failed: it is not tried again before its time.
    world.clock.now += 29 * DAY_MS
    assert await jobs.refresh_stale(30) == 0
    world.clock.now += 2 * DAY_MS
    assert await jobs.refresh_stale(30) == 2


@pytest.mark.parametrize(
    ("statuses", "status"),
    [
        ("queued queued", "queued"),
        ("queued failed", "running"),
        ("running queued", "running"),
        ("succeeded running", "running"),
        ("succeeded failed", "completed"),
        ("failed failed", "failed"),
    ],
)
def test_a_jobs_status_follows_from_its_domains(statuses: str, status: str) -> None:
    domains = [DomainState("a.example", _status(one), None, None, None) for one in statuses.split()]
    assert job_status(domains) == status


def _status(text: str) -> DomainStatus:
    assert text in ("queued", "running", "succeeded", "failed")
    return text  # type: ignore[return-value]


def test_domains_are_read_as_people_paste_them() -> None:
    asked = [
        "http://Acme.example:8080/x?y",
        "münchen.example",
        "slug",
        "[::1]",
        "  ",
        "a b.example",
    ]
    assert parse_wanted(asked) == [
        ("acme.example", True),
        ("xn--mnchen-3ya.example", True),
        ("slug", False),
        ("[::1]", False),
        ("", False),
        ("a b.example", False),
    ]


def test_every_failure_of_a_crawl_has_a_sentence_and_a_row_in_the_docs() -> None:
    from tracewell.trace.jobs.outcomes import _BY_FAILURE

    assert set(_BY_FAILURE) == set(FAILURE_CODES)
    assert set(_BY_FAILURE.values()) <= set(MESSAGES)
    table = DOCS.read_text("utf-8").partition("## Why a domain fails")[2].partition("\n## ")[0]
    rows = "\n".join(line.split("|")[1] for line in table.splitlines() if line.startswith("| `"))
    assert sorted(re.findall(r"`([a-z_]+)`", rows)) == sorted(MESSAGES)


async def test_jobs_that_ended_long_ago_are_removed_and_what_is_open_stays(world: World) -> None:
    mine = await keys(world)
    jobs = Jobs(world.database, world.clock, IdFactory(world.clock))

    async def refresh(*domains: str) -> str:
        answer = await world.client.post(
            "/v1/companies/refresh", json={"domains": domains}, headers=mine
        )
        return str(answer.json()["job_id"])

    ended, waits, retried = [await refresh("a.example", "b.example") for _ in range(3)]
    many = [await refresh("10.0.0.1") for _ in range(2 * PURGED_AT_ONCE_MAX)]
    for job_id in (ended, retried):
        await jobs.cancel_job(job_id)
    world.clock.now += 30 * DAY_MS
    assert await jobs.retry_job(retried) == 2
    late = await refresh("c.example")
    await jobs.cancel_job(late)
    assert await jobs.purge_done(30) == 0
    world.clock.now += 1
    assert await jobs.purge_done(30) == 1 + len(many)
    left = await jobs.list_jobs(limit=1_000, is_open=False)
    assert {job.job_id for job in left} == {waits, retried, late}
    gone = await world.client.get(f"/v1/jobs/{ended}", headers=mine)
    assert gone.json() == {"error": {"code": "job_not_found", "message": "No such job."}}
    assert (await world.client.get(f"/v1/jobs/{waits}", headers=mine)).json()["progress"] == {
        "total": 2,
        "done": 0,
    }
    async with world.database.snapshot() as tx:
        count = "SELECT COUNT(*) FROM refresh_domains"
        assert await tx.fetch_value(count) == 5
