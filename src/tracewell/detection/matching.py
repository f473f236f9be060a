"""Runs patterns over the texts of one page within bounds of time, and tells where they match."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

import regex

from tracewell.detection.expressions import (
    Expression,
    Match,
    TooMuchWork,
    find_compiled,
    get_expression,
)
from tracewell.detection.late_tags import find_late_tag
from tracewell.detection.model import PROPERTY_KIND, GivenUp, Limits, Pattern
from tracewell.detection.page import EXCERPT_CHARS_MAX, Page
from tracewell.detection.spans import Span, Value
from tracewell.detection.templates import fill_template
from tracewell.values import Evidence

VERSIONS_MAX = 50  # of one pattern on one page
COMPILE_S_MAX = 0.5  # beside the page's own time, for the expressions that it is the first to need
_COMPILED_BEFORE_S = 0.0002
_SPENT = "the time for this page was spent"
FREE_SEARCHES = 64  # between two looks at the clock, of searches that take next to no time

# A text, and where in it the pattern's strings begin (None: the pattern is tried everywhere).
Place = tuple[Value, Sequence[int] | None]


class Hit(NamedTuple):
    """One pattern that matched on the page: the first place, every version it told."""

    pattern: Pattern
    value: Value
    start: int
    end: int
    versions: tuple[str, ...]


@dataclass(slots=True)
class Guard:
    """The time that a page may take. `seconds` is a monotonic clock; `busy_seconds`, where there is
    one, tells how long this thread had a core, and is asked before a page's time is called spent:
    a page is not judged by what else the machine does.

    `obvious` leaves out all that makes searching quick: for the reference that tests compare with.
    """

    limits: Limits
    seconds: Callable[[], float]
    obvious: bool = False
    given_up: list[GivenUp] = field(default_factory=list)
    busy_seconds: Callable[[], float] | None = None
    _deadline: float | None = None
    _began: float = 0.0
    _compile_s: float = 0.0
    _free_searches: int = 0

    def find_expression(self, pattern: Pattern) -> Expression | None:
        """The pattern's expression; None, and told, where it cannot be run or time is over."""
        known = find_compiled(pattern.expression)
        if known is not None:
            return known
        now = self.seconds()
        if self._left(now) <= 0:
            self._free_searches = 0
            self.give_up(pattern, _SPENT)
            return None
        try:
            expression = get_expression(pattern.expression)
            self._grant(self.seconds() - now)
            return expression
        except (ValueError, MemoryError, regex.error) as error:
            self.give_up(pattern, f"the expression cannot be run: {error}"[:200])
        return None

    def allows_free(self) -> bool:
        """Whether there is time for one more search that takes next to none: the clock is looked at
        once for many of them."""
        self._free_searches -= 1
        if self._free_searches >= 0:
            return True
        self._free_searches = 0 if self.is_spent() else FREE_SEARCHES
        return self._free_searches > 0

    def search(
        self, pattern: Pattern, expression: Expression, text: str, positions: Sequence[int] | None
    ) -> Match | None:
        """The first match, or None; None too, and told, when a bound came before the answer."""
        now = self.seconds()
        left = self._left(now)
        if left <= 0:
            self._free_searches = 0
            self.give_up(pattern, _SPENT)
            return None
        timeout_s = min(left, self.limits.pattern_timeout_s)
        try:
            if self.obvious:
                return expression.search_timed(text, timeout_s)
            return expression.search(text, positions, timeout_s)
        except TimeoutError:
            self.give_up(pattern, "the expression took too long on this text")
        except TooMuchWork:
            self.give_up(pattern, "the text is too long for this expression")
        except (ValueError, MemoryError, regex.error) as error:
            self.give_up(pattern, f"the expression cannot be run: {error}"[:200])
        return None

    def give_up(self, pattern: Pattern, reason: str) -> None:
        """Notes that this pattern has no answer."""
        self.given_up.append(GivenUp(pattern.kind, reason, pattern.technology, pattern.raw))

    def is_spent(self) -> bool:
        """Whether the page's time is over."""
        return self._left(self.seconds()) <= 0

    def _left(self, now: float) -> float:
        if self._deadline is None:
            self._deadline = now + self.limits.page_timeout_s
            self._began = self.busy_seconds() if self.busy_seconds else now
        left = self._deadline - now
        if left <= 0 and self.busy_seconds:
            busy_s = self.busy_seconds() - self._began
            left = self.limits.page_timeout_s + self._compile_s - busy_s
            self._deadline = now + left
        return left

    def _grant(self, took_s: float) -> None:
        """Gives back what compiling took: it is done once for all pages, which must not differ."""
        if took_s < _COMPILED_BEFORE_S or self._deadline is None:
            return
        granted_s = min(took_s, COMPILE_S_MAX - self._compile_s)
        self._compile_s += granted_s
        self._deadline += granted_s


