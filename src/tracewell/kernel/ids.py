"""Identifiers that sort by time: a prefix and a ULID (https://github.com/ulid/spec)."""

from __future__ import annotations

import secrets
from collections.abc import Callable

from tracewell.kernel.clock import Clock, system_clock

_CROCKFORD = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
_PAIRS = tuple(a + b for a in _CROCKFORD for b in _CROCKFORD)

RandomBits = Callable[[int], int]


def ulid(at_ms: int, random_bits: int) -> str:
    """26 characters of Crockford's base 32: 48 bits of time, 80 of chance."""
    number = (at_ms << 80) | random_bits
    return "".join([_PAIRS[(number >> shift) & 1023] for shift in range(120, -1, -10)])


class IdFactory:
    """Makes `<prefix>_<ulid>`; time and chance are its arguments."""

    __slots__ = ("_clock", "_random_bits")

    def __init__(
        self, clock: Clock = system_clock, random_bits: RandomBits = secrets.randbits
    ) -> None:
        self._clock = clock
        self._random_bits = random_bits

    def __call__(self, prefix: str) -> str:
        """A new identifier, unique for all practical purposes."""
        return f"{prefix}_{ulid(self._clock(), self._random_bits(80))}"
