"""A company's technologies with evidence, its history and postings, and batches of companies."""

from __future__ import annotations

from typing import Any

import orjson
import pytest
from tests.trace.conftest import DAY_MS, NOW, World, organization, page

from tracewell.trace.details.routes import (
    BATCH_MAX,
    BatchAnswer,
    CompanyHistory,
    CompanyPostings,
    CompanyTechnologies,
)
from tracewell.values import Capture

pytestmark = pytest.mark.anyio

HOME = "https://acme.example/"
WORDPRESS = '<meta name="generator" content="WordPress 6.1">'


def careers(*titles: str) -> Capture:
    nodes = [
        {"@context": "https://schema.org", "@type": "JobPosting", "title": title,
         "jobLocationType": "TELECOMMUTE", "description": "You know C++.",
         "datePosted": "2026-09-01"}
        for title in titles
    ]  # fmt: skip
    text = orjson.dumps(nodes).decode()
    return page(f"{HOME}jobs", f'<script type="application/ld+json">{text}</script>')


async def ingest(world: World) -> None:
    """Acme ran nginx and WordPress, dropped both, and took WordPress up again."""
    await world.ingest(
        [
            page(HOME, organization(name="Acme") + WORDPRESS, headers={"Server": "nginx/1.2"}),
            *(page(HOME, f"{day}", at=NOW + day * DAY_MS) for day in (1, 2, 3)),
            page(HOME, WORDPRESS, at=NOW + 9 * DAY_MS),
            careers("Engineer", "Clerk"),
            page("https://batch.example/"),
        ]
    )


async def get(world: World, key: dict[str, str], path: str, model: Any) -> Any:
    answer = await world.client.get(f"/v1/companies/{path}", headers=key)
    assert answer.status_code == 200, answer.text
    model.model_validate_json(answer.content)
    return answer.json()


async def test_technologies_come_with_the_evidence_that_was_asked_for(world: World) -> None:
    await ingest(world)
    org = await world.make_org("Buyer")
    key = await world.org_key(org)
    body = await get(world, key, "www.acme.example/technologies", CompanyTechnologies)
    assert body["company"] == {"slug": "acme", "name": "Acme", "primary_domain": "acme.example"}
    rows = {row["slug"]: row for row in body["data"]}
    assert list(rows) == ["php", "wordpress", "nginx"]
    assert [row["status"] for row in rows.values()] == ["active", "active", "dropped"]
    assert all(row["evidence"] is None for row in rows.values())
    body = await get(world, key, "acme/technologies?include=evidence", CompanyTechnologies)
    (sign,) = next(row for row in body["data"] if row["slug"] == "wordpress")["evidence"]
    assert (sign["kind"], sign["name"], sign["url"]) == ("meta", "generator", HOME)
    assert sign["excerpt"] == WORDPRESS
    assert WORDPRESS.encode()[sign["start_byte"] : sign["end_byte"]] == WORDPRESS.encode()
    assert sign["capture"] == "test.warc.gz:0"
    for query, found in (
        ("?category=cms", ["wordpress"]),
        ("?status=dropped", ["nginx"]),
        ("?category=cms&status=dropped", []),
        ("?vendor=nobody", []),
        ("?limit=1&page=2", ["wordpress"]),
    ):
        body = await get(world, key, f"acme/technologies{query}", CompanyTechnologies)
        assert [row["slug"] for row in body["data"]] == found, query
    assert await world.balance(org) == 99


