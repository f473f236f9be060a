"""Where in a page's source the bodies of scripts and styles stand, and which places lie in them."""

from __future__ import annotations

import bisect
import sys
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import turbohtml

from tracewell.detection.spans import Span, Value


@dataclass(frozen=True, slots=True)
class RawBodies:
    """Bodies that stand in the source as they are, in its order and apart from each other.

    Of each: characters [start, end) of the source, the element, and which kind of pattern is meant
    for it ("script", "css", or "" for the body of a script that has an address). `changed` are
    bodies that the parser made another text of.
    """

    source: str
    starts: Sequence[int]
    ends: Sequence[int]
    elements: Sequence[turbohtml.Element]
    kinds: Sequence[str]
    changed: Sequence[tuple[turbohtml.Element, str, Value]]

    def divide(self, places: Iterable[int]) -> dict[int, list[int]]:
        """The places that lie in a body, by its number, counted from its start."""
        found: dict[int, list[int]] = {}
        starts, ends = self.starts, self.ends
        low, high, number, inside = 0, 0, -1, False  # the body or gap that the last place lay in
        for place in places:
            if not low <= place < high:
                number = bisect.bisect_right(starts, place) - 1
                low = starts[number] if number >= 0 else 0
                high = ends[number] if number >= 0 else 0
                inside = place < high
                if not inside:
                    low = high
                    high = starts[number + 1] if number + 1 < len(starts) else sys.maxsize
            if inside:
                found.setdefault(number, []).append(place - low)
        return found

    def holds(self, places: Sequence[int]) -> bool:
        """Whether one of the places, in ascending order, lies in a body."""
        starts, ends = self.starts, self.ends
        at = 0
        while at < len(places):
            number = bisect.bisect_right(starts, places[at]) - 1
            if number >= 0 and places[at] < ends[number]:
                return True
            if number + 1 >= len(starts):
                return False
            at = bisect.bisect_left(places, starts[number + 1], at + 1)
        return False

    def value(self, number: int) -> Value:
        """The body of that number."""
        start, end = self.starts[number], self.ends[number]
        return Value(self.source[start:end], span=Span(start, end), verbatim=True)
