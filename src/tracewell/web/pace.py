"""How fast hosts are asked: so many connections at a time, so long between two requests.

Knows hosts only by name; what the pace should be is the caller's.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

# However long a host asks to be left alone, it is forgotten after a day.
HOLD_S_MAX = 86_400.0


@dataclass
class _Turns:
    """The queue before one host; `waiting` counts who stands in it, so that it can be forgotten."""

    slots: asyncio.Semaphore
    next_at_s: float = 0.0
    held_until_s: float = 0.0
    waiting: int = field(default=0)


class Pace:
    """Turns per host: at most `connections` at a time, starts at least `pause_s` apart.

    Over all hosts at most `connections_max` are under way at a time, and starts are at least
    `1 / requests_per_s_max` apart. `monotonic` (seconds) and `sleep` are arguments, so that a test
    needs no real time.
    """

    def __init__(
        self,
        *,
        connections: int,
        monotonic: Callable[[], float],
        sleep: Callable[[float], Awaitable[None]],
        connections_max: int = 100,
        requests_per_s_max: float | None = None,
        hosts_max: int = 10_000,
    ) -> None:
        self._connections = connections
        self._monotonic = monotonic
        self._sleep = sleep
        self._hosts_max = hosts_max
        self._turns: dict[str, _Turns] = {}
        self._all = asyncio.Semaphore(connections_max)
        self._gap_s = 1.0 / requests_per_s_max if requests_per_s_max else 0.0
        self._next_at_s = 0.0

    @asynccontextmanager
    async def turn(self, host: str, pause_s: float) -> AsyncIterator[None]:
        """Wait for a turn at `host` and hold it."""
        turns = self._find(host)
        turns.waiting += 1
        try:
            async with turns.slots:
                now = self._monotonic()
                start = max(now, turns.next_at_s, turns.held_until_s)
                turns.next_at_s = start + pause_s
                if start > now:
                    await self._sleep(start - now)
                await self._wait_for_all()
                async with self._all:
                    yield
        finally:
            turns.waiting -= 1

    def hold(self, host: str, seconds: float) -> None:
        """The host asks for no request within `seconds`."""
        turns = self._find(host)
        until = self._monotonic() + min(seconds, HOLD_S_MAX)
        turns.held_until_s = max(turns.held_until_s, until)

    def held_s(self, host: str) -> float:
        """For how many seconds the host has still to be left alone; 0 when it need not."""
        turns = self._turns.get(host)
        return max(0.0, turns.held_until_s - self._monotonic()) if turns is not None else 0.0

    async def _wait_for_all(self) -> None:
        if not self._gap_s:
            return
        now = self._monotonic()
        start = max(now, self._next_at_s)
        self._next_at_s = start + self._gap_s
        if start > now:
            await self._sleep(start - now)

    def _find(self, host: str) -> _Turns:
        turns = self._turns.get(host)
        if turns is None:
            self._forget_idle()
            turns = self._turns[host] = _Turns(asyncio.Semaphore(self._connections))
        return turns

    def _forget_idle(self) -> None:
        if len(self._turns) < self._hosts_max:
            return
        now = self._monotonic()
        for host, turns in list(self._turns.items()):
            if not turns.waiting and max(turns.next_at_s, turns.held_until_s) <= now:
                del self._turns[host]
