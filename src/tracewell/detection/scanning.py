"""Looks for many short strings at once in a text's bytes, letter case of ASCII aside.

Two engines with the same answers: ahocorasick_rs, and Hyperscan where the extra `hyperscan` is
installed and proves itself on the very strings that it is to look for.
"""

from __future__ import annotations

import functools
import threading
import warnings
from collections import defaultdict
from collections.abc import Sequence, Set
from typing import Protocol

import ahocorasick_rs

try:
    import hyperscan
except ImportError:
    hyperscan = None

HITS_MAX = 50_000  # places reported of one text; beyond, only which strings occur
_WINDOW_BYTES = 256 * 1024

Places = defaultdict[int, list[int]]  # the number of a string: the bytes behind its ends, ascending


class Scanner(Protocol):
    """Finds every place of every string, overlapping ones too; of some, perhaps the first alone."""

    def scan(self, data: bytes) -> Places | None:
        """Where each string that occurs ends; None when there are more than HITS_MAX places."""

    def scan_for_presence(self, data: bytes) -> set[int]:
        """Which strings occur, however often."""


class AhoCorasickScanner:
    """The exact way that is always there; `dense` takes longer to make, less to scan with."""

    def __init__(self, needles: Sequence[str], *, dense: bool = True) -> None:
        forms = ahocorasick_rs.Implementation
        encoded = [needle.encode("ascii") for needle in needles]
        self._overlap = max(map(len, encoded), default=1) - 1
        self._automaton = (
            ahocorasick_rs.BytesAhoCorasick(
                encoded, implementation=forms.DFA if dense else forms.ContiguousNFA
            )
            if encoded
            else None
        )

    def scan(self, data: bytes) -> Places | None:
        """Where each string that occurs ends; None when there are more than HITS_MAX places."""
        places: Places = defaultdict(list)
        count = 0
        for window, start, fresh in self._windows(data):
            found = self._find(window)
            count += len(found)
            if count > HITS_MAX:
                return None
            for number, _, end in found:
                if end > fresh:
                    places[number].append(start + end)
        return places

    def scan_for_presence(self, data: bytes) -> set[int]:
        """Which strings occur, however often."""
        return {
            number for window, _, _ in self._windows(data) for number, _, _ in self._find(window)
        }

    def _find(self, window: bytes) -> list[tuple[int, int, int]]:
        if self._automaton is None:
            return []
        return self._automaton.find_matches_as_indexes(window, overlapping=True)

    def _windows(self, data: bytes) -> list[tuple[bytes, int, int]]:
        """Pieces, where each starts, and how many of its bytes the piece before had seen.

        In pieces, so that a page of nothing but needles costs time but no memory.
        """
        data = data.lower()
        if len(data) <= _WINDOW_BYTES:
            return [(data, 0, 0)]
        pieces = [(data[:_WINDOW_BYTES], 0, 0)]
        for at in range(_WINDOW_BYTES, len(data), _WINDOW_BYTES):
            start = at - self._overlap
            pieces.append((data[start : at + _WINDOW_BYTES], start, self._overlap))
        return pieces


