"""Looks for patterns about elements: which ones their selectors name, and which of their texts and
attributes are tried. What can be refused without the parser is refused first."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Sequence

import turbohtml

from tracewell.detection.charset import flatten
from tracewell.detection.expressions import Expression, get_expression
from tracewell.detection.fingerprints import Candidate
from tracewell.detection.literals import Needles, holds_needle
from tracewell.detection.matching import Guard, Hit, Place, match_values
from tracewell.detection.model import Pattern
from tracewell.detection.page import Page
from tracewell.detection.selectors import find_branch_needles, is_near_selector
from tracewell.detection.spans import Value

ELEMENTS_FEW = 100
_TEXT_CHARS_FEW = 65_536

_SPENT = "the time for this page was spent"
_TOO_DEEP = "the page is too large or too deep for this selector"


class ElementLooker:
    """One look at the elements of one page.

    `lacks` tells of a string whether it is certain that the page's source has it nowhere, written
    as references to characters neither.
    """

    def __init__(self, page: Page, guard: Guard, lacks: Callable[[str], bool]) -> None:
        self._page = page
        self._guard = guard
        self._lacks = lacks
        # By selector: its elements, and their texts in lower case.
        self._texts: dict[str, tuple[Sequence[turbohtml.Element], bytes | None]] = {}

    def iter_hits(self, candidates: Iterable[Candidate]) -> Iterator[Hit]:
        """The patterns that match."""
        by_selector: defaultdict[str, list[Candidate]] = defaultdict(list)
        for candidate in candidates:
            by_selector[candidate[0].name].append(candidate)
        for selector, wanted in by_selector.items():
            spent = self._guard.is_spent()
            if spent or not (is_near_selector(selector) or self._page.is_plain_sailing):
                for pattern, _ in wanted:
                    self._guard.give_up(pattern, _SPENT if spent else _TOO_DEEP)
                continue
            elements: list[turbohtml.Element] | None = None
            for pattern, positions in wanted:
                if positions is not None and not self._may_hold(positions):
                    continue
                if elements is None:
                    elements = self._select(selector)
                if not elements:
                    break
                if not pattern.detail and not pattern.expression:  # being there is all it asks
                    yield Hit(pattern, Value("", element=elements[0]), 0, 0, ())
                    continue
                if positions is not None:
                    places = self._raw_text_places(pattern, elements, positions)
                else:
                    places = self._element_places(pattern, elements)
                hit = match_values(pattern, places, self._guard)
                if hit is not None:
                    yield hit

    def _select(self, selector: str) -> list[turbohtml.Element]:
        """The elements that the selector names; the parser is asked only for those of its branches
        whose strings the page has."""
        branches = find_branch_needles(selector)
        live = [branch for branch, needle in branches if not (needle and self._lacks(needle))]
        return self._page.select_branches(live, self._page.limits.values_max)

    def _may_hold(self, positions: Sequence[int]) -> bool:
        """Whether a script or style can hold the strings of a pattern about their texts."""
        bodies = self._page.raw_bodies
        return bool(bodies.changed) or bodies.holds(positions)

    def _raw_text_places(
        self, pattern: Pattern, elements: Sequence[turbohtml.Element], positions: Sequence[int]
    ) -> Iterator[Place]:
        """Where the strings of a pattern about texts of scripts and styles stand in those: known
        already for the bodies that are in the source as they are."""
        bodies = self._page.raw_bodies
        found = bodies.divide(positions)
        held = {bodies.elements[number]: number for number in found}
        others = {element for element, _, _ in bodies.changed}
        for element in elements:
            number = held.get(element)
            if number is not None:
                text = bodies.value(number).text
                begin = len(text) - len(text.lstrip())
                value = Value(self._clip(text.strip()), element=element)
                end = begin + len(value.text)
                yield value, [at - begin for at in found[number] if begin <= at < end]
            elif element in others:
                yield from self._element_places(pattern, [element])

    def _element_places(
        self, pattern: Pattern, elements: Sequence[turbohtml.Element]
    ) -> Iterator[Place]:
        if pattern.detail == "":
            yield Value("", element=elements[0]), None
            return
        expression = get_expression(pattern.expression)
        needles = None if self._guard.obvious else expression.needles
        if pattern.detail != "text":
            yield from self._attribute_places(pattern, elements, expression, needles)
            return
        for value in self._element_texts(pattern, elements, needles):
            if needles is None:
                yield value, None
            elif len(value.text) <= expression.free:
                if holds_needle(value.text, needles):
                    yield value, None
            elif positions := find_positions(value.text, needles):
                yield value, positions

    def _attribute_places(
        self,
        pattern: Pattern,
        elements: Sequence[turbohtml.Element],
        expression: Expression,
        needles: Needles | None,
    ) -> Iterator[Place]:
        name, longest = pattern.detail.removeprefix("@"), self._page.limits.value_chars_max
        free, search = expression.free, expression.quick.search
        for element in elements:
            value = element.attr(name)
            if value is None and name not in element.attrs:
                continue
            text = value[:longest] if value else ""
            positions: list[int] | None = None
            # Most of many elements are not the one: they cost no more than a look.
            if needles is not None:
                if len(text) > free:
                    positions = find_positions(text, needles)
                    if not positions:
                        continue
                elif search(text) is None:
                    continue
            yield Value(text, element=element, attribute=name), positions

    def _element_texts(
        self, pattern: Pattern, elements: Sequence[turbohtml.Element], needles: Needles | None
    ) -> Iterator[Value]:
        if needles and not self._texts_hold(pattern.name, elements, needles):
            return
        for element in elements:
            if self._guard.is_spent():
                self._guard.give_up(pattern, _SPENT)
                return
            text = self._clip(element.text.strip())
            if text:
                yield Value(text, element=element)

    def _texts_hold(
        self, selector: str, elements: Sequence[turbohtml.Element], needles: Needles
    ) -> bool:
        """Whether one of the needles may stand in the text of one of the elements that the selector
        names: read once for all patterns about them."""
        if len(elements) > ELEMENTS_FEW:
            # Elements' texts are parts of the document's, and there may be many, one in the other.
            whole = self._page.lower_text
            return any(needle.encode() in whole for needle in needles)
        known = self._texts.get(selector)
        if known is None or known[0] is not elements:
            known = self._texts[selector] = elements, _join_texts(elements)
        texts = known[1]
        return texts is None or any(needle.encode() in texts for needle in needles)

    def _clip(self, text: str) -> str:
        return text[: self._page.limits.value_chars_max]


def _join_texts(elements: Sequence[turbohtml.Element]) -> bytes | None:
    """The elements' texts in lower case; None where they are long."""
    texts: list[str] = []
    left = _TEXT_CHARS_FEW
    for element in elements:
        texts.append(element.text)
        left -= len(texts[-1])
        if left < 0:
            return None
    whole = "\n".join(texts)  # no needle holds a line end
    return whole.encode("utf-8", "surrogatepass").lower()


def find_positions(text: str, needles: Needles) -> list[int]:
    """Everywhere that one of the needles stands in the text, in ascending order."""
    folded = text.lower() if text.isascii() else flatten(text).lower().decode("ascii")
    positions: list[int] = []
    for needle in needles:
        at = folded.find(needle)
        while at >= 0:
            positions.append(at)
            at = folded.find(needle, at + 1)
    return sorted(positions)
