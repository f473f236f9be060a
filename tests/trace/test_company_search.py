"""GET /v1/companies: filters, sorts, pages, and one charge for each company on the page."""

from __future__ import annotations

from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
from tests.trace.conftest import DAY_MS, NOW, World, organization, page

from tracewell.trace.paging import Paged
from tracewell.trace.search.routes import CompanySummary

pytestmark = pytest.mark.anyio

WORDPRESS = '<meta name="generator" content="WordPress 6.4">'


def home(name: str, country: str = "DE") -> str:
    return organization(name=name, address={"addressCountry": country})


async def three(world: World) -> None:
    await world.ingest(
        [
            page("https://alpha.example/", home("Zeta Äpfel"), headers={"Server": "nginx"}, at=NOW),
            page("https://beta.example/", WORDPRESS + home("beta", "FR"), at=NOW + DAY_MS),
            page(
                "https://gamma.example/",
                WORDPRESS + home("Alpha 100%_x"),
                headers={"Server": "nginx/1.2"},
                at=NOW - DAY_MS,
            ),
        ]
    )


async def search(world: World, key: dict[str, str], **params: Any) -> list[str]:
    answer = await world.client.get("/v1/companies", params=params, headers=key)
    assert answer.status_code == 200, answer.text
    Paged[CompanySummary].model_validate_json(answer.content)
    return [row["slug"] for row in answer.json()["data"]]


SEARCHES: list[tuple[dict[str, Any], list[str]]] = [
    ({}, ["gamma", "beta", "alpha"]),
    ({"q": "ALPHA"}, ["gamma", "alpha"]),
    ({"q": "äPFEL"}, ["alpha"]),
    ({"q": "beta.example"}, ["beta"]),
    ({"q": "%"}, ["gamma"]),
    ({"q": "_"}, ["gamma"]),
    ({"q": "\\"}, []),
    ({"q": ""}, ["gamma", "beta", "alpha"]),
    ({"technology": "nginx"}, ["gamma", "alpha"]),
    ({"technology": "nginx,wordpress"}, ["gamma"]),
    ({"technology_any": "nginx,wordpress"}, ["gamma", "beta", "alpha"]),
    ({"technology_any": "nginx", "technology": "php"}, ["gamma"]),
    ({"technology": "no-such-thing"}, []),
    ({"category": "cms"}, ["gamma", "beta"]),
    ({"category": "cms,web-servers"}, ["gamma", "beta", "alpha"]),
    ({"country": "de"}, ["gamma", "alpha"]),
    ({"country": "FR,GB"}, ["beta"]),
    ({"sort": "-name"}, ["alpha", "beta", "gamma"]),
    ({"sort": "last_observed_at"}, ["gamma", "alpha", "beta"]),
    ({"sort": "-last_observed_at"}, ["beta", "alpha", "gamma"]),
    ({"sort": "technology_count"}, ["alpha", "beta", "gamma"]),
    ({"sort": "-technology_count", "limit": 2}, ["gamma", "beta"]),
    ({"first_seen_after": "0001-01-01"}, ["gamma", "beta", "alpha"]),
    ({"first_seen_after": "9999-12-31"}, []),
    ({"last_seen_after": "9999-12-31"}, []),
    ({"limit": 2, "page": 2}, ["alpha"]),
    ({"limit": 100, "page": 10_000}, []),
]


async def test_a_search_finds_what_fits_every_filter_in_order(world: World) -> None:
    await three(world)
    key = await world.org_key(await world.make_org("Buyer"))
    for params, found in SEARCHES:
        assert await search(world, key, **params) == found, params


