"""How fast a source is asked, and when it is left alone: a queue up to the deadline, a breaker.

Pure over a given monotonic time in seconds; nothing here sleeps. Kept for one process here, for all
processes of a data folder in `shared_pace`.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field
from typing import Final, Protocol

FAILURES_MAX: Final = 5
"""Failures in a row after which a host is left alone."""
REST_S: Final = 15.0
REST_S_MAX: Final = 300.0
TRY_S_MAX: Final = 60.0
"""How long a try may take before another may try: whoever tried may have been killed."""


@dataclass
class Pace:
    """At most `requests` starts in any window of `per_s` seconds: an exact sliding log."""

    requests: int
    per_s: float
    held_until: float = 0.0
    _starts: deque[float] = field(default_factory=deque)

    def reserve(self, now: float, deadline: float) -> float | None:
        """When this request may start, in its order; None when that is after the deadline."""
        start = self.next_start(now)
        if start >= deadline:
            return None
        self._starts.append(start)
        while len(self._starts) > self.requests:
            self._starts.popleft()
        return start

    def next_start(self, now: float) -> float:
        """When a request that came now might start."""
        full = len(self._starts) >= self.requests
        return max(now, self.held_until, self._starts[-self.requests] + self.per_s if full else now)

    def hold(self, until: float) -> None:
        """No further start before that: the source has said so."""
        self.held_until = max(self.held_until, until)


@dataclass
class Breaker:
    """Leaves a host alone after `FAILURES_MAX` failures in a row, each time twice as long.

    After the rest one request tries; it closes the breaker or opens it again.
    """

    failures: int = 0
    open_until: float = 0.0
    trying_until: float = 0.0
    rest_s: float = REST_S

    def find_rest(self, now: float) -> float | None:
        """How many seconds the host is still left alone; None when it may be asked."""
        if self.failures < FAILURES_MAX:
            return None
        if now < self.open_until:
            return self.open_until - now
        if now < self.trying_until:
            return self.rest_s
        self.trying_until = now + TRY_S_MAX
        return None

    def succeed(self) -> None:
        """The host answered, whatever it answered."""
        self.failures, self.trying_until, self.rest_s = 0, 0.0, REST_S

    def fail(self, now: float) -> None:
        """The host did not answer, or only with an error of its own."""
        self.failures += 1
        was_trying, self.trying_until = self.trying_until > 0.0, 0.0
        if was_trying:
            self.rest_s = min(REST_S_MAX, self.rest_s * 2)
        if self.failures >= FAILURES_MAX:
            self.open_until = now + self.rest_s

    def note(self, now: float, *, has_answered: bool) -> None:
        """Either of them."""
        self.succeed() if has_answered else self.fail(now)

    def release(self) -> None:
        """The try was given up before it told anything."""
        self.trying_until = 0.0


@dataclass(frozen=True, slots=True)
class Turn:
    """When a question may start; None when that is after its deadline, `wait_s` from now."""

    start: float | None
    wait_s: float


@dataclass(frozen=True, slots=True)
class Rest:
    """A host is left alone for so many seconds, after so many failures in a row."""

    rest_s: float
    failures: int


class Host(Protocol):
    """What is remembered of one host of one connector. Times are monotonic seconds.

    May raise `SourceFailedError` where it cannot be remembered: a source is not asked unpaced.
    """

    async def reserve(self, now: float, deadline: float) -> Turn:
        """A place in the queue before the host."""
        ...

    async def hold(self, until: float) -> None:
        """The source has said that it takes nothing before that."""
        ...

    async def find_rest(self, now: float) -> Rest | None:
        """Whether the host is left alone; None when it may be asked, or tried."""
        ...

    async def note(self, now: float, *, has_answered: bool) -> None:
        """What became of a question."""
        ...

    def release(self) -> None:
        """A try was given up before it told anything."""
        ...


@dataclass
class OwnHost:
    """A host as this process alone knows it."""

    pace: Pace
    breaker: Breaker = field(default_factory=Breaker)

    async def reserve(self, now: float, deadline: float) -> Turn:
        """As `Host`."""
        start = self.pace.reserve(now, deadline)
        return Turn(start, self.pace.next_start(now) - now if start is None else start - now)

    async def hold(self, until: float) -> None:
        """As `Host`."""
        self.pace.hold(until)

    async def find_rest(self, now: float) -> Rest | None:
        """As `Host`."""
        rest_s = self.breaker.find_rest(now)
        return None if rest_s is None else Rest(rest_s, self.breaker.failures)

    async def note(self, now: float, *, has_answered: bool) -> None:
        """As `Host`."""
        self.breaker.note(now, has_answered=has_answered)

    def release(self) -> None:
        """As `Host`."""
        self.breaker.release()
