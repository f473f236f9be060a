"""Computations against plain Python over the stored rows: no difference, on both databases."""

from __future__ import annotations

import asyncio
import math
from collections import Counter
from collections.abc import Callable, Iterable
from typing import Any

import pytest
from tests.trace.conftest import World
from tests.trace.stacks import (
    FINGERPRINTS,
    Key,
    Plain,
    add_random_companies,
    month_number,
    read_plain,
    slug,
    tree,
)

pytestmark = pytest.mark.anyio

COUNT = 80
SEGMENTS: list[tuple[dict[str, Any] | None, Any]] = [
    (None, lambda one: True),
    (tree("country", "DE", "FR"), lambda one: one.country in ("DE", "FR")),
    (tree("industry", "Software", operator="none_of"), lambda one: one.industry != "Software"),
    (tree("technology", slug(1)), lambda one: slug(1) in one.stack),
]


class Asked:
    """A world with random companies, a payer, and the same companies in plain rows."""

    def __init__(self, world: World, key: Key, rows: list[Plain]) -> None:
        self.world, self.key, self.rows = world, key, rows

    async def post(self, path: str, body: dict[str, Any], **params: Any) -> Any:
        answer = await self.world.client.post(
            f"/v1/computations/{path}", json=body, params=params, headers=self.key
        )
        assert answer.status_code == 200, answer.text
        return answer.json()

    async def pages(self, path: str, body: dict[str, Any], **params: Any) -> list[Any]:
        """All rows, walked by small pages."""
        rows: list[Any] = []
        page = 1
        while True:
            told = await self.post(path, body, page=page, limit=7, **params)
            rows += told["data"]
            assert told["pagination"]["total_results"] >= len(rows)
            if not told["pagination"]["has_next"]:
                assert told["pagination"]["total_results"] == len(rows)
                return rows
            page += 1


@pytest.fixture
async def asked(world: World) -> Asked:
    await add_random_companies(world, COUNT, 1)
    key = await world.org_key(await world.make_org("Buyer", credits=10_000))
    return Asked(world, key, await read_plain(world))


def bits(rows: Iterable[Plain]) -> dict[str, int]:
    """What each technology says, in thousandths of a bit."""
    rows = list(rows)
    counts = Counter(name for row in rows for name in row.stack)
    return {name: round(1000 * math.log2(len(rows) / count)) for name, count in counts.items()}


def lin(a: set[str], b: set[str], weights: dict[str, int]) -> float | None:
    both = sum(weights[x] for x in a) + sum(weights[x] for x in b)
    return 2 * sum(weights[x] for x in a & b) / both if both else None


async def test_the_overlap_of_two_companies_is_that_of_their_stored_stacks(asked: Asked) -> None:
    weights = bits(asked.rows)
    counts = Counter(name for row in asked.rows for name in row.stack)

    def told(names: set[str]) -> list[tuple[str, int, float]]:
        found = [(name, counts[name], weights[name] / 1000) for name in names]
        return sorted(found, key=lambda one: (-one[2], one[0]))

    for a, b in zip(asked.rows, [*asked.rows[1:], asked.rows[0]], strict=True):
        answer = await asked.world.client.get(
            f"/v1/computations/overlap/{a.slug}/{b.slug}.example", headers=asked.key
        )
        assert answer.status_code == 200, answer.text
        body = answer.json()
        parts = {"shared": a.stack & b.stack, "only_a": a.stack - b.stack,
                 "only_b": b.stack - a.stack}  # fmt: skip
        for part, names in parts.items():
            rows = [(x["slug"], x["company_count"], x["information_bits"]) for x in body[part]]
            assert rows == told(names)
        union = a.stack | b.stack
        assert body["jaccard"] == (round(len(a.stack & b.stack) / len(union), 6) if union else None)
        score = lin(a.stack, b.stack, weights)
        assert body["similarity"] == (None if score is None else round(score, 6))


