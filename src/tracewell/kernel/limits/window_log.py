"""One principal's sliding log in a row of 64-bit words: arithmetic and the order of the stores.

No files and no locks: the caller holds the lock. The words outlive a process killed at any moment.
"""

from __future__ import annotations

from typing import NamedTuple, Protocol

STATE, SHAPE, HEAD, TAIL, WINDOW_NS, SKEW_NS = range(6)
"""The header. Admissions are numbered for ever; those from TAIL up to HEAD are counted."""
RING_AT = 8
"""The first ring begins here; a larger one is laid behind it and named in SHAPE."""

CAPACITY_BITS = 32
"""SHAPE is `ring_at << 32 | ring_capacity`, so that one store moves the log to another ring."""


class Words(Protocol):
    """Signed 64-bit words; each store is whole or not at all."""

    def __getitem__(self, index: int, /) -> int: ...

    def __setitem__(self, index: int, value: int, /) -> None: ...


class Verdict(NamedTuple):
    """What the log says of one request; times in nanoseconds.

    `counted`: admissions now in the window. `oldest_left_ns`: until the oldest of them leaves it.
    `wait_ns`: until there is room, 0 when admitted. `stamp`: the admission in the log's own time.
    """

    admitted: bool
    counted: int
    oldest_left_ns: int
    wait_ns: int
    stamp: int


def ring_capacity_for(capacity: int) -> int:
    """The ring's size: a power of two, so that most changes of a quota do not change the ring."""
    return max(16, 1 << (capacity - 1).bit_length()) if capacity else 16


class WindowLog:
    """The last admissions of one principal in the order of time.

    A request is admitted if fewer than `capacity` admissions are younger than the window, so every
    half-open window of that length holds at most `capacity`: 1.00 times the limit, wherever the
    window begins.

    A process may be killed between any two stores. Therefore TAIL is stored before the slot that
    it frees is written again, the slot before the HEAD that makes it count, and each of the three
    states in between counts exactly the admissions that were answered.
    """

    __slots__ = ("_mask", "_ring", "_words", "shape")

    def __init__(self, words: Words) -> None:
        self._words = words
        self.shape = words[SHAPE]
        self._ring = self.shape >> CAPACITY_BITS
        self._mask = self.ring_capacity - 1

    @property
    def ring_capacity(self) -> int:
        """How many admissions the ring can count."""
        return self.shape & ((1 << CAPACITY_BITS) - 1)

    @staticmethod
    def lay_out(words: Words, ring_capacity: int) -> None:
        """Makes an empty log, all but its STATE, whose store is what makes it one."""
        words[SHAPE] = RING_AT << CAPACITY_BITS | ring_capacity
        for field in (HEAD, TAIL, WINDOW_NS, SKEW_NS):
            words[field] = 0

    def fits(self, word_count: int) -> bool:
        """Whether `word_count` words can hold the ring that the header names."""
        words, capacity = self._words, self.ring_capacity
        return (
            self._ring >= RING_AT
            and capacity & (capacity - 1) == 0 < capacity <= word_count - self._ring
            and 0 <= words[TAIL] <= words[HEAD] <= words[TAIL] + capacity
        )

    def admit(self, clock_ns: int, capacity: int, window_ns: int) -> Verdict:
        """Counts one request if there is room. `capacity` is at most the ring's."""
        words, ring, mask = self._words, self._ring, self._mask
        now = clock_ns + words[SKEW_NS]
        head, tail = words[HEAD], words[TAIL]
        if words[WINDOW_NS] != window_ns:
            words[WINDOW_NS] = window_ns
        cutoff = now - window_ns
        oldest = now
        if head > tail:
            newest = words[ring + ((head - 1) & mask)]
            if newest > now:
                now = self._carry_on_from(newest, clock_ns)
                cutoff = now - window_ns
            oldest = words[ring + (tail & mask)]
            if oldest <= cutoff:
                words[TAIL] = tail = self._first_after(cutoff, tail + 1, head)
                oldest = words[ring + (tail & mask)] if head > tail else now
        counted = head - tail
        if counted < capacity:
            words[ring + (head & mask)] = now
            words[HEAD] = head + 1
            return Verdict(True, counted + 1, oldest - cutoff, 0, now)
        blocking = words[ring + ((head - capacity) & mask)] if capacity else now
        return Verdict(False, counted, oldest - cutoff, blocking - cutoff, 0)

    def withdraw(self, stamp: int) -> bool:
        """Takes the admission of that stamp out; False if it is not (or no longer) counted.

        Younger admissions move down one by one, HEAD last: killed on the way, the log counts one
        admission too many for a window, never one too few.
        """
        words, ring, mask = self._words, self._ring, self._mask
        head, tail = words[HEAD], words[TAIL]
        found = self._first_after(stamp - 1, tail, head)
        if found == head or words[ring + (found & mask)] != stamp:
            return False
        for number in range(found, head - 1):
            words[ring + (number & mask)] = words[ring + ((number + 1) & mask)]
        words[HEAD] = head - 1
        return True

    def move(self, ring_at: int, ring_capacity: int) -> None:
        """Moves the log into a larger ring beyond this one: copies, then names it in one store."""
        words, ring, mask = self._words, self._ring, self._mask
        larger_mask = ring_capacity - 1
        for number in range(words[TAIL], words[HEAD]):
            words[ring_at + (number & larger_mask)] = words[ring + (number & mask)]
        words[SHAPE] = self.shape = ring_at << CAPACITY_BITS | ring_capacity
        self._ring, self._mask = ring_at, larger_mask

    def is_stale(self, clock_ns: int) -> bool:
        """Whether nothing in the log counts any more."""
        words = self._words
        head = words[HEAD]
        if head == words[TAIL]:
            return True
        newest = words[self._ring + ((head - 1) & self._mask)]
        now = clock_ns + words[SKEW_NS]
        if newest > now:
            now = self._carry_on_from(newest, clock_ns)
        return newest <= now - words[WINDOW_NS]

    def _carry_on_from(self, newest: int, clock_ns: int) -> int:
        """The monotonic clock began anew (a reboot): the log's own time goes on from its newest.

        Nothing is forgotten that may still count, and nothing counts for more than a window from
        now. A restart that nobody can see (the clock is already past the newest stamp) is harmless:
        a stamp is then taken for younger than it is, never for older.
        """
        self._words[SKEW_NS] = newest - clock_ns
        return newest

    def _first_after(self, moment: int, low: int, high: int) -> int:
        """The number of the first admission in [low, high) younger than `moment`, or `high`."""
        words, ring, mask = self._words, self._ring, self._mask
        while low < high:
            middle = (low + high) >> 1
            if words[ring + (middle & mask)] <= moment:
                low = middle + 1
            else:
                high = middle
        return low
