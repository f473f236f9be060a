"""From captures to companies: what counts, what is skipped, and that nothing counts twice."""

from __future__ import annotations

import asyncio
import os
import random
from collections.abc import Iterator
from itertools import islice
from pathlib import Path
from typing import Any

import orjson
import pytest
from tests.trace.conftest import DAY_MS, NOW, World, organization, page

from tracewell.kernel.clock import system_clock
from tracewell.kernel.database import Database
from tracewell.trace.ingest import IngestSummary, ingest_captures, load_outcomes
from tracewell.trace.ingest import service as ingest_service
from tracewell.trace.ingest.model import Redirect
from tracewell.values import Capture
from tracewell.web.archive import iter_captures

pytestmark = pytest.mark.anyio

SHARED = Path(os.environ.get("TRACEWELL_SHARED", Path(__file__).parents[3] / "shared"))
REAL_PAGES = SHARED / "data" / "pages" / "pages.warc.gz"
WORDPRESS = '<meta name="generator" content="WordPress {}">'


async def profiles(database: Database) -> dict[str, Any]:
    """Every stored profile by slug, without the number, which depends on the order."""
    async with database.snapshot() as tx:
        rows = await tx.fetch_all("SELECT slug, profile FROM companies")
    found = {row[0]: orjson.loads(row[1]) for row in rows}
    for body in found.values():
        del body["company_id"]
    return found


async def evidence(database: Database) -> list[tuple[Any, ...]]:
    async with database.snapshot() as tx:
        rows = await tx.fetch_all(
            "SELECT c.slug, t.slug, e.kind, e.name, e.excerpt, e.url, e.capture, e.start_byte,"
            " e.end_byte, e.observed_at FROM technology_evidence AS e"
            " JOIN companies AS c ON c.company_id = e.company_id"
            " JOIN technologies AS t ON t.technology_id = e.technology_id ORDER BY 1, 2, 3, 4"
        )
    return [tuple(row) for row in rows]


def site() -> list[Capture]:
    """Three pages of one company over two days, one of another."""
    return [
        page("https://www.acme.example/", WORDPRESS.format("6.1"), headers={"Server": "nginx/1.2"}),
        page("https://shop.acme.example/a", WORDPRESS.format("6.2"), at=NOW + DAY_MS),
        page("http://acme.example/b", organization(name="Acme"), at=NOW - DAY_MS),
        page("https://other.example/", "made with c++"),
    ]


async def test_hosts_of_one_registrable_domain_are_one_company(world: World) -> None:
    summary = await world.ingest(site())
    assert summary == IngestSummary(
        captures_read=4, captures_ingested=4, captures_known=0, captures_skipped={},
        aliases_found=0, companies_new=2, companies_updated=0, technologies_found=4,
    )  # fmt: skip
    found = await profiles(world.database)
    assert set(found) == {"acme", "other"}
    acme = found["acme"]
    assert (acme["name"], acme["primary_domain"]) == ("Acme", "acme.example")
    assert (acme["first_observed_at"], acme["last_observed_at"], acme["last_crawled_at"]) == (
        "2026-09-20T14:13:20Z", "2026-09-22T14:13:20Z", "2026-09-22T14:13:20Z",
    )  # fmt: skip
    assert {t["slug"]: (t["version"], t["observation_count"]) for t in acme["technologies"]} == {
        "nginx": ("1.2", 1), "php": (None, 2), "wordpress": ("6.2", 2),
    }  # fmt: skip
    assert acme["technology_count"] == 3


async def test_the_same_captures_ingested_again_change_nothing(world: World) -> None:
    await world.ingest(site())
    before = await profiles(world.database), await evidence(world.database)
    again = await world.ingest([*site(), *site()])
    assert (again.captures_read, again.captures_known, again.captures_ingested) == (8, 8, 0)
    assert (again.companies_new, again.companies_updated) == (0, 0)
    assert (await profiles(world.database), await evidence(world.database)) == before


