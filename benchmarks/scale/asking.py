"""What is asked of the server, drawn by a seed: an iterator of requests for each figure."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlencode

from benchmarks.scale import words
from benchmarks.scale.companies import name_and_domain
from benchmarks.scale.drawing import TECHNOLOGIES, VENDORS, Ints


@dataclass(frozen=True, slots=True)
class Ask:
    """One request; `by_user` with the user's key, else the org's."""

    path: str
    body: Any = None
    by_user: bool = False


def technology_slug(number: int) -> str:
    """The slug of the technology of that rank."""
    return f"technology-{number + 1:04}"


def draw_technology(chance: random.Random, among: int = TECHNOLOGIES) -> int:
    """A technology as users ask for them: the frequent ones more often."""
    return min(int(among ** chance.random()) - 1 + chance.randrange(3), among - 1)


def category_slug(chance: random.Random) -> str:
    """The slug of one of the frequent categories."""
    name = words.CATEGORIES[chance.randrange(20)]
    return "-".join("".join(c if c.isalnum() else " " for c in name.lower()).split())


def lookups(companies: int, chance: random.Random) -> Iterator[Ask]:
    """Companies by domain, any."""
    while True:
        _, domain = name_and_domain(chance.randrange(companies))
        yield Ask(f"/v1/companies/{domain}")


def searches(chance: random.Random) -> Iterator[Ask]:
    """Three filters of different kinds, one of them a technology; any sort; a page of 50."""
    further: tuple[Callable[[], tuple[str, str]], ...] = (
        lambda: ("country", chance.choice(words.COUNTRIES[:12])[0]),
        lambda: ("industry", chance.choice(words.INDUSTRIES[:15])),
        lambda: ("employee_range", chance.choice(words.EMPLOYEE_RANGES[:5])[0]),
        lambda: ("category", category_slug(chance)),
        lambda: ("vendor", f"vendor-{chance.randrange(VENDORS) + 1:03}"),
        lambda: ("without_technology", technology_slug(draw_technology(chance))),
        lambda: ("hiring", "true"),
        lambda: ("last_seen_after", f"2026-{chance.randint(8, 10):02}-15"),
    )
    sorts = ("name", "-last_observed_at", "-technology_count", "-partnership_count")
    while True:
        query = {"technology": technology_slug(draw_technology(chance))}
        query |= dict(make() for make in chance.sample(further, 2))
        yield Ask(f"/v1/companies?{urlencode({**query, 'sort': chance.choice(sorts)})}")


def text_searches(chance: random.Random) -> Iterator[Ask]:
    """A word, the beginning of one or a part of a domain, and two filters; by relevance."""
    while True:
        text = chance.choice(
            (
                chance.choice(words.FIRST),
                chance.choice(words.SECOND)[:4],
                f"{chance.choice(words.FIRST)}{chance.choice(words.SECOND)}",
                chance.choice((".com", "ltd", "net", "tech")),
            )
        )
        country = chance.choice(words.COUNTRIES[:6])[0]
        query = {"q": text, "technology": technology_slug(draw_technology(chance))}
        yield Ask(f"/v1/companies?{urlencode({**query, 'country': country})}")


def users_of_technologies(chance: random.Random) -> Iterator[Ask]:
    """Any page up to the 100th of the companies of one of the hundred most frequent ones."""
    while True:
        slug = technology_slug(draw_technology(chance, 100))
        sort = chance.choice(("name", "-last_observed_at", "-technology_count"))
        query = urlencode({"page": chance.randint(1, 100), "sort": sort})
        yield Ask(f"/v1/technologies/{slug}/companies?{query}")


def previews(chance: random.Random) -> Iterator[Ask]:
    """Trees of eight leaves over all kinds of fields, three levels deep."""

    def slugs(count: int) -> list[str]:
        return sorted({technology_slug(draw_technology(chance)) for _ in range(count)})

    makers: tuple[Callable[[], tuple[str, str, Any]], ...] = (
        lambda: ("technology", "any_of", slugs(3)),
        lambda: ("technology", "all_of", slugs(2)),
        lambda: ("technology", "none_of", slugs(2)),
        lambda: ("technology_dropped", "any_of", slugs(3)),
        lambda: ("technology_use", "matches",
                 {"technology": slugs(1)[0], "version_gte": "5.0", "min_confidence": 60}),
        lambda: ("category", "any_of", [category_slug(chance)]),
        lambda: ("vendor", "any_of", [f"vendor-{chance.randrange(VENDORS) + 1:03}"]),
        lambda: ("country", "any_of", [one[0] for one in chance.sample(words.COUNTRIES, 4)]),
        lambda: ("industry", "none_of", chance.sample(words.INDUSTRIES, 3)),
        lambda: ("employee_range", "any_of", [words.EMPLOYEE_RANGES[chance.randrange(5)][0]]),
        lambda: ("technology_count", "between", [10, chance.randint(20, 60)]),
        lambda: ("founded_year", "gte", chance.randint(1990, 2020)),
        lambda: ("last_observed_at", "gte", f"2026-{chance.randint(8, 11):02}-01"),
        lambda: ("hiring", "is", bool(chance.randrange(2))),
        lambda: ("partnership_type", "any_of", [chance.choice(["technology", "channel"])]),
        lambda: ("name", "contains", chance.choice(words.FIRST)),
    )  # fmt: skip
    while True:
        leaves = [
            dict(zip(("field", "operator", "value"), make(), strict=True))
            for make in chance.sample(makers, 8)
        ]
        root = {
            "op": "or",
            "children": [
                {"op": "and", "children": leaves[:3]},
                {"op": "and", "children": leaves[3:6]},
                {"op": "and", "children": [leaves[6], {"op": "not", "children": leaves[7:]}]},
            ],
        }
        yield Ask("/v1/lists/preview-count", {"registry_version": 1, "root": root}, by_user=True)


def graphs(partners: Ints, chance: random.Random) -> Iterator[Ask]:
    """Two steps around companies of at least 40 partners, as far as there are some: 500 nodes."""
    for least in (40, 20, 5):
        roots = [int(one) for one in (partners >= least).nonzero()[0]]
        if len(roots) >= 20:
            break
    while True:
        _, domain = name_and_domain(chance.choice(roots))
        yield Ask(f"/v1/companies/{domain}/partnerships/graph?depth=2&limit_nodes=500")
