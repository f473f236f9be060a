"""Partnerships, postings and drops out of captures: the same in any order, at either company."""

from __future__ import annotations

import random
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import orjson
import pytest
from tests.databases import fresh_database
from tests.trace.conftest import DAY_MS, NOW, World, organization, page

from tracewell.kernel.database import Database, open_database
from tracewell.trace.ingest import ingest_captures
from tracewell.values import Capture

pytestmark = pytest.mark.anyio

PARTNERS = "https://acme.example/partners"


def logos(*links: str) -> str:
    return "<main>" + "".join(f'<a href="{link}"><b>{link[8:12]}</b></a>' for link in links)


def site() -> list[Capture]:
    """Acme names Bolt twice over two days; Bolt names Acme; both name Core, which has no page."""
    return [
        page("https://acme.example/", organization(name="Acme Inc")),
        page(PARTNERS, logos("https://bolt.example/x", "https://core.example/")),
        page(PARTNERS, logos("https://bolt.example/x"), at=NOW + DAY_MS),
        page("https://bolt.example/", organization(name="Bolt")),
        page("https://bolt.example/integrations", logos("https://acme.example/"), at=NOW - DAY_MS),
        page("https://bolt.example/partners", logos("https://www.core.example/"), at=NOW + 5),
    ]


@pytest.fixture
def second_url(dialect: str, database_url: str, tmp_path: Path) -> Iterator[str]:
    """A further database of the same kind, empty but for its tables."""
    with fresh_database(dialect, tmp_path) as url:
        assert url != database_url
        yield url


@pytest.fixture
async def second_database(second_url: str, anyio_backend: str) -> AsyncIterator[Database]:
    opened = await open_database(second_url)
    yield opened
    await opened.close()


async def partnerships(database: Database) -> list[tuple[Any, ...]]:
    async with database.snapshot() as tx:
        rows = await tx.fetch_all(
            "SELECT c.slug, o.slug, p.partner_domain, p.partnership_type, p.is_listed,"
            " p.is_listed_by, p.first_observed_at, p.last_observed_at, p.observation_count"
            " FROM partnerships AS p JOIN companies AS c ON c.company_id = p.company_id"
            " LEFT JOIN companies AS o ON o.company_id = p.partner_id"
        )
    return sorted((tuple(row) for row in rows), key=str)


async def evidence(database: Database) -> list[tuple[Any, ...]]:
    async with database.snapshot() as tx:
        rows = await tx.fetch_all(
            "SELECT c.slug, e.source_kind, e.source_url, e.excerpt, e.start_byte, e.observed_at"
            " FROM partnership_evidence AS e JOIN companies AS c ON c.company_id = e.company_id"
        )
    return sorted(tuple(row) for row in rows)


async def counts(database: Database) -> dict[str, tuple[int, int]]:
    async with database.snapshot() as tx:
        rows = await tx.fetch_all("SELECT slug, partnership_count, profile FROM companies")
    return {row[0]: (row[1], orjson.loads(row[2])["partnership_count"]) for row in rows}


async def test_a_partnership_stands_at_both_companies(world: World) -> None:
    await world.ingest(site())
    assert await partnerships(world.database) == [
        ("acme", "bolt", "bolt.example", "generic", 1, 0, NOW, NOW + DAY_MS, 2),
        ("acme", "bolt", "bolt.example", "technology", 0, 1, NOW - DAY_MS, NOW - DAY_MS, 1),
        ("acme", None, "core.example", "generic", 1, 0, NOW, NOW, 1),
        ("bolt", "acme", "acme.example", "generic", 0, 1, NOW, NOW + DAY_MS, 2),
        ("bolt", "acme", "acme.example", "technology", 1, 0, NOW - DAY_MS, NOW - DAY_MS, 1),
        ("bolt", None, "core.example", "generic", 1, 0, NOW + 5, NOW + 5, 1),
    ]
    assert await counts(world.database) == {"acme": (2, 2), "bolt": (2, 2)}
    (newest,) = [
        row for row in await evidence(world.database) if row[2] == PARTNERS and row[5] > NOW
    ]
    assert newest[:3] == ("acme", "partner_page", PARTNERS)
    assert "bolt.example" in newest[3]
    body = site()[2].body
    assert body[newest[4] :].startswith(newest[3].encode())


async def test_the_order_of_captures_is_no_matter(world: World, second_database: Database) -> None:
    captures = site()
    await world.ingest(captures)
    random.Random(7).shuffle(captures)
    for capture in captures:
        await ingest_captures(second_database, world.fingerprints, [capture])
    assert await partnerships(second_database) == await partnerships(world.database)
    assert await evidence(second_database) == await evidence(world.database)
    assert await counts(second_database) == await counts(world.database)