class HyperscanScanner:
    """The quick way: Hyperscan's literal matcher, which has vectors look at the bytes."""

    def __init__(self, needles: Sequence[str], once: Set[int] = frozenset()) -> None:
        """`once`: the strings of which the first place is enough. Raises ValueError when Hyperscan
        refuses the strings."""
        self._exact = AhoCorasickScanner(needles, dense=False)
        self._needles = needles
        self._once = once
        self._lock = threading.Lock()  # a scan writes into the database's scratch space
        self._database = hyperscan.Database(mode=hyperscan.HS_MODE_BLOCK)
        single = hyperscan.HS_FLAG_SINGLEMATCH
        try:
            self._database.compile(
                expressions=[needle.encode("ascii") for needle in needles],
                ids=list(range(len(needles))),
                elements=len(needles),
                flags=[
                    hyperscan.HS_FLAG_CASELESS | (single if number in once else 0)
                    for number in range(len(needles))
                ],
                literal=True,
            )
        except hyperscan.error as error:
            raise ValueError(f"hyperscan cannot take the strings: {error}") from error

    def scan(self, data: bytes) -> Places | None:
        """Where each string that occurs ends; None when there are more than HITS_MAX places."""
        places: Places = defaultdict(list)
        count = 0

        def report(number: int, start: int, end: int, flags: int, context: object) -> bool | None:
            nonlocal count
            count += 1
            places[number].append(end)
            return True if count > HITS_MAX else None

        try:
            with self._lock:
                self._database.scan(data, match_event_handler=report)
        except hyperscan.ScanTerminated:
            return None
        return places

    def scan_for_presence(self, data: bytes) -> set[int]:
        """Which strings occur, however often."""
        return self._exact.scan_for_presence(data)

    def agrees(self) -> bool:
        """Whether it finds what the exact way finds in a text of all its strings.

        Wheels with Vectorscan 5.4.12 miss matches on x86-64, so none is trusted by its name.
        """
        sample = _sample(self._needles)
        found, expected = self.scan(sample), self._exact.scan(sample)
        if found is None or expected is None:
            return found is expected
        return found.keys() == expected.keys() and all(
            number in self._once or sorted(ends) == sorted(expected[number])
            for number, ends in found.items()
        )


def _sample(needles: Sequence[str]) -> bytes:
    """Every string, in three letter cases and among different neighbours."""
    fillers = ("ä", '="', "/a.b/", "日本", " ", "xyz", "\x00\xff", "<")
    pieces: list[str] = []
    for number, needle in enumerate(needles):
        shown = (needle, needle.upper(), needle.title())[number % 3]
        pieces += (fillers[number % len(fillers)] * (number % 5), shown)
    return "".join(pieces).encode("utf-8", "surrogatepass")


def make_scanner(
    needles: Sequence[str], once: Set[int] = frozenset(), *, quick: bool = True, long: bool = True
) -> Scanner:
    """The quickest scanner at hand that is exact; `quick=False` leaves Hyperscan out. `once`: the
    numbers of strings of which the first place is enough. `long=False`: for short texts, over which
    a scan costs less than it takes to make the scanner that is quickest over long ones."""
    if not long or not quick or not needles or hyperscan is None:
        return AhoCorasickScanner(needles, dense=long)
    try:
        scanner = HyperscanScanner(needles, once)
    except ValueError as error:
        reason = str(error)
    else:
        if scanner.agrees():
            return scanner
        reason = "the installed hyperscan misses matches"
    _tell_once(reason)
    return AhoCorasickScanner(needles)


class PresenceScanner:
    """Whether one of a few expressions matches in a text, in Hyperscan's form."""

    def __init__(self, expressions: Sequence[bytes]) -> None:
        self._lock = threading.Lock()
        self._database = hyperscan.Database(mode=hyperscan.HS_MODE_BLOCK)
        self._database.compile(
            expressions=list(expressions),
            ids=list(range(len(expressions))),
            elements=len(expressions),
            flags=[hyperscan.HS_FLAG_DOTALL] * len(expressions),
        )

    def finds(self, data: bytes) -> bool:
        """Whether there is a match."""
        try:
            with self._lock:
                self._database.scan(data, match_event_handler=_stop)
        except hyperscan.ScanTerminated:
            return True
        return False


def _stop(number: int, start: int, end: int, flags: int, context: object) -> bool:
    return True


def make_presence_scanner(
    expressions: Sequence[bytes], samples: Sequence[bytes]
) -> PresenceScanner | None:
    """None where there is no Hyperscan, or where it misses a match in one of the samples."""
    if hyperscan is None:
        return None
    try:
        scanner = PresenceScanner(expressions)
    except hyperscan.error:
        return None
    filler = b"<p title='\xc3\xa4 &amp; &#8217;'>" * 20
    found = all(scanner.finds(filler + sample) for sample in samples)
    return scanner if found and not scanner.finds(filler) else None


@functools.cache
def _tell_once(reason: str) -> None:
    warnings.warn(
        f"{reason}; detection goes on without it, slower and with the same answers",
        RuntimeWarning,
        stacklevel=3,
    )
