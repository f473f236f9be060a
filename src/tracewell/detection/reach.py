"""How far from its anchor a match can begin and end, and how much work a search can be. Pure.

So a pattern is tried only around the strings that it cannot match without, with the same answer.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass

from tracewell.detection import javascript as js

LOOK_MAX = 1 << 20  # characters searched for a stop, on either side of an anchor
STOPS = " \"/'.=><\n&;?,#)}:"  # in texts of the web, the frequent ones first
STOPS_FEW = 4
NEVER = 99  # the degree of an expression that may backtrack exponentially


@dataclass(frozen=True, slots=True)
class Step:
    """A bound for one part of a match: `width` characters, or (with `stops`) what lies before the
    `count + 1`-th of any one of these characters; several only where `count` is 0."""

    width: int
    stops: str = ""
    count: int = 0


@dataclass(frozen=True, slots=True)
class Reach:
    """Bounds for the parts on one side of an anchor, the nearest part first."""

    steps: tuple[Step, ...]

    def find_start(self, text: str, at: int) -> int | None:
        """The first place where a match whose anchor begins at `at` can begin. None: not told."""
        for step in self.steps:
            if not step.stops:
                at = at - step.width if at > step.width else 0
                continue
            low = at - LOOK_MAX if at > LOOK_MAX else 0
            found = at
            if step.count:
                for _ in range(step.count + 1):
                    found = text.rfind(step.stops, low, found)
                    if found < 0:
                        break
            else:
                found, nearest = -1, low
                for stop in step.stops:
                    place = text.rfind(stop, nearest, at)
                    if place >= 0:
                        found = nearest = place
            if found < 0 < low:
                return None
            at = found + 1
        return at

    def find_end(self, text: str, at: int) -> int | None:
        """The last place where a match whose anchor begins at `at` can end. None: not told."""
        length = len(text)
        for step in self.steps:
            if not step.stops:
                at = at + step.width if at + step.width < length else length
                continue
            high = at + LOOK_MAX if at + LOOK_MAX < length else length
            end = high
            if step.count:
                end = at - 1
                for _ in range(step.count + 1):
                    end = text.find(step.stops, end + 1, high)
                    if end < 0:
                        end = high
                        break
            else:
                for stop in step.stops:
                    found = text.find(stop, at, end)
                    end = found if found >= 0 else end
            if end == high < length:
                return None
            at = end
        return at


@dataclass(frozen=True, slots=True)
class WidestReach:
    """The bounds of whichever alternative reaches farthest."""

    reaches: tuple[Reach, ...]

    def find_start(self, text: str, at: int) -> int | None:
        """The first place where a match whose anchor begins at `at` can begin. None: not told."""
        starts = [reach.find_start(text, at) for reach in self.reaches]
        return None if None in starts else min(start for start in starts if start is not None)

    def find_end(self, text: str, at: int) -> int | None:
        """The last place where a match whose anchor begins at `at` can end. None: not told."""
        ends = [reach.find_end(text, at) for reach in self.reaches]
        return None if None in ends else max(end for end in ends if end is not None)


def find_reach(parts: Iterable[js.Node], less: int = 0) -> Reach | None:
    """What the parts can match at most, from the nearest on, `less` characters of the first known
    ones taken off; None when a part can match anything for any length."""
    steps: list[Step] = []
    for part in parts:
        step = _find_step(part)
        if step is None:
            return None
        if steps and not step.stops and not steps[-1].stops:
            steps[-1] = Step(steps[-1].width + step.width)
        else:
            steps.append(step)
    if steps and not steps[0].stops:
        steps[0] = Step(max(0, steps[0].width - less))
    return Reach(tuple(steps))


def _find_step(part: js.Node) -> Step | None:
    open_sets = list(_open_sets(part))
    if not open_sets:
        return Step(find_width(part))
    sharp = ""
    counted: list[tuple[int, str]] = []
    for stop in STOPS:
        if any(_takes(leaf, stop) for leaf in open_sets):
            continue
        count = _count(part, functools.partial(_takes, character=stop))
        if count:
            counted.append((count, stop))
            continue
        sharp += stop
        if len(sharp) == STOPS_FEW:
            break
    if sharp:
        return Step(0, sharp)
    count, stop = min(counted, default=(0, ""))
    return Step(0, stop, count) if stop else None


def is_bounded(node: js.Node) -> bool:
    """Whether no match is longer than `find_width` tells."""
    return not any(True for _ in _open_sets(node))


def find_width(node: js.Node) -> int:
    """The most characters that the bounded parts can match."""
    return _count(node, lambda leaf: True)


def _count(node: js.Node, counts: Callable[[js.Node], bool]) -> int:
    """How many characters of the bounded parts of a match `counts` can be true of, at most."""
    match node:
        case js.Group(body, _):
            return _count(body, counts)
        case js.Repeat(body, _, most, _):
            return 0 if most is None else most * _count(body, counts)
        case js.Sequence(items):
            return sum(_count(item, counts) for item in items)
        case js.Alternatives(choices):
            return max(_count(choice, counts) for choice in choices)
        case js.Literal() | js.CharacterSet():
            return int(counts(node))
        case _:
            return 0


def _takes(leaf: js.Node, character: str) -> bool:
    match leaf:
        case js.Literal(own):
            return own == character
        case js.CharacterSet(ranges, negated):
            return any(low <= ord(character) <= high for low, high in ranges) is not negated
        case _:
            return True


def _open_sets(node: js.Node) -> Iterator[js.Node]:
    """The characters that unbounded repetitions consist of."""
    match node:
        case js.Group(body, _):
            yield from _open_sets(body)
        case js.Repeat(body, _, most, _):
            yield from leaves(body) if most is None else _open_sets(body)
        case js.Sequence(parts) | js.Alternatives(parts):
            for part in parts:
                yield from _open_sets(part)
        case js.BackReference():
            yield node
        case _:
            return


def leaves(node: js.Node) -> Iterator[js.Node]:
    """Everything in the node that stands for characters."""
    match node:
        case js.Group(body, _) | js.Repeat(body, _, _, _):
            yield from leaves(body)
        case js.Sequence(parts) | js.Alternatives(parts):
            for part in parts:
                yield from leaves(part)
        case js.Assertion() | js.Look():
            return
        case _:
            yield node


def looks(node: js.Node) -> Iterator[js.Look]:
    """Every look-around in the node."""
    match node:
        case js.Look():
            yield node
        case js.Group(body, _) | js.Repeat(body, _, _, _):
            yield from looks(body)
        case js.Sequence(parts) | js.Alternatives(parts):
            for part in parts:
                yield from looks(part)
        case _:
            return


@dataclass(frozen=True, slots=True)
class Cost:
    """A search from one place over n characters takes `factor * n ** degree` steps or fewer."""

    degree: int
    factor: int

    def steps(self, starts: int, length: int) -> float:
        """The steps of a search from so many places; infinite for what may explode."""
        if self.degree >= NEVER:
            return float("inf")
        return float(starts) * self.factor * float(max(length, 1)) ** self.degree


def find_cost(node: js.Node) -> Cost:
    """How a backtracking search for the node can grow with the text, at worst."""
    match node:
        case js.Group(body, _) | js.Look(_, body):
            return find_cost(body)
        case js.Repeat(body, least, most, _):
            return _repeat_cost(body, least, most)
        case js.Sequence(items):
            costs = [find_cost(item) for item in items]
            factor = 1
            for cost in costs:
                factor = min(factor * cost.factor, 10**9)
            return Cost(min(sum(cost.degree for cost in costs), NEVER), factor)
        case js.Alternatives(choices):
            costs = [find_cost(choice) for choice in choices]
            return Cost(max(c.degree for c in costs), min(sum(c.factor for c in costs), 10**9))
        case _:
            return Cost(0, 1)


def _repeat_cost(body: js.Node, least: int, most: int | None) -> Cost:
    inner = find_cost(body)
    if most is not None and most <= 1:
        return Cost(inner.degree, inner.factor + 1)
    plain = inner.degree == 0 and inner.factor == 1  # of one length, in one way
    if most is None and plain:
        return Cost(1, 1)
    if most is not None and plain:
        return Cost(0, most - least + 1)
    if inner.degree <= 1 and _is_marked(body):
        # Giving back within a round leads nowhere, for the next one needs its mark.
        return Cost(1, inner.factor + 1)
    return Cost(NEVER, 1)


def _is_marked(body: js.Node) -> bool:
    """Whether each round begins with a character that cannot stand elsewhere in a round, so that
    a text falls into rounds in one way only."""
    while isinstance(body, js.Group):
        body = body.body
    if not isinstance(body, js.Sequence) or not body.items:
        return False
    first, *rest = body.items
    if not isinstance(first, js.Literal) or first.character.isalpha():
        return False
    return not any(_takes(leaf, first.character) for item in rest for leaf in leaves(item))
