"""GET /v1/companies/{identifier}: one company, paid once."""

from __future__ import annotations

import asyncio

import httpx
import orjson
import pytest
from tests.trace.conftest import DAY_MS, World, organization, page

from tracewell.trace.companies.routes import CompanyProfile

pytestmark = pytest.mark.anyio

HOME = organization(
    name="Acme Tools",
    url="https://acme-tools.example/",
    legalName="Acme Tools GmbH",
    foundingDate="1954-03-01",
    numberOfEmployees={"minValue": 200, "maxValue": 499},
    address={"streetAddress": "Kanal 1", "addressLocality": "Kiel", "addressCountry": "Germany"},
    telephone="+49 40 66969 118",
    logo="/logo.svg",
    sameAs=["https://www.linkedin.com/company/acme/", "https://en.wikipedia.org/wiki/Acme"],
    vatID="DE000000417",
    description="Tools for </script> everybody & all.",
)


async def acme(world: World) -> None:
    summary = await world.ingest(
        [
            page(
                "https://www.acme-tools.example/",
                f'<meta name="generator" content="WordPress 6.4">{HOME}',
                headers={"Server": "nginx/1.25.3"},
            ),
            page(
                "https://acme-old.example/",
                status=301,
                headers={"Location": "https://www.acme-tools.example/"},
            ),
        ]
    )
    assert (summary.companies_new, summary.aliases_found) == (1, 1)


async def test_a_lookup_answers_the_profile_and_charges_once(world: World) -> None:
    await acme(world)
    org = await world.make_org("Buyer", credits=10)
    key = await world.org_key(org)
    first = await world.client.get("/v1/companies/acme-tools.example", headers=key)
    assert first.status_code == 200
    assert (first.headers["x-credits-charged"], first.headers["x-credits-remaining"]) == ("1", "9")
    body = first.json()
    assert body["name"] == "Acme Tools"
    assert body["slug"] == "acme-tools"
    assert body["primary_domain"] == "acme-tools.example"
    assert [(d["domain"], d["is_primary"]) for d in body["domains"]] == [
        ("acme-tools.example", True),
        ("acme-old.example", False),
    ]
    assert [(t["slug"], t["version"], t["categories"]) for t in body["technologies"]] == [
        ("nginx", "1.25.3", ["Web servers"]),
        ("php", None, ["Programming languages"]),
        ("wordpress", "6.4", ["CMS"]),
    ]
    again = await world.client.get("/v1/companies/acme-tools", headers=key)
    assert again.content == first.content
    assert (again.headers["x-credits-charged"], again.headers["x-credits-remaining"]) == ("0", "9")
    assert await world.balance(org) == await world.ledger_sum(org) == 9


async def test_the_firmographics_name_the_page_that_told_them(world: World) -> None:
    await acme(world)
    key = await world.org_key(await world.make_org("Buyer"))
    answer = await world.client.get("/v1/companies/acme-tools", headers=key)
    told = answer.json()["firmographics"]
    source = {
        "source_url": "https://www.acme-tools.example/",
        "observed_at": "2026-09-21T14:13:20Z",
    }
    assert told["legal_name"] == {"value": "Acme Tools GmbH", **source}
    assert told["description"] == {"value": "Tools for </script> everybody & all.", **source}
    assert told["founded_year"] == {"value": 1954, **source}
    assert told["employee_range"] == {"value": "200-499", **source}
    assert told["headquarters"]["value"] == {
        "street": "Kanal 1", "postal_code": None, "locality": "Kiel", "region": None,
        "country": "DE",
    }  # fmt: skip
    assert told["phone"] == {"value": "+49 40 66969 118", **source}
    assert told["logo"] == {"value": "https://www.acme-tools.example/logo.svg", **source}
    assert told["social_profiles"] == [{"value": "https://www.linkedin.com/company/acme", **source}]
    assert told["registry_identifiers"] == [
        {"value": {"kind": "VAT", "value": "DE000000417"}, **source}
    ]
    assert told["industry"] is None


SPELLINGS = [
    "acme-tools", "ACME-Tools", "acme-tools.example", "www.Acme-Tools.EXAMPLE.",
    "acme-old.example", "www.acme-old.example", "acme-tools.example:443",
    "https%3A%2F%2Fwww.acme-tools.example%2fabout%3Fx", "https%3A%2F%2Facme-tools.example?x=1",
]  # fmt: skip


async def test_every_spelling_leads_to_the_same_bytes(world: World) -> None:
    await acme(world)
    key = await world.org_key(await world.make_org("Buyer"))
    plain = await world.client.get("/v1/companies/acme-tools", headers=key)
    for identifier in SPELLINGS:
        found = await world.client.get(f"/v1/companies/{identifier}", headers=key)
        assert (found.status_code, found.content) == (200, plain.content)
        assert found.headers["x-credits-charged"] == "0"


