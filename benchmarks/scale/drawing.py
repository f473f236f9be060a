"""Companies, uses and partnerships as arrays, drawn by a seed: numpy, no objects, no database.

Technologies follow a Zipf law, partners are chosen by preferential attachment. A portion depends
on the seed, the number of companies and its own number alone, so that it may be drawn anywhere.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass, fields
from typing import Any

import numpy as np
import numpy.typing as npt

from benchmarks.scale.words import CATEGORIES, COUNTRIES, EMPLOYEE_RANGES, INDUSTRIES

SEED = 20_261_122
PORTION = 1 << 14
"""Companies drawn together."""
TECHNOLOGIES = 3_000
VENDORS = 900
VERSIONS = 24
"""Versions that are about of a technology; the newest is the most frequent."""
USES_MEAN = 30
PARTNERSHIPS_MEAN = 3
VISITS_MAX = 12
TODAY = 20_778
"""The last day of visits, counted from the epoch: 2026-11-21."""
CONFIDENCES = np.array([100, 100, 100, 100, 90, 80, 60, 50], np.int64)

Ints = npt.NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Portion:
    """Companies `first` to `first + len(visits)`, and their uses in the order of `company`.

    `visits` are days, ascending, the last `visit_count` of `VISITS_MAX`. Of a use `seen_first` and
    `seen_last` are places in its company's days; `company` counts from 0 in the portion.
    """

    first: int
    country: Ints
    industry: Ints
    employee_range: Ints
    founded_year: Ints
    is_described: npt.NDArray[np.bool_]
    time_of_day: Ints
    visits: Ints
    visit_count: Ints
    posting_count: Ints
    company: Ints
    technology: Ints
    seen_first: Ints
    seen_last: Ints
    confidence: Ints
    version: Ints


def draw_portions(companies: int, seed: int = SEED) -> Iterator[Portion]:
    """All portions, in their order."""
    for number in range(-(-companies // PORTION)):
        yield draw_portion(number, companies, seed)


def draw_portion(number: int, companies: int, seed: int = SEED) -> Portion:
    """The portion of that number out of so many companies."""
    chance = np.random.default_rng([seed, companies, number])
    first = number * PORTION
    count = min(PORTION, companies - first)
    gaps = chance.integers(15, 60, (count, VISITS_MAX))
    last_visit = TODAY - chance.integers(0, 60, count)
    later = np.cumsum(gaps[:, ::-1], axis=1)[:, ::-1] - gaps[:, -1:]
    visits = last_visit[:, None] - later
    visit_count = chance.integers(4, VISITS_MAX + 1, count)
    company, technology = _draw_uses(chance, count)
    return Portion(
        first=first,
        country=_weighted(chance, [weight for *_, weight in COUNTRIES], count),
        industry=_weighted(chance, 1 / (np.arange(len(INDUSTRIES)) + 3), count),
        employee_range=_weighted(chance, [weight for _, weight in EMPLOYEE_RANGES], count),
        founded_year=2024 - np.minimum(chance.geometric(0.06, count), 150),
        is_described=chance.random(count) < 0.7,
        time_of_day=chance.integers(0, 86_400_000, count),
        visits=visits,
        visit_count=visit_count,
        posting_count=np.where(chance.random(count) < 0.15, chance.geometric(0.3, count), 0),
        company=company,
        technology=technology,
        **_draw_lives(chance, visit_count[company]),
        confidence=CONFIDENCES[chance.integers(0, len(CONFIDENCES), len(company))],
        version=_draw_versions(chance, technology),
    )


def _weighted(chance: np.random.Generator, weights: Any, count: int) -> Ints:
    shares = np.cumsum(np.asarray(weights, np.float64))
    return np.searchsorted(shares / shares[-1], chance.random(count), side="right")


def _draw_uses(chance: np.random.Generator, count: int) -> tuple[Ints, Ints]:
    """Company and technology of every use: some thirty different ones each, by a Zipf law."""
    # 1.06: what few draws are too few for the wanted number of different ones takes away.
    numbers = np.clip(chance.lognormal(np.log(USES_MEAN * 1.06) - 0.125, 0.5, count), 3, 150)
    wanted: Ints = numbers.astype(np.int64)
    drawn = np.repeat(np.arange(count), wanted * 2)
    technologies = _weighted(chance, 1 / (np.arange(TECHNOLOGIES) + 6) ** 1.1, len(drawn))
    # The first draws of different technologies, as many as are wanted.
    _, places = np.unique(drawn * TECHNOLOGIES + technologies, return_index=True)
    places.sort()
    company = drawn[places]
    begins = np.searchsorted(company, np.arange(count))
    kept = np.arange(len(company)) - begins[company] < wanted[company]
    return company[kept], technologies[places][kept]


def _draw_lives(chance: np.random.Generator, visits: Ints) -> dict[str, Ints]:
    """When uses were seen first and last, as places in their companies' visits."""
    count = len(visits)
    # Three visits without a sight mean that it was dropped.
    is_dropped = chance.random(count) < 0.15
    missed = np.where(
        is_dropped,
        3 + (chance.random(count) * (visits - 3)).astype(np.int64),
        np.where(chance.random(count) < 0.05, 1, 0),
    )
    last = visits - 1 - missed
    late = (chance.random(count) * (last + 1)).astype(np.int64)
    return {"seen_first": np.where(chance.random(count) < 0.6, 0, late), "seen_last": last}


