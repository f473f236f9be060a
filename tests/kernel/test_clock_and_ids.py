"""Times as the contracts write them, and ids that sort by time."""

from __future__ import annotations

import random
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tracewell.kernel.clock import format_utc, format_utc_or_none, parse_utc
from tracewell.kernel.ids import IdFactory, ulid

moments = st.integers(0, 253_402_300_799_999)  # to the end of the year 9999


@given(moments)
def test_a_time_is_written_in_whole_seconds_and_read_back(at_ms: int) -> None:
    text = format_utc(at_ms)
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ", text)
    assert parse_utc(text) == at_ms - at_ms % 1000


@given(moments)
def test_no_millisecond_is_lost_in_reading(at_ms: int) -> None:
    text = format_utc(at_ms).removesuffix("Z") + f".{at_ms % 1000:03}Z"
    assert parse_utc(text) == at_ms


def test_a_time_without_an_offset_is_utc_and_an_offset_counts() -> None:
    assert parse_utc("2026-06-01T14:32:00") == parse_utc("2026-06-01T16:32:00+02:00")
    assert parse_utc("2026-06-01") == parse_utc("2026-06-01T00:00:00Z")
    assert format_utc_or_none(None) is None


@pytest.mark.parametrize("text", ["", "soon", "2026-13-01", "14:32", "2026-06-01T25:00:00Z"])
def test_what_is_no_time_is_refused(text: str) -> None:
    with pytest.raises(ValueError):
        parse_utc(text)


@given(st.lists(st.integers(0, 2**48 - 1), min_size=2, max_size=10), st.randoms())
def test_ids_sort_by_their_time(times: list[int], chance: random.Random) -> None:
    ids = [IdFactory(lambda at=at: at, chance.getrandbits)("req") for at in times]  # type: ignore[misc]
    for first, second, before, after in zip(ids, ids[1:], times, times[1:], strict=False):
        if before != after:
            assert (first < second) == (before < after)
    assert all(re.fullmatch(r"req_[0-7][0-9A-HJKMNP-TV-Z]{25}", made) for made in ids)


def test_an_id_is_written_as_the_ulid_specification_writes_it() -> None:
    # https://github.com/ulid/spec: the time of its example; the largest of all.
    assert ulid(1_469_918_176_385, 0)[:10] == "01ARYZ6S41"
    assert ulid(2**48 - 1, 2**80 - 1) == "7ZZZZZZZZZZZZZZZZZZZZZZZZZ"
