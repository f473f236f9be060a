"""Reads fingerprint directories in the public Wappalyzer-style JSON format, the only I/O here.

What cannot be read is told as a Problem; the rest loads. Our own pack's stricter rules: `pack`.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import turbohtml

from tracewell.detection.fingerprints import FingerprintSet
from tracewell.detection.javascript import JavaScriptPatternError, parse_javascript
from tracewell.detection.model import (
    PROPERTY_KIND,
    Fingerprint,
    Implication,
    Pattern,
    Problem,
)

FILE_BYTES_MAX = 32 * 1024 * 1024
TECHNOLOGIES_MAX = 100_000
PATTERNS_MAX = 2_000  # of one technology

_NOT_TECHNOLOGIES = ("categories.json", "groups.json", "schema.json")
# The format's key -> our kind.
_PLAIN_KEYS = {
    "html": "html",
    "text": "text",
    "css": "css",
    "scriptSrc": "script_src",
    "scripts": "script",
    "url": "url",
    "xhr": "xhr",
    "robots": "robots",
    "certIssuer": "cert_issuer",
}
_NAMED_KEYS = {"headers": "header", "cookies": "cookie", "meta": "meta", "dns": "dns", "js": "js"}
_SELECTOR_CHECK = turbohtml.parse("")

Json = Any


@dataclass(slots=True)
class _Reading:
    """The file and technology at hand, and the problems met so far."""

    problems: list[Problem] = field(default_factory=list)
    file: str = ""
    technology: str = ""

    def report(self, kind: str, reason: str, pattern: object = "") -> None:
        text = pattern if isinstance(pattern, str) else json.dumps(pattern, default=repr)
        self.problems.append(Problem(self.file, self.technology, kind, reason, text[:500]))


def load_fingerprints(*directories: Path) -> FingerprintSet:
    """All technologies of the directories, bad entries told in `FingerprintSet.problems`.

    A directory holds `categories.json` and technology files (`a.json` ... `_.json`), beside it or
    in `technologies/`. A technology in several directories shows by the patterns of all; for the
    rest of it the earlier directory speaks. Raises FileNotFoundError for a directory that is none.
    """
    reading = _Reading()
    technologies: dict[str, Fingerprint] = {}
    categories: list[str] = []
    names: dict[str, str] = {}
    for directory in directories:
        if not directory.is_dir():
            raise FileNotFoundError(f"no fingerprint directory: {directory}")
        names = _read_categories(directory, reading, names)
        categories.extend(name for name in names.values() if name not in categories)
        for name, entry in _iter_entries(directory, reading):
            if len(technologies) >= TECHNOLOGIES_MAX:
                reading.report("file", f"more than {TECHNOLOGIES_MAX} technologies")
                break
            fingerprint = read_technology(name, entry, names, reading)
            known = technologies.get(name)
            technologies[name] = merge(known, fingerprint) if known else fingerprint
    return FingerprintSet(technologies, tuple(categories), tuple(reading.problems))


def merge(first: Fingerprint, second: Fingerprint) -> Fingerprint:
    """One technology described twice: patterns and relations of both, otherwise the first."""
    return replace(
        first,
        categories=first.categories or second.categories,
        vendor=first.vendor or second.vendor,
        website=first.website or second.website,
        description=first.description or second.description,
        patterns=tuple(dict.fromkeys((*first.patterns, *second.patterns))),
        implies=tuple(dict.fromkeys((*first.implies, *second.implies))),
        excludes=tuple(dict.fromkeys((*first.excludes, *second.excludes))),
    )


def technology_files(directory: Path) -> list[Path]:
    """The technology files of either layout, in order of name."""
    inner = directory / "technologies"
    files = (inner if inner.is_dir() else directory).glob("*.json")
    return sorted(file for file in files if file.name not in _NOT_TECHNOLOGIES)


def read_files(directory: Path) -> Iterator[tuple[str, bytes]]:
    """Name and content of every file that `load_fingerprints` reads, in order of name.

    Files that cannot be read are left out. Raises FileNotFoundError for a directory that is none.
    """
    if not directory.is_dir():
        raise FileNotFoundError(f"no fingerprint directory: {directory}")
    for file in (directory / "categories.json", *technology_files(directory)):
        try:
            if file.stat().st_size <= FILE_BYTES_MAX:
                yield str(file.relative_to(directory)), file.read_bytes()
        except OSError:
            continue


def _read_json(file: Path, reading: _Reading) -> dict[str, Json]:
    reading.file, reading.technology = file.name, ""
    try:
        if file.stat().st_size > FILE_BYTES_MAX:
            reading.report("file", f"larger than {FILE_BYTES_MAX} bytes")
            return {}
        content = json.loads(file.read_bytes())
    except (OSError, ValueError, RecursionError) as error:
        reading.report("file", f"cannot be read: {error}")
        return {}
    if not isinstance(content, dict):
        reading.report("file", "is no JSON object")
        return {}
    return content


def _read_categories(directory: Path, reading: _Reading, before: dict[str, str]) -> dict[str, str]:
    file = directory / "categories.json"
    if not file.is_file():
        return before
    entries = _read_json(file, reading).items()
    return {key: str(entry["name"]) for key, entry in entries if _is_named(entry)}


def _is_named(entry: Json) -> bool:
    return isinstance(entry, dict) and isinstance(entry.get("name"), str)


def _iter_entries(directory: Path, reading: _Reading) -> Iterator[tuple[str, dict[str, Json]]]:
    for file in technology_files(directory):
        for name, entry in _read_json(file, reading).items():
            reading.technology = name
            if isinstance(entry, dict):
                yield name, entry
            else:
                reading.report("entry", "is no JSON object", entry)


def read_technology(
    name: str, entry: Mapping[str, Json], categories: Mapping[str, str], reading: _Reading
) -> Fingerprint:
    """One entry of a technology file; what is wrong in it goes into `reading`."""
    patterns = list(_iter_patterns(name, entry, reading))
    if len(patterns) > PATTERNS_MAX:
        reading.report("entry", f"more than {PATTERNS_MAX} patterns, the rest left out")
    return Fingerprint(
        name=name,
        categories=_category_names(entry.get("cats"), categories, reading),
        vendor=_text(entry.get("vendor")),
        website=_text(entry.get("website")),
        description=_text(entry.get("description")),
        patterns=tuple(dict.fromkeys(patterns[:PATTERNS_MAX])),
        implies=tuple(_iter_implications(entry.get("implies"), reading)),
        requires=tuple(_names(entry.get("requires"), "requires", reading)),
        requires_categories=_category_names(entry.get("requiresCategory"), categories, reading),
        excludes=tuple(_names(entry.get("excludes"), "excludes", reading)),
    )


def _text(value: Json) -> str | None:
    return value if isinstance(value, str) and value else None


def _as_list(value: Json) -> list[Json]:
    if value is None:
        return []
    return value if isinstance(value, list) else [value]


def _category_names(
    value: Json, categories: Mapping[str, str], reading: _Reading
) -> tuple[str, ...]:
    names: list[str] = []
    for number in _as_list(value):
        if str(number) in categories:
            names.append(categories[str(number)])
        else:
            reading.report("category", f"category {number} is not in categories.json")
    return tuple(names)


def _names(value: Json, key: str, reading: _Reading) -> Iterator[str]:
    for item in _as_list(value):
        if isinstance(item, str):
            yield split_tags(item)[0]
        else:
            reading.report(key, "is no text", item)


def _iter_implications(value: Json, reading: _Reading) -> Iterator[Implication]:
    for item in _as_list(value):
        if not isinstance(item, str):
            reading.report("implies", "is no text", item)
            continue
        name, tags = split_tags(item)
        yield Implication(name, _confidence(tags, "implies", item, reading), tags.get("version"))


def split_tags(raw: str) -> tuple[str, dict[str, str]]:
    """`value\\;key:tag\\;key:tag` -> the value and its tags."""
    value, *tags = raw.split("\\;")
    pairs = (tag.partition(":") for tag in tags)
    return value, {key.strip(): text for key, _, text in pairs}


def _confidence(tags: Mapping[str, str], kind: str, raw: str, reading: _Reading) -> int:
    told = tags.get("confidence", "100").strip()
    if told.isascii() and told.isdigit() and len(told) <= 3:
        return min(100, int(told))
    reading.report(kind, f"confidence {told!r} is no number from 0 to 100; 100 is taken", raw)
    return 100


def _iter_patterns(name: str, entry: Mapping[str, Json], reading: _Reading) -> Iterator[Pattern]:
    for key, kind in _PLAIN_KEYS.items():
        for raw in _as_list(entry.get(key)):
            yield from _read_pattern(name, kind, "", raw, reading)
    for key, kind in _NAMED_KEYS.items():
        fields = entry.get(key)
        if fields is None:
            continue
        if not isinstance(fields, dict):
            reading.report(kind, "is no object of names and patterns", fields)
            continue
        for field_name, value in fields.items():
            for raw in _as_list(value):
                yield from _read_pattern(name, kind, field_name.strip(), raw, reading)
    yield from _iter_dom_patterns(name, entry.get("dom"), reading)


def _iter_dom_patterns(name: str, value: Json, reading: _Reading) -> Iterator[Pattern]:
    for item in _as_list(value):
        conditions = item if isinstance(item, dict) else _bare_selector(item)
        for selector, aspects in conditions.items():
            if not isinstance(selector, str) or not isinstance(aspects, dict):
                reading.report("dom", "is no selector with conditions", item)
            elif _is_selector(selector, reading):
                yield from _iter_aspects(name, selector, aspects, reading)


def _bare_selector(item: Json) -> dict[Json, Json]:
    """`selector\\;confidence:50`: the element's existence, with the pattern's tags."""
    if not isinstance(item, str):
        return {None: item}
    selector = split_tags(item)[0]
    return {selector: {"exists": item[len(selector) :]}}


def _is_selector(selector: str, reading: _Reading) -> bool:
    try:
        _SELECTOR_CHECK.select(selector)
    except ValueError as error:
        reading.report("dom", f"bad selector: {error}", selector)
        return False
    return True


def _iter_aspects(
    name: str, selector: str, aspects: Mapping[str, Json], reading: _Reading
) -> Iterator[Pattern]:
    for aspect, value in aspects.items():
        if aspect in ("exists", "text"):
            detail = "" if aspect == "exists" else "text"
            for raw in _as_list(value):
                yield from _read_pattern(name, "dom", selector, raw, reading, detail)
        elif aspect == "attributes" and isinstance(value, dict):
            for attribute, raws in value.items():
                for raw in _as_list(raws):
                    detail = f"@{attribute.lower()}"
                    yield from _read_pattern(name, "dom", selector, raw, reading, detail)
        elif aspect == "properties" and isinstance(value, dict):
            for own, raws in value.items():
                for raw in _as_list(raws):
                    yield from _read_pattern(name, PROPERTY_KIND, selector, raw, reading, own)
        else:
            reading.report("dom", f"unknown condition {aspect!r}", value)


def _read_pattern(
    technology: str, kind: str, name: str, raw: Json, reading: _Reading, detail: str = ""
) -> Iterator[Pattern]:
    if isinstance(raw, (int, float)) and not isinstance(raw, bool):
        raw = str(raw)
    if not isinstance(raw, str):
        reading.report(kind, "is no text", raw)
        return
    expression, tags = split_tags(raw)
    try:
        parse_javascript(expression)
    except JavaScriptPatternError as error:
        reading.report(kind, f"bad pattern: {error}", raw)
        return
    confidence = _confidence(tags, kind, raw, reading)
    version = tags.get("version")
    yield Pattern(technology, kind, name, raw, expression, version, confidence, detail)
