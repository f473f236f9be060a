"""Rows that are added while pages are walked: one step adds a row to every paged answer of Trace.

`front` and `end` say where a sort by name puts it; what is sorted by time has it where time does.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

import orjson
from tests.contract.stage import Customer, Stage, html_page

from tracewell.detection import FingerprintSet, load_fingerprints
from tracewell.main.ground import Ground
from tracewell.trace.ingest import ingest_captures
from tracewell.values import Capture

Side = Literal["front", "middle", "end"]
FIRST_ROWS = 7
_NAMES: Mapping[Side, str] = {"front": "000", "middle": "mmm", "end": "zzz"}
_SIGN = "walked"


@dataclass
class Growth:
    """The rows that stand, and how to add more. Every list begins with at least FIRST_ROWS."""

    stage: Stage
    customer: Customer
    payer: Customer
    folder: Path
    list_id: str = ""
    audited_id: str = ""
    _signs: dict[str, str] = field(default_factory=dict)
    _step: int = 0

    def begin(self) -> None:
        """The lists, and the rows that stand at first."""
        self.list_id, self.audited_id = (
            str(self.customer.owner.post("/v1/lists", json={"name": name}).json()["list_id"])
            for name in ("Walked", "Audited")
        )
        for _ in range(FIRST_ROWS):
            self.add("middle")

    def add(self, side: Side) -> None:
        """One more row everywhere."""
        self._step += 1
        name = f"{_NAMES[side]}-{self._step:03}"
        self._signs[f"{name} technology"] = name
        key = self.stage.deployment.run(lambda ground: self._take_in(ground, name))
        self._by_hand(name)
        with self.stage.client(key) as payer:
            paid = payer.get(f"/v1/companies/{name}-grown.example")
        assert paid.headers["x-credits-charged"] == "1"

    async def _take_in(self, ground: Ground, name: str) -> str:
        """New companies, a new colleague of the customer's, and a new key of the payer's."""
        await ingest_captures(ground.database, self._fingerprints(), self._pages(name))
        email = f"{name}@walked.example"
        await ground.identity.create_user(email, self.customer.org, verified=True)
        return (await ground.identity.create_key("user", user=self.payer.user)).text

    def _by_hand(self, name: str) -> None:
        owner = self.customer.owner
        domains = {"domains": [f"{name}-grown.example"]}
        tree = {"field": "technology", "operator": "any_of", "value": ["never-seen"]}
        for method, path, body in (
            ("POST", "", {"name": name}),
            ("PATCH", f"/{self.audited_id}", {"name": name}),
            ("PUT", f"/{self.list_id}/definition", {"registry_version": 1, "root": tree}),
            ("POST", f"/{self.list_id}/added-domains", domains),
            ("POST", f"/{self.list_id}/excluded-domains", {"domains": [f"{name}-out.example"]}),
            (
                "POST",
                f"/{self.list_id}/shares",
                {"email": f"{name}@walked.example", "access_level": "viewer"},
            ),
        ):
            done = owner.request(method, f"/v1/lists{path}", json=body)
            assert done.is_success, done.text

    def _pages(self, name: str) -> list[Capture]:
        signs = " ".join(f"<i>sign {sign}</i>" for sign in self._signs.values())
        logo = f'<a href="https://{name}-partner.example/">{name} partner</a>'
        posting = {
            "@context": "https://schema.org", "@type": "JobPosting", "title": f"{name} clerk",
            "description": "Walks.", "datePosted": "2026-05-01",
        }  # fmt: skip
        named = {"@context": "https://schema.org", "@type": "Organization", "name": f"{name} grown"}
        pages = {
            f"https://{name}-grown.example/": f"{_json_ld(named)}<i>{_SIGN}</i><i>later</i>",
            f"https://{name}-grown.example/partners": _logos(
                '<a href="https://walked-hub.example/">Hub</a>'
            ),
            "https://walked-hub.example/": "<p>A hub.</p>",
            "https://walked.example/": signs,
            f"https://walked.example/jobs/{name}": _json_ld(posting),
            f"https://walked.example/partners/{name}": _logos(logo),
            f"https://walked-too.example/partners/{name}": _logos(logo),
        }
        home = f"https://{name}-grown.example/"
        moved = [html_page(home, f"<i>{_SIGN}</i><i>later {day}</i>", day) for day in (-9, -8, -7)]
        return [
            html_page(home, f"<i>{_SIGN}</i><i>earlier</i>", -40),
            *moved,
            *(html_page(url, body, self._step) for url, body in pages.items()),
        ]

    def _fingerprints(self) -> FingerprintSet:
        """One technology that every new company runs, and one more of its own vendor and category
        for each step."""
        technologies: dict[str, Any] = {
            "Walked": {"cats": [1], "vendor": "Walked Works", "html": f"<i>{_SIGN}</i>"},
            "Earlier": {"cats": [1], "html": "<i>earlier</i>"},
            "Later": {"cats": [1], "html": "<i>later"},
        }
        categories: dict[str, Any] = {"1": {"name": "Walking"}}
        for number, (name, sign) in enumerate(self._signs.items(), start=2):
            categories[str(number)] = {"name": f"{sign} category"}
            technologies[name] = {
                "cats": [number], "vendor": f"{sign} works", "html": f"<i>sign {sign}</i>",
                "website": "https://walked.example",
            }  # fmt: skip
        folder = self.folder / str(self._step)
        (folder / "technologies").mkdir(parents=True)
        (folder / "technologies" / "all.json").write_bytes(orjson.dumps(technologies))
        (folder / "categories.json").write_bytes(orjson.dumps(categories))
        loaded = load_fingerprints(folder)
        assert loaded.problems == ()
        return loaded


def _json_ld(node: dict[str, Any]) -> str:
    return f'<script type="application/ld+json">{orjson.dumps(node).decode()}</script>'


def _logos(link: str) -> str:
    return f"<main><h1>Our partners</h1><ul><li>{link}</li></ul></main>"
