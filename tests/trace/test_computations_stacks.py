"""Stacks in memory: rankings over many companies, and changed ones are as made anew."""

from __future__ import annotations

import random
from typing import Any

import pytest
from pyroaring import BitMap

from tracewell.trace.computations import rules
from tracewell.trace.computations.look_alikes import rank
from tracewell.trace.computations.model import LOOK_ALIKES_MAX
from tracewell.trace.computations.stacks import Stacks, make_stacks

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
    weights = stacks.weights
    totals = {one: rules.total(stack, weights) for one, stack in runs.items()}
    for company_id in chance.sample(sorted(runs), 12):
        scores = []
        for other, stack in runs.items():
            shared = rules.total(stack & runs[company_id], weights)
            if shared and other != company_id:
                scores.append((-2 * shared / (totals[company_id] + totals[other]), other))
        ids, found = await rank(stacks, company_id, None)
        meant = sorted(scores)[:LOOK_ALIKES_MAX]
        assert [(-s, i) for i, s in zip(ids.tolist(), found.tolist(), strict=True)] == meant


async def test_stacks_that_have_changed_are_those_made_anew() -> None:
    chance = random.Random(4)
    runs = draw_stacks(chance, 300, 30, 12)
    stacks = await stacks_of(runs)
    for size, technologies in ((3, 30), (1, 40), (400, 40), (5, 90), (600, 20)):
        changed = draw_stacks(chance, size, technologies, 12)
        runs |= changed
        earlier, before = stacks, describe(stacks)
        stacks = await stacks.changed(changed)
        anew = await stacks_of(runs)
        assert describe(stacks) == describe(anew)
        assert describe(earlier) == before
        assert all(stacks.of(one) == runs[one] for one in runs)
        assert stacks.totals[list(runs)].tolist() == [
            rules.total(stack, stacks.weights) for stack in runs.values()
        ]


def describe(stacks: Stacks) -> tuple[Any, ...]:
    """All that a state says."""
    users = {one: set(users) for one, users in stacks.users.items() if users}
    ids = list(stacks.companies)
    return set(ids), users, stacks.weights[sorted(users)].tolist(), stacks.totals[ids].tolist()


async def test_no_companies_have_no_stacks() -> None:
    stacks = await stacks_of({})
    assert stacks.of(7) == set()
    ids, scores = await rank(stacks, 7, None)
    assert (ids.tolist(), scores.tolist()) == ([], [])
