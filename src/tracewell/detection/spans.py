"""A text to match in, and where it lies in the page's source."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import NamedTuple

import turbohtml


class Span(NamedTuple):
    """Characters [start, end) of the decoded text."""

    start: int
    end: int


@dataclass(slots=True)
class Value:
    """A text to match in, and how to find where it lies in the page's source.

    Either at `span` (`verbatim`: its characters stand there one for one, so that a match can be
    pointed at exactly), or in the start tag of `element`, there in `attribute` if one is named.
    """

    text: str
    name: str = ""
    element: turbohtml.Element | None = None
    attribute: str = ""
    span: Span | None = None
    verbatim: bool = False
    _is_looked_up: bool = field(default=False, compare=False, repr=False)
    _looked_up: Span | None = field(default=None, compare=False, repr=False)

    def find_span(self) -> Span | None:
        """Where it lies in the decoded text, None for what the page does not hold."""
        if self.element is None:
            return self.span
        if not self._is_looked_up:  # several patterns may match in one address
            self._looked_up = self._look_up(self.element)
            self._is_looked_up = True
        return self._looked_up

    def _look_up(self, element: turbohtml.Element) -> Span | None:
        location = element.source_location
        if location is None:
            return None  # an element that the parser made up
        if self.attribute:
            span = location.attrs.get(self.attribute.lower())
            if span is not None:
                return Span(span.start_offset, span.end_offset)
        return Span(location.start_tag.start_offset, location.start_tag.end_offset)