def match_values(pattern: Pattern, places: Iterable[Place], guard: Guard) -> Hit | None:
    """The pattern over each value: the place of the first match, versions from all."""
    expression = guard.find_expression(pattern)
    if expression is None:
        return None
    free = -1 if guard.obvious else expression.free
    first: tuple[Value, int, int] | None = None
    versions: list[str] = []
    for value, positions in places:
        match: Match | None
        if len(value.text) <= free and guard.allows_free():
            match = expression.quick.search(value.text)
        else:
            match = guard.search(pattern, expression, value.text, positions)
        if match is None:
            if guard.given_up and guard.is_spent():
                break
            continue
        if first is None:
            first = (value, *match.span())
        if pattern.version is None or len(versions) >= VERSIONS_MAX:
            break
        version = fill_template(pattern.version, (match.group(), *match.groups()))
        if version is not None and version not in versions:
            versions.append(version)
    return None if first is None else Hit(pattern, *first, tuple(versions))


def evidence_of(hit: Hit, page: Page) -> Evidence:
    """What the hit saw, with byte offsets where the body holds it."""
    pattern = hit.pattern
    name = hit.value.name or pattern.name
    kind = "dom" if pattern.kind == PROPERTY_KIND else pattern.kind
    span = _place(hit, page)
    if span is None:
        excerpt = _window(hit.value.text, hit.start)
        return Evidence(kind, name, pattern.raw, excerpt)
    start, end, excerpt = page.decoded.locate(*span)
    return Evidence(kind, name, pattern.raw, excerpt, start, end)


def _place(hit: Hit, page: Page) -> Span | None:
    """The characters of the source to show: the match itself where it stands there verbatim,
    else the attribute or tag that holds it; never more than EXCERPT_CHARS_MAX of them."""
    value, start, end = hit.value, hit.start, hit.end
    if hit.pattern.kind == "text":
        span = page.find_text_span(start, end)
    else:
        span = value.find_span()
        if span is None and value.element is not None:
            late = find_late_tag(page.source, value.element, value.attribute, hit.pattern.name)
            span = Span(*late) if late else None
        if span is not None and value.verbatim:
            span = Span(span.start + start, span.start + end)
        elif span is not None and span.end - span.start > EXCERPT_CHARS_MAX and end > start:
            found = page.source.find(value.text[start:end], span.start, span.end)
            span = Span(found, found + end - start) if found >= 0 else span
    if span is None:
        return None
    return Span(span.start, min(span.end, span.start + EXCERPT_CHARS_MAX))


def _window(text: str, start: int) -> str:
    """The value, or where it is long the part of it around the match."""
    if len(text) > EXCERPT_CHARS_MAX:
        start = max(0, start - 40)
        text = text[start : start + EXCERPT_CHARS_MAX]
    return text.encode("utf-8", "replace").decode("utf-8")


def versions_of(hits: Sequence[Hit]) -> list[str]:
    """Every version that the hits tell."""
    return [version for hit in hits for version in hit.versions]
