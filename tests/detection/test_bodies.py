"""Which places of a page's source lie in the bodies of its scripts and styles."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from tracewell.detection.bodies import RawBodies

CUTS = st.lists(st.integers(0, 60), unique=True, max_size=12).map(sorted)
PLACES = st.lists(st.integers(0, 70), max_size=20).map(sorted)


@given(CUTS, PLACES)
def test_bodies_hold_a_place_exactly_when_one_is_divided_among_them(
    cuts: list[int], places: list[int]
) -> None:
    starts, ends = cuts[0::2][: len(cuts) // 2], cuts[1::2]
    bodies = RawBodies("." * 80, starts, ends, (), (), ())
    inside = [at for at in places if any(a <= at < b for a, b in zip(starts, ends, strict=True))]
    assert bodies.holds(places) is bool(inside)
    divided = bodies.divide(places)
    assert sorted(at + starts[number] for number, own in divided.items() for at in own) == inside