async def test_look_alikes_are_ranked_as_a_comparison_with_every_company_ranks_them(
    asked: Asked,
) -> None:
    weights = bits(asked.rows)
    for place, one in enumerate(asked.rows[::5]):
        segment, fits = SEGMENTS[place % len(SEGMENTS)]
        scored = [
            (lin(one.stack, other.stack, weights) or 0.0, other)
            for other in asked.rows
            if other is not one and fits(other)
        ]
        meant = sorted(
            ((score, other) for score, other in scored if score),
            key=lambda pair: (-pair[0], pair[1].company_id),
        )
        body = {"company": f"{one.slug}.example", "segment": segment}
        found = await asked.pages("look-alikes", body)
        assert [(row["slug"], row["score"]) for row in found] == [
            (other.slug, round(score, 6)) for score, other in meant
        ]
        for row, (_, other) in zip(found, meant, strict=True):
            assert row["shared_count"] == len(one.stack & other.stack)
            assert {x["slug"] for x in row["shared"]} <= one.stack & other.stack
            assert len(row["shared"]) == min(10, row["shared_count"])


async def test_segments_are_compared_as_counting_every_company_compares_them(asked: Asked) -> None:
    for a, fits_a in SEGMENTS[1:]:
        for b, fits_b in SEGMENTS[1:]:
            in_a = [one for one in asked.rows if fits_a(one)]
            in_b = [one for one in asked.rows if fits_b(one)]
            both = [one for one in in_a if fits_b(one)]
            rows = await asked.pages("overlap", {"a": a, "b": b}, technologies="all")
            found = {row["slug"]: row for row in rows}
            meant = {name: 0.0 for one in [*in_a, *in_b] for name in one.stack}
            assert found.keys() == meant.keys()
            for name, row in found.items():
                counts = [sum(name in x.stack for x in some) for some in (in_a, in_b, both)]
                assert [row["a_count"], row["b_count"], row["both_count"]] == counts
                assert row["a_share"] == round(counts[0] / len(in_a), 6)
                assert row["b_share"] == round(counts[1] / len(in_b), 6)
                lift = counts[0] * len(in_b) / (counts[1] * len(in_a)) if counts[1] else None
                assert row["lift"] == (None if lift is None else round(lift, 6))
                alone = (counts[0] - counts[2], len(in_a) - len(both),
                         counts[1] - counts[2], len(in_b) - len(both))  # fmt: skip
                assert_close(row["p_value"], by_tail(*alone))
            told = [row["p_value"] for row in found.values() if row["p_value"] is not None]
            for row in found.values():
                assert_close(row["q_value"], benjamini_hochberg(row["p_value"], told))
            whole = await asked.post("overlap", {"a": a, "b": b})
            assert whole["a"]["company_count"] == len(in_a)
            assert whole["b"]["company_count"] == len(in_b)
            assert whole["both"]["company_count"] == len(both)
            shared = [row for row in rows if row["a_count"] and row["b_count"]]
            assert whole["pagination"]["total_results"] == len(shared)
            for part, some in {"both": both, "only_a": [x for x in in_a if x not in both]}.items():
                listed = await asked.pages("overlap/companies", {"a": a, "b": b}, part=part)
                assert [row["slug"] for row in listed] == by_name(some)


def by_name(rows: Iterable[Plain]) -> list[str]:
    return [one.slug for one in sorted(rows, key=lambda one: (one.sort_name, one.company_id))]


def assert_close(found: float | None, meant: float | None) -> None:
    assert found == (None if meant is None else pytest.approx(meant, rel=1e-9, abs=1e-12))


def by_tail(k1: int, n1: int, k2: int, n2: int) -> float | None:
    """The test written as a ratio of likelihoods; the tail of chi-square with one degree of freedom
    by summing its density."""
    if not n1 or not n2:
        return None

    def likelihood(k: int, n: int, p: float) -> float:
        return (k and k * math.log(p)) + (n - k and (n - k) * math.log(1 - p))

    one = likelihood(k1, n1, k1 / n1) + likelihood(k2, n2, k2 / n2)
    together = (k1 + k2) / (n1 + n2)
    ratio = 2 * (one - likelihood(k1, n1, together) - likelihood(k2, n2, together))
    return math.erfc(math.sqrt(max(ratio, 0.0)) / math.sqrt(2))


def benjamini_hochberg(p: float | None, all_of: list[float]) -> float | None:
    """The least m * p' / (number of p-values up to p') over all p' that are not below p."""
    if p is None:
        return None
    return min(1.0, *(
        len(all_of) * other / sum(x <= other for x in all_of) for other in all_of if other >= p
    ))  # fmt: skip


