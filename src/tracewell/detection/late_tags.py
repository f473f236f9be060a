"""Where the tags `<html>` and `<body>` stand that come late: after something else has opened these
elements already, their attributes are added to them (HTML, 13.2.6.4.7), and no place is noted."""

from __future__ import annotations

import re
from collections.abc import Iterator

import turbohtml

TAGS_MAX = 50
TAG_CHARS_MAX = 10_000

_REST = re.compile(r"""[\s/](?:[^>"']|"[^"]{0,2000}"|'[^']{0,2000}'){0,2000}>""")


def find_late_tag(
    source: str, element: turbohtml.Element, attribute: str = "", selector: str = ""
) -> tuple[int, int] | None:
    """Start and end in the source of the tag that gave a made-up element its attributes, or the
    named one of them: of several one that the selector names as it stands, or else that gave the
    most. None where none is found."""
    best: tuple[int, int] | None = None
    most = (False, 0)
    if element.source_location is None and element.tag in ("html", "body"):
        for start, end in _iter_tags(source, element.tag):
            tag = turbohtml.parse(source[start:end])
            given = _count_given(tag.select(element.tag)[0], element, attribute)
            worth = bool(selector and tag.select(selector)), given
            if given and worth > most:
                best, most = (start, end), worth
    return best


def _iter_tags(source: str, name: str) -> Iterator[tuple[int, int]]:
    opening = re.compile(f"<{name}(?=[\\s/])", re.IGNORECASE)
    at = 0
    for _ in range(TAGS_MAX):
        found = opening.search(source, at)
        if found is None:
            return
        at = found.end()
        rest = _REST.match(source, at, at + TAG_CHARS_MAX)
        if rest is not None:
            yield found.start(), rest.end()


def _count_given(tag: turbohtml.Element, element: turbohtml.Element, attribute: str) -> int:
    """How many of the element's attributes the tag gives, as the element has them."""
    same = [name for name, value in tag.attrs.items() if element.attrs.get(name) == value]
    return 0 if attribute and attribute.lower() not in same else len(same)
