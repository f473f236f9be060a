"""Newer fingerprints over kept captures: as if the captures were taken in with them first."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import orjson
import pytest
from tests.databases import fresh_database
from tests.trace.conftest import (
    CATEGORIES,
    DAY_MS,
    NOW,
    TECHNOLOGIES,
    World,
    organization,
    page,
)
from tests.trace.loads import load_rows

from tracewell.detection import FingerprintSet, load_fingerprints
from tracewell.kernel.database import Database, open_database
from tracewell.trace.ingest import ingest_captures
from tracewell.trace.redetection import RedetectionSummary, redetect_companies
from tracewell.values import Capture

pytestmark = pytest.mark.anyio

NEWER: dict[str, Any] = {
    **{name: one for name, one in TECHNOLOGIES.items() if name != "C++"},
    "Bauhaus": {"cats": [2], "html": "<p>Bauhaus ([\\d.]+)\\;version:\\1"},
    "WordPress": {"cats": [2], "meta": {"generator": "^WordPress ?([\\d.]+)?\\;version:\\1"}},
}
_DERIVED = """
    SELECT c.slug, t.name, u.version, u.confidence, u.status, u.first_observed_at,
      u.last_observed_at, u.observation_count, u.dropped_at, COUNT(e.place), MAX(e.capture)
    FROM technology_uses AS u JOIN companies AS c ON c.company_id = u.company_id
    JOIN technologies AS t ON t.technology_id = u.technology_id
    LEFT JOIN technology_evidence AS e
      ON e.company_id = u.company_id AND e.technology_id = u.technology_id
    GROUP BY c.slug, t.name, u.version, u.confidence, u.status, u.first_observed_at,
      u.last_observed_at, u.observation_count, u.dropped_at"""
_FACTS = """
    SELECT c.slug, f.field, f.value, f.source_url, f.observed_at FROM firmographics AS f
    JOIN companies AS c ON c.company_id = f.company_id"""
_PARTNERSHIPS = """
    SELECT c.slug, p.partner_domain, p.partnership_type, p.is_listed, p.is_listed_by,
      p.first_observed_at, p.last_observed_at, p.observation_count
    FROM partnerships AS p JOIN companies AS c ON c.company_id = p.company_id"""
_PAGES = """
    SELECT c.slug, e.source_url, e.excerpt, e.capture, e.observed_at
    FROM partnership_evidence AS e JOIN companies AS c ON c.company_id = e.company_id"""
_POSTINGS = """
    SELECT c.slug, p.title, p.capture, p.first_observed_at, p.last_observed_at,
      p.observation_count, t.name
    FROM postings AS p JOIN companies AS c ON c.company_id = p.company_id
    LEFT JOIN posting_technologies AS m ON m.posting_id = p.posting_id
    LEFT JOIN technologies AS t ON t.technology_id = m.technology_id"""
_SUMS = "SELECT slug, technology_count, partnership_count, posting_count FROM companies"
_BITS = "SELECT facet, COUNT(*) FROM company_bitmaps WHERE facet LIKE 'technology%' GROUP BY facet"


def posting(title: str, text: str) -> str:
    node = {"@context": "https://schema.org", "@type": "JobPosting", "title": title,
            "description": text, "datePosted": "2026-06-01"}  # fmt: skip
    return f'<script type="application/ld+json">{orjson.dumps(node).decode()}</script>'


def logos(*domains: str) -> str:
    return "<main>" + "".join(f'<a href="https://{one}/x"><b>{one[:4]}</b></a>' for one in domains)


def site() -> list[Capture]:
    """Two companies that name each other and a third, over three days."""
    nginx = {"Server": "nginx/1.27"}
    captures = [
        page("https://acme.example/", organization(name="Acme") + "<p>Bauhaus 3.1", headers=nginx),
        page("https://acme.example/", "<p>Bauhaus 3.2</p>made with c++", at=NOW + DAY_MS),
        page("https://acme.example/about", "<p>made with c++</p>", at=NOW - DAY_MS, headers=nginx),
        page("https://acme.example/partners", logos("bolt.example", "core.example")),
        page("https://acme.example/jobs", posting("Engineer", "We run Bauhaus and WordPress.")),
        page("https://bolt.example/", '<meta name="generator" content="WordPress 6.5">'),
        page("https://bolt.example/partners", logos("acme.example"), at=NOW + DAY_MS),
    ]
    return [replace(one, capture_id=f"kept.warc.gz:{n}") for n, one in enumerate(captures)]


@pytest.fixture
def newer(tmp_path: Path) -> FingerprintSet:
    folder = tmp_path / "newer"
    (folder / "technologies").mkdir(parents=True)
    (folder / "technologies" / "all.json").write_bytes(orjson.dumps(NEWER))
    (folder / "categories.json").write_bytes(orjson.dumps(CATEGORIES))
    return load_fingerprints(folder)


@pytest.fixture
def second_url(dialect: str, tmp_path: Path) -> Iterator[str]:
    with fresh_database(dialect, tmp_path) as url:
        yield url


@pytest.fixture
async def second_database(
    second_url: str, database_url: str, anyio_backend: str
) -> AsyncIterator[Database]:
    opened = await open_database(second_url)
    yield opened
    await opened.close()


def reader(captures: Sequence[Capture]) -> Callable[[str], Capture | None]:
    return {one.capture_id: one for one in captures}.get


async def derived(database: Database) -> dict[str, list[tuple[Any, ...]]]:
    """Everything that captures have made of the companies."""
    found = {}
    async with database.snapshot() as tx:
        for statement in (_DERIVED, _FACTS, _PARTNERSHIPS, _PAGES, _POSTINGS, _SUMS, _BITS):
            rows = await tx.fetch_all(statement)
            found[statement] = sorted((tuple(row) for row in rows), key=str)
    return found


async def redetect(
    world: World, prints: FingerprintSet, captures: Sequence[Capture], **options: Any
) -> RedetectionSummary:
    digest = str(len(prints.technologies))
    return await redetect_companies(world.database, prints, digest, reader(captures), **options)


async def test_the_same_fingerprints_change_nothing(world: World) -> None:
    await world.ingest(site())
    before = await derived(world.database)
    summary = await redetect(world, world.fingerprints, site())
    assert (summary.companies_done, summary.companies_changed) == (2, 0)
    assert (summary.captures_read, summary.captures_missing) == (7, 0)
    assert await derived(world.database) == before


async def test_what_lists_and_registers_told_stays(
    world: World, newer: FingerprintSet, tmp_path: Path
) -> None:
    await world.ingest(site())
    row = {"domain": "acme.example", "name": "Acme", "legal_name": "Acme Holding plc",
           "country": "GB", "employees": "51-200"}  # fmt: skip
    listed = await load_rows(world.database, tmp_path, [row])
    assert listed.counts.matched == 1
    before = (await derived(world.database))[_FACTS]
    told = {fact[1]: fact[2] for fact in before if fact[0] == "acme"}
    assert (told["legal_name"], told["employee_range"]) == ("Acme Holding plc", "51-200")
    await redetect(world, newer, site())
    assert (await derived(world.database))[_FACTS] == before


async def test_newer_fingerprints_give_what_they_would_have_given_first(
    world: World, newer: FingerprintSet, second_database: Database
) -> None:
    await world.ingest(site())
    summary = await redetect(world, newer, site())
    assert dict(summary.gained) == {"Bauhaus": 1}
    assert dict(summary.lost) == {"C++": 1, "PHP": 1}
    assert summary.companies_changed == 2
    await ingest_captures(second_database, newer, site())
    assert await derived(world.database) == await derived(second_database)


async def test_a_dry_run_tells_the_same_and_changes_nothing(
    world: World, newer: FingerprintSet
) -> None:
    await world.ingest(site())
    before = await derived(world.database)
    dry = await redetect(world, newer, site(), is_dry=True)
    assert await derived(world.database) == before
    assert await redetect(world, newer, site()) == dry


async def test_one_that_was_stopped_goes_on_with_the_rest(
    world: World, newer: FingerprintSet
) -> None:
    await world.ingest(site())

    def stop(_: RedetectionSummary) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        await redetect(world, newer, site(), on_progress=stop)
    rest = await redetect(world, newer, site())
    assert (rest.companies_total, rest.companies_done) == (1, 1)
    assert (await redetect(world, newer, site())).companies_total == 0


async def test_what_came_from_captures_that_are_gone_stays(
    world: World, newer: FingerprintSet
) -> None:
    await world.ingest(site())
    # The page of the day before, the only one with nginx and C++ then, and Bolt altogether.
    kept = [one for one in site() if "about" not in one.url and "acme" in one.url]
    summary = await redetect(world, newer, kept)
    assert summary.captures_missing == 3
    assert summary.companies_without_captures == 1
    uses = {row[:2]: row for row in (await derived(world.database))[_DERIVED]}
    nginx = uses["acme", "nginx"]
    assert nginx[5] == NOW - DAY_MS
    assert nginx[7] == 2
    # Detected by the older fingerprints on a page that is gone: its own count, its own day.
    assert uses["acme", "C++"][5:8] == (NOW - DAY_MS, NOW - DAY_MS, 1)
    assert uses["acme", "Bauhaus"][7] == 2
    assert uses["bolt", "WordPress"][4] == "active"
    partners = (await derived(world.database))[_PARTNERSHIPS]
    assert ("acme", "bolt.example", "generic", 1, 1) in [row[:5] for row in partners]


async def test_another_page_under_a_captures_name_is_not_taken_for_it(
    world: World, newer: FingerprintSet
) -> None:
    await world.ingest(site())
    before = await derived(world.database)
    forged = [replace(one, body=b"<p>Bauhaus 9") for one in site()]
    summary = await redetect(world, newer, forged)
    assert summary.captures_read == 0
    assert await derived(world.database) == before
