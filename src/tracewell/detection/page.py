"""What patterns look at in a page: scripts, metas, style sheets, text, elements, with their places.

Reads the HTML5 tree that turbohtml builds (with scripting off, as for a visitor without scripts,
so that `<noscript>` holds elements). Contents of `<template>` are no part of the page.
"""

from __future__ import annotations

import bisect
import functools
import html.entities
import re
import sys
from collections.abc import Iterable
from dataclasses import dataclass
from urllib.parse import urljoin, urlsplit

import turbohtml

from tracewell.detection.charset import DecodedBody, decode_body
from tracewell.detection.model import Limits
from tracewell.detection.selectors import split_branches
from tracewell.detection.words import find_words, visible_text

EXCERPT_CHARS_MAX = 300
DEPTH_MAX = 512
ELEMENTS_MAX = 10_000
_WALK_COST = 16  # of a character gathered from many nodes, next to one that lies in a row

# References that stand for printable ASCII other than the characters that needles never hold.
_TELLING_REFERENCE = re.compile(
    r"""&(?:\#(?:0*(?:3[2357]|3[67]|4\d|5[0-9]|61|6[3-9]|[7-9]\d|1[01]\d|12[0-6])(?!\d)
          |[xX]0*(?:2[0134589a-fA-F]|3[0-9abdfABDF]|[4-6][0-9a-fA-F]|7[0-9a-eA-E])(?![0-9a-fA-F]))
        |(?:"""
    + "|".join(
        re.escape(name.rstrip(";"))
        for name, meaning in sorted(html.entities.html5.items())
        if any(" " <= character <= "~" and character not in "\"'&<>" for character in meaning)
    )
    + "))",
    re.VERBOSE,
)


@dataclass(frozen=True, slots=True)
class Span:
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

    def find_span(self) -> Span | None:
        """Where it lies in the decoded text, None for what the page does not hold."""
        if self.element is None:
            return self.span
        if self.attribute:
            return attribute_span(self.element, self.attribute)
        return tag_span(self.element)


@dataclass(frozen=True, slots=True)
class RawRanges:
    """Bytes [start, end) of bodies that stand in the source as they are, in order and apart.
    `all_there`: no body was changed by the parser."""

    ranges: tuple[tuple[int, int], ...]
    all_there: bool

    def hold(self, byte: int) -> bool:
        """Whether the byte lies in one of them."""
        number = bisect.bisect_right(self.ranges, (byte, sys.maxsize)) - 1
        return number >= 0 and byte < self.ranges[number][1]


