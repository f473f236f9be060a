"""What the tests of lists share: companies in three tiers, a team, and shorthands for calls."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import orjson
from tests.trace.conftest import NOW, World, organization, page

from tracewell.detection import load_fingerprints
from tracewell.kernel.identity.model import Org, User
from tracewell.trace.ingest import ingest_captures

Key = dict[str, str]

# "shop" is seen with full, likely and weak confidence.
TECHNOLOGIES = {
    "Shop": {
        "cats": [1],
        "website": "https://shop.example",
        "headers": {"X-Shop": "sure"},
        "meta": {"shop": r"likely\;confidence:70"},
        "html": r"maybe a shop\;confidence:30",
    },
    "nginx": {"cats": [2], "website": "https://nginx.org", "headers": {"Server": "nginx"}},
}
SURE, LIKELY, WEAK, OTHER = "sure.example", "likely.example", "weak.example", "other.example"


async def take_in_shops(world: World, folder: Path) -> None:
    """Four companies: one in each tier of `technology any_of shop`, one without."""
    place = folder / "shops"
    (place / "technologies").mkdir(parents=True)
    (place / "technologies" / "all.json").write_bytes(orjson.dumps(TECHNOLOGIES))
    (place / "categories.json").write_bytes(
        orjson.dumps({"1": {"name": "Shops"}, "2": {"name": "Web servers"}})
    )
    loaded = load_fingerprints(place)
    assert loaded.problems == ()
    captures = [
        page(f"https://{SURE}/", organization(name="Sure"), headers={"X-Shop": "sure"}),
        page(f"https://{LIKELY}/", '<meta name="shop" content="likely">'),
        page(f"https://{WEAK}/", "<p>maybe a shop</p>", headers={"Server": "nginx"}),
        page(f"https://{OTHER}/", organization(name="=Other"), headers={"Server": "nginx"}),
    ]
    await ingest_captures(world.database, loaded, captures)


def tree(root: Any, **further: Any) -> dict[str, Any]:
    """The body of a definition."""
    return {"registry_version": 1, "root": root, **further}


def runs(*slugs: str, operator: str = "any_of") -> dict[str, Any]:
    """A leaf over technologies."""
    return {"field": "technology", "operator": operator, "value": list(slugs)}


@dataclass
class Team:
    """An org with its people's keys, a list of Ann's, and strangers."""

    world: World
    org: Org
    ann: Key
    ben: Key
    eve: Key
    org_key: Key
    users: dict[str, User]
    list_id: str

    async def call(
        self, method: str, path: str, key: Key | None = None, **parts: Any
    ) -> httpx.Response:
        """A call of an endpoint below the list; Ann's unless said otherwise."""
        return await self.world.client.request(
            method, f"/v1/lists/{self.list_id}{path}", headers=key or self.ann, **parts
        )

    async def put(self, root: Any, key: Key | None = None, **further: Any) -> httpx.Response:
        """Puts a definition."""
        return await self.call("PUT", "/definition", key, json=tree(root, **further))

    async def domains(self, key: Key | None = None, **params: Any) -> list[str]:
        """The primary domains of the members on a page."""
        answer = await self.call("GET", "/members", key, params=params)
        assert answer.status_code == 200, answer.text
        return [row["primary_domain"] for row in answer.json()["data"]]


async def make_team(world: World, credits: int = 100) -> Team:
    """Ann owns a list; Ben is her colleague, Eve a stranger."""
    world.clock.now = NOW
    org, other = await world.make_org("Buyer", credits), await world.make_org("Other")
    users = {
        "ann": await world.make_user(org, "ann@buyer.example"),
        "ben": await world.make_user(org, "ben@buyer.example"),
        "eve": await world.make_user(other, "eve@other.example"),
    }
    ann = await world.user_key(users["ann"])
    made = await world.client.post("/v1/lists", json={"name": "Prospects"}, headers=ann)
    return Team(
        world, org, ann, await world.user_key(users["ben"]), await world.user_key(users["eve"]),
        await world.org_key(org), users, made.json()["list_id"],
    )  # fmt: skip


def code_of(answer: httpx.Response) -> str:
    """The code of an error, in either shape."""
    told = answer.json()["error"]
    return str(told if isinstance(told, str) else told["code"])
