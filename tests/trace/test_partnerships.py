"""Partnerships over HTTP: either direction, pairs with evidence, shared partners, the graph."""

from __future__ import annotations

from typing import Any
from urllib.parse import urlsplit

import pytest
from tests.trace.conftest import DAY_MS, NOW, World, organization, page

from tracewell.trace.enrichment.routes import EnrichmentAnswer
from tracewell.trace.partnerships.wire import (
    CompanyPartnerships,
    GraphAnswer,
    PairAnswer,
    PartnerCompanies,
    SharedPartners,
)
from tracewell.values import Capture

pytestmark = pytest.mark.anyio


def logos(name: str, kind: str, *partners: str, at: int = NOW) -> Capture:
    """A page of `name`.example that links to other companies as partners."""
    links = "".join(
        f'<li><a href="https://{partner}.example/">{partner.title()}</a></li>'
        for partner in partners
    )
    return page(f"https://{name}.example/{kind}", f"<main><ul>{links}</ul></main>", at=at)


async def ingest(world: World) -> None:
    """acme - bolt (both say so), acme - core, bolt - core, core - dune, dune - edge; and Far, of
    whom we have no page, is named by acme and bolt."""
    homes = [
        page(
            f"https://{name}.example/",
            organization(name=name.title(), description=f"Makes {name}s.", industry="Tools"),
        )
        for name in ("acme", "bolt", "core", "dune", "edge")
    ]
    await world.ingest(
        [
            *homes,
            logos("acme", "partners", "bolt", "core", "far", at=NOW),
            logos("acme", "partners", "bolt", at=NOW + DAY_MS),
            logos("bolt", "integrations", "acme", at=NOW + 2 * DAY_MS),
            logos("bolt", "partners", "core", "far", at=NOW + 3),
            logos("core", "resellers", "dune", at=NOW + 4),
            logos("dune", "partners", "edge", at=NOW + 5),
        ]
    )


async def get(world: World, key: dict[str, str], path: str, model: Any) -> Any:
    answer = await world.client.get(f"/v1{path}", headers=key)
    assert answer.status_code == 200, answer.text
    model.model_validate_json(answer.content)
    return answer.json()


async def test_partners_of_a_company_are_told_whichever_side_said_so(world: World) -> None:
    await ingest(world)
    org = await world.make_org("Buyer")
    key = await world.org_key(org)
    body = await get(world, key, "/companies/acme.example/partnerships", CompanyPartnerships)
    assert body["company"] == {
        "slug": "acme", "name": "Acme", "primary_domain": "acme.example", "partnership_count": 3,
    }  # fmt: skip
    assert body["type_counts"] == {"technology": 1, "channel": 0, "generic": 3}
    assert [(r["partner_slug"], r["partnership_type"], r["observation_count"]) for r in body["data"]
            ] == [("bolt", "technology", 1), ("bolt", "generic", 2), ("core", "generic", 1),
                  (None, "generic", 1)]  # fmt: skip
    assert body["data"][3]["partner_domain"] == "far.example"
    assert body["data"][1] == {
        "partner_name": "Bolt", "partner_domain": "bolt.example", "partner_slug": "bolt",
        "partnership_type": "generic", "first_observed_at": "2026-09-21T14:13:20Z",
        "last_observed_at": "2026-09-22T14:13:20Z", "observation_count": 2,
    }  # fmt: skip
    # Bolt and Core are ours, Far is not, Bolt stands twice: two credits.
    assert await world.balance(org) == 98
    for query, found in (
        ("?partnership_types=technology", ["Bolt"]),
        ("?partnership_types=technology,channel,generic&sort=observation_count",
         ["Bolt", "Core", "Far", "Bolt"]),
        ("?q=FAR", ["Far"]),
        ("?q=core.ex", ["Core"]),
        ("?sort=-first_observed_at", ["Bolt", "Bolt", "Core", "Far"]),
        ("?limit=1&page=3", ["Core"]),
        ("?q=nobody", []),
    ):  # fmt: skip
        body = await get(world, key, f"/companies/acme/partnerships{query}", CompanyPartnerships)
        names = [row["partner_name"] for row in body["data"]]
        assert sorted(names) == sorted(found), query
        assert body["type_counts"] == {"technology": 1, "channel": 0, "generic": 3}
    assert await world.balance(org) == 98


