"""What a run is about, from its seed: orgs, items, clients, what they want, and a clock that jumps.

No database here. A client's intention is a pure function of (seed, client, number), so that a
client that lost its process goes on where it was.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from random import Random
from typing import Literal

from tracewell.kernel.clock import DAY_MS
from tracewell.kernel.credits.rules import UNLOCK_MS

Kind = Literal["read", "page", "grant"]

ITEMS = 40
"""Items are numbered from 1; every seventh does not exist."""
PAGE_MAX = 6
GRANT_MAX = 8
BEGIN_MS = 1_790_000_000_000
PLAN = "simulated"
PLAN_CREDITS = 2
"""What every month brings to each org: little, so that it runs out."""


def is_there(item: int) -> bool:
    """Whether the item has data."""
    return item % 7 != 0


@dataclass(frozen=True)
class Intention:
    """What a client wants next; `credits` is for grants only."""

    client: int
    number: int
    kind: Kind
    org_id: int
    items: tuple[int, ...] = ()
    credits: int = 0

    @property
    def present(self) -> tuple[int, ...]:
        """The wanted items that exist, repeats included."""
        return tuple(item for item in self.items if is_there(item))


@dataclass(frozen=True)
class World:
    """The orgs and the clients of a run."""

    seed: int
    org_ids: tuple[int, ...]
    clients: int
    grants: float = 0.08

    def opening_balance(self, org_id: int) -> int:
        """Small, so that it runs out."""
        return Random(f"{self.seed}/balance/{org_id}").randint(2, 25)

    def intention(self, client: int, number: int) -> Intention:
        """The client's `number`-th wish."""
        random = Random(f"{self.seed}/{client}/{number}")
        org_id = random.choice(self.org_ids)
        chance = random.random()
        if chance < self.grants:
            return Intention(client, number, "grant", org_id, credits=random.randint(1, GRANT_MAX))
        if chance < 0.55:
            return Intention(client, number, "read", org_id, (_popular(random),))
        items = tuple(_popular(random) for _ in range(random.randint(1, PAGE_MAX)))
        return Intention(client, number, "read" if chance < 0.75 else "page", org_id, items)


def _popular(random: Random) -> int:
    """Zipf-like: the first items are wanted most."""
    return min(ITEMS, int(random.paretovariate(0.7)))


def next_moment(now: int, past: Sequence[int], random: Random) -> int:
    """Where a clock goes next: mostly a little on, at times right onto a window's edge, or past it.

    `past`: moments at which something may have been charged.
    """
    chance = random.random()
    if chance < 0.75:
        return now + random.choice((0, 1, 1, 17, 1_000))
    if chance < 0.95 and past:
        edge = random.choice(past) + UNLOCK_MS + random.choice((-1, 0, 0, 1))
        if edge > now:
            return edge
    return now + 31 * DAY_MS


class JumpingClock:
    """A fake clock that one process moves and reads."""

    def __init__(self, random: Random) -> None:
        self._random = random
        self.now = BEGIN_MS
        self.moments = [BEGIN_MS]

    def __call__(self) -> int:
        return self.now

    def move(self) -> None:
        """Goes on to a seeded moment."""
        self.now = next_moment(self.now, self.moments[-12:], self._random)
        if self.now != self.moments[-1]:
            self.moments.append(self.now)
