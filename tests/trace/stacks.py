"""What the tests of computations share: random companies with a history, also as plain rows."""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import orjson
from tests.trace.conftest import DAY_MS, NOW, World

from tracewell.detection import Fingerprint
from tracewell.extraction import Fact
from tracewell.kernel.clock import format_utc
from tracewell.kernel.database import Transaction
from tracewell.trace.companies.bulk import insert_companies, reserve_company_ids
from tracewell.trace.companies.days import day_of
from tracewell.trace.companies.indexing import ensure_indexed_catalogue
from tracewell.trace.companies.model import Company, Domain, Use
from tracewell.trace.technologies.model import Technology

Key = dict[str, str]

# Three categories that overlap, two vendors; the first is run by nearly all, the last by few.
FINGERPRINTS = [
    Fingerprint(name=f"Technology {number}",
                categories=[("CMS",), ("Shops",), ("CMS", "Shops"), ("Analytics",), ()][number % 5],
                vendor=["Acme", "Bolt", None][number % 3])
    for number in range(14)
]  # fmt: skip
COUNTRIES = ("DE", "FR", "US", None)
INDUSTRIES = ("Software", "Retail", "Mining", None)
MONTHS = 18


def slug(number: int) -> str:
    """The slug of the technology of a place."""
    return f"technology-{number}"


async def add_random_companies(
    world: World, count: int, seed: int, *, first: int = 0
) -> list[Company]:
    """Companies `c<first>.example` and so on, with uses adopted and dropped over 18 months."""
    chance = random.Random(seed)
    async with world.database.transaction() as tx:
        catalogue = await ensure_indexed_catalogue(tx, FINGERPRINTS)
        technologies = sorted(catalogue.values(), key=lambda one: one.technology_id)
        technologies = [one for one in technologies if one.name.startswith("Technology ")]
        ids = await reserve_company_ids(tx, count)
        made = [
            draw_company(first + place, company_id, technologies, chance)
            for place, company_id in enumerate(ids)
        ]
        await insert_companies(tx, made)
    return made


def draw_company(
    number: int, company_id: int, technologies: Sequence[Technology], chance: random.Random
) -> Company:
    """A company by chance; technologies are drawn the more rarely the later they stand."""
    domain = f"c{number}.example"
    url, begun = f"https://{domain}/", NOW - MONTHS * 30 * DAY_MS
    country, industry = chance.choice(COUNTRIES), chance.choice(INDUSTRIES)
    facts = [Fact("name", f"Company {chance.randrange(50)}", 50, url, begun)]
    if country is not None:
        place = orjson.dumps({"country": country}).decode()
        facts.append(Fact("headquarters", place, 50, url, begun))
    if industry is not None:
        facts.append(Fact("industry", industry, 50, url, begun))
    uses = tuple(
        draw_use(one, begun, chance)
        for place, one in enumerate(technologies)
        if chance.random() < 1.6 / (place + 1) + 0.1
    )
    return Company(
        company_id, f"c{number}", domain, (Domain(domain, True, begun, NOW),), uses, tuple(facts),
        0, 0, begun, NOW, NOW, (day_of(begun), day_of(NOW)),
    )  # fmt: skip


def draw_use(technology: Technology, begun: int, chance: random.Random) -> Use:
    """A use that began some time after, and ended or not."""
    first = begun + chance.randrange(MONTHS * 30) * DAY_MS + chance.randrange(DAY_MS)
    dropped_at = None
    if chance.random() < 0.4:
        dropped_at = (day_of(first) + 1 + chance.randrange(200)) * DAY_MS
    return Use(
        technology, None, None, chance.choice([30, 70, 100]),
        "active" if dropped_at is None else "dropped", first, dropped_at or NOW, 1, (),
        (day_of(first),), dropped_at,
    )  # fmt: skip


@dataclass(frozen=True)
class Row:
    """A use as it is stored: technologies by slug, months as text."""

    technology: str
    is_active: bool
    adopted: str
    dropped: str | None


@dataclass(frozen=True)
class Plain:
    """A company as it is stored, without any index."""

    company_id: int
    slug: str
    sort_name: str
    country: str | None
    industry: str | None
    rows: tuple[Row, ...]

    @property
    def stack(self) -> set[str]:
        """What it runs now."""
        return {row.technology for row in self.rows if row.is_active}


async def read_plain(world: World) -> list[Plain]:
    """Every company, from the tables that hold the facts."""
    async with world.database.snapshot() as tx:
        return [await _plain(tx, row) for row in await tx.fetch_all(
            "SELECT company_id, slug, sort_name, country, industry FROM companies"
            " ORDER BY company_id"
        )]  # fmt: skip


async def _plain(tx: Transaction, company: Any) -> Plain:
    rows = await tx.fetch_all(
        "SELECT t.slug, u.status, u.first_observed_at, u.dropped_at FROM technology_uses AS u"
        " JOIN technologies AS t ON t.technology_id = u.technology_id WHERE u.company_id = :id",
        id=company[0],
    )
    uses = tuple(
        Row(name, status == "active", format_utc(first)[:7], ended and format_utc(ended)[:7])
        for name, status, first, ended in rows
    )
    company_id, name, sort_name, country, industry = company
    return Plain(company_id, name, sort_name, country, industry, uses)


def month_number(text: str) -> int:
    """Months since the year 0."""
    return int(text[:4]) * 12 + int(text[5:])


def tree(field: str, *values: str, operator: str = "any_of") -> dict[str, Any]:
    """A segment by one condition."""
    return {
        "registry_version": 1,
        "root": {"field": field, "operator": operator, "value": list(values)},
    }
