"""Time as an argument: services take a `Clock`, so that a test needs no patch."""

from __future__ import annotations

import time
from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from functools import lru_cache

Clock = Callable[[], int]
"""Milliseconds since the epoch, UTC."""

SECOND_MS = 1_000
MINUTE_MS = 60 * SECOND_MS
DAY_MS = 86_400 * SECOND_MS
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_EPOCH_DAY = _EPOCH.toordinal()
_MINUTES = tuple(f"T{minute // 60:02}:{minute % 60:02}" for minute in range(1440))
_SECONDS = tuple(f":{second:02}Z" for second in range(60))


def system_clock() -> int:
    """Now, in milliseconds since the epoch."""
    return time.time_ns() // 1_000_000


def format_utc(at_ms: int) -> str:
    """The contracts' timestamp: `2026-06-01T14:32:00Z`, whole seconds, UTC."""
    # Every row of every answer has some: days recur, and all minutes and seconds are known.
    day, rest = divmod(at_ms // SECOND_MS, 86_400)
    minute, second = divmod(rest, 60)
    return _day(day) + _MINUTES[minute] + _SECONDS[second]


@lru_cache(maxsize=4096)
def _day(number: int) -> str:
    return date.fromordinal(_EPOCH_DAY + number).isoformat()


def format_utc_or_none(at_ms: int | None) -> str | None:
    """`format_utc`, None staying None."""
    return None if at_ms is None else format_utc(at_ms)


def parse_utc(text: str) -> int:
    """Milliseconds since the epoch from an ISO 8601 time; without an offset it is UTC.

    Raises ValueError on anything else.
    """
    moment = datetime.fromisoformat(text)
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=UTC)
    # Whole numbers all the way: a float would lose a millisecond now and then.
    return (moment - _EPOCH) // timedelta(milliseconds=1)
