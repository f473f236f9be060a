"""Identifiers that sort by time: a prefix and a ULID (https://github.com/ulid/spec)."""

from __future__ import annotations

import os
from collections.abc import Callable
from functools import lru_cache

from tracewell.kernel.clock import Clock, system_clock

_CROCKFORD = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
_PAIRS = tuple(a + b for a in _CROCKFORD for b in _CROCKFORD)

RandomBits = Callable[[int], int]

_POOL_BYTES = 4096


class RandomPool:
    """The operating system's chance, fetched by the page: a system call for each id would cost
    more than the id. A child of a fork fetches its own."""

    __slots__ = ("_at", "_page")

    def __init__(self) -> None:
        self.forget()
        os.register_at_fork(after_in_child=self.forget)

    def forget(self) -> None:
        """Gives nothing out of the page in hand any more."""
        self._page = b""
        self._at = 0

    def __call__(self, bits: int) -> int:
        """A number of that many bits."""
        size = -(-bits // 8)
        end = self._at + size
        if end > len(self._page):
            self._page = os.urandom(max(_POOL_BYTES, size))
            end = size
        self._at = end
        return int.from_bytes(self._page[end - size : end]) >> (8 * size - bits)


_random_bits = RandomPool()


_CHANCE_SHIFTS = tuple(range(70, -1, -10))


@lru_cache(maxsize=4)
def _time_part(at_ms: int) -> str:
    """The first ten characters; many ids are made in one millisecond."""
    return "".join([_PAIRS[(at_ms >> shift) & 1023] for shift in (40, 30, 20, 10, 0)])


def ulid(at_ms: int, random_bits: int) -> str:
    """26 characters of Crockford's base 32: 48 bits of time, 80 of chance."""
    chance = "".join([_PAIRS[(random_bits >> shift) & 1023] for shift in _CHANCE_SHIFTS])
    return _time_part(at_ms) + chance


class IdFactory:
    """Makes `<prefix>_<ulid>`; time and chance are its arguments."""

    __slots__ = ("_clock", "_random_bits")

    def __init__(self, clock: Clock = system_clock, random_bits: RandomBits = _random_bits) -> None:
        self._clock = clock
        self._random_bits = random_bits

    def __call__(self, prefix: str) -> str:
        """A new identifier, unique for all practical purposes."""
        return f"{prefix}_{ulid(self._clock(), self._random_bits(80))}"
