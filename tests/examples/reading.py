"""Reads a served page the plain way: links, JSON-LD, item properties. For the tests beside it."""

from __future__ import annotations

import json
import re
from html.parser import HTMLParser
from typing import Any


class Page(HTMLParser):
    def __init__(self, html: str) -> None:
        super().__init__(convert_charrefs=True)
        self.links: list[str] = []
        self.meta: list[tuple[str, str]] = []
        self.script_src: list[str] = []
        self.json_ld: list[Any] = []
        self.properties: dict[str, str] = {}
        self.item_types: list[str] = []
        self.text = ""
        self._script: str | None = None
        self._property: str | None = None
        self.feed(html)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        values = {name: value or "" for name, value in attrs}
        self.links += [values[name] for name in ("href", "src") if values.get(name)]
        if tag == "meta" and "name" in values:
            self.meta.append((values["name"].lower(), values.get("content", "")))
        if tag == "script":
            self._script = values.get("type", "text/javascript")
            if "src" in values:
                self.script_src.append(values["src"])
        if "itemtype" in values or "typeof" in values:
            self.item_types.append(values.get("itemtype") or values["typeof"])
        self._property = values.get("itemprop") or values.get("property")
        if self._property and "content" in values:
            self.properties.setdefault(self._property, values["content"])

    def handle_data(self, data: str) -> None:
        if self._script == "application/ld+json":
            self.json_ld.append(json.loads(data))
        elif self._script is None:
            self.text += data
            if self._property:
                self.properties.setdefault(self._property, data)
        self._property = None

    def handle_endtag(self, tag: str) -> None:
        if tag == "script":
            self._script = None

    def list_nodes(self, kind: str) -> list[dict[str, Any]]:
        nodes = [node for document in self.json_ld for node in document.get("@graph", [document])]
        return [node for node in nodes if node["@type"] == kind]


def decoded(body: bytes, content_type: str) -> str:
    told = re.search(r"charset=([\w-]+)", content_type) or re.search(
        r"charset=\"?([\w-]+)", body[:1024].decode("ascii", "replace")
    )
    return body.decode(told.group(1) if told else "utf-8")