async def test_history_tells_what_was_adopted_and_dropped(world: World) -> None:
    await ingest(world)
    org = await world.make_org("Buyer")
    key = await world.org_key(org)
    body = await get(world, key, "acme/technologies/history", CompanyHistory)
    assert [(row["occurred_at"][:10], row["slug"], row["event"]) for row in body["data"]] == [
        ("2026-09-30", "php", "adopted"),
        ("2026-09-30", "wordpress", "adopted"),
        ("2026-09-22", "nginx", "dropped"),
        ("2026-09-22", "php", "dropped"),
        ("2026-09-22", "wordpress", "dropped"),
        ("2026-09-21", "nginx", "adopted"),
        ("2026-09-21", "php", "adopted"),
        ("2026-09-21", "wordpress", "adopted"),
    ]
    second = await get(world, key, "acme/technologies/history?limit=3&page=3", CompanyHistory)
    assert second["data"] == body["data"][6:]
    assert second["pagination"]["total_results"] == 8
    assert await world.balance(org) == 99


async def test_postings_name_technologies(world: World) -> None:
    await ingest(world)
    org = await world.make_org("Buyer")
    key = await world.org_key(org)
    body = await get(world, key, "acme/postings", CompanyPostings)
    assert sorted(row["title"] for row in body["data"]) == ["Clerk", "Engineer"]
    row = body["data"][0]
    assert (row["remote"], row["posted_at"]) == (True, "2026-09-01T00:00:00Z")
    assert row["technologies"] == [{"slug": "c-plus-plus", "name": "C++"}]
    body = await get(world, key, "acme/postings?technology=php", CompanyPostings)
    assert body["data"] == []
    assert await world.balance(org) == 99


async def test_a_batch_answers_each_domain_in_order_and_charges_each_company_once(
    world: World,
) -> None:
    await ingest(world)
    org = await world.make_org("Buyer", credits=2)
    key = await world.org_key(org)
    domains = ["acme.example", "nobody.example", "WWW.Acme.example", " batch.example", "no domain"]
    answer = await world.client.post("/v1/companies/batch", json={"domains": domains}, headers=key)
    assert answer.status_code == 200, answer.text
    BatchAnswer.model_validate_json(answer.content)
    body = answer.json()
    assert [row["domain"] for row in body["results"]] == domains
    assert [row["status"] for row in body["results"]] == [
        "found", "not_tracked", "found", "found", "not_tracked",
    ]  # fmt: skip
    assert (body["total_domains_requested"], body["domains_found"]) == (5, 3)
    one = await world.client.get("/v1/companies/acme", headers=key)
    assert body["results"][0]["company"] == one.json()
    assert answer.headers["x-credits-charged"] == "2"
    assert await world.balance(org) == 0


async def test_a_batch_that_cannot_be_paid_tells_nothing(world: World) -> None:
    await ingest(world)
    org = await world.make_org("Buyer", credits=1)
    key = await world.org_key(org)
    answer = await world.client.post(
        "/v1/companies/batch", json={"domains": ["acme.example", "batch.example"]}, headers=key
    )
    assert answer.status_code == 402
    assert (answer.json()["requested"], answer.json()["shortfall"]) == (2, 1)
    assert await world.balance(org) == 1
    for domains in ([], ["a.example"] * (BATCH_MAX + 1), "a.example", ["x" * 3_000]):
        bad = await world.client.post("/v1/companies/batch", json={"domains": domains}, headers=key)
        assert bad.status_code == 422


async def test_no_slug_is_a_path_of_the_api(world: World) -> None:
    await ingest(world)
    key = await world.org_key(await world.make_org("Buyer"))
    one = await world.client.get("/v1/companies/batch.example", headers=key)
    assert one.json()["slug"] == "batch-example"
    wrong = await world.client.get("/v1/companies/batch", headers=key)
    assert (wrong.status_code, wrong.headers["allow"]) == (405, "POST")


@pytest.mark.parametrize("path", ["technologies", "technologies/history", "postings"])
async def test_details_of_an_unknown_company_are_not_found(world: World, path: str) -> None:
    org = await world.make_org("Buyer")
    key = await world.org_key(org)
    for identifier in ("nope", "nope.example", "%20"):
        answer = await world.client.get(f"/v1/companies/{identifier}/{path}", headers=key)
        assert (answer.status_code, answer.json()["error"]["code"]) == (404, "company_not_found")
    assert await world.balance(org) == 100