async def test_names_that_begin_alike_are_sorted_by_what_follows_and_equal_ones_by_age(
    world: World,
) -> None:
    long = "International Business of "  # more than what is kept of a name in memory
    names = [
        long + "Zwolle", "Ab", "ab", "Éclair", "Zz", long + "Ägypten", long + "Aachen", "Abc",
        "International Business o", long.strip(), long + "aachen", "AB", "International", "日本",
    ]  # fmt: skip
    # Taken in one by one: a company's age is its number.
    for number, name in enumerate(names):
        await world.ingest([page(f"https://number-{number}.example/", home(name))])
    expected = sorted(range(len(names)), key=lambda number: (names[number].casefold(), number))
    slugs = [f"number-{number}" for number in expected]
    key = await world.org_key(await world.make_org("Buyer"))
    for sort, ordered in (("name", slugs), ("-name", slugs[::-1])):
        assert await search(world, key, sort=sort) == ordered
        for limit in (1, 3, 5):
            pages = range(1, -(-len(names) // limit) + 1)
            walked = [await search(world, key, sort=sort, limit=limit, page=n) for n in pages]
            assert [slug for one in walked for slug in one] == ordered


async def test_the_pages_of_a_search_are_linked_and_charged_one_by_one(world: World) -> None:
    await three(world)
    org = await world.make_org("Buyer", credits=10)
    key = await world.org_key(org)
    first = await world.client.get(
        "/v1/companies?limit=2&sort=name&country=de,fr&q=&x=ä%26b&page=1",
        headers=key,
    )
    assert first.headers["x-credits-charged"] == "2"
    paging = first.json()["pagination"]
    assert {**paging, "next_url": None} == {
        "page": 1, "limit": 2, "total_results": 3, "total_pages": 2, "has_next": True,
        "has_prev": False, "next_url": None,
    }  # fmt: skip
    url = urlsplit(paging["next_url"])
    assert (url.scheme, url.netloc, url.path) == ("http", "trace.test", "/v1/companies")
    assert parse_qs(url.query, keep_blank_values=True) == {
        "limit": ["2"], "sort": ["name"], "country": ["de,fr"], "q": [""], "x": ["ä&b"],
        "page": ["2"],
    }  # fmt: skip
    second = await world.client.get(paging["next_url"], headers=key)
    assert (second.headers["x-credits-charged"], second.headers["x-credits-remaining"]) == (
        "1",
        "7",
    )
    last = second.json()["pagination"]
    assert (last["has_next"], last["has_prev"], last["next_url"]) == (False, True, None)
    lookup = await world.client.get("/v1/companies/alpha", headers=key)
    assert lookup.headers["x-credits-charged"] == "0"
    assert await world.balance(org) == await world.ledger_sum(org) == 7


async def test_a_misspelt_filter_and_one_that_stands_twice_are_told_and_not_paid_for(
    world: World,
) -> None:
    await three(world)
    org = await world.make_org("Buyer", credits=10)
    key = await world.org_key(org)
    slips = {
        "technolgy=nginx": "technology", "technologies=nginx": "technology",
        "countries=DE": "country", "per_page=1": "page", "sort-by=name": "sort",
        "exclude_technology=php": "technology", "Country=DE": "country",
    }  # fmt: skip
    for query, meant in slips.items():
        answer = await world.client.get(f"/v1/companies?{query}", headers=key)
        assert answer.status_code == 422, query
        (wrong,) = answer.json()["detail"]
        assert wrong["msg"] == f"Extra inputs are not permitted; is `{meant}` meant?"
        assert (wrong["loc"][1], wrong["input"]) == tuple(query.split("="))
    twice = await world.client.get("/v1/companies?technology=php&technology=nginx", headers=key)
    assert twice.json()["detail"][0]["msg"].startswith("Input should be given once;")
    assert await world.balance(org) == 10


async def test_a_search_that_the_balance_cannot_cover_tells_and_charges_nothing(
    world: World,
) -> None:
    await three(world)
    org = await world.make_org("Buyer", credits=2)
    key = await world.org_key(org)
    answer = await world.client.get("/v1/companies", headers=key)
    assert answer.status_code == 402
    assert (answer.json()["requested"], answer.json()["shortfall"]) == (3, 1)
    assert await world.balance(org) == 2
    assert (await world.client.get("/v1/companies?q=beta", headers=key)).status_code == 200
    # One is unlocked by now, and one credit is left for two.
    answer = await world.client.get("/v1/companies", headers=key)
    assert (answer.json()["requested"], answer.json()["shortfall"]) == (2, 1)


async def test_an_empty_page_is_free(world: World) -> None:
    org = await world.make_org("Poor", credits=0)
    answer = await world.client.get("/v1/companies", headers=await world.org_key(org))
    assert answer.status_code == 200
    assert answer.headers["x-credits-charged"] == "0"
    assert answer.json() == {
        "data": [],
        "pagination": {
            "page": 1, "limit": 50, "total_results": 0, "total_pages": 0, "has_next": False,
            "has_prev": False, "next_url": None,
        },
    }  # fmt: skip


BAD_QUERIES = [
    "limit=0", "limit=101", "limit=x", "page=0", "page=10001", "page=99999999999999999999",
    "sort=company_id", "sort=name;drop", "q=%00", f"q={'x' * 201}", "technology=A%20B",
    "technology=,", f"technology={','.join(['a'] * 21)}", "technology=%00", "category=",
    "country=DEU", "country=d%00",
]  # fmt: skip


async def test_a_parameter_out_of_bounds_is_answered_422(world: World) -> None:
    key = await world.org_key(await world.make_org("Buyer"))
    for query in BAD_QUERIES:
        answer = await world.client.get(f"/v1/companies?{query}", headers=key)
        assert answer.status_code == 422, query
        assert answer.json()["detail"][0]["loc"][0] == "query"


async def test_bytes_that_are_no_text_are_searched_for_like_any(world: World) -> None:
    key = await world.org_key(await world.make_org("Buyer"))
    answer = await world.client.get("/v1/companies?q=%ff%fe&x=%ff", headers=key)
    assert answer.status_code == 200


async def test_texts_in_memory_find_what_the_database_finds_in_the_same_order(world: World) -> None:
    key = await world.org_key(await world.make_org("Acme", 1_000))
    # Lower case may be longer: \u0130 is two letters, of which the second is a mark.
    strange = [
        "\u0130stanbul",
        "Stra\u00dfe",
        "a  b",
        "\u8a9e\u8a9e\u8a9e",
        "100%_",
        '"q" \\ x',
        "alp",
    ]
    await three(world)
    await world.ingest(
        [
            page(f"https://strange{n}.example/", home(name), at=NOW + n)
            for n, name in enumerate(strange)
        ]
    )
    texts = [
        "a", "al", "alp", "alpha", ".example", "example", "ange1", "\u0130s", "stanbul", "strasse",
        "STRA\u00dfE", "a  b", "\u8a9e\u8a9e", "\u8a9e\u8a9e\u8a9e", "0%_", '"q" \\', "%%%",
        "beta\nbeta", "strange1.example", "nobody", "\xff\xff\xff",
    ]  # fmt: skip

    async def answers() -> list[list[str]]:
        return [
            await search(world, key, q=text, **further)
            for text in texts
            for further in ({}, {"technology": "nginx"}, {"sort": "-name"}, {"country": "FR,DE"})
        ]

    by_database = await answers()
    assert sum(map(len, by_database)) > 50
    await world.warm()
    assert await answers() == by_database
    # What comes later is found as well, what has another name no more.
    await world.ingest(
        [
            page("https://beta.example/", home("Alphabet"), at=NOW + 9 * DAY_MS),
            page("https://alphanew.example/", home("new"), at=NOW + 9 * DAY_MS),
        ]
    )
    assert set(await search(world, key, q="alpha")) == {"alpha", "beta", "gamma", "alphanew"}
