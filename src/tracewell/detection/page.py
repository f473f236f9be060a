"""What patterns look at in a page: scripts, metas, style sheets, text, elements, with their places.

Reads the HTML5 tree that turbohtml builds (with scripting off, as for a visitor without scripts,
so that `<noscript>` holds elements). Contents of `<template>` are no part of the page.
"""

from __future__ import annotations

import functools
from dataclasses import dataclass
from urllib.parse import urljoin

import turbohtml

from tracewell.detection.charset import DecodedBody, decode_body
from tracewell.detection.model import Limits

EXCERPT_CHARS_MAX = 300
DEPTH_MAX = 512
ELEMENTS_MAX = 10_000
TEXT_NODES_MAX = 200_000

_BLOCKS = frozenset(
    (
        *("address", "article", "aside", "blockquote", "br", "dd", "div", "dl", "dt", "fieldset"),
        *("figcaption", "figure", "footer", "form", "h1", "h2", "h3", "h4", "h5", "h6", "header"),
        *("hr", "li", "main", "nav", "ol", "p", "pre", "section", "table", "tbody", "td", "tfoot"),
        *("th", "thead", "tr", "ul"),
    )
)
_SILENT = ("script", "style", "template", "noscript", "textarea", "iframe", "title")


@dataclass(frozen=True, slots=True)
class Span:
    """Characters [start, end) of the decoded text."""

    start: int
    end: int


@dataclass(frozen=True, slots=True)
class Value:
    """A text to match in. `span` is where it lies in the page's source, `verbatim` whether its
    characters stand there one for one (then a match can be pointed at exactly)."""

    text: str
    span: Span | None = None
    verbatim: bool = False
    name: str = ""


class Page:
    """One decoded and parsed body. Every list is made when first asked for."""

    def __init__(self, url: str, body: bytes, content_type: str | None, limits: Limits) -> None:
        self.url = url
        self.limits = limits
        self.cut = len(body) > limits.body_bytes_max
        self.text_cut = False
        self.decoded: DecodedBody = decode_body(body[: limits.body_bytes_max], content_type)

    @property
    def source(self) -> str:
        """The decoded body."""
        return self.decoded.text

    @functools.cached_property
    def document(self) -> turbohtml.Document:
        """The HTML5 tree."""
        return turbohtml.parse(self.source, source_locations=True)

    @functools.cached_property
    def serialised(self) -> str:
        """The tree written again: attribute values decoded but for `&`, `<`, `>`, quotes."""
        return self.document.html

    @functools.cached_property
    def element_count(self) -> int:
        """How many elements the tree has."""
        return sum(1 for _ in self.document.iter_elements())

    @functools.cached_property
    def is_plain_sailing(self) -> bool:
        """Whether selectors with combinators may run: their cost grows with depth and siblings."""
        if self.element_count > ELEMENTS_MAX:
            return False
        depths: dict[turbohtml.Node | None, int] = {}
        for element in self.document.iter_elements():
            depth = depths.get(element.parent, 0) + 1
            if depth > DEPTH_MAX:
                return False
            depths[element] = depth
        return True

    def select(self, selector: str, count_max: int) -> list[turbohtml.Element]:
        """Elements of the page (none inside of a template) that the selector names."""
        found: list[turbohtml.Element] = []
        for element in self.document.select(selector):
            if element.closest("template") is None or element.tag == "template":
                found.append(element)
                if len(found) >= count_max:
                    break
        return found

    @functools.cached_property
    def _scripts(self) -> list[turbohtml.Element]:
        return self.select("script", self.limits.values_max)

    @functools.cached_property
    def script_sources(self) -> list[Value]:
        """Addresses of scripts: resolved as a browser does, and as written where that differs."""
        try:
            base = self.document.base_url(self.url)
        except ValueError:
            base = self.url
        values: list[Value] = []
        for element in self._scripts:
            written = (element.attr("src") or "").strip()[: self.limits.value_chars_max]
            if not written:
                continue
            span = attribute_span(element, "src")
            try:
                resolved = urljoin(base, written)
            except ValueError:
                resolved = written
            values.append(Value(resolved, span))
            if resolved != written:
                values.append(Value(written, span))
        return values[: self.limits.values_max]

    @functools.cached_property
    def inline_scripts(self) -> list[Value]:
        """Bodies of scripts without an address."""
        return [self._body(element) for element in self._scripts if not element.attr("src")]

    @functools.cached_property
    def style_sheets(self) -> list[Value]:
        """Bodies of `<style>` elements."""
        return [self._body(element) for element in self.select("style", self.limits.values_max)]

    def _body(self, element: turbohtml.Element) -> Value:
        text = element.text
        location = element.source_location
        if location is None:
            return Value(text)
        start = location.start_tag.end_offset
        end = location.end_tag.start_offset if location.end_tag else start + len(text)
        return Value(text, Span(start, end), verbatim=self.source.startswith(text, start))

    @functools.cached_property
    def metas(self) -> list[Value]:
        """Meta elements: `name` (or `property`) in lower case, text the content."""
        values: list[Value] = []
        for element in self.select("meta", self.limits.values_max):
            name = element.attr("name") or element.attr("property")
            content = element.attr("content")
            if name and content is not None:
                text = content[: self.limits.value_chars_max]
                values.append(Value(text, tag_span(element), name=name.strip().lower()))
        return values

    @functools.cached_property
    def text(self) -> Value:
        """What a reader sees: text nodes of the body, white space folded, a line per block."""
        return Value("".join(part for part, _ in self._text_parts))

    @functools.cached_property
    def _text_parts(self) -> list[tuple[str, turbohtml.Element]]:
        body = self.document.select_one("body")
        parts: list[tuple[str, turbohtml.Element]] = []
        if body is None:
            return parts
        stack: list[turbohtml.Node | tuple[str, turbohtml.Element]] = [body]
        nodes = 0
        while stack:
            nodes += 1
            if nodes > TEXT_NODES_MAX:
                self.text_cut = True
                break
            node = stack.pop()
            if isinstance(node, tuple):
                parts.append(node)
            elif isinstance(node, turbohtml.Text):
                parent = node.parent
                if isinstance(parent, turbohtml.Element):
                    parts.append((_fold(node.data), parent))
            elif isinstance(node, turbohtml.Element) and node.tag not in _SILENT:
                if node.tag in _BLOCKS:
                    parts.append(("\n", node))
                    stack.append(("\n", node))
                stack.extend(reversed(node.children))
        return parts

    def find_text_span(self, start: int, end: int) -> Span | None:
        """Where the characters [start, end) of `text` stand in the source, as near as can be told:
        the words themselves where they stand there in one piece, else their element."""
        at = 0
        for part, element in self._text_parts:
            at += len(part)
            if at <= start:
                continue
            location = element.source_location
            if location is None:
                return None
            begin = location.start_tag.end_offset
            close = location.end_tag.start_offset if location.end_tag else len(self.source)
            words = self.text.text[start:end]
            found = self.source.find(words, begin, close) if words else -1
            if found >= 0:
                return Span(found, found + len(words))
            return Span(location.start_tag.start_offset, min(close, begin + EXCERPT_CHARS_MAX))
        return None


def _fold(text: str) -> str:
    folded = " ".join(text.split())
    if not folded:
        return " " if text else ""
    return f"{' ' if text[0].isspace() else ''}{folded}{' ' if text[-1].isspace() else ''}"


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