class Page:
    """One decoded and parsed body. Every list is made when first asked for."""

    def __init__(self, url: str, body: bytes, content_type: str | None, limits: Limits) -> None:
        self.url = url
        self.limits = limits
        self.cut = len(body) > limits.body_bytes_max
        if self.cut:
            body = body[: limits.body_bytes_max]
        self.decoded: DecodedBody = decode_body(body, content_type)
        self.bodies_cut = False
        self._body_chars_left = 2 * len(self.source) + 1
        self._known_bodies: dict[turbohtml.Element, Value] = {}

    @property
    def source(self) -> str:
        """The decoded body."""
        return self.decoded.text

    @functools.cached_property
    def document(self) -> turbohtml.Document:
        """The HTML5 tree."""
        return turbohtml.parse(self.source, source_locations=True)

    @functools.cached_property
    def hides_letters(self) -> bool:
        """Whether the source writes letters and signs otherwise than the tree has them: as
        references, or with a zero character that the parser drops."""
        return "\0" in self.source or _TELLING_REFERENCE.search(self.source) is not None

    @functools.cached_property
    def serialised(self) -> str:
        """The tree written again: attribute values decoded but for `&`, `<`, `>`, quotes."""
        return self.document.html

    @functools.cached_property
    def is_plain_sailing(self) -> bool:
        """Whether selectors with combinators may run: their cost grows with depth and siblings."""
        if self.source.count("<") > 4 * ELEMENTS_MAX:
            return False
        depths: dict[turbohtml.Node | None, int] = {}
        for element in self.document.iter_elements():
            depth = depths.get(element.parent, 0) + 1
            if depth > DEPTH_MAX or len(depths) > ELEMENTS_MAX:
                return False
            depths[element] = depth
        return True

    @functools.cached_property
    def _has_template(self) -> bool:
        return bool(self.document.select("template"))

    def select(self, selector: str, count_max: int) -> list[turbohtml.Element]:
        """Elements of the page (none inside of a template) that the selector names."""
        elements = self._select_branches(selector)
        if not self._has_template:
            return elements[:count_max] if len(elements) > count_max else elements
        found: list[turbohtml.Element] = []
        for element in elements:
            if element.tag == "template" or element.closest("template") is None:
                found.append(element)
                if len(found) >= count_max:
                    break
        return found

    def _select_branches(self, selector: str) -> list[turbohtml.Element]:
        # The parser finds the elements of one name by an index, those of a list by a walk.
        branches = split_branches(selector)
        if len(branches) > 1:
            found = [elements for one in branches if (elements := self.document.select(one))]
            if len(found) < 2:
                return found[0] if found else []
        return self.document.select(selector)  # in order, none twice

    @functools.cached_property
    def _scripts(self) -> list[tuple[turbohtml.Element, str | None]]:
        elements = self.select("script", self.limits.values_max)
        return [(element, element.attr("src")) for element in elements]

    @functools.cached_property
    def script_sources(self) -> list[Value]:
        """Addresses of scripts: resolved as a browser does, and as written where that differs."""
        values: dict[str, Value] = {}
        longest, most = self.limits.value_chars_max, self.limits.values_max
        base = self._base_url if self._scripts else ""
        for element, source in self._scripts:
            written = source.strip()[:longest] if source else ""
            if not written:
                continue
            for address in (resolve_address(base, written), written):
                if address not in values and len(values) < most:
                    values[address] = Value(address, element=element, attribute="src")
        return list(values.values())

    @functools.cached_property
    def _base_url(self) -> str:
        try:
            return self.document.base_url(self.url) or self.url
        except ValueError:
            return self.url

    @functools.cached_property
    def inline_scripts(self) -> list[Value]:
        """Bodies of scripts without an address."""
        return self._bodies(element for element, source in self._scripts if not source)

    @functools.cached_property
    def style_sheets(self) -> list[Value]:
        """Bodies of `<style>` elements."""
        return self._bodies(self.select("style", self.limits.values_max))

    def _bodies(self, elements: Iterable[turbohtml.Element]) -> list[Value]:
        """Bodies in order; all verbatim ones lie one behind the other."""
        return [value for element in elements if (value := self.body(element)).text]

    def body(self, element: turbohtml.Element) -> Value:
        """What stands between the element's tags."""
        known = self._known_bodies.get(element)
        if known is None:
            known = self._known_bodies[element] = self._read_body(element)
        return known

    def _read_body(self, element: turbohtml.Element) -> Value:
        # In SVG such elements may lie in each other, and each has the text of all within.
        if self._body_chars_left <= 0:
            self.bodies_cut = True
            return Value("", verbatim=True)
        text = element.text
        raw = element.namespace == turbohtml.Namespace.HTML
        self._body_chars_left -= len(text) * (1 if raw else _WALK_COST)
        if not text:
            return Value("", verbatim=True)
        location = element.source_location
        if location is None:
            return Value(text)
        start = location.start_tag.end_offset
        end = location.end_tag.start_offset if location.end_tag else start + len(text)
        verbatim = self.source.startswith(text, start)
        return Value(text, span=Span(start, end), verbatim=verbatim)

    @functools.cached_property
    def raw_ranges(self) -> RawRanges:
        """Where bodies of scripts and styles lie in `decoded.utf8`."""
        elements = [element for element, _ in self._scripts]
        elements += self.select("style", self.limits.values_max)
        bodies = self._bodies(elements)
        spans = [value.span for value in bodies if value.verbatim and value.span]
        byte_at = self.decoded.places.byte_at
        ranges = sorted((byte_at(span.start), byte_at(span.end)) for span in spans)
        return RawRanges(tuple(ranges), len(spans) == len(bodies))

    @functools.cached_property
    def metas(self) -> list[Value]:
        """Meta elements: `name` (or `property`) in lower case, text the content."""
        values: list[Value] = []
        longest = self.limits.value_chars_max
        for element in self.select("meta", self.limits.values_max):
            name = element.attr("name") or element.attr("property")
            if not name:
                continue
            content = element.attr("content")
            if content is not None:
                values.append(Value(content[:longest], name.strip().lower(), element))
        return values

    @functools.cached_property
    def text(self) -> Value:
        """What a reader sees: the text of the body as it is laid out, a line per block."""
        body = self.document.select_one("body")
        return Value("" if body is None else visible_text(self.source, self.document, body))

    @functools.cached_property
    def lower_text(self) -> bytes:
        """All texts of the document in a row, scripts and styles too, in UTF-8, lower case."""
        return self.document.text.encode("utf-8", "surrogatepass").lower()

    def find_text_span(self, start: int, end: int) -> Span | None:
        """Where the characters [start, end) of `text` stand in the source, as near as can be told:
        the words themselves where they stand there in one piece, else the element they begin in."""
        body = self.document.select_one("body")
        element = find_words(body, self.text.text[start:end]) if body is not None else None
        location = element.source_location if element is not None else None
        if location is None:
            return None
        begin = location.start_tag.end_offset
        close = location.end_tag.start_offset if location.end_tag else len(self.source)
        words = self.text.text[start:end]
        found = self.source.find(words, begin, close) if words else -1
        if found >= 0:
            return Span(found, found + len(words))
        return Span(location.start_tag.start_offset, min(close, begin + EXCERPT_CHARS_MAX))


def resolve_address(base: str, written: str) -> str:
    """The address that a reference leads to, as written where that makes no sense."""
    lower = written[:8].lower()
    if lower.startswith(("https://", "http://")) and "/." not in written:
        return written
    try:
        if written.startswith("//") and "/." not in written:
            return f"{urlsplit(base).scheme}:{written}"
        return urljoin(base, written)
    except ValueError:
        return written


def tag_span(element: turbohtml.Element) -> Span | None:
    """Where the element's start tag stands in the source; None for one that the parser made up."""
    location = element.source_location
    if location is None:
        return None
    return Span(location.start_tag.start_offset, location.start_tag.end_offset)


def attribute_span(element: turbohtml.Element, name: str) -> Span | None:
    """Where `name="value"` stands in the source."""
    location = element.source_location
    span = location.attrs.get(name.lower()) if location else None
    return Span(span.start_offset, span.end_offset) if span else tag_span(element)