async def test_who_names_a_partner_is_told_for_tracked_and_untracked_ones(world: World) -> None:
    await ingest(world)
    org = await world.make_org("Buyer")
    key = await world.org_key(org)
    body = await get(world, key, "/partnerships/bolt/companies", PartnerCompanies)
    assert body["partner"]["slug"] == "bolt"
    # Bolt's own page names Acme; that makes Bolt no publisher here.
    assert [(row["company_slug"], row["partnership_type"]) for row in body["data"]] == [
        ("acme", "generic")
    ]
    assert await world.balance(org) == 99
    body = await get(world, key, "/partnerships/www.far.example/companies", PartnerCompanies)
    assert body["partner"] == {
        "slug": None, "name": "Far", "primary_domain": "far.example", "partnership_count": None,
    }  # fmt: skip
    assert [row["company_slug"] for row in body["data"]] == ["bolt", "acme"]
    assert body["type_counts"] == {"technology": 0, "channel": 0, "generic": 2}
    assert await world.balance(org) == 98
    for unknown in ("nobody", "nobody.example", "%20"):
        answer = await world.client.get(f"/v1/partnerships/{unknown}/companies", headers=key)
        assert (answer.status_code, answer.json()["error"]["code"]) == (404, "partner_not_found")


async def test_a_pair_comes_with_the_pages_of_both(world: World) -> None:
    await ingest(world)
    org = await world.make_org("Buyer")
    key = await world.org_key(org)
    body = await get(world, key, "/partnerships/acme/bolt.example", PairAnswer)
    assert body["partnered"] is True
    assert body["partnership_types"] == ["generic", "technology"]
    assert body["observation_count"] == 3
    assert body["last_observed_at"] == "2026-09-23T14:13:20Z"
    assert [(one["published_by"], one["source_kind"]) for one in body["evidence"]] == [
        ("bolt", "integration_page"), ("acme", "partner_page"),
    ]  # fmt: skip
    for one in body["evidence"]:
        assert one["excerpt"]
        assert one["capture"] == "test.warc.gz:0"
    assert await world.balance(org) == 98
    other_way = await get(world, key, "/partnerships/bolt/acme", PairAnswer)
    assert other_way["evidence"] == body["evidence"]
    assert [end["slug"] for end in other_way["companies"]] == ["bolt", "acme"]
    body = await get(world, key, "/partnerships/acme/edge", PairAnswer)
    assert (body["partnered"], body["evidence"], body["first_observed_at"]) == (False, [], None)
    body = await get(world, key, "/partnerships/acme/far.example", PairAnswer)
    assert (body["partnered"], body["companies"][1]["slug"]) == (True, None)
    for path, code in (
        ("nobody/acme", "company_not_found"), ("acme/nobody", "partner_not_found"),
        ("far.example/acme", "company_not_found"),
    ):  # fmt: skip
        answer = await world.client.get(f"/v1/partnerships/{path}", headers=key)
        assert (answer.status_code, answer.json()["error"]["code"]) == (404, code)


async def test_shared_partners_are_those_of_both(world: World) -> None:
    await ingest(world)
    org = await world.make_org("Buyer")
    key = await world.org_key(org)
    body = await get(world, key, "/partnerships/acme/bolt/shared", SharedPartners)
    assert [end["slug"] for end in body["companies"]] == ["acme", "bolt"]
    assert [(row["partner_name"], row["partner_slug"]) for row in body["data"]] == [
        ("Core", "core"), ("Far", None),
    ]  # fmt: skip
    assert body["data"][0]["partnership_types"] == [["generic"], ["generic"]]
    assert await world.balance(org) == 99
    second = await get(world, key, "/partnerships/bolt/acme/shared?limit=1&page=2", SharedPartners)
    assert second["data"] == body["data"][1:]
    answer = await world.client.get("/v1/partnerships/acme/nobody/shared", headers=key)
    assert (answer.status_code, answer.json()["error"]["code"]) == (404, "company_not_found")


async def test_the_graph_grows_level_by_level_and_says_when_it_was_cut(world: World) -> None:
    await ingest(world)
    org = await world.make_org("Buyer")
    key = await world.org_key(org)
    path = "/companies/acme/partnerships/graph"
    one = await get(world, key, path, GraphAnswer)
    assert one["root"] == "acme"
    assert [(node["id"], node["depth"]) for node in one["nodes"]] == [
        ("acme", 0), ("bolt", 1), ("core", 1), ("far.example", 1),
    ]  # fmt: skip
    assert {(e["source"], e["target"], e["partnership_type"]) for e in one["edges"]} == {
        ("acme", "bolt", "generic"), ("acme", "bolt", "technology"), ("acme", "core", "generic"),
        ("acme", "far.example", "generic"), ("bolt", "core", "generic"),
        ("bolt", "far.example", "generic"),
    }  # fmt: skip
    assert one["truncated"] is False
    assert await world.balance(org) == 98
    three = await get(world, key, f"{path}?depth=3", GraphAnswer)
    assert [node["id"] for node in three["nodes"]][4:] == ["dune", "edge"]
    assert [node["depth"] for node in three["nodes"]][4:] == [2, 3]
    assert await world.balance(org) == 96
    cut = await get(world, key, f"{path}?depth=3&limit_nodes=3", GraphAnswer)
    assert [node["id"] for node in cut["nodes"]] == ["acme", "bolt", "core"]
    assert cut["truncated"] is True
    some = await get(world, key, f"{path}?depth=3&partnership_types=technology", GraphAnswer)
    assert [node["id"] for node in some["nodes"]] == ["acme", "bolt"]
    assert await get(world, key, f"{path}?depth=3", GraphAnswer) == three
    for query in ("depth=0", "depth=4", "limit_nodes=501", "partnership_types=x"):
        answer = await world.client.get(f"/v1{path}?{query}", headers=key)
        assert answer.status_code == 422
    answer = await world.client.get("/v1/companies/nobody/partnerships/graph", headers=key)
    assert answer.json()["error"]["code"] == "company_not_found"


