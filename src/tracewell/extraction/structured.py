"""The structured data of a page as plain nodes: JSON-LD (https://www.w3.org/TR/json-ld11/),
microdata (https://html.spec.whatwg.org/multipage/microdata.html) and RDFa, broken blocks left out.

No vocabulary is fetched and no context is expanded: pages write schema.org's names as they are.
"""

from __future__ import annotations

import itertools
import json
import re
from collections.abc import Iterator, Mapping
from html import unescape
from typing import Any

import turbohtml

BLOCKS_MAX = 50
BLOCK_CHARS_MAX = 512 * 1024
NODES_MAX = 2_000
DEPTH_MAX = 32
TEXT_CHARS_MAX = 4_000

Node = Mapping[str, Any]

_TYPES = (
    "application/ld+json", "application/ld+json; charset=utf-8",
    "application/ld+json;charset=utf-8", "application/ld+json; charset=UTF-8",
    "application/ld+json;charset=UTF-8", "Application/LD+JSON", "application/LD+JSON",
)  # fmt: skip
_VOCABULARY = re.compile(r"^(?:https?://schema\.org/|schema:)")
_SHELL = re.compile(r"^\s*(?:<!--|//\s*<!\[CDATA\[|<!\[CDATA\[)|(?:-->|//\s*\]\]>|\]\]>|;)\s*$")


def list_nodes(document: turbohtml.Document, body: bytes) -> list[tuple[Node, str]]:
    """Every node of the page's structured data and the key under which it stands ("" at the top).

    All three syntaxes give nodes of the same form: `@type`, and schema.org's names as keys.
    """
    found: list[tuple[Node, str]] = []
    for value in _iter_values(document, body):
        for node in _iter_nodes(value):
            if len(found) == NODES_MAX:
                return found
            found.append(node)
    return found


def _iter_values(document: turbohtml.Document, body: bytes) -> Iterator[Any]:
    # One exact type at a time: the parser has an index for it (30 times as quick as a function).
    blocks = (
        document.find_all("script", attrs={"type": kind}, limit=BLOCKS_MAX) for kind in _TYPES
    )
    for block in itertools.islice(itertools.chain.from_iterable(blocks), BLOCKS_MAX):
        text = block.text
        if len(text) <= BLOCK_CHARS_MAX:
            yield _loads(text)
    # Microdata costs a walk through the tree, RDFa nearly nothing.
    if b"itemtype" in body:
        for item in document.microdata()[:NODES_MAX]:
            yield _plain_item(item, 0)
    for resource in document.rdfa()[:NODES_MAX]:
        yield _plain_resource(resource, 0)


def _plain_item(item: turbohtml.MicrodataItem, depth: int) -> Any:
    if depth > DEPTH_MAX:
        return None
    node: dict[str, Any] = {"@type": (item.type or "").split(), "@id": item.id}
    for name, values in item.properties.items():
        node[name] = [
            value if isinstance(value, str) else _plain_item(value, depth + 1)
            for value in values[:NODES_MAX]
        ]
    return node


def _plain_resource(resource: turbohtml.RdfaItem, depth: int) -> Any:
    if depth > DEPTH_MAX:
        return None
    node: dict[str, Any] = {"@type": list(resource.type), "@id": resource.resource}
    for name, values in resource.properties.items():
        if not isinstance(values, list):
            values = [values]
        node[_VOCABULARY.sub("", name)] = [
            value if isinstance(value, str) else _plain_resource(value, depth + 1)
            for value in values[:NODES_MAX]
        ]
    return node


def _loads(text: str) -> Any:
    try:
        # Not strict: pages put bare line breaks into strings.
        return json.loads(_SHELL.sub("", text), strict=False)
    except (ValueError, RecursionError):
        return None


def _iter_nodes(value: Any) -> Iterator[tuple[Node, str]]:
    waiting: list[tuple[Any, str, int]] = [(value, "", 0)]
    while waiting:
        item, key, depth = waiting.pop()
        if depth > DEPTH_MAX:
            continue
        if isinstance(item, list):
            waiting += [(entry, key, depth + 1) for entry in reversed(item[:NODES_MAX])]
        elif isinstance(item, dict):
            yield item, key
            for name, child in reversed(item.items()):
                if isinstance(child, dict | list):
                    # What stands in the graph stands at the top.
                    waiting.append((child, "" if name == "@graph" else name, depth + 1))


def types_of(node: Node) -> list[str]:
    """The names of the node's types, without the vocabulary's address."""
    given = node.get("@type")
    names = given if isinstance(given, list) else [given]
    return [re.split(r"[/#:]", name)[-1] for name in names[:20] if isinstance(name, str)]


def find_text(value: Any) -> str | None:
    """The text of a value: a string, a number, `{"@value": ...}`, or the first of several."""
    for _ in range(4):
        if isinstance(value, list):
            value = value[0] if value else None
        elif isinstance(value, dict):
            value = value.get("@value")
    if isinstance(value, int | float) and not isinstance(value, bool):
        value = str(value)
    if not isinstance(value, str):
        return None
    text = " ".join(unescape(value[:TEXT_CHARS_MAX]).split())
    return text or None


def iter_texts(value: Any, most: int) -> Iterator[str]:
    """The texts of a value that may be one or several."""
    for item in (value if isinstance(value, list) else [value])[:most]:
        text = find_text(item)
        if text is not None:
            yield text


def find_node(value: Any) -> Node | None:
    """The first object of a value that may be one or several."""
    first = value[0] if isinstance(value, list) and value else value
    return first if isinstance(first, dict) else None
