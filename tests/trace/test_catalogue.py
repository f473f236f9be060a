"""Technologies, categories and credits: free reads."""

from __future__ import annotations

from dataclasses import replace
from urllib.parse import parse_qs, urlsplit

import pytest
from tests.trace.conftest import DAY_MS, NOW, World, page

from tracewell.detection import FingerprintSet
from tracewell.trace.credits.routes import CreditsAnswer, LedgerEntryAnswer
from tracewell.trace.ingest import ingest_captures
from tracewell.trace.paging import Paged
from tracewell.trace.search.users import TechnologyCompanies, VendorCompanies
from tracewell.trace.technologies.routes import (
    CategoryAnswer,
    TechnologyAnswer,
    TechnologyDetailAnswer,
    VendorAnswer,
)

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
    TechnologyDetailAnswer.model_validate_json(one.content)
    month = {"month": "2026-09", "adopted_count": 2, "dropped_count": 0, "active_count": 2}
    assert one.json() == {**rows[1], "implies": [], "adoption": [month]}
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


async def test_the_next_page_repeats_every_other_parameter_as_it_was_sent(world: World) -> None:
    await world.ingest([page("https://one.example/")])
    key = await world.org_key(await world.make_org("Buyer"))
    answer = await world.client.get("/v1/technologies?q=&limit=1&x=ä%26b&page=1", headers=key)
    following = answer.json()["pagination"]["next_url"]
    assert parse_qs(urlsplit(following).query, keep_blank_values=True) == {
        "q": [""], "limit": ["1"], "x": ["ä&b"], "page": ["2"],
    }  # fmt: skip
    assert (await world.client.get(following, headers=key)).json()["pagination"]["page"] == 2


async def test_an_unknown_technology_is_not_found(world: World) -> None:
    await world.ingest([])
    key = await world.org_key(await world.make_org("Buyer"))
    for slug in ("nope", "NGINX", "a%00b", "%ff", "x" * 500):
        answer = await world.client.get(f"/v1/technologies/{slug}", headers=key)
        assert answer.status_code == 404
        assert answer.json()["error"]["code"] == "technology_not_found"


async def test_the_categories_count_their_technologies(world: World) -> None:
    await world.ingest([page("https://one.example/", "made with c++")])
    key = await world.org_key(await world.make_org("Buyer"))
    answer = await world.client.get("/v1/categories", headers=key)
    Paged[CategoryAnswer].model_validate_json(answer.content)
    rows = answer.json()["data"]
    assert [(row["slug"], row["technology_count"], row["company_count"]) for row in rows] == [
        ("cms", 1, 0), ("programming-languages", 2, 1), ("web-servers", 1, 0),
    ]  # fmt: skip
    one = await world.client.get("/v1/categories/cms", headers=key)
    assert one.json() == rows[0]
    found = await world.client.get("/v1/categories?q=LANG", headers=key)
    assert found.json()["data"] == rows[1:2]
    unknown = await world.client.get("/v1/categories/nope", headers=key)
    assert (unknown.status_code, unknown.json()["error"]["code"]) == (404, "category_not_found")


def with_vendors(world: World) -> FingerprintSet:
    """The fingerprints, WordPress and PHP with their makers."""
    makers = {"WordPress": "Automattic", "PHP": "The PHP Group"}
    technologies = {
        name: replace(one, vendor=makers.get(name))
        for name, one in world.fingerprints.technologies.items()
    }
    return replace(world.fingerprints, technologies=technologies)