async def test_a_capture_out_of_another_archive_is_known_again(world: World) -> None:
    await world.ingest(site())
    copies = [
        Capture(c.url, c.status, c.headers, c.body, c.captured_at // 1000 * 1000, "other.warc:9")
        for c in site()
    ]
    again = await world.ingest(copies)
    assert (again.captures_known, again.captures_ingested) == (4, 0)


async def test_captures_in_any_order_and_any_number_of_runs_give_the_same_companies(
    world: World, database: Database
) -> None:
    captures = site()
    chance = random.Random(7)
    chance.shuffle(captures)
    for capture in captures:
        await world.ingest([capture])
    one_by_one = await profiles(database), await evidence(database)
    async with database.transaction() as tx:
        for table in (
            "captures_ingested", "firmographics", "technology_evidence", "technology_uses",
            "company_domains", "companies",
        ):  # fmt: skip
            await tx.execute(f"DELETE FROM {table}")
    await world.ingest(site())
    assert (await profiles(database), await evidence(database)) == one_by_one


async def test_two_ingests_at_once_count_each_capture_once(world: World) -> None:
    summaries = await asyncio.gather(*(world.ingest(site()) for _ in range(3)))
    assert sum(summary.captures_ingested for summary in summaries) == 4
    assert sum(summary.companies_new for summary in summaries) == 2
    uses = (await profiles(world.database))["acme"]["technologies"]
    assert {t["slug"]: t["observation_count"] for t in uses} == {
        "nginx": 1, "php": 2, "wordpress": 2,
    }  # fmt: skip


async def test_every_use_has_evidence_that_leads_to_its_capture(world: World) -> None:
    await world.ingest(site()[:1])
    found = await evidence(world.database)
    assert [row[1] for row in found] == ["nginx", "php", "wordpress"]
    nginx, php, wordpress = found
    assert nginx[2:7] == (
        "header", "Server", "nginx/1.2", "https://www.acme.example/", "test.warc.gz:0",
    )  # fmt: skip
    assert php[2:4] == ("implied", "WordPress")
    body = WORDPRESS.format("6.1")
    assert wordpress[2:4] == ("meta", "generator")
    assert body[wordpress[7] : wordpress[8]] == wordpress[4]
    assert "WordPress 6.1" in wordpress[4]


async def test_what_says_nothing_is_skipped_with_its_reason(world: World) -> None:
    summary = await world.ingest(
        [
            page("https://a.example/", status=404),
            page("https://a.example/x.json", headers={"Content-Type": "application/json"}),
            page("https://a.example/empty", "  "),
            page("https://a.example/moved", status=302, headers={"Location": "/"}),
            page("http://127.0.0.1/"),
            page("http://co.uk/"),
            page("http://[broken/"),
            page("https://a.example/robots.txt", "x", headers={"Content-Type": "text/plain"},
                 robots="x"),
        ]
    )  # fmt: skip
    assert summary.captures_skipped == {
        "status 404": 1, "not HTML": 1, "empty body": 1, "redirect": 1, "no company's domain": 3,
        "robots.txt alone": 1,
    }  # fmt: skip
    assert summary.captures_read == 8
    assert await profiles(world.database) == {}


async def test_what_is_dated_in_the_future_says_nothing(world: World) -> None:
    await world.ingest(site())
    before = await profiles(world.database)
    ahead = system_clock() + 2 * DAY_MS
    summary = await world.ingest(
        [
            page("https://acme.example/late", WORDPRESS.format("9.9"), at=ahead),
            page("https://late.example/", at=ahead),
        ]
    )
    assert summary.captures_skipped == {"dated in the future": 2}
    loaded = await load_outcomes(
        world.database, (), [Redirect("alias.example", "acme.example", ahead)]
    )
    assert (loaded.captures_read, loaded.captures_skipped) == (1, {"dated in the future": 1})
    assert await profiles(world.database) == before


async def test_a_home_page_that_moved_for_good_makes_its_domain_an_alias(world: World) -> None:
    def moved(url: str, location: str, status: int = 301) -> Capture:
        return page(url, status=status, headers={"Location": location})

    captures = [
        moved("http://acme-alt.example/", "https://www.acme.example/"),
        moved("https://acme-two.example/", "https://acme.example/de/", 308),
        moved("https://parked.example/", "https://acme.example/for-sale?name=parked"),
        moved("https://acme-tmp.example/", "https://acme.example/", 302),
        moved("https://other.example/", "https://acme.example/"),
        moved("https://lost.example/", "https://nowhere.example/"),
        moved("http://acme.example/", "https://www.acme.example/"),
        *site(),
    ]
    summary = await world.ingest(captures)
    assert summary.aliases_found == 2
    assert summary.captures_skipped == {
        "redirect": 3,
        "redirect from a company of its own": 1,
        "redirect to a site that no capture shows": 1,
    }
    before = await profiles(world.database)
    assert [d["domain"] for d in before["acme"]["domains"]] == [
        "acme.example", "acme-alt.example", "acme-two.example",
    ]  # fmt: skip
    again = await world.ingest(captures)
    assert (again.companies_new, again.companies_updated) == (0, 0)
    assert await profiles(world.database) == before


async def test_pages_of_an_alias_are_the_companys(world: World) -> None:
    location = {"Location": "https://acme.example/"}
    await world.ingest([*site(), page("https://acme-alt.example/", status=301, headers=location)])
    later = page("https://acme-alt.example/", "<p>Back.</p>", at=NOW + 9 * DAY_MS)
    summary = await world.ingest([later])
    assert (summary.companies_new, summary.companies_updated) == (0, 1)
    acme = (await profiles(world.database))["acme"]
    assert acme["last_observed_at"] == "2026-09-30T14:13:20Z"


async def test_robots_txt_adds_to_a_company_that_has_a_page(world: World) -> None:
    robots = page(
        "https://acme.example/robots.txt", "User-agent: *",
        headers={"Content-Type": "text/plain", "Server": "nginx/9.9"}, robots="User-agent: *",
        at=NOW + 2 * DAY_MS,
    )  # fmt: skip
    await world.ingest([robots, *site()])
    acme = (await profiles(world.database))["acme"]
    assert {t["slug"]: t["version"] for t in acme["technologies"]}["nginx"] == "9.9"


async def test_slugs_stay_unique_where_labels_are_the_same(world: World) -> None:
    for host in ("acme.example", "acme.co.uk", "www.acme.github.io", "acme-example.com"):
        await world.ingest([page(f"https://{host}/")])
    await world.ingest([page("https://acme.example/new", at=NOW + 1)])
    found = {
        body["primary_domain"]: slug for slug, body in (await profiles(world.database)).items()
    }
    assert found == {
        "acme.example": "acme",
        "acme.co.uk": "acme-co-uk",
        "acme.github.io": "acme-github-io",
        "acme-example.com": "acme-example",
    }


async def test_text_that_a_database_cannot_hold_is_made_storable(world: World) -> None:
    body = (
        '<script type="application/ld+json">{"@type":"Organization","name":"Ac\\u0000me \\ud83d",'
        '"description":"' + "ü" * 5000 + '"}</script>made with c++\0'
    )
    summary = await world.ingest(
        [page("https://acme.example/", body, headers={"Server": "nginx/1.2\0"})]
    )
    assert summary.captures_ingested == 1
    assert (await profiles(world.database))["acme"]["name"] == "Ac\ufffdme \ufffd"


async def test_what_was_written_stays_when_reading_breaks_off(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ingest_service, "CHUNK_CAPTURES", 1)
    monkeypatch.setattr(ingest_service, "BATCH_CAPTURES", 1)

    def breaking() -> Iterator[Capture]:
        yield from site()[:3]
        raise OSError("the disk is gone")

    with pytest.raises(OSError, match="the disk is gone"):
        await world.ingest(breaking())
    rest = await world.ingest(site())
    assert rest.captures_known >= 1
    assert rest.captures_known + rest.captures_ingested == 4


async def test_progress_is_told_and_ends_with_the_summary(world: World) -> None:
    told: list[IngestSummary] = []
    captures = [page(f"https://c{number}.example/") for number in range(30)]
    summary = await ingest_captures(
        world.database, world.fingerprints, captures, on_progress=told.append
    )
    assert told[-1] == summary
    assert [one.captures_read for one in told] == sorted(one.captures_read for one in told)
    assert len(told) >= 4


async def test_worker_processes_give_what_one_process_gives(world: World) -> None:
    await ingest_captures(world.database, world.fingerprints, site(), jobs=2)
    found = await profiles(world.database)
    assert {t["slug"] for t in found["acme"]["technologies"]} == {"nginx", "php", "wordpress"}
    assert found["acme"]["name"] == "Acme"
    for jobs in (0, 65):
        with pytest.raises(ValueError, match="jobs"):
            await ingest_captures(world.database, world.fingerprints, [], jobs=jobs)


@pytest.mark.skipif(not REAL_PAGES.exists(), reason="the real pages are not here")
async def test_real_pages_are_taken_in_and_served(world: World) -> None:
    problems: list[tuple[int, str]] = []
    captures = iter_captures(REAL_PAGES, lambda offset, reason: problems.append((offset, reason)))
    summary = await world.ingest(islice(captures, 150))
    assert problems == []
    assert summary.captures_ingested == 150
    assert summary.companies_new >= 140
    org = await world.make_org("Buyer", credits=summary.companies_new)
    key = await world.org_key(org)
    slugs: list[str] = []
    url = "/v1/companies?limit=100"
    while url:
        body = (await world.client.get(url, headers=key)).json()
        slugs += [row["slug"] for row in body["data"]]
        url = body["pagination"]["next_url"]
    assert len(slugs) == len(set(slugs)) == summary.companies_new
    assert await world.balance(org) == 0
    for slug in slugs[:20]:
        answer = await world.client.get(f"/v1/companies/{slug}", headers=key)
        assert answer.status_code == 200
        assert answer.headers["x-credits-charged"] == "0"