async def test_what_cannot_be_paid_is_not_told(world: World) -> None:
    await ingest(world)
    org = await world.make_org("Buyer", credits=1)
    key = await world.org_key(org)
    for path, requested in (
        ("/companies/acme/partnerships", 2),
        ("/partnerships/acme/bolt", 2),
        ("/companies/acme/partnerships/graph?depth=3", 4),
        ("/partnerships/far.example/companies", 2),
    ):
        answer = await world.client.get(f"/v1{path}", headers=key)
        assert answer.status_code == 402, path
        assert (answer.json()["requested"], answer.json()["shortfall"]) == (
            requested,
            requested - 1,
        )
    assert await world.balance(org) == 1


async def test_pages_of_partners_follow_each_other_to_the_end(world: World) -> None:
    names = [f"partner{number:02}" for number in range(23)]
    await world.ingest(
        [logos("acme", "partners", name, at=NOW + n % 5) for n, name in enumerate(names)]
    )
    key = await world.org_key(await world.make_org("Buyer"))
    seen: list[str] = []
    path: str | None = "/v1/companies/acme/partnerships?limit=5&sort=last_observed_at"
    while path:
        answer = (await world.client.get(path, headers=key)).json()
        seen += [row["partner_name"] for row in answer["data"]]
        url = answer["pagination"]["next_url"]
        path = f"{urlsplit(url).path}?{urlsplit(url).query}" if url else None
    assert sorted(seen) == sorted(name.title() for name in names)


ENRICHED = "/v1/enrich/partnerships"


async def test_enrichment_cleans_domains_and_answers_each_in_order(world: World) -> None:
    await ingest(world)
    await world.ingest([page("https://lone.example/", organization(name="Lone"))])
    org = await world.make_org("Buyer")
    key = await world.org_key(org)
    asked = [" ACME.example ", "www.acme.example", "lone.example", "nobody.example", "nodot",
             "x" * 250 + ".example", "edge.example"]  # fmt: skip
    answer = await world.client.post(ENRICHED, json={"domains": asked}, headers=key)
    assert answer.status_code == 200, answer.text
    EnrichmentAnswer.model_validate_json(answer.content)
    body = answer.json()
    rows = body["results"]
    assert [(row["domain"], row["status"], row["partnership_count"]) for row in rows] == [
        ("acme.example", "found", 3), ("lone.example", "no_partnerships", 0),
        ("nobody.example", "not_tracked", 0), ("edge.example", "found", 1),
    ]  # fmt: skip
    assert (body["total_domains_requested"], body["domains_found"]) == (4, 3)
    assert body["domains_with_partnerships"] == 2
    assert [one["partner_name"] for one in rows[0]["partnerships"]] == ["Bolt", "Core", "Far"]
    bolt = rows[0]["partnerships"][0]
    assert (bolt["observation_count"], bolt["category"], bolt["description"]) == (
        3, "Tools", "Makes bolts.",
    )  # fmt: skip
    assert (rows[0]["company_name"], rows[0]["slug"]) == ("Acme", "acme")
    assert (rows[2]["company_name"], rows[2]["company_id"], rows[2]["slug"]) == (None, None, None)
    assert answer.headers["x-credits-charged"] == "3"
    assert await world.balance(org) == 97


async def test_an_enrichment_is_bounded(world: World) -> None:
    key = await world.org_key(await world.make_org("Buyer"))
    many = await world.client.post(ENRICHED, json={"domains": ["a.example"] * 101}, headers=key)
    assert (many.status_code, many.json()["error"]["code"]) == (400, "batch_too_large")
    for domains in ([], "a.example", [5], None):
        bad = await world.client.post(ENRICHED, json={"domains": domains}, headers=key)
        assert bad.status_code == 422
    none = await world.client.post(ENRICHED, json={"domains": ["nodot"]}, headers=key)
    assert none.json() == {
        "results": [], "total_domains_requested": 0, "domains_found": 0,
        "domains_with_partnerships": 0,
    }  # fmt: skip
