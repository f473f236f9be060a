"""How fast one host is asked: so many connections at a time, so long between two requests.

Knows hosts only by name; what the pace should be is the caller's.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field


@dataclass
class _Turns:
    """The queue before one host; `waiting` counts who stands in it, so that it can be forgotten."""

    slots: asyncio.Semaphore
    next_at_s: float = 0.0
    waiting: int = field(default=0)


class HostPace:
    """Turns per host: at most `connections` at a time, starts at least `pause_s` apart.

    `monotonic` (seconds) and `sleep` are arguments, so that a test needs no real time.
    """

    def __init__(
        self,
        *,
        connections: int,
        monotonic: Callable[[], float],
        sleep: Callable[[float], Awaitable[None]],
        hosts_max: int = 10_000,
    ) -> None:
        self._connections = connections
        self._monotonic = monotonic
        self._sleep = sleep
        self._hosts_max = hosts_max
        self._turns: dict[str, _Turns] = {}

    @asynccontextmanager
    async def turn(self, host: str, pause_s: float) -> AsyncIterator[None]:
        """Wait for a turn at `host` and hold it."""
        turns = self._turns.get(host)
        if turns is None:
            self._forget_idle()
            turns = self._turns[host] = _Turns(asyncio.Semaphore(self._connections))
        turns.waiting += 1
        try:
            async with turns.slots:
                now = self._monotonic()
                start = max(now, turns.next_at_s)
                turns.next_at_s = start + pause_s
                if start > now:
                    await self._sleep(start - now)
                yield
        finally:
            turns.waiting -= 1

    def _forget_idle(self) -> None:
        if len(self._turns) < self._hosts_max:
            return
        now = self._monotonic()
        for host, turns in list(self._turns.items()):
            if not turns.waiting and turns.next_at_s <= now:
                del self._turns[host]