async def test_a_partner_known_by_domain_becomes_a_company_with_all_who_name_it(
    world: World,
) -> None:
    await world.ingest(site())
    await world.ingest([page("https://core.example/", organization(name="Core"))])
    rows = await partnerships(world.database)
    assert [row[:6] for row in rows if "core" in row[:2]] == [
        ("acme", "core", "core.example", "generic", 1, 0),
        ("bolt", "core", "core.example", "generic", 1, 0),
        ("core", "acme", "acme.example", "generic", 0, 1),
        ("core", "bolt", "bolt.example", "generic", 0, 1),
    ]
    assert (await counts(world.database))["core"] == (2, 2)
    assert not [row for row in rows if row[1] is None]


async def test_an_alias_that_was_named_leads_to_its_company(world: World) -> None:
    await world.ingest([page(PARTNERS, logos("https://old-bolt.example/"))])
    await world.ingest([page("https://bolt.example/", organization(name="Bolt"))])
    moved = page(
        "https://old-bolt.example/", "", status=301, headers={"Location": "https://bolt.example/"}
    )
    await world.ingest([moved])
    assert [row[:2] for row in await partnerships(world.database)] == [
        ("acme", "bolt"),
        ("bolt", "acme"),
    ]
    assert await counts(world.database) == {"acme": (1, 1), "bolt": (1, 1)}


async def test_a_company_is_no_partner_of_itself(world: World) -> None:
    await world.ingest(
        [page(PARTNERS, logos("https://shop.acme.example/", "https://bolt.example"))]
    )
    assert [row[2] for row in await partnerships(world.database)] == ["bolt.example"]


async def test_postings_are_counted_while_they_are_open_and_name_technologies(world: World) -> None:
    def careers(*titles: str, at: int) -> Capture:
        nodes = [
            {
                "@context": "https://schema.org", "@type": "JobPosting", "title": title,
                "employmentType": "FULL_TIME", "datePosted": "2026-09-01",
                "description": "<p>You know WordPress and C++, not reactphp.</p>",
                "validThrough": "2026-09-30T00:00:00Z" if title == "Clerk" else None,
            }
            for title in titles
        ]  # fmt: skip
        text = orjson.dumps(nodes).decode()
        body = f'<script type="application/ld+json">{text}</script>'
        return page("https://acme.example/careers", body, at=at)

    await world.ingest([careers("Clerk", "Engineer", at=NOW)])
    await world.ingest([careers("Engineer", at=NOW + 30 * DAY_MS)])
    async with world.database.snapshot() as tx:
        rows = await tx.fetch_all(
            "SELECT p.title, p.employment_type, p.observation_count, p.last_observed_at, t.slug"
            " FROM postings AS p JOIN posting_technologies AS m ON m.posting_id = p.posting_id"
            " JOIN technologies AS t ON t.technology_id = m.technology_id ORDER BY 1, 5"
        )
        count = await tx.fetch_value("SELECT posting_count FROM companies")
    seen = [tuple(row) for row in rows]
    assert seen == [
        ("Clerk", "full_time", 1, NOW, "c-plus-plus"),
        ("Clerk", "full_time", 1, NOW, "wordpress"),
        ("Engineer", "full_time", 2, NOW + 30 * DAY_MS, "c-plus-plus"),
        ("Engineer", "full_time", 2, NOW + 30 * DAY_MS, "wordpress"),
    ]
    assert count == 1


async def test_a_technology_not_seen_in_three_visits_is_dropped_whatever_the_order(
    world: World, second_database: Database
) -> None:
    home = "https://acme.example/"
    captures = [
        page(home, "made with c++", at=NOW),
        *(page(home, f"visit {n}", at=NOW + n * DAY_MS) for n in (1, 2, 3)),
        # Other pages are no visits.
        *(page(f"{home}p{n}", "", at=NOW + n * DAY_MS) for n in (4, 5, 6)),
    ]
    await world.ingest(captures)
    for capture in reversed(captures):
        await ingest_captures(second_database, world.fingerprints, [capture])
    for database in (world.database, second_database):
        async with database.snapshot() as tx:
            row = await tx.fetch_one("SELECT status, dropped_at FROM technology_uses")
            profile = orjson.loads(await tx.fetch_value("SELECT profile FROM companies"))
        assert row is not None
        day = (NOW // DAY_MS + 1) * DAY_MS
        assert tuple(row) == ("dropped", day)
        assert profile["technology_count"] == 0
        assert profile["technologies"][0]["status"] == "dropped"
