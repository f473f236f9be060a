"""A loaded set of fingerprints, and the indexes over its patterns that make matching quick.

The indexes only ever leave out patterns that cannot match (see `literals`); a test over real pages
compares them with trying every pattern.
"""

from __future__ import annotations

import functools
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import ahocorasick_rs
import regex

from tracewell.detection.javascript import parse_javascript
from tracewell.detection.literals import Needles, find_needles, find_selector_needles
from tracewell.detection.model import PLAIN_KINDS, Fingerprint, Pattern, Problem
from tracewell.detection.translation import compile_expression

_WINDOW_BYTES = 256 * 1024
_NAME_SYNTAX = regex.compile(r"[\\*+?|()\[\]{}]")


class NeedleIndex:
    """Patterns of one kind, found by the strings that they cannot match without."""

    def __init__(self, patterns: Sequence[Pattern], *, by_selector: bool = False) -> None:
        self.patterns = tuple(patterns)
        self._always: list[int] = []
        owners: defaultdict[bytes, list[int]] = defaultdict(list)
        for number, pattern in enumerate(self.patterns):
            needles = _needles(pattern, by_selector)
            if needles is None:
                self._always.append(number)
            for needle in needles or ():
                owners[needle.encode("ascii")].append(number)
        self._owners = list(owners.values())
        self._overlap = max(map(len, owners), default=1) - 1
        self._scanner = ahocorasick_rs.BytesAhoCorasick(list(owners)) if owners else None

    def iter_candidates(self, text: str) -> Iterator[Pattern]:
        """Every pattern that may match in the text, in the order of the set."""
        numbers = set(self._always)
        if self._scanner is not None:
            data = text.encode("utf-8", "surrogatepass").lower()
            seen: set[int] = set()
            # In windows, so that a page of nothing but needles costs time but no memory.
            for at in range(0, len(data), _WINDOW_BYTES):
                window = data[at : at + _WINDOW_BYTES + self._overlap]
                hits = self._scanner.find_matches_as_indexes(window, overlapping=True)
                seen.update([hit[0] for hit in hits])
            for needle in seen:
                numbers.update(self._owners[needle])
        return (self.patterns[number] for number in sorted(numbers))


def _needles(pattern: Pattern, by_selector: bool) -> Needles | None:
    if by_selector:
        return find_selector_needles(pattern.name)
    return find_needles(parse_javascript(pattern.expression))


class NameIndex:
    """Patterns of one kind by the name of the header, cookie, meta or record they ask for.

    A name with the signs of an expression (`_ga_*`, `SESS[a-f0-9]{32}`) also stands for the names
    it matches as a whole, a lone `*` for any characters.
    """

    def __init__(self, patterns: Sequence[Pattern]) -> None:
        self._by_name: defaultdict[str, list[Pattern]] = defaultdict(list)
        self._by_expression: list[tuple[regex.Pattern[str], Pattern]] = []
        for pattern in patterns:
            name = pattern.name.lower()
            self._by_name[name].append(pattern)
            if _NAME_SYNTAX.search(name) and (expression := _name_expression(name)):
                self._by_expression.append((expression, pattern))

    def iter_patterns(self, name: str) -> Iterator[Pattern]:
        """The patterns for a name, given in any letter case."""
        lower = name.lower()[:256]
        yield from self._by_name.get(lower, ())
        for expression, pattern in self._by_expression:
            if pattern.name.lower() != lower and _fits(expression, lower):
                yield pattern


def _fits(expression: regex.Pattern[str], name: str) -> bool:
    try:
        return expression.search(name, timeout=0.05) is not None
    except TimeoutError:
        return False


def _name_expression(name: str) -> regex.Pattern[str] | None:
    glob = regex.sub(r"(?<=[\w-])\*", ".*", name)
    try:
        return compile_expression(f"^(?:{glob})$")
    except ValueError:
        return None


@dataclass(frozen=True)
class FingerprintSet:
    """Technologies by name, the names of their categories, and what could not be loaded."""

    technologies: Mapping[str, Fingerprint]
    categories: tuple[str, ...] = ()
    problems: tuple[Problem, ...] = ()

    def __getstate__(self) -> dict[str, object]:
        """Only the data travels between processes; indexes are made again where they are needed."""
        keep = ("technologies", "categories", "problems")
        return {key: value for key, value in self.__dict__.items() if key in keep}

    @functools.cached_property
    def _by_kind(self) -> Mapping[str, list[Pattern]]:
        by_kind: defaultdict[str, list[Pattern]] = defaultdict(list)
        for fingerprint in self.technologies.values():
            for pattern in fingerprint.patterns:
                by_kind[pattern.kind].append(pattern)
        return by_kind

    def patterns_of(self, kind: str) -> Sequence[Pattern]:
        """All patterns of a kind."""
        return self._by_kind.get(kind, ())

    @functools.cached_property
    def plain(self) -> Mapping[str, NeedleIndex]:
        """The needle index of each plain kind."""
        return {kind: NeedleIndex(self.patterns_of(kind)) for kind in PLAIN_KINDS}

    @functools.cached_property
    def named(self) -> Mapping[str, NameIndex]:
        """The name index of each kind that names fields."""
        return {
            kind: NameIndex(self.patterns_of(kind)) for kind in ("header", "cookie", "meta", "dns")
        }

    @functools.cached_property
    def dom(self) -> NeedleIndex:
        """The dom patterns by the strings of their selectors."""
        return NeedleIndex(self.patterns_of("dom"), by_selector=True)
