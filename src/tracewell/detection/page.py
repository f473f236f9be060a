"""What patterns look at in a page: scripts, metas, style sheets, text, elements, with their places.

Reads the HTML5 tree that turbohtml builds (with scripting off, as for a visitor without scripts,
so that `<noscript>` holds elements). Contents of `<template>` are no part of the page.
"""

from __future__ import annotations

import functools
import sys
from collections.abc import Callable, Iterable, Sequence
from urllib.parse import urljoin, urlsplit

import turbohtml

from tracewell.detection.bodies import RawBodies
from tracewell.detection.charset import DecodedBody, decode_body, flatten
from tracewell.detection.model import Limits
from tracewell.detection.references import reveal_references
from tracewell.detection.selectors import is_named_selector, split_branches
from tracewell.detection.spans import Span, Value
from tracewell.detection.words import find_words, visible_text

EXCERPT_CHARS_MAX = 300
DEPTH_MAX = 512
ELEMENTS_MAX = 10_000
_BODY_CHARS_MIN = 1_000_000  # that much is soon read, however it lies
_WALK_COST = 16  # of a character gathered from many nodes, next to one that lies in a row


class Page:
    """One decoded and parsed body. Every list is made when first asked for."""

    def __init__(
        self,
        url: str,
        body: bytes,
        content_type: str | None,
        limits: Limits,
        *,
        quick: bool = True,
    ) -> None:
        """`quick=False` leaves Hyperscan alone."""
        self.url = url
        self.limits = limits
        self._quick = quick
        self.cut = len(body) > limits.body_bytes_max
        if self.cut:
            body = body[: limits.body_bytes_max]
        self.decoded: DecodedBody = decode_body(body, content_type)
        self.bodies_cut = False
        self._body_chars_left = max(2 * len(self.source), _BODY_CHARS_MIN) + 1

    @property
    def source(self) -> str:
        """The decoded body."""
        return self.decoded.text

    @functools.cached_property
    def document(self) -> turbohtml.Document:
        """The HTML5 tree."""
        return turbohtml.parse(self.source, source_locations=True)

    @functools.cached_property
    def revealed(self) -> bytes | None:
        """Parts of the page as the tree has them, one byte a character: all those where the source
        writes letters and signs otherwise. None where it does so nowhere."""
        if self._has_zero:
            return flatten(self.document.html)  # the parser drops these or puts others for them
        return reveal_references(self.decoded.flat, quick=self._quick)

    @functools.cached_property
    def _has_zero(self) -> bool:
        return b"\0" in self.decoded.flat

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
        return self.select_branches(split_branches(selector), count_max)

    def select_branches(self, branches: Sequence[str], count_max: int) -> list[turbohtml.Element]:
        """`select` for the selector that is a list of these."""
        elements = self._select_branches(branches)
        if not self._has_template:
            return elements[:count_max] if len(elements) > count_max else elements
        found: list[turbohtml.Element] = []
        for element in elements:
            if element.tag == "template" or element.closest("template") is None:
                found.append(element)
                if len(found) >= count_max:
                    break
        return found

    def _select_branches(self, branches: Sequence[str]) -> list[turbohtml.Element]:
        # The parser finds the elements of one name by an index, all others and those of a list by a
        # walk over the document: one walk is enough.
        select = self.document.select
        if len(branches) > 1 and sum(not is_named_selector(one) for one in branches) < 2:
            found = [elements for one in branches if (elements := select(one))]
            if len(found) < 2:
                return found[0] if found else []
        return select(", ".join(branches)) if branches else []  # in order, none twice

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
        """Bodies of scripts without an address, as the tree has them."""
        return self._bodies(element for element, source in self._scripts if not source)

    @functools.cached_property
    def style_sheets(self) -> list[Value]:
        """Bodies of `<style>` elements, as the tree has them."""
        return self._bodies(self.select("style", self.limits.values_max))

    def _bodies(self, elements: Iterable[turbohtml.Element]) -> list[Value]:
        """Bodies in the order of the source, those that the parser changed behind the others."""
        values = [value for element in elements if (value := self._read_body(element)).text]
        values.sort(key=lambda value: value.span.start if value.span else sys.maxsize)
        return values

    def _read_body(self, element: turbohtml.Element) -> Value:
        """What the tree has between the element's tags."""
        # In SVG such elements may lie in each other, and each has the text of all within.
        if self._body_chars_left <= 0:
            self.bodies_cut = True
            return Value("")
        text = element.text
        raw = element.namespace == turbohtml.Namespace.HTML
        self._body_chars_left -= len(text) * (1 if raw else _WALK_COST)
        location = element.source_location if text else None
        if location is None:
            return Value(text)
        start = location.start_tag.end_offset
        if self.source.startswith(text, start):
            return Value(text, span=Span(start, start + len(text)), verbatim=True)
        end = location.end_tag.start_offset if location.end_tag else start + len(text)
        return Value(text, span=Span(start, end))

    @functools.cached_property
    def raw_bodies(self) -> RawBodies:
        """Bodies of scripts and styles, without those that are empty."""
        found: list[tuple[int, int, turbohtml.Element, str]] = []
        changed: list[tuple[turbohtml.Element, str, Value]] = []
        kinds = [("" if source else "script", element) for element, source in self._scripts]
        styles = self.select("style", self.limits.values_max)
        for kind, element in (*kinds, *(("css", style) for style in styles)):
            if not kind and not element.text:
                continue  # as nearly all scripts that have an address
            span = self._find_body(element)
            if span is None:
                value = self._read_body(element)
                span = value.span if value.verbatim else None
                if span is None and value.text:
                    changed.append((element, kind, value))
            if span is not None and span[0] < span[1]:
                found.append((*span, element, kind))
        found.sort(key=lambda body: body[0])
        starts, ends, elements, kinds_ = zip(*found, strict=True) if found else ((),) * 4
        return RawBodies(self.source, starts, ends, elements, kinds_, changed)

    def _find_body(self, element: turbohtml.Element) -> tuple[int, int] | None:
        """Where the element's body stands as it is, as far as the form of HTML alone tells: scripts
        and styles are raw text, but not those of SVG."""
        if self._has_zero or element.namespace != turbohtml.Namespace.HTML:
            return None
        location = element.source_location
        if location is None or location.end_tag is None:
            return None
        return location.start_tag.end_offset, location.end_tag.start_offset

    def find_metas(self, is_asked: Callable[[str], bool]) -> list[Value]:
        """Meta elements whose `name` (or `property`), in lower case, is asked for; text is the
        content."""
        values: list[Value] = []
        longest = self.limits.value_chars_max
        for element in self.select("meta", self.limits.values_max):
            written = element.attr("name") or element.attr("property")
            if not written or not is_asked(name := written.strip().lower()):
                continue
            content = element.attr("content")
            if content is not None:
                values.append(Value(content[:longest], name, element))
        return values

    @functools.cached_property
    def text(self) -> Value:
        """What a reader sees: the text of the body as it is laid out, a line per block."""
        body = self.document.select_one("body")
        return Value("" if body is None else visible_text(self.source, self.document, body))

    @functools.cached_property
    def lower_text(self) -> bytes:
        """All texts of the document in a row, scripts and styles too: bytes, ASCII as it is."""
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