async def test_technologies_of_segments_come_in_the_order_asked_for(asked: Asked) -> None:
    body = {"a": SEGMENTS[1][0], "b": SEGMENTS[2][0]}
    keys: dict[str, Callable[[Any], float]] = {
        "-common_share": lambda row: -min(row["a_share"], row["b_share"]),
        "-lift": lambda row: -(math.inf if row["lift"] is None else row["lift"]),
        "lift": lambda row: math.inf if row["lift"] is None else row["lift"],
        "p_value": lambda row: row["p_value"],
    }
    for sort, key in keys.items():
        rows = await asked.pages("overlap", body, technologies="all", sort=sort)
        assert [key(row) for row in rows] == sorted(key(row) for row in rows), sort


async def test_adoption_counts_every_use_in_its_month(asked: Asked) -> None:
    window = {"from_month": "2025-06", "to_month": "2026-08"}
    own = [{"name": str(n), "segment": some} for n, (some, _) in enumerate(SEGMENTS) if some]
    for number, name in enumerate(map(slug, range(0, len(FINGERPRINTS), 2))):
        segment, fits = SEGMENTS[number % len(SEGMENTS)]
        body = {"technology": name, "segment": segment, **window}
        told = await asked.post("adoption", {**body, "group_by": "country", "top": 2})
        among = [one for one in asked.rows if fits(one)]
        assert told["total"] == meant_adoption(among, name, **window)
        by_country = {
            country: [one for one in among if one.country == country]
            for country in sorted({one.country for one in among if one.country})
        }
        adopters = {
            country: sum(any(row.technology == name for row in one.rows) for one in some)
            for country, some in by_country.items()
        }
        first = sorted((c for c in adopters if adopters[c]), key=lambda c: (-adopters[c], c))
        assert told["group_count"] == len(first)
        assert told["groups"] == [
            {"name": c, **meant_adoption(by_country[c], name, **window)} for c in first[:2]
        ]
        told = await asked.post("adoption", {**body, "segments": own})
        assert told["groups"] == [
            {"name": str(n), **meant_adoption([x for x in among if also(x)], name, **window)}
            for n, (some, also) in enumerate(SEGMENTS)
            if some
        ]


def meant_adoption(rows: list[Plain], name: str, from_month: str, to_month: str) -> dict[str, Any]:
    uses = [use for row in rows for use in row.rows if use.technology == name]
    active = sum(use.is_active for use in uses)
    months = []
    for number in range(month_number(from_month), month_number(to_month) + 1):
        month = f"{(number - 1) // 12}-{(number - 1) % 12 + 1:02}"
        months.append(
            {
                "month": month,
                "adopted_count": sum(use.adopted == month for use in uses),
                "dropped_count": sum(use.dropped == month for use in uses),
                "active_count": sum(
                    use.adopted <= month and (use.dropped is None or use.dropped > month)
                    for use in uses
                ),
            }
        )
    return {
        "company_count": len(rows),
        "active_count": active,
        "active_share": round(active / len(rows), 6) if rows else None,
        "months": months,
    }


CHURN: list[tuple[dict[str, Any], dict[str, Any] | None]] = [
    ({"technology": slug(0)}, None),
    ({"technology": slug(2)}, {"technology": slug(0)}),
    ({"category": "cms"}, None),
    ({"vendor": "acme"}, {"vendor": "bolt"}),
    ({"category": "shops"}, {"category": "shops"}),
    ({"vendor": "bolt"}, {"category": "analytics"}),
]


async def test_churn_counts_every_drop_and_every_adoption_near_it(asked: Asked) -> None:
    for dropped, adopted in CHURN:
        for segment, fits in SEGMENTS[:2]:
            await check_churn(asked, dropped, adopted, segment, fits)


