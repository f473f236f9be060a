"""The text of a page as a reader sees it, and the way back from words of it to an element."""

from __future__ import annotations

from collections.abc import Iterator

import turbohtml

TEXT_NODES_MAX = 200_000
# Laying out a table pads its columns: it may write each text once for every row.
TABLE_CHARS_MAX = 20_000_000

_LAYOUT = turbohtml.PlainText(layout="strict")
_SILENT = frozenset(("script", "style", "template", "textarea", "title"))


def visible_text(source: str, document: turbohtml.Document, body: turbohtml.Element) -> str:
    """The text laid out: blocks on lines of their own, white space folded, cells apart.

    Where laying out the tables would cost too much, the texts of the nodes one per line, the first
    TEXT_NODES_MAX of them.
    """
    rows = len(document.select("tr"))
    if rows * len(source) > TABLE_CHARS_MAX and rows * len(body.text) > TABLE_CHARS_MAX:
        return "\n".join(" ".join(node.data.split()) for node in _iter_texts(body))
    return body.to_text(_LAYOUT)


def _iter_texts(body: turbohtml.Element) -> Iterator[turbohtml.Text]:
    count = 0
    for node in body.descendants:
        if isinstance(node, turbohtml.Text):
            count += 1
            if count > TEXT_NODES_MAX:
                return
            parent = node.parent
            if isinstance(parent, turbohtml.Element) and parent.tag not in _SILENT:
                yield node


def find_words(body: turbohtml.Element, words: str) -> turbohtml.Element | None:
    """The first element whose own text holds the words, or at least their beginning."""
    wanted = " ".join(words.split())
    beginning: turbohtml.Element | None = None
    first = wanted.partition(" ")[0]
    for node in _iter_texts(body):
        parent = node.parent
        if not isinstance(parent, turbohtml.Element):
            continue
        if wanted in " ".join(node.data.split()):
            return parent
        if beginning is None and first in node.data:
            beginning = parent
    return beginning
