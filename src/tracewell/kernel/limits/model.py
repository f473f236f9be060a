"""What a rate limit is and what an admission says. The windows themselves are kept next door."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple, Protocol

CAPACITY_MAX = 1 << 20
"""The most admissions a window may hold: its log is 8 bytes for each."""
WINDOW_S_MAX = 86_400


class LimiterUnavailable(Exception):  # noqa: N818 - a state of the world, not a mistake
    """Nothing can be said about the window now: its place cannot be reached in time.

    Whether to let the request pass or to refuse it is for the one who asked.
    """


@dataclass(frozen=True, slots=True)
class Quota:
    """At most `limit + burst` admissions in any rolling window of `window_s` seconds.

    `limit` is what the contracts call the configured limit and what the header tells; `burst` is
    what is admitted above it. Raises ValueError outside of 0 to `CAPACITY_MAX` admissions and 1 to
    `WINDOW_S_MAX` seconds.
    """

    limit: int
    burst: int = 0
    window_s: int = 60

    def __post_init__(self) -> None:
        if self.limit < 0 or self.burst < 0 or self.limit + self.burst > CAPACITY_MAX:
            raise ValueError(f"a quota admits 0 to {CAPACITY_MAX} requests, not {self}")
        if not 1 <= self.window_s <= WINDOW_S_MAX:
            raise ValueError(f"a quota's window has 1 to {WINDOW_S_MAX} seconds, not {self}")


class Decision(NamedTuple):
    """The answer of a limiter.

    `remaining`: how many more would be admitted right now. `reset_at`: Unix time in whole seconds
    (rounded up) at which the oldest counted request leaves the window. `retry_after_s`: 0 when
    admitted, else the whole seconds (at least 1) after which a request is admitted again.
    `admitted_at`: the limiter's own time stamp of the admission, by which it can be withdrawn.
    """

    admitted: bool
    limit: int
    remaining: int
    reset_at: int
    retry_after_s: int
    admitted_at: int


class Limiter(Protocol):
    """A sliding log per principal, shared by every process that is given the same place."""

    async def admit(self, principal: str, quota: Quota) -> Decision:
        """Counts one request of `principal` if the window has room; a refusal is not counted.

        Raises LimiterUnavailable.
        """
        ...

    async def withdraw(self, principal: str, quota: Quota, decision: Decision) -> None:
        """Takes an admission back: the request was refused further on.

        What is no longer in the window, or was never admitted, is left alone. Raises
        LimiterUnavailable.
        """
        ...

    async def close(self) -> None:
        """Frees what the limiter holds."""
        ...