async def check_churn(
    asked: Asked, dropped: dict[str, Any], adopted: dict[str, Any] | None, segment: Any, fits: Any
) -> None:
    before, after = 2, 5
    body = {"dropped": dropped, "adopted": adopted, "segment": segment, "from_month": "2025-08",
            "to_month": "2026-10", "months_before": before, "months_after": after}  # fmt: skip
    told = await asked.post("churn", {**body, "top": 3})
    gone, come = members(dropped), adopted and members(adopted)
    drops: dict[str, set[str]] = {}
    cells: dict[tuple[str, str], set[str]] = {}
    switches: dict[str, list[tuple[str, str, str, str]]] = {}
    for one in filter(fits, asked.rows):
        for old in one.rows:
            if old.technology not in gone or not old.dropped:
                continue
            if not "2025-08" <= old.dropped <= "2026-10":
                continue
            drops.setdefault(old.technology, set()).add(one.slug)
            for new in one.rows:
                near = month_number(new.adopted) - month_number(old.dropped)
                follows = come if come is not None else alike(old.technology)
                if new is old or new.technology not in follows or not -before <= near <= after:
                    continue
                cells.setdefault((old.technology, new.technology), set()).add(one.slug)
                switches.setdefault(one.slug, []).append(
                    (old.dropped, old.technology, new.adopted, new.technology)
                )
    assert told["dropped_count"] == len(set().union(*drops.values()))
    assert told["switched_count"] == len(switches)
    assert told["row_count"] == len(drops)
    first = sorted(drops, key=lambda name: (-len(drops[name]), name))[:3]
    assert [row["slug"] for row in told["rows"]] == first
    for row in told["rows"]:
        mine = {new: who for (old, new), who in cells.items() if old == row["slug"]}
        assert row["dropped_count"] == len(drops[row["slug"]])
        assert row["switched_count"] == len(set().union(*mine.values()))
        assert row["successor_count"] == len(mine)
        top = sorted(mine, key=lambda name: (-len(mine[name]), name))[:3]
        assert [(cell["slug"], cell["company_count"]) for cell in row["successors"]] == [
            (name, len(mine[name])) for name in top
        ]
        for cell in row["successors"]:
            assert cell["share"] == round(cell["company_count"] / row["dropped_count"], 6)
    if adopted is not None:
        rows = await asked.pages("churn/companies", body)
        assert [row["slug"] for row in rows] == by_name(
            one for one in asked.rows if one.slug in switches
        )
        for row in rows:
            assert sorted(
                (s["dropped_month"], s["dropped"]["slug"], s["adopted_month"], s["adopted"]["slug"])
                for s in row["switches"]
            ) == sorted(switches[row["slug"]])


def number_of(name: str) -> int:
    return int(name.rpartition("-")[2])


def members(group: dict[str, Any]) -> set[str]:
    ((kind, value),) = group.items()
    return {
        slug(number)
        for number, one in enumerate(FINGERPRINTS)
        if (kind == "technology" and value == slug(number))
        or (kind == "vendor" and value == (one.vendor or "").lower())
        or (kind == "category" and value in [name.lower() for name in one.categories])
    }


def alike(name: str) -> set[str]:
    mine = set(FINGERPRINTS[number_of(name)].categories)
    return {
        slug(number) for number, one in enumerate(FINGERPRINTS)
        if mine & set(one.categories) and slug(number) != name
    }  # fmt: skip


async def test_what_has_changed_meanwhile_counts_at_once(world: World) -> None:
    await add_random_companies(world, 20, 2)
    key = await world.org_key(await world.make_org("Buyer", credits=10_000))
    for round_ in range(3):
        asked = Asked(world, key, await read_plain(world))
        await test_look_alikes_are_ranked_as_a_comparison_with_every_company_ranks_them(asked)
        await test_segments_are_compared_as_counting_every_company_compares_them(asked)
        await add_random_companies(world, 15, round_, first=100 * (round_ + 1))


async def test_computations_go_on_while_companies_are_written(world: World) -> None:
    await add_random_companies(world, 30, 3)
    key = await world.org_key(await world.make_org("Buyer", credits=10_000))
    asked = Asked(world, key, [])
    body = {"company": "c1", "segment": SEGMENTS[1][0]}

    async def write() -> None:
        for round_ in range(6):
            await add_random_companies(world, 5, round_, first=100 * (round_ + 1))

    async def compute() -> None:
        for _ in range(4):
            await asked.post("look-alikes", body, limit=5)
            await asked.post("overlap", {"a": SEGMENTS[1][0], "b": SEGMENTS[2][0]})
            await asked.post("churn", {"dropped": {"category": "cms"}})

    await asyncio.gather(write(), *(compute() for _ in range(3)))
    asked.rows = await read_plain(world)
    assert len(asked.rows) == 60
    await test_look_alikes_are_ranked_as_a_comparison_with_every_company_ranks_them(asked)
