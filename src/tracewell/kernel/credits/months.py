"""Monthly grants as pure functions: which months are due, how they are named. Months are UTC's.

A month is a number, 12 * year + month - 1, so that the next one is one more.
"""

from __future__ import annotations

from datetime import UTC, date, datetime
from functools import lru_cache

from tracewell.kernel.clock import DAY_MS

CATCH_UP_MONTHS_MAX = 12
"""Of months that passed while nobody looked, the last so many are booked; a clock that is set ahead
by mistake grants no more either."""

_EPOCH = date(1970, 1, 1).toordinal()


def month_of(at_ms: int) -> int:
    """The month of a moment."""
    return _month_of_day(at_ms // DAY_MS)


@lru_cache(maxsize=64)
def _month_of_day(day: int) -> int:
    # Asked at every charge, nearly always about one day.
    found = date.fromordinal(_EPOCH + day)
    return 12 * found.year + found.month - 1


def begin_of_month(month: int) -> int:
    """Its first millisecond."""
    return int(datetime(month // 12, month % 12 + 1, 1, tzinfo=UTC).timestamp()) * 1000


def month_name(month: int) -> str:
    """`2026-11`."""
    return f"{month // 12:04}-{month % 12 + 1:02}"


def due_months(granted: int, present: int) -> range:
    """The months to be booked for an account that was last settled in the month `granted`.

    Where the clock has gone back behind that month, the present one alone: it may be missing, and
    what was booked ahead stays booked.
    """
    if present < granted:
        return range(present, present + 1)
    return range(max(granted, present - CATCH_UP_MONTHS_MAX) + 1, present + 1)
