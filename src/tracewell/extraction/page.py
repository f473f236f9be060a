"""A capture's body as one parsed page that all extractors share; where its text lies in the bytes.

What the page means is said elsewhere.
"""

from __future__ import annotations

import codecs
import functools
import re
from dataclasses import dataclass
from urllib.parse import SplitResult, urljoin, urlsplit

import turbohtml

from tracewell.extraction.structured import Node, list_nodes
from tracewell.values import Capture

BODY_BYTES_MAX = 2 * 1024 * 1024
EXCERPT_CHARS_MAX = 300
TEXT_CHARS_MAX = 1_000
HEADINGS_MAX = 100
URL_CHARS_MAX = 2_048

_HTML_TYPES = frozenset({"", "text/html", "application/xhtml+xml"})
_CHARSET = re.compile(r"charset\s*=\s*[\"']?([\w:.+-]{1,40})", re.IGNORECASE)
# Names of the Encoding Standard that Python spells otherwise or reads more narrowly.
_CODECS = {
    "windows-874": "cp874", "macintosh": "mac_roman", "x-mac-cyrillic": "mac_cyrillic",
    "shift_jis": "cp932", "euc-kr": "cp949", "gbk": "gb18030", "big5": "big5hkscs",
    "ibm866": "cp866", "iso-8859-8-i": "iso8859_8",
}  # fmt: skip
HEADINGS = ("h1", "h2", "h3", "h4", "h5", "h6")


@dataclass(frozen=True, slots=True)
class Excerpt:
    """Bytes `start` to `end` of the body, as text."""

    text: str
    start: int
    end: int


class Page:
    """One HTML page. Everything beside the tree is worked out when it is asked for."""

    def __init__(self, capture: Capture, parts: SplitResult, document: turbohtml.Document) -> None:
        self.capture = capture
        self.url = capture.url
        self.parts = parts
        self.host = (parts.hostname or "").removeprefix("www.").rstrip(".")
        self.document = document

    @property
    def is_home(self) -> bool:
        """Whether it is the site's first page."""
        return self.parts.path in ("", "/") and not self.parts.query

    @functools.cached_property
    def base_url(self) -> str:
        """What its relative addresses are relative to (the first `<base>` counts)."""
        base = self.document.find("base", attrs={"href": True})
        return resolve(self.url, base.attr("href")) or self.url if base is not None else self.url

    @functools.cached_property
    def nodes(self) -> list[tuple[Node, str]]:
        """Its structured data; see `structured.list_nodes`."""
        return list_nodes(self.document, self.capture.body)

    @functools.cached_property
    def title(self) -> str:
        """The text of its `<title>`, at most `TEXT_CHARS_MAX`."""
        title = self.document.find("title")
        return squeeze(title.text) if title is not None else ""

    @functools.cached_property
    def headings(self) -> list[str]:
        """The texts of its headings, the greatest first: the short ones, `HEADINGS_MAX` a level."""
        # Level by level: the parser has an index for one tag (25 times as quick as for several).
        found = (self.document.find_all(tag, limit=HEADINGS_MAX) for tag in HEADINGS)
        texts = (squeeze(heading.text) for level in found for heading in level)
        return [text for text in texts if 0 < len(text) <= 120]

    @functools.cached_property
    def _codec(self) -> str:
        label = (self.document.encoding or "utf-8").lower()
        name = _CODECS.get(label, label)
        try:
            return codecs.lookup(name).name
        except LookupError:
            return "utf-8"

    @functools.cached_property
    def source(self) -> str:
        """The body's text as the parser saw it: line ends are `\\n`, without a byte-order mark."""
        text = self.capture.body[:BODY_BYTES_MAX].decode(self._codec, "replace")
        return text.removeprefix("\ufeff").replace("\r\n", "\n").replace("\r", "\n")

    @functools.cached_property
    def _returns(self) -> bool:
        return b"\r" in self.capture.body[:BODY_BYTES_MAX]

    def excerpt_of(self, element: turbohtml.Element) -> Excerpt | None:
        """Where the element stands in the body, at most `EXCERPT_CHARS_MAX` characters of it.

        None where its bytes cannot be told: what is answered has been read back from the body.
        """
        location = element.source_location
        if location is None:
            return None
        start = location.start_tag.start_offset
        end = (location.end_tag or location.start_tag).end_offset
        return self.excerpt_at(start, min(end, start + EXCERPT_CHARS_MAX))

    def excerpt_at(self, start: int, end: int) -> Excerpt | None:
        """The characters `start` to `end` of `source`, found in the body and read back."""
        text = self.source[start:end]
        body = self.capture.body
        for wanted in (text, text.partition("\n")[0]) if self._returns else (text,):
            try:
                sought = wanted.encode(self._codec)
            except UnicodeError:
                continue
            near = self._near(start)
            at = body.find(sought, near) if sought else -1
            if at >= 0 and body[at : at + len(sought)].decode(self._codec, "replace") == wanted:
                return Excerpt(wanted, at, at + len(sought))
        return None

    def _near(self, index: int) -> int:
        """An offset of the body that is not behind the character: characters take a byte or more,
        so equal text further up is passed over only as far as that is certain."""
        known, offset = self._marks
        if index < known:
            known, offset = 0, 0
        if self._codec == "utf-8":
            offset += len(self.source[known:index].encode("utf-8", "surrogatepass"))
            offset -= 2 * self.source.count("\ufffd", known, index)
        else:
            offset += index - known
        self._marks = (index, offset)
        return max(0, offset)

    _marks: tuple[int, int] = (0, 0)


def read_page(capture: Capture) -> Page | None:
    """The page, or None where the capture holds no HTML of a web address. Never raises on account
    of the capture's contents."""
    content_type, _, parameters = (capture.header("content-type") or "").partition(";")
    if content_type.strip().lower() not in _HTML_TYPES:
        return None
    try:
        parts = urlsplit(capture.url)
        if not parts.hostname:
            return None
    except ValueError:
        return None
    return Page(capture, parts, _parse(capture.body[:BODY_BYTES_MAX], parameters))


def _parse(body: bytes, parameters: str) -> turbohtml.Document:
    charset = _CHARSET.search(parameters)
    try:
        return turbohtml.parse(
            body, encoding=charset[1] if charset else None, source_locations=True
        )
    except LookupError:
        return turbohtml.parse(body, source_locations=True)


def squeeze(text: str) -> str:
    """With single blanks, at most `TEXT_CHARS_MAX` of what was given."""
    return " ".join(text[: 2 * TEXT_CHARS_MAX].split())[:TEXT_CHARS_MAX]


def resolve(base: str, address: str | None) -> str | None:
    """The absolute http(s) address of a link, or None."""
    if address is None or len(address) > URL_CHARS_MAX:
        return None
    try:
        url = urljoin(base, address.strip())
        parts = urlsplit(url)
        is_web = parts.scheme in ("http", "https") and bool(parts.hostname)
    except ValueError:
        return None
    return url if is_web else None
