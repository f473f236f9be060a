"""Runs patterns over the texts of one page within bounds of time, and tells where they match."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field

import regex

from tracewell.detection.model import GivenUp, Limits, Pattern
from tracewell.detection.page import EXCERPT_CHARS_MAX, Page, Span, Value
from tracewell.detection.templates import fill_template
from tracewell.detection.translation import compile_expression
from tracewell.values import Evidence

VERSIONS_MAX = 50  # of one pattern on one page


@dataclass(frozen=True, slots=True)
class Hit:
    """One pattern that matched on the page: the first place as evidence, every version it told."""

    pattern: Pattern
    evidence: Evidence
    versions: tuple[str, ...]


@dataclass(slots=True)
class Guard:
    """The time that a page may take. `seconds` is a monotonic clock."""

    limits: Limits
    seconds: Callable[[], float]
    given_up: list[GivenUp] = field(default_factory=list)
    _deadline: float | None = None

    def search(self, pattern: Pattern, text: str) -> regex.Match[str] | None:
        """The first match, or None; None too, and told, when time ran out before the answer."""
        left = self._left()
        if left <= 0:
            self.give_up(pattern, "the time for this page was spent")
            return None
        try:
            compiled = compile_expression(pattern.expression)
            return compiled.search(text, timeout=min(left, self.limits.pattern_timeout_s))
        except TimeoutError:
            self.give_up(pattern, "the expression took too long on this text")
        except (ValueError, MemoryError, regex.error) as error:
            self.give_up(pattern, f"the expression cannot be run: {error}"[:200])
        return None

    def give_up(self, pattern: Pattern, reason: str) -> None:
        """Notes that this pattern has no answer."""
        self.given_up.append(GivenUp(pattern.kind, reason, pattern.technology, pattern.raw))

    def is_spent(self) -> bool:
        """Whether the page's time is over."""
        return self._left() <= 0

    def _left(self) -> float:
        now = self.seconds()
        if self._deadline is None:
            self._deadline = now + self.limits.page_timeout_s
        return self._deadline - now


def match_values(
    pattern: Pattern, values: Iterable[Value], page: Page, guard: Guard, field_name: str = ""
) -> Hit | None:
    """The pattern over each value: evidence from the first that matches, versions from all."""
    evidence: Evidence | None = None
    versions: list[str] = []
    for value in values:
        match = guard.search(pattern, value.text)
        if match is None:
            if guard.is_spent():
                break
            continue
        if evidence is None:
            evidence = _evidence(pattern, value, match, page, field_name)
        if pattern.version is None or len(versions) >= VERSIONS_MAX:
            break
        version = fill_template(pattern.version, (match.group(), *match.groups()))
        if version is not None and version not in versions:
            versions.append(version)
    return None if evidence is None else Hit(pattern, evidence, tuple(versions))


def _evidence(
    pattern: Pattern, value: Value, match: regex.Match[str], page: Page, field_name: str
) -> Evidence:
    name = field_name or value.name or pattern.name
    span = _place(value, match, page, pattern.kind)
    if span is None:
        return Evidence(pattern.kind, name, pattern.raw, _window(value.text, match.span()))
    start = page.decoded.byte_offset(span.start)
    end = page.decoded.byte_offset(span.end)
    excerpt = page.decoded.excerpt(start, end)
    return Evidence(pattern.kind, name, pattern.raw, excerpt, start, end)


def _place(value: Value, match: regex.Match[str], page: Page, kind: str) -> Span | None:
    """The characters of the source to show: the match itself where it stands there verbatim,
    else the attribute or tag that holds it; never more than EXCERPT_CHARS_MAX of them."""
    start, end = match.span()
    if kind == "text":
        span = page.find_text_span(start, end)
    elif value.span is None:
        return None
    elif value.verbatim:
        span = Span(value.span.start + start, value.span.start + end)
    else:
        span = value.span
        if span.end - span.start > EXCERPT_CHARS_MAX and end > start:
            found = page.source.find(match.group(), span.start, span.end)
            span = Span(found, found + end - start) if found >= 0 else span
    if span is None:
        return None
    return Span(span.start, min(span.end, span.start + EXCERPT_CHARS_MAX))


def _window(text: str, span: tuple[int, int]) -> str:
    """The value, or where it is long the part of it around the match."""
    if len(text) > EXCERPT_CHARS_MAX:
        start = max(0, span[0] - 40)
        text = text[start : start + EXCERPT_CHARS_MAX]
    return text.encode("utf-8", "replace").decode("utf-8")


def versions_of(hits: Sequence[Hit]) -> list[str]:
    """Every version that the hits tell."""
    return [version for hit in hits for version in hit.versions]