def _draw_versions(chance: np.random.Generator, technology: Ints) -> Ints:
    """A version's place, the newest first; -1 where the site does not tell."""
    version = np.minimum(chance.geometric(0.2, len(technology)) - 1, VERSIONS - 1)
    tells = chance.random(len(technology)) < np.where(technology % 3 == 0, 0.8, 0.2)
    return np.where(tells, version, -1)


@dataclass(frozen=True, slots=True)
class Partnerships:
    """Pairs of companies, each pair once: the publisher names the partner; `is_mutual`: the partner
    the publisher as well. `kind` is a place in `PARTNERSHIP_TYPES`; `day` counts from the epoch."""

    publisher: Ints
    partner: Ints
    kind: Ints
    is_mutual: npt.NDArray[np.bool_]
    day: Ints


def draw_partnerships(companies: int, seed: int = SEED) -> Partnerships:
    """Three for each company, by publisher; most choose whom an earlier one chose."""
    chance = np.random.default_rng([seed, companies])
    wanted = PARTNERSHIPS_MEAN * companies
    publishers = chance.permutation(companies)
    pairs = np.zeros(0, np.int64)
    partners = np.zeros(0, np.int64)
    while len(pairs) < wanted:
        step = max(1_000, wanted // 40)
        partner = chance.integers(0, companies, step)
        if len(partners):
            copied = partners[chance.integers(0, len(partners), step)]
            partner = np.where(chance.random(step) < 0.85, copied, partner)
        # Few publish many partners: the square of an even draw favours the first.
        publisher = publishers[(chance.random(step) ** 2 * companies).astype(np.int64)]
        partners = np.concatenate([partners, partner])
        fresh = np.minimum(publisher, partner) * companies + np.maximum(publisher, partner)
        fresh = fresh[publisher != partner]
        _, order = np.unique(np.concatenate([pairs, fresh]), return_index=True)
        pairs = np.concatenate([pairs, fresh])[np.sort(order)]
    pairs = pairs[:wanted]
    turned = chance.random(wanted) < 0.5
    low, high = pairs // companies, pairs % companies
    publisher, partner = np.where(turned, low, high), np.where(turned, high, low)
    order = np.argsort(publisher, kind="stable")
    return Partnerships(
        publisher=publisher[order],
        partner=partner[order],
        kind=_weighted(chance, [55, 25, 20], wanted),
        is_mutual=chance.random(wanted) < 0.1,
        day=TODAY - chance.integers(0, 700, wanted),
    )


def category_of(technology: int) -> tuple[str, ...]:
    """The categories of a technology: one, of some two."""
    first = CATEGORIES[technology * 7919 % len(CATEGORIES)]
    second = CATEGORIES[technology * 104_729 % len(CATEGORIES)]
    return (first, second) if technology % 5 == 0 and first != second else (first,)


def digest(companies: int, seed: int = SEED) -> str:
    """A hash of everything that is drawn."""
    made = hashlib.sha256()
    drawn: list[Portion | Partnerships] = [*draw_portions(companies, seed)]
    for one in (*drawn, draw_partnerships(companies, seed)):
        for field in fields(one):
            value = getattr(one, field.name)
            made.update(value.tobytes() if isinstance(value, np.ndarray) else str(value).encode())
    return made.hexdigest()
