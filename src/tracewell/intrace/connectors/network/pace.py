"""How fast a source is asked, and when it is left alone: a queue up to the deadline, a breaker.

Pure over a given monotonic time in seconds; nothing here sleeps.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field
from typing import Final

FAILURES_MAX: Final = 5
"""Failures in a row after which a host is left alone."""
REST_S: Final = 15.0
REST_S_MAX: Final = 300.0


@dataclass
class Pace:
    """At most `requests` starts in any window of `per_s` seconds: an exact sliding log."""

    requests: int
    per_s: float
    held_until: float = 0.0
    _starts: deque[float] = field(default_factory=deque)

    def reserve(self, now: float, deadline: float) -> float | None:
        """When this request may start, in its order; None when that is after the deadline."""
        start = max(now, self.held_until)
        if len(self._starts) >= self.requests:
            start = max(start, self._starts[-self.requests] + self.per_s)
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
    is_trying: bool = False
    _rest_s: float = REST_S

    def find_rest(self, now: float) -> float | None:
        """How many seconds the host is still left alone; None when it may be asked."""
        if self.failures < FAILURES_MAX:
            return None
        if now < self.open_until:
            return self.open_until - now
        if self.is_trying:
            return self._rest_s
        self.is_trying = True
        return None

    def succeed(self) -> None:
        """The host answered, whatever it answered."""
        self.failures, self.is_trying, self._rest_s = 0, False, REST_S

    def fail(self, now: float) -> None:
        """The host did not answer, or only with an error of its own."""
        self.failures += 1
        was_trying, self.is_trying = self.is_trying, False
        if was_trying:
            self._rest_s = min(REST_S_MAX, self._rest_s * 2)
        if self.failures >= FAILURES_MAX:
            self.open_until = now + self._rest_s

    def release(self) -> None:
        """The try was given up before it told anything."""
        self.is_trying = False


@dataclass
class Host:
    """What is remembered of one host of one connector."""

    pace: Pace
    breaker: Breaker = field(default_factory=Breaker)
