"""Days of visits and of sights, and what they say of a use: when it was adopted, when dropped.

Pure. A day is a number of days since the epoch, UTC.
"""

from __future__ import annotations

import struct
from bisect import bisect_right
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

DAY_MS = 86_400_000
DROPPED_AFTER_VISITS = 3
"""Days in a row on which the home page was read and did not show it: then it is dropped."""
DAYS_KEPT = 1_000
"""The newest days that are kept of a company or of a use."""
_DAYS_MAX = 0xFFFF


@dataclass(frozen=True, slots=True)
class Period:
    """From the day of the first sight to the first visit without it; None while it lasts."""

    adopted_day: int
    dropped_day: int | None


def day_of(at: int) -> int:
    """The day of a time in milliseconds since the epoch, as it can be stored."""
    return min(max(at // DAY_MS, 0), _DAYS_MAX)


def add_days(days: Sequence[int], more: Iterable[int]) -> tuple[int, ...]:
    """Both, each once, in order; the newest `DAYS_KEPT`."""
    return tuple(sorted({*days, *more})[-DAYS_KEPT:])


def pack_days(days: Sequence[int]) -> bytes:
    """Two bytes a day, little-endian."""
    return struct.pack(f"<{len(days)}H", *days)


def unpack_days(packed: bytes | None) -> tuple[int, ...]:
    """What `pack_days` packed; none of nothing."""
    return struct.unpack(f"<{len(packed) // 2}H", packed) if packed else ()


def list_periods(seen: Sequence[int], visits: Sequence[int]) -> list[Period]:
    """The periods of use, the oldest first; both sequences are in order.

    Sights with fewer than `DROPPED_AFTER_VISITS` visits between them belong to one period.
    """
    periods: list[Period] = []
    started = last = None
    for day in seen:
        if last is not None and started is not None:
            dropped = _find_drop(last, day, visits)
            if dropped is not None:
                periods.append(Period(started, dropped))
                started = day
        started = day if started is None else started
        last = day
    if started is not None and last is not None:
        periods.append(Period(started, _find_drop(last, None, visits)))
    return periods


def _find_drop(last: int, again: int | None, visits: Sequence[int]) -> int | None:
    """The first of the visits between two sights, when they are enough for a drop."""
    begin = bisect_right(visits, last)
    between = [day for day in visits[begin:] if again is None or day < again]
    return between[0] if len(between) >= DROPPED_AFTER_VISITS else None
