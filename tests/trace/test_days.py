"""Periods of use out of days of sights and of visits."""

from __future__ import annotations

import itertools

from hypothesis import given
from hypothesis import strategies as st

from tracewell.trace.companies.days import (
    DAYS_KEPT,
    DROPPED_AFTER_VISITS,
    Period,
    add_days,
    list_periods,
    pack_days,
    unpack_days,
)

days = st.lists(st.integers(0, 60), unique=True).map(sorted)


def test_a_use_lasts_while_fewer_visits_than_the_limit_miss_it() -> None:
    assert list_periods([10], [10, 11, 12]) == [Period(10, None)]
    assert list_periods([10], [10, 11, 12, 13]) == [Period(10, 11)]


def test_a_use_seen_again_after_a_drop_is_a_new_period() -> None:
    assert list_periods([1, 9], [1, 3, 4, 5, 9]) == [Period(1, 3), Period(9, None)]
    assert list_periods([1, 9], [1, 3, 4, 9]) == [Period(1, None)]


@given(days, days)
def test_periods_follow_each_other_and_hold_every_sight(seen: list[int], visits: list[int]) -> None:
    periods = list_periods(seen, visits)
    assert bool(periods) == bool(seen)
    for before, after in itertools.pairwise(periods):
        assert before.dropped_day is not None
        assert before.adopted_day < before.dropped_day <= after.adopted_day
    for period in periods:
        if period.dropped_day is not None:
            end = period.dropped_day
            last = max(day for day in seen if period.adopted_day <= day < end)
            assert not [day for day in visits if last < day < end]
    open_end = periods[-1].dropped_day if periods else None
    if periods:
        missed = [day for day in visits if day > seen[-1]]
        assert (open_end is None) == (len(missed) < DROPPED_AFTER_VISITS)


@given(st.lists(st.integers(0, 0xFFFF)))
def test_days_survive_storing(some: list[int]) -> None:
    kept = add_days((), some)
    assert unpack_days(pack_days(kept)) == kept == tuple(sorted(set(some)))[-DAYS_KEPT:]
    assert unpack_days(None) == ()
