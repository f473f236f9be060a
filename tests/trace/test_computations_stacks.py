"""Stacks in memory: what is left unread changes no ranking, and changed ones are as made anew."""

from __future__ import annotations

import random

import pytest
from pyroaring import BitMap

from tracewell.trace.computations import rules
from tracewell.trace.computations.look_alikes import rank
from tracewell.trace.computations.model import LOOK_ALIKES_MAX
from tracewell.trace.computations.stacks import Stacks, as_ids, make_stacks

pytestmark = pytest.mark.anyio


def draw_stacks(
    chance: random.Random, companies: int, technologies: int, size: int
) -> dict[int, set[int]]:
    """What companies run: technologies of small ids the most."""
    ids = range(1, technologies + 1)
    return {
        company_id: set(chance.choices(ids, [1 / one for one in ids], k=chance.randrange(size)))
        for company_id in chance.sample(range(1, 2 * companies), companies)
    }


async def stacks_of(runs: dict[int, set[int]]) -> Stacks:
    users: dict[int, BitMap] = {}
    for company_id, stack in runs.items():
        for technology_id in stack:
            users.setdefault(technology_id, BitMap()).add(company_id)
    return await make_stacks(BitMap(runs), users)


@pytest.mark.parametrize("seed, technologies, size", [(1, 400, 30), (2, 12, 6), (3, 60, 12)])
async def test_among_many_companies_the_most_alike_are_those_of_a_full_comparison(
    seed: int, technologies: int, size: int
) -> None:
    chance = random.Random(seed)
    runs = draw_stacks(chance, 9_000, technologies, size)
    stacks = await stacks_of(runs)
    weights = rules.weigh(stacks.user_counts(), len(runs))
    totals = {one: rules.total(stack, weights) for one, stack in runs.items()}
    for company_id in chance.sample(sorted(runs), 12):
        scores = []
        for other, stack in runs.items():
            shared = rules.total(stack & runs[company_id], weights)
            if shared and other != company_id:
                scores.append((-2 * shared / (totals[company_id] + totals[other]), other))
        ids, found = await rank(stacks, weights, company_id, None)
        meant = sorted(scores)[:LOOK_ALIKES_MAX]
        assert [(-s, i) for i, s in zip(ids.tolist(), found.tolist(), strict=True)] == meant


async def test_stacks_that_have_changed_are_those_made_anew() -> None:
    chance = random.Random(4)
    runs = draw_stacks(chance, 300, 30, 12)
    stacks = await stacks_of(runs)
    # Small ones fit behind the pool's end, large ones have it made anew, ids beyond two bytes too.
    for size, technologies in ((3, 30), (3, 40), (400, 40), (5, 70_000), (5, 70_000)):
        changed = draw_stacks(chance, size, technologies, 12)
        runs |= changed
        earlier, before = stacks, {one: list(stacks.of(one)) for one in stacks.companies}
        stacks = await stacks.changed(changed)
        anew = await stacks_of(runs)
        assert stacks.companies == anew.companies
        assert {one: users for one, users in stacks.users.items() if users} == anew.users
        assert all(set(stacks.of(one)) == runs[one] == set(anew.of(one)) for one in runs)
        weights = rules.weigh(stacks.user_counts(), len(runs))
        ids = as_ids(stacks.companies)
        assert stacks.totals(ids, weights).tolist() == [
            rules.total(runs[one], weights) for one in ids.tolist()
        ]
        assert {one: list(earlier.of(one)) for one in earlier.companies} == before


async def test_no_companies_have_no_stacks() -> None:
    stacks = await stacks_of({})
    assert stacks.of(7).tolist() == []
    weights = rules.weigh(stacks.user_counts(), 0)
    ids, scores = await rank(stacks, weights, 7, None)
    assert (ids.tolist(), scores.tolist()) == ([], [])