async def test_vendors_are_the_makers_of_technologies(world: World) -> None:
    body = '<meta name="generator" content="WordPress 6.1">'
    pages = [page("https://one.example/", body), page("https://two.example/")]
    # The makers become known after the captures were taken in.
    await world.ingest(pages)
    await ingest_captures(world.database, with_vendors(world), [])
    org = await world.make_org("Buyer")
    key = await world.org_key(org)
    answer = await world.client.get("/v1/vendors", headers=key)
    Paged[VendorAnswer].model_validate_json(answer.content)
    assert answer.json()["data"] == [
        {"slug": "automattic", "name": "Automattic", "technology_count": 1, "company_count": 1},
        {"slug": "the-php-group", "name": "The PHP Group", "technology_count": 1,
         "company_count": 1},
    ]  # fmt: skip
    one = await world.client.get("/v1/vendors/automattic", headers=key)
    assert one.json() == answer.json()["data"][0]
    found = await world.client.get("/v1/technologies?vendor=automattic", headers=key)
    assert [row["slug"] for row in found.json()["data"]] == ["wordpress"]
    assert await world.balance(org) == 100
    users = await world.client.get("/v1/vendors/automattic/companies", headers=key)
    VendorCompanies.model_validate_json(users.content)
    assert [row["slug"] for row in users.json()["data"]] == ["one"]
    assert users.json()["vendor"] == one.json()
    assert await world.balance(org) == 99
    for path in ("/v1/vendors/nope", "/v1/vendors/nope/companies", "/v1/vendors/NOPE"):
        unknown = await world.client.get(path, headers=key)
        assert (unknown.status_code, unknown.json()["error"]["code"]) == (404, "vendor_not_found")


async def test_the_companies_of_a_technology_are_found_by_version_and_confidence(
    world: World,
) -> None:
    body = '<meta name="generator" content="WordPress {}">'
    await world.ingest(
        [
            page("https://one.example/", body.format("6.1.3"), headers={"Server": "nginx"}),
            page("https://two.example/", body.format("6.1")),
            page("https://three.example/", body.format("5.9")),
            # Three visits without it: dropped.
            page("https://four.example/", body.format("6.2")),
            *(page("https://four.example/", f"{n}", at=NOW + n * DAY_MS) for n in (1, 2, 3)),
        ]
    )
    org = await world.make_org("Buyer")
    key = await world.org_key(org)

    async def found(query: str) -> list[str]:
        answer = await world.client.get(f"/v1/technologies/wordpress/companies{query}", headers=key)
        assert answer.status_code == 200, answer.text
        TechnologyCompanies.model_validate_json(answer.content)
        assert answer.json()["technology"]["company_count"] == 3
        return [row["slug"] for row in answer.json()["data"]]

    assert await found("?limit=1&page=2") == ["three"]
    assert await world.balance(org) == 99
    assert await found("") == ["one", "three", "two"]
    assert await world.balance(org) == 97
    assert await found("?version=6.1") == ["one", "two"]
    assert await found("?version=6") == ["one", "two"]
    assert await found("?status=dropped") == ["four"]
    assert await found("?technology=nginx") == ["one"]
    assert await found("?without_technology=nginx&min_confidence=100") == ["three", "two"]
    assert await found("?min_confidence=73&sort=-name") == ["two", "three", "one"]
    assert await world.balance(org) == 96
    implied = await world.client.get("/v1/technologies/wordpress", headers=key)
    assert implied.json()["implies"] == [{"slug": "php", "name": "PHP"}]
    assert implied.json()["adoption"] == [
        {"month": "2026-09", "adopted_count": 4, "dropped_count": 1, "active_count": 3}
    ]
    bad = await world.client.get(
        "/v1/technologies/wordpress/companies?min_confidence=101", headers=key
    )
    assert bad.status_code == 422
    unknown = await world.client.get("/v1/technologies/nope/companies", headers=key)
    assert unknown.json()["error"]["code"] == "technology_not_found"


async def test_an_org_sees_its_own_balance_plan_and_ledger(world: World) -> None:
    await world.ingest([page("https://one.example/")])
    await world.make_org("Other", credits=77)
    org = await world.make_org("2", credits=5, plan="starter")
    key = await world.org_key(org)
    world.clock.now += 1
    await world.client.get("/v1/companies/one", headers=key)
    credits = await world.client.get("/v1/credits", headers=key)
    CreditsAnswer.model_validate_json(credits.content)
    assert credits.json() == {"balance": 4, "plan": "starter", "next_grant": None}
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
