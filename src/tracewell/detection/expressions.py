"""A JavaScript expression ready to run: which engine may run it where, and around which places.

`re` is quick and cannot be stopped, so it runs only where the work is bounded by the form of the
expression and the length of the text; `regex` has a time limit and takes the rest.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from collections.abc import Sequence as Items
from typing import NamedTuple

import regex

from tracewell.detection.javascript import (
    Alternatives,
    Group,
    Literal,
    Node,
    Sequence,
    parse_javascript,
)
from tracewell.detection.literals import Needles, find_anchor
from tracewell.detection.reach import (
    LOOK_MAX,
    NEVER,
    Cost,
    Reach,
    WidestReach,
    find_cost,
    find_reach,
    find_width,
    is_bounded,
    looks,
)
from tracewell.detection.translation import FLAGS, write_python

STEPS_MAX = 2_000_000  # of one search without a time limit: some 50 ms at worst
STEPS_FREE = 20_000  # of one search before which no clock is looked at
_NOTHING = re.compile("(?!)")  # stands for what `re` cannot compile
WINDOWS_MAX = 1_000
EXPRESSIONS_MAX = 65_536  # kept compiled
# Above this length `regex` may pass its time limit by far: it looks at its clock between steps, and
# one step can be a walk over the whole text.
TIMED_LENGTH_MAX = 1 << 20

Match = re.Match[str] | regex.Match[str]
Bound = Reach | WidestReach | None


class TooMuchWork(Exception):  # noqa: N818 - not an error of anyone, a bound that was met
    """The search could take longer than any page is worth."""


class Window(NamedTuple):
    """Matches that begin in [first, last] end at `end` or before."""

    first: int
    last: int
    end: int


class Bounds(NamedTuple):
    """The needles of an expression, and how far before and behind them its matches reach."""

    needles: Needles | None
    starts: Bound
    ends: Bound


class Expression:
    """One expression, compiled for the engines that may run it."""

    __slots__ = (
        "_bounds",
        "_cost",
        "_first",
        "_peek",
        "_short",
        "_slow",
        "_source",
        "_written",
        "free",
        "quick",
    )

    def __init__(self, source: str) -> None:
        node = parse_javascript(source)
        self._written = write_python(node)
        self._cost: Cost = find_cost(node)
        self._first = _first_sign(node)
        self.quick: re.Pattern[str] = _compile_quick(self._written) or _NOTHING
        # Texts of this length are searched as a whole: that costs less than to choose windows.
        self._short = min(1024, self._length_of(STEPS_MAX))
        # And with these `quick.search` is over before a clock tells anything.
        self.free = self._length_of(STEPS_FREE)
        self._slow: regex.Pattern[str] | None = None
        self._source = source
        self._bounds: Bounds | None = None
        # How far behind its end a match looks: for `\\b` and `$` one character.
        self._peek = 1 + sum(find_width(look.body) for look in looks(node))

    @property
    def bounds(self) -> Bounds:
        """The needles, and how far matches reach from them; worked out when a text is so long that
        it matters, which for most expressions none is."""
        if self._bounds is None:
            node = parse_javascript(self._source)
            needles, starts, ends = _find_bounds(node)
            is_seen = all(is_bounded(look.body) for look in looks(node))
            self._bounds = Bounds(needles, starts, ends if is_seen else None)
        return self._bounds

    @property
    def needles(self) -> Needles | None:
        """Strings of which one is in every match; None where there are none."""
        return self.bounds.needles

    def _length_of(self, steps: int) -> int:
        """The longest text that `quick` searches in so many steps; -1 where none."""
        if self.quick is _NOTHING or self._cost.degree >= NEVER:
            return -1
        return int((steps / self._cost.factor) ** (1 / (self._cost.degree + 1)))

    def search(self, text: str, positions: Items[int] | None, timeout_s: float) -> Match | None:
        """The first match, or None. `positions`: everywhere that one of the needles stands.

        Raises TimeoutError, TooMuchWork, and what `regex` raises for what it cannot compile.
        """
        if len(text) <= self._short:
            return self.quick.search(text)
        if positions and len(positions) <= WINDOWS_MAX and self.bounds.starts:
            windows: Iterable[Window] = self._windows(text, positions)
            if (
                len(text) > LOOK_MAX
            ):  # else each can be told, and none is looked for before its turn
                windows = list(windows)
            if not isinstance(windows, list) or (windows and windows[-1].first >= 0):
                return self._search_windows(text, windows, timeout_s)
        return self._search(text, Window(0, len(text), len(text)), timeout_s)

    def search_timed(self, text: str, timeout_s: float) -> Match | None:
        """The first match the obvious way: all of the text, one engine, which can be stopped."""
        return self._compiled_slow().search(text, timeout=timeout_s)

    def _windows(self, text: str, positions: Items[int]) -> Iterator[Window]:
        """Windows that hold all matches, apart from each other; one that begins at -1 means that
        they could not be told."""
        _, starts, ends = self.bounds
        assert starts is not None
        window: Window | None = None
        for at in positions:
            first = starts.find_start(text, at)
            end = ends.find_end(text, at) if ends else len(text)
            if first is None or end is None:
                yield Window(-1, 0, 0)
                return
            if window is None:
                window = Window(first, at, end)
            elif first <= window.last:  # a match could hold both places
                window = Window(min(window.first, first), at, max(window.end, end))
            else:
                yield window
                window = Window(first, at, end)
        if window is not None:
            yield window

    def _search_windows(
        self, text: str, windows: Iterable[Window], timeout_s: float
    ) -> Match | None:
        for window in windows:
            match = self._search(text, window, timeout_s)
            # What begins behind the window was seen without its end: it is none, or found later.
            if match is not None and match.start() <= window.last:
                return match
        return None

    def _search(self, text: str, window: Window, timeout_s: float) -> Match | None:
        end = min(len(text), window.end + self._peek)
        length = end - window.first
        starts = window.last - window.first + 1
        if self._first and starts > 1:
            starts = text.count(self._first, window.first, window.last + 1)
        steps = self._cost.steps(starts, length)
        if self.quick is not _NOTHING and steps <= STEPS_MAX:
            return self.quick.search(text, window.first, end)
        if length > TIMED_LENGTH_MAX and steps > 1000 * STEPS_MAX:
            raise TooMuchWork
        return self._compiled_slow().search(text, window.first, end, timeout=timeout_s)

    def _compiled_slow(self) -> regex.Pattern[str]:
        if self._slow is None:
            self._slow = regex.compile(self._written, FLAGS)
        return self._slow


def _find_bounds(node: Node) -> tuple[Needles | None, Bound, Bound]:
    """The needles of an expression, and how far before and behind them its matches reach."""
    anchor = find_anchor(node)
    if anchor is None:
        return None, None, None
    body = anchor.items[0]
    while isinstance(body, Group):
        body = body.body
    if len(anchor.items) == 1 and isinstance(body, Alternatives):
        found = [_find_bounds(choice) for choice in body.choices]
        if frozenset().union(*(needles or () for needles, _, _ in found)) == anchor.needles:
            starts = [start for _, start, _ in found if isinstance(start, Reach)]
            ends = [end for _, _, end in found if isinstance(end, Reach)]
            if len(starts) == len(ends) == len(found):
                return anchor.needles, WidestReach(tuple(starts)), WidestReach(tuple(ends))
    before = reversed(anchor.items[: anchor.last + 1])
    starts_at = find_reach(before, min(map(len, anchor.needles)))
    return anchor.needles, starts_at, find_reach(anchor.items[anchor.first :])


def _first_sign(node: Node) -> str:
    """The character that every match begins with, where it has no letter case; else nothing."""
    while isinstance(node, (Sequence, Group)):
        if isinstance(node, Group):
            node = node.body
        elif node.items:
            node = node.items[0]
        else:
            return ""
    return node.character if isinstance(node, Literal) and not node.character.isalpha() else ""


def _compile_quick(written: str) -> re.Pattern[str] | None:
    try:
        return re.compile(written, re.ASCII | re.IGNORECASE)
    except (re.error, RecursionError, OverflowError):
        return None  # a look-behind of varying width, a back-reference as `regex` writes it


_KNOWN: dict[str, Expression] = {}  # of fingerprints, not of pages: these bring no expressions


def find_compiled(source: str) -> Expression | None:
    """The expression, if it was asked for before."""
    return _KNOWN.get(source)


def get_expression(source: str) -> Expression:
    """The expression, compiled once. Raises JavaScriptPatternError."""
    expression = _KNOWN.get(source)
    if expression is None:
        expression = Expression(source)
        if len(_KNOWN) >= EXPRESSIONS_MAX:
            _KNOWN.clear()
        _KNOWN[source] = expression
    return expression
