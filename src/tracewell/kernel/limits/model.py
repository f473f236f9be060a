"""What a rate limit is and what an admission says. The windows themselves are kept next door."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol


@dataclass(frozen=True, slots=True)
class Quota:
    """At most `limit + burst` admissions in any rolling window of `window_s` seconds.

    `limit` is what the contracts call the configured limit and what the header tells; `burst` is
    what is admitted above it.
    """

    limit: int
    burst: int = 0
    window_s: int = 60


@dataclass(frozen=True, slots=True)
class Decision:
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
        """Counts one request of `principal` if the window has room; a refusal is not counted."""
        ...

    async def withdraw(self, principal: str, quota: Quota, decision: Decision) -> None:
        """Takes an admission back: the request was refused further on."""
        ...

    async def close(self) -> None:
        """Frees what the limiter holds."""
        ...
