"""Lists that a page carries as JSON for its scripts: partners, integrations, jobs.

Only JSON that stands there plainly is read; nothing is run.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import turbohtml

from tracewell.extraction.page import Page

SCRIPTS_MAX = 100
SCRIPT_CHARS_MAX = 2 * 1024 * 1024
VALUES_MAX = 20
NODES_MAX = 50_000
DEPTH_MAX = 40
LISTED_MAX = 1_000

PARTNER_KEYS = re.compile(
    r"(?:all|featured|visible|app|partner)?_?(?:partners?|integrations?|apps?|connectors?|"
    r"listings?|plugins?|extensions?|"
    r"addons?|resellers?|alliances?)(?:_?list|_?data|items)?",
    re.IGNORECASE,
)
_NAMES = ("name", "title", "partnerName", "companyName", "label", "displayName")
_SITES = (
    "website",
    "websiteUrl",
    "website_url",
    "homepage",
    "homepageUrl",
    "externalUrl",
    "external_url",
    "url",
    "link",
    "domain",
)
_ASSIGNED = re.compile(
    r"(?:^|[;\n\s])(?:var |let |const |window\.|self\.)?[\w.$\[\]\"']{1,80}\s*=\s*(?=[{\[])"
)
_DECODER = json.JSONDecoder(strict=False)


@dataclass(frozen=True, slots=True)
class Listed:
    """One object of a list: characters `start` to `end` of the page's source hold its name."""

    name: str
    url: str | None
    start: int
    end: int
    is_partner_list: bool


def iter_values(page: Page, mark: re.Pattern[str]) -> Iterator[tuple[Any, int]]:
    """The JSON values in the page's scripts that hold the mark, and where each script begins."""
    for script in page.document.find_all("script", attrs={"src": False}, limit=SCRIPTS_MAX):
        text = script.text
        if not 20 < len(text) <= SCRIPT_CHARS_MAX or mark.search(text) is None:
            continue
        location = script.source_location
        start = location.start_tag.end_offset if location is not None else 0
        yield from ((value, start) for value in _values_in(script, text))


def _values_in(script: turbohtml.Element, text: str) -> Iterator[Any]:
    kind = (script.attr("type") or "").lower()
    if "ld+json" in kind:
        return
    if "json" in kind or text.lstrip()[:1] in "{[":
        starts = [len(text) - len(text.lstrip())]
    else:
        found = _ASSIGNED.finditer(text)
        starts = [match.end() for _, match in zip(range(VALUES_MAX), found, strict=False)]
    end = 0
    for start in starts:
        if start < end:
            continue  # an assignment within the value before
        try:
            value, end = _DECODER.raw_decode(text, start)
        except (ValueError, RecursionError):
            continue
        yield value


def iter_lists(value: Any) -> Iterator[tuple[str, list[Mapping[str, Any]]]]:
    """Every list of objects in a JSON value, with the key under which it stands."""
    waiting: list[tuple[Any, str, int]] = [(value, "", 0)]
    left = NODES_MAX
    while waiting and left:
        item, key, depth = waiting.pop()
        left -= 1
        if depth > DEPTH_MAX:
            continue
        if isinstance(item, list):
            objects: list[Mapping[str, Any]] = [
                entry for entry in item[:LISTED_MAX] if isinstance(entry, dict)
            ]
            if objects:
                yield key, objects
            waiting += [(entry, key, depth + 1) for entry in objects]
        elif isinstance(item, dict):
            waiting += [
                (child, str(name), depth + 1)
                for name, child in item.items()
                if isinstance(child, dict | list)
            ]


_PARTNER_MARK = re.compile(
    r'"\w*(?:partner|integration|app|connector|listing|plugin|extension|addon|reseller|alliance)\w*"\s*:\s*\[',
    re.I,
)


def iter_listed(page: Page) -> Iterator[Listed]:
    """The partners that a page's scripts are to show: named objects in a list of partners."""
    for value, offset in iter_values(page, _PARTNER_MARK):
        for key, objects in iter_lists(value):
            if PARTNER_KEYS.fullmatch(key) is None:
                continue
            for one in objects:
                name = _text(one, _NAMES)
                site = _text(one, _SITES)
                if name is None or (
                    site is None and not {"logo", "slug", "icon", "image"} & set(one)
                ):
                    continue
                place = _place(page.source, name, offset)
                if place is not None:
                    if site is not None and "/" not in site and "." in site:
                        site = f"https://{site}/"
                    yield Listed(name, site, place, place + _width(page.source, place), True)


def _text(one: Mapping[str, Any], keys: tuple[str, ...]) -> str | None:
    for key in keys:
        value = one.get(key)
        if isinstance(value, dict):
            value = value.get("rendered")
        if isinstance(value, str) and value.strip():
            return value[:1_000]
    return None


def _place(source: str, name: str, offset: int) -> int | None:
    for spelt in (json.dumps(name, ensure_ascii=False), json.dumps(name)):
        at = source.find(spelt, offset)
        if at >= 0:
            return at
    return None


def _width(source: str, place: int) -> int:
    return source.index('"', place + 1) + 1 - place
