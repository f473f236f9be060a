"""`tracewell admin flags`: flags put over HTTP's service, listed by pages, shown and decided."""

from __future__ import annotations

import asyncio

import pytest
from tests.cli.conftest import Console

from tracewell.kernel.clock import system_clock
from tracewell.kernel.credits import Call
from tracewell.kernel.database import open_database
from tracewell.kernel.ids import IdFactory
from tracewell.trace.companies.store import add_company, save_company
from tracewell.trace.flags.service import Flags


async def _put_flags(url: str, descriptions: list[str | None]) -> list[str]:
    database = await open_database(url)
    try:
        async with database.transaction() as tx:
            for slug in ("acme", "bolt"):
                made = await add_company(tx, slug, f"{slug}.example", system_clock())
                await save_company(tx, made)
        # A clock of its own, so that each flag is later than the one before.
        moments = iter(range(1_790_000_000_000, 1_800_000_000_000, 1_000))
        flags = Flags(database, system_clock, IdFactory(lambda: next(moments)))
        call = Call(1, "api", None, "POST", "req_0")
        made_flags = [
            await flags.create_flag(call, "bolt" if place == 1 else "acme", description)
            for place, description in enumerate(descriptions)
        ]
        return [flag.flag_id for flag in made_flags]
    finally:
        await database.close()


@pytest.fixture
def flag_ids(console_on: Console) -> list[str]:
    """Three flags of one org, the oldest first."""
    console_on.admin("org", "create", "Reader")
    url = console_on.environment["DATABASE_URL"]
    return asyncio.run(_put_flags(url, ["Wrong\nname.", "About Bolt.", None]))


def test_flags_are_listed_by_pages_filtered_and_decided_once(
    console_on: Console, flag_ids: list[str]
) -> None:
    first, second, third = flag_ids
    admin = console_on.admin
    page = admin("flags", "list", "--limit", "2")
    assert [flag["flag_id"] for flag in page["flags"]] == [third, second]
    assert page["next_before"] == second
    rest = admin("flags", "list", "--limit", "2", "--before", second)
    assert ([flag["flag_id"] for flag in rest["flags"]], rest["next_before"]) == ([first], None)
    by_company = admin("flags", "list", "--company", "https://bolt.example/")["flags"]
    assert [(flag["flag_id"], flag["org"]) for flag in by_company] == [(second, "Reader")]

    resolved = admin("flags", "resolve", first, "--note", "Crawled again.")
    assert (resolved["status"], resolved["note"]) == ("resolved", "Crawled again.")
    assert admin("flags", "resolve", first) == resolved
    assert admin("flags", "reject", second)["status"] == "rejected"
    queued = admin("flags", "list", "--status", "queued")["flags"]
    assert [flag["flag_id"] for flag in queued] == [third]
    shown = admin("flags", "show", first)
    assert (shown["description"], shown["domain"]) == ("Wrong\nname.", "acme.example")

    told = console_on("admin", "flags", "reject", first, code=1).err
    assert told == f"tracewell: {first} is resolved already\n"
    listed = console_on("admin", "flags", "list", "--limit", "2")
    assert len(listed.out.splitlines()) == 2
    assert f"--before {second}" in listed.err
    assert "Wrong name." in console_on("admin", "flags", "list", "--status", "resolved").out


def test_what_is_no_flag_or_no_company_is_refused(console: Console) -> None:
    unknown = "flg_01JD8XN0000000000000000000"
    for command in (("show", unknown), ("resolve", unknown), ("reject", "nonsense")):
        told = console("admin", "flags", *command, code=1).err
        assert told == f"tracewell: there is no flag {command[1]}\n"
    told = console("admin", "flags", "list", "--company", "nobody.example", code=1).err
    assert told == "tracewell: No company found for 'nobody.example'\n"
    console("admin", "flags", "list", "--before", "nonsense", code=1)
    console("admin", "flags", "list", "--status", "open", code=2)
    console("admin", "flags", "reject", unknown, "--note", "x" * 2_001, code=2)
