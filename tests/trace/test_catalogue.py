"""Technologies, categories and credits: free reads."""

from __future__ import annotations

import pytest
from tests.trace.conftest import World, page

from tracewell.trace.credits.routes import CreditsAnswer, LedgerEntryAnswer
from tracewell.trace.paging import Paged
from tracewell.trace.technologies.routes import CategoryAnswer, TechnologyAnswer

pytestmark = pytest.mark.anyio


async def test_the_catalogue_lists_what_can_be_detected_and_counts_who_runs_it(
    world: World,
) -> None:
    await world.ingest(
        [
            page("https://one.example/", headers={"Server": "nginx/1.2"}),
            page("https://two.example/", headers={"Server": "nginx"}),
        ]
    )
    org = await world.make_org("Buyer", credits=0)
    key = await world.org_key(org)
    answer = await world.client.get("/v1/technologies", headers=key)
    Paged[TechnologyAnswer].model_validate_json(answer.content)
    rows = answer.json()["data"]
    assert [(row["slug"], row["company_count"]) for row in rows] == [
        ("c-plus-plus", 0), ("nginx", 2), ("php", 0), ("wordpress", 0),
    ]  # fmt: skip
    assert rows[1] == {
        "slug": "nginx",
        "name": "nginx",
        "description": None,
        "website": "https://nginx.org",
        "categories": ["Web servers"],
        "vendor": None,
        "company_count": 2,
    }
    one = await world.client.get("/v1/technologies/nginx", headers=key)
    assert one.json() == rows[1]
    assert await world.balance(org) == 0


SEARCHES = [
    ("q=C%2B%2B", ["c-plus-plus"]),
    ("q=PR", ["wordpress"]),
    ("category=programming-languages", ["c-plus-plus", "php"]),
    ("category=programming-languages&q=p", ["php"]),
    ("category=none", []),
    ("limit=1&page=2", ["nginx"]),
]


async def test_technologies_are_found_by_name_and_category(world: World) -> None:
    await world.ingest([])
    key = await world.org_key(await world.make_org("Buyer"))
    for query, found in SEARCHES:
        answer = await world.client.get(f"/v1/technologies?{query}", headers=key)
        assert [row["slug"] for row in answer.json()["data"]] == found, query


async def test_an_unknown_technology_is_not_found(world: World) -> None:
    await world.ingest([])
    key = await world.org_key(await world.make_org("Buyer"))
    for slug in ("nope", "NGINX", "a%00b", "%ff", "x" * 500):
        answer = await world.client.get(f"/v1/technologies/{slug}", headers=key)
        assert answer.status_code == 404
        assert answer.json()["error"]["code"] == "technology_not_found"


async def test_the_categories_count_their_technologies(world: World) -> None:
    await world.ingest([])
    key = await world.org_key(await world.make_org("Buyer"))
    answer = await world.client.get("/v1/categories", headers=key)
    Paged[CategoryAnswer].model_validate_json(answer.content)
    assert answer.json()["data"] == [
        {"slug": "cms", "name": "CMS", "technology_count": 1},
        {"slug": "programming-languages", "name": "Programming languages", "technology_count": 2},
        {"slug": "web-servers", "name": "Web servers", "technology_count": 1},
    ]


async def test_an_org_sees_its_own_balance_plan_and_ledger(world: World) -> None:
    await world.ingest([page("https://one.example/")])
    await world.make_org("Other", credits=77)
    org = await world.make_org("2", credits=5, plan="starter")
    key = await world.org_key(org)
    world.clock.now += 1
    await world.client.get("/v1/companies/one", headers=key)
    credits = await world.client.get("/v1/credits", headers=key)
    CreditsAnswer.model_validate_json(credits.content)
    assert credits.json() == {"balance": 4, "plan": "starter"}
    ledger = await world.client.get("/v1/credits/ledger", headers=key)
    Paged[LedgerEntryAnswer].model_validate_json(ledger.content)
    charge, grant = ledger.json()["data"]
    assert (charge["kind"], charge["credits"], charge["company_count"]) == ("charge", -1, 1)
    assert (charge["channel"], charge["endpoint"]) == ("api", "GET /v1/companies/{identifier}")
    assert charge["key"].startswith("key_")
    assert (grant["kind"], grant["credits"], grant["key"]) == ("grant", 5, None)
    assert ledger.json()["pagination"]["total_results"] == 2
    second = await world.client.get("/v1/credits/ledger?limit=1&page=2", headers=key)
    assert second.json()["data"] == [grant]
