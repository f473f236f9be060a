"""Flags at the front door: queued, told to their org, decided; no company changes by one."""

from __future__ import annotations

from typing import Any

import pytest
from tests.trace.conftest import NOW, World, page

from tracewell.kernel.clock import format_utc
from tracewell.kernel.database import Sql
from tracewell.kernel.ids import IdFactory
from tracewell.trace.flags.service import Flags

pytestmark = pytest.mark.anyio

PATH = "/v1/companies/{}/flags"


@pytest.fixture
async def mine(world: World) -> dict[str, str]:
    """A key of an org, in a world with one company."""
    await world.ingest([page("https://acme.example/", "<title>Acme</title>")])
    return await world.org_key(await world.make_org("Reader", credits=3))


async def companies(world: World) -> list[tuple[Any, ...]]:
    async with world.database.snapshot() as tx:
        every = "SELECT * FROM companies"
        return [tuple(row) for row in await tx.fetch_all(Sql(every, every))]


async def test_a_flag_is_queued_for_free_and_nothing_about_the_company_changes(
    world: World, mine: dict[str, str]
) -> None:
    before = await companies(world)
    body = {"description": "The name is spelled otherwise."}
    made = await world.client.post(PATH.format("acme.example"), json=body, headers=mine)
    assert made.status_code == 201
    told = made.json()
    assert told == {
        "flag_id": told["flag_id"],
        "company_id": before[0][0],
        "status": "queued",
    }
    assert "x-credits-charged" not in made.headers
    assert await companies(world) == before
    found = await world.client.get(f"/v1/flags/{told['flag_id']}", headers=mine)
    assert found.json() == {
        **told,
        **body,
        "note": None,
        "created_at": format_utc(NOW),
        "decided_at": None,
    }
    balance = (await world.client.get("/v1/credits", headers=mine)).json()["balance"]
    assert balance == 3


@pytest.mark.parametrize(
    ("sent", "kept"),
    [
        ({}, None),
        ({"json": {}}, None),
        ({"json": None, "headers": {"Content-Type": "application/json"}}, None),
        ({"json": {"description": None}}, None),
        ({"json": {"description": ""}}, None),
        ({"json": {"description": " \n\t "}}, None),
        ({"json": {"description": " x "}}, "x"),
        ({"json": {"description": "ä" * 2_000}}, "ä" * 2_000),
    ],
    ids=["no-body", "empty", "null-body", "null", "blank", "spaces", "trimmed", "2000"],
)
async def test_the_body_is_optional_and_a_blank_description_is_none(
    world: World, mine: dict[str, str], sent: dict[str, Any], kept: str | None
) -> None:
    headers = {**mine, **sent.pop("headers", {})}
    made = await world.client.post(PATH.format("acme"), **sent, headers=headers)
    assert made.status_code == 201, made.text
    found = await world.client.get(f"/v1/flags/{made.json()['flag_id']}", headers=mine)
    assert found.json()["description"] == kept


@pytest.mark.parametrize(
    "body",
    [{"description": "x" * 2_001}, {"description": 7}, {"description": "a\0b"}, {"more": 1}, []],
)
async def test_a_wrong_body_is_told_as_fastapi_does(
    world: World, mine: dict[str, str], body: object
) -> None:
    answer = await world.client.post(PATH.format("acme"), json=body, headers=mine)
    assert answer.status_code == 422
    assert answer.json()["detail"][0]["loc"][0] == "body"


@pytest.mark.parametrize("written", ["HTTPS%3A%2F%2FWWW.acme.example%2Fabout", "Acme.Example."])
async def test_any_spelling_of_the_company_will_do(
    world: World, mine: dict[str, str], written: str
) -> None:
    made = await world.client.post(PATH.format(written), headers=mine)
    assert made.status_code == 201


@pytest.mark.parametrize(
    ("written", "meant"),
    [("nobody.example", "nobody.example"), ("no-such", "no-such"), ("a%00b%2Fc", "a\x00b/c")],
)
async def test_an_unknown_company_is_told_in_the_one_shape_of_this_endpoint(
    world: World, mine: dict[str, str], written: str, meant: str
) -> None:
    answer = await world.client.post(PATH.format(written), headers=mine)
    assert answer.status_code == 404
    assert answer.json() == {
        "detail": {
            "error": "company_not_found",
            "message": "No company was found for that identifier.",
            "identifier": meant,
        }
    }


async def test_a_flag_is_seen_by_its_org_alone_and_by_any_key_of_it(
    world: World, mine: dict[str, str]
) -> None:
    made = await world.client.post(PATH.format("acme"), headers=mine)
    place = f"/v1/flags/{made.json()['flag_id']}"
    org = await world.identity.get_org("Reader")
    colleague = await world.user_key(await world.make_user(org, "jane@reader.example"))
    assert (await world.client.get(place, headers=colleague)).status_code == 200
    assert (await world.client.post(PATH.format("acme"), headers=colleague)).status_code == 201
    stranger = await world.org_key(await world.make_org("Stranger"))
    for path, headers in ((place, stranger), ("/v1/flags/flg_0", mine), ("/v1/flags/%00", mine)):
        found = await world.client.get(path, headers=headers)
        assert found.status_code == 404
        assert found.json() == {"error": {"code": "flag_not_found", "message": "No such flag."}}
    assert (await world.client.post(PATH.format("acme"))).status_code == 401


async def test_the_org_reads_the_verdict_and_the_first_one_stands(
    world: World, mine: dict[str, str]
) -> None:
    flags = Flags(world.database, world.clock, IdFactory(world.clock))
    made = await world.client.post(PATH.format("acme"), headers=mine)
    flag_id = made.json()["flag_id"]
    world.clock.now += 60_000
    await flags.decide_flag(flag_id, "resolved", " Seen to. ")
    world.clock.now += 60_000
    await flags.decide_flag(flag_id, "resolved", "Again.")
    told = (await world.client.get(f"/v1/flags/{flag_id}", headers=mine)).json()
    assert (told["status"], told["note"]) == ("resolved", "Seen to.")
    assert told["decided_at"] == format_utc(NOW + 60_000)