async def test_the_gate_and_the_route_answer_byte_for_byte_the_same(world: World) -> None:
    await acme(world)
    rich, poor = await world.make_org("Rich", credits=5), await world.make_org("Poor", credits=0)
    for org in (rich, poor):
        key = await world.org_key(org)
        for path in (
            "acme-tools",
            "acme-old.example",
            "a%2Fb",
            "%20",
            "a%00b",
            "é",
            "x?y=1",
        ):
            fast = await world.client.get(f"/v1/companies/{path}", headers=key)
            plain = await world.plain_client.get(f"/v1/companies/{path}", headers=key)
            assert fast.status_code == plain.status_code
            assert fast.content == plain.content
            assert same_headers(fast) == same_headers(plain)


def same_headers(answer: httpx.Response) -> list[tuple[bytes, bytes]]:
    """All headers but those that differ from one request to the next, in their order."""
    differ = (b"x-request-id", b"x-ratelimit-remaining", b"x-credits-charged")
    return [header for header in answer.headers.raw if header[0] not in differ]


async def test_an_unknown_company_is_told_in_the_words_of_the_contract(world: World) -> None:
    key = await world.org_key(await world.make_org("Buyer"))
    answer = await world.client.get("/v1/companies/not-a-real-domain.example", headers=key)
    assert answer.status_code == 404
    assert answer.content == (
        b'{"error":{"code":"company_not_found",'
        b'"message":"No company found for \'not-a-real-domain.example\'"}}'
    )
    for sent, shown in (("WWW.Nobody.example.", "WWW.Nobody.example."), ("a%2Fb", "a/b")):
        answer = await world.client.get(f"/v1/companies/{sent}", headers=key)
        assert answer.json()["error"]["message"] == f"No company found for '{shown}'"


async def test_without_credits_nothing_is_told_and_nothing_charged(world: World) -> None:
    await acme(world)
    org = await world.make_org("Poor", credits=0)
    answer = await world.client.get("/v1/companies/acme-tools", headers=await world.org_key(org))
    assert answer.status_code == 402
    assert answer.json() == {
        "error": "credit_exhausted",
        "message": "Insufficient credits to complete this request.",
        "requested": 1,
        "shortfall": 1,
    }
    assert await world.balance(org) == 0


async def test_a_company_is_charged_again_thirty_days_after_the_charge(world: World) -> None:
    await acme(world)
    key = await world.org_key(await world.make_org("Buyer"))
    charged = []
    for days in (0, 29, 1, 29, 1):
        world.clock.now += days * DAY_MS
        answer = await world.client.get("/v1/companies/acme-tools", headers=key)
        charged.append(answer.headers["x-credits-charged"])
    assert charged == ["1", "0", "1", "0", "1"]


async def test_many_lookups_at_once_are_charged_once(world: World) -> None:
    await acme(world)
    org = await world.make_org("Buyer", credits=3)
    key = await world.org_key(org)
    answers = await asyncio.gather(
        *(world.client.get("/v1/companies/acme-tools", headers=key) for _ in range(40))
    )
    assert {answer.status_code for answer in answers} == {200}
    assert sum(int(answer.headers["x-credits-charged"]) for answer in answers) == 1
    assert await world.balance(org) == 2


async def test_the_documented_model_is_true_to_the_bytes(world: World) -> None:
    await acme(world)
    await world.ingest([page("https://bare.example/")])
    key = await world.org_key(await world.make_org("Buyer"))
    for slug in ("acme-tools", "bare"):
        answer = await world.client.get(f"/v1/companies/{slug}", headers=key)
        model = CompanyProfile.model_validate_json(answer.content)
        assert orjson.loads(model.model_dump_json()) == answer.json()
        assert model.model_dump_json().encode() == answer.content


async def test_the_ledger_tells_what_was_called_and_by_which_key(world: World) -> None:
    await acme(world)
    org = await world.make_org("Buyer")
    user = await world.make_user(org, "ann@buyer.example")
    await world.identity.set_password(user, "correct horse battery")
    _, session = await world.identity.sign_in("ann@buyer.example", "correct horse battery")
    bearer = {"Authorization": f"Bearer {session.text}"}
    world.clock.now += 1
    first = await world.client.get("/v1/companies/acme-tools", headers=bearer)
    assert first.headers["x-credits-charged"] == "1"
    entry = (await world.client.get("/v1/credits/ledger", headers=bearer)).json()["data"][0]
    assert (entry["channel"], entry["key"]) == ("app", None)
    assert entry["endpoint"] == "GET /v1/companies/{identifier}"
    assert entry["request_id"] == first.headers["x-request-id"]
