"""Implies, requires and excludes hold whatever the order and whatever the cycles."""

from __future__ import annotations

import random

from hypothesis import given
from hypothesis import strategies as st

from tracewell.detection.model import Fingerprint, Implication
from tracewell.detection.relations import Resolution, resolve_relations


def technologies(*fingerprints: Fingerprint) -> dict[str, Fingerprint]:
    return {fingerprint.name: fingerprint for fingerprint in fingerprints}


def names(resolution: Resolution) -> set[str]:
    return set(resolution.seen) | set(resolution.implied)


def test_implication_goes_through_several_steps_at_the_weakest_confidence() -> None:
    known = technologies(
        Fingerprint("A", implies=(Implication("B", 50),)),
        Fingerprint("B", implies=(Implication("C", 80, "5"),)),
        Fingerprint("C"),
    )
    resolution = resolve_relations({"A": 100}, known)
    assert names(resolution) == {"A", "B", "C"}
    assert [(step.by, step.confidence) for step in resolution.implied["B"]] == [("A", 50)]
    assert [(s.by, s.confidence, s.version) for s in resolution.implied["C"]] == [("B", 50, "5")]


def test_a_cycle_of_implications_ends() -> None:
    known = technologies(
        Fingerprint("A", implies=(Implication("B"),)), Fingerprint("B", implies=(Implication("A"),))
    )
    assert names(resolve_relations({"A": 30}, known)) == {"A", "B"}
    assert names(resolve_relations({}, known)) == set()


def test_a_requirement_may_be_met_by_an_implied_technology_only() -> None:
    known = technologies(
        Fingerprint("Shop", implies=(Implication("Base"),)),
        Fingerprint("Base", categories=("CMS",)),
        Fingerprint("Plugin", requires=("Base", "Other")),
        Fingerprint("Theme", requires_categories=("CMS",)),
    )
    assert names(resolve_relations({"Plugin": 100, "Theme": 100}, known)) == set()
    everything = {"Plugin": 100, "Theme": 100, "Shop": 100}
    assert names(resolve_relations(everything, known)) == {"Plugin", "Theme", "Shop", "Base"}


def test_technologies_do_not_hold_up_each_other() -> None:
    known = technologies(
        Fingerprint("A", requires=("B",)),
        Fingerprint("B", requires=("A",)),
        Fingerprint("C", categories=("CMS",), requires_categories=("CMS",)),
    )
    assert names(resolve_relations({"A": 100, "B": 100, "C": 100}, known)) == set()


def test_what_is_excluded_is_neither_seen_nor_implied() -> None:
    known = technologies(
        Fingerprint("A", excludes=("B",)),
        Fingerprint("B", implies=(Implication("D"),)),
        Fingerprint("C", implies=(Implication("B"),)),
        Fingerprint("D"),
    )
    assert names(resolve_relations({"A": 10, "B": 100, "C": 100}, known)) == {"A", "C"}


def test_an_excluded_technology_excludes_nothing_itself() -> None:
    known = technologies(
        Fingerprint("A", excludes=("B",)), Fingerprint("B", excludes=("C",)), Fingerprint("C")
    )
    assert names(resolve_relations({"A": 10, "B": 100, "C": 50}, known)) == {"A", "C"}


def test_of_two_that_exclude_each_other_the_surer_one_stands() -> None:
    known = technologies(Fingerprint("A", excludes=("B",)), Fingerprint("B", excludes=("A",)))
    assert names(resolve_relations({"A": 50, "B": 80}, known)) == {"B"}
    assert names(resolve_relations({"A": 80, "B": 80}, known)) == {"A"}


_NAMES = list("ABCDEFGH")


@st.composite
def worlds(draw: st.DrawFn) -> tuple[dict[str, Fingerprint], dict[str, int]]:
    some = st.lists(st.sampled_from(_NAMES), max_size=3, unique=True).map(tuple)
    categories = st.lists(st.sampled_from(["x", "y"]), max_size=1).map(tuple)
    known = {
        name: Fingerprint(
            name,
            categories=draw(categories),
            implies=tuple(
                Implication(other, draw(st.integers(0, 100)))
                for other in draw(st.lists(st.sampled_from(_NAMES), max_size=2, unique=True))
            ),
            requires=draw(some) if draw(st.booleans()) else (),
            requires_categories=draw(categories) if draw(st.booleans()) else (),
            excludes=draw(some),
        )
        for name in _NAMES
    }
    seen = draw(st.dictionaries(st.sampled_from(_NAMES), st.integers(1, 100)))
    return known, seen


@given(worlds(), st.integers(0, 1000))
def test_the_answer_does_not_depend_on_any_order(
    world: tuple[dict[str, Fingerprint], dict[str, int]], seed: int
) -> None:
    known, seen = world
    source = random.Random(seed)
    shuffled = dict(source.sample(sorted(seen.items()), len(seen)))
    fingerprints = {
        name: Fingerprint(
            name,
            categories=known[name].categories,
            implies=tuple(source.sample(known[name].implies, len(known[name].implies))),
            requires=known[name].requires[::-1],
            requires_categories=known[name].requires_categories,
            excludes=known[name].excludes[::-1],
        )
        for name in source.sample(_NAMES, len(_NAMES))
    }
    first = resolve_relations(seen, known)
    second = resolve_relations(shuffled, fingerprints)
    assert first.seen == second.seen
    assert {name: set(steps) for name, steps in first.implied.items()} == {
        name: set(steps) for name, steps in second.implied.items()
    }


@given(worlds())
def test_every_claim_has_a_ground(world: tuple[dict[str, Fingerprint], dict[str, int]]) -> None:
    known, seen = world
    resolution = resolve_relations(seen, known)
    present = names(resolution)
    assert resolution.seen <= set(seen)
    for name, steps in resolution.implied.items():
        for step in steps:
            assert step.by in present
            assert name in {implication.technology for implication in known[step.by].implies}
            assert 0 <= step.confidence <= 100
    for name in resolution.seen - set(resolution.implied):
        needs = known[name]
        if needs.requires or needs.requires_categories:
            assert any(
                other in needs.requires
                or set(known[other].categories) & set(needs.requires_categories)
                for other in present - {name}
            )
