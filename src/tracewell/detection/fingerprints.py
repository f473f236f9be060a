"""A loaded set of fingerprints, and the indexes over its patterns that make matching quick.

The indexes only ever leave out patterns that cannot match (see `literals`); a test over real pages
compares them with trying every pattern.
"""

from __future__ import annotations

import functools
import itertools
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence, Set
from dataclasses import dataclass, field
from typing import NamedTuple

import regex

from tracewell.detection.charset import flatten
from tracewell.detection.javascript import parse_javascript
from tracewell.detection.literals import (
    ATTRIBUTE_BREAKS,
    Needles,
    find_anchor,
    find_needles,
    holds_needle,
    rank,
    spread_over_tags,
)
from tracewell.detection.model import NAMED_KINDS, Fingerprint, Pattern, Problem
from tracewell.detection.scanning import Scanner, make_scanner
from tracewell.detection.selectors import (
    find_attribute_needles,
    find_selector_needles,
    is_one_text_selector,
    is_raw_text_selector,
)
from tracewell.detection.translation import compile_expression

# What is looked for in one scan, and over which text; in each the cheap and telling come first.
GROUPS: Mapping[str, tuple[str, ...]] = {
    "address": ("script_src", "url", "xhr"),
    "source": ("dom", "script", "css", "html"),
    "words": ("text", "robots", "cert_issuer"),
    "fields": NAMED_KINDS,
}
SCANNED = ("address", "source", "words")
LONG = ("source", "words")  # texts as long as pages
_SPREAD_MAX = 80  # more strings cost every scan more than the pattern they stand for
# Elements of which pages have few, with short texts: looking into them costs less than looking for
# the pieces that their texts may be broken into.
_FEW = regex.compile(r"button|noscript|legend")
_NAMES_MAX = 4096
_FIELDS_FEW = 8
_NAME_SYNTAX = regex.compile(r"[\\*+?|()\[\]{}]")

Candidate = tuple[Pattern, list[int] | None]
Field = tuple[Pattern, tuple[str, ...] | None]


class Wanted(NamedTuple):
    """The strings that a pattern cannot match without (None: it is always tried); `placed`: all of
    its matches lie around these, so that it is told where they stand, to look there alone."""

    needles: tuple[str, ...] | None
    placed: bool


NeedleTable = Sequence[Wanted]


class Sighting:
    """What one scan of a text came upon: the patterns to try and where (None: anywhere), and which
    of all strings that were looked for are not there."""

    __slots__ = ("_found", "_numbers", "candidates")

    def __init__(
        self,
        candidates: list[Candidate],
        numbers: Mapping[str, int] = {},
        found: Set[int] = frozenset(),
    ) -> None:
        self.candidates = candidates
        self._numbers = numbers
        self._found = found

    def lacks(self, string: str) -> bool:
        """Whether the string was looked for and is not there."""
        number = self._numbers.get(string)
        return number is not None and number not in self._found


class PatternIndex:
    """Patterns of some kinds, found by the strings that they cannot match without."""

    def __init__(
        self,
        patterns: Sequence[Pattern],
        needles: NeedleTable,
        *,
        quick: bool = True,
        long: bool = False,
    ) -> None:
        """`long`: for texts as long as a page; `quick`: with Hyperscan, where there is one."""
        self.patterns = tuple(patterns)
        self._ranks = {id(pattern): number for number, pattern in enumerate(self.patterns)}
        self._always = [number for number, own in enumerate(needles) if own.needles is None]
        # By string: its length, the patterns that ask where it stands, and those that ask whether.
        owners: dict[str, tuple[int, list[int], list[int]]] = {}
        for number, own in enumerate(needles):
            for needle in own.needles or ():
                _, placed, present = owners.setdefault(needle, (len(needle), [], []))
                (placed if own.placed else present).append(number)
        self._owners = list(owners.values())
        self._numbers = {needle: number for number, needle in enumerate(owners)}
        once = {number for number, (_, placed, _) in enumerate(self._owners) if not placed}
        self.scanner: Scanner = make_scanner(list(owners), once, quick=quick, long=long)

    def find_candidates(self, flat: bytes) -> Sighting:
        """Every pattern that may match in the text, in the order of the set, and the places where
        its strings begin (None: anywhere). `flat` is the text with one byte a character."""
        places = self.scanner.scan(flat)
        if places is None:
            present = self.scanner.scan_for_presence(flat)
            anywhere: list[Candidate] = [(pattern, None) for pattern in self._owned_by(present)]
            return Sighting(anywhere, self._numbers, present)
        found: dict[int, list[int] | None] = dict.fromkeys(self._always)
        several: set[int] = set()
        for needle, ends in places.items():
            length, placed, asked = self._owners[needle]
            for number in asked:
                found[number] = None
            if placed:
                begins = [end - length for end in ends]
                for number in placed:
                    known = found.get(number)
                    if known is None:
                        found[number] = begins
                    else:
                        found[number] = known + begins
                        several.add(number)
        for number in several:
            found[number] = sorted(found[number] or ())
        candidates = [(self.patterns[number], found[number]) for number in sorted(found)]
        return Sighting(candidates, self._numbers, places.keys())

    def find_patterns(self, flat: bytes) -> list[Pattern]:
        """`find_candidates` without the places, for short texts."""
        return self._owned_by(self.scanner.scan_for_presence(flat))

    def _owned_by(self, needles: Iterable[int]) -> list[Pattern]:
        numbers = set(self._always)
        for needle in needles:
            _, placed, present = self._owners[needle]
            numbers.update(placed, present)
        return [self.patterns[number] for number in sorted(numbers)]

    def join(self, *lists: Iterable[Candidate]) -> list[Candidate]:
        """Candidates of several texts, each pattern as in the first list that has it, in the order
        of the set."""
        joined: dict[int, Candidate] = {}
        for candidate in itertools.chain.from_iterable(lists):
            joined.setdefault(self._ranks[id(candidate[0])], candidate)
        return [joined[rank] for rank in sorted(joined)]


def is_about_raw_text(pattern: Pattern) -> bool:
    """Whether the pattern looks at texts that the source has as they are, scripts and styles."""
    return pattern.detail == "text" and is_raw_text_selector(pattern.name)


def find_pattern_needles(pattern: Pattern) -> Wanted:
    """The strings by which an index finds the pattern."""
    within = parse_javascript(pattern.expression)
    if pattern.kind != "dom" or (pattern.expression and is_about_raw_text(pattern)):
        anchor = find_anchor(within)
        return Wanted(tuple(sorted(anchor.needles)) if anchor else None, placed=True)
    found = [find_selector_needles(pattern.name)]
    if pattern.detail.startswith("@"):
        found.append(find_attribute_needles(pattern.detail.removeprefix("@")))
        found.append(find_needles(within, ATTRIBUTE_BREAKS))
    elif pattern.detail == "text" and is_one_text_selector(pattern.name):
        found.append(find_needles(within, ATTRIBUTE_BREAKS))
    elif pattern.detail == "text" and not _FEW.fullmatch(pattern.name):
        needles = find_needles(within)
        spread = spread_over_tags(needles) if needles else frozenset()
        found.append(spread if 0 < len(spread) <= _SPREAD_MAX else None)
    return Wanted(_most_telling(found), placed=False)


def _most_telling(found: Iterable[Needles | None]) -> tuple[str, ...] | None:
    usable = [needles for needles in found if needles and min(map(len, needles)) > 2]
    best = max(usable, key=rank, default=None)
    return tuple(sorted(best)) if best else None


class NameIndex:
    """Patterns of one kind by the name of the header, cookie, meta or record they ask for.

    A name with the signs of an expression (`_ga_*`, `SESS[a-f0-9]{32}`) also stands for the names
    it matches as a whole, a lone `*` for any characters.
    """

    def __init__(self, patterns: Iterable[tuple[Pattern, tuple[str, ...] | None]]) -> None:
        self._by_name: defaultdict[str, list[Field]] = defaultdict(list)
        self._by_expression: list[tuple[regex.Pattern[str], str, Field]] = []
        self._known: dict[str, PatternIndex | list[Field]] = {}
        for entry in patterns:
            name = entry[0].name.lower()
            self._by_name[name].append(entry)
            if _NAME_SYNTAX.search(name) and (expression := _name_expression(name)):
                self._by_expression.append((expression, name, entry))

    def knows(self, name: str) -> bool:
        """Whether there are patterns for a name, given in any letter case."""
        known = self._find_known(name)
        return not isinstance(known, list) or bool(known)

    def find_patterns(self, name: str, value: str) -> list[Pattern]:
        """The patterns for a name, given in any letter case, that may match the value."""
        known = self._find_known(name)
        if not isinstance(known, list):
            return known.find_patterns(flatten(value))
        return [
            pattern for pattern, needles in known if not needles or holds_needle(value, needles)
        ]

    def _find_known(self, name: str) -> PatternIndex | list[Field]:
        lower = name.lower()[:256]
        known = self._known.get(lower)
        return self._know(lower) if known is None else known

    def _know(self, lower: str) -> PatternIndex | list[Field]:
        found = list(self._look_up(lower))
        known: PatternIndex | list[Field] = found
        if len(found) > _FIELDS_FEW:
            wanted = [Wanted(needles, placed=True) for _, needles in found]
            known = PatternIndex([pattern for pattern, _ in found], wanted)
        if len(self._known) >= _NAMES_MAX:  # names come from outside
            self._known.clear()
        self._known[lower] = known
        return known

    def find_all_patterns(self, name: str) -> list[Pattern]:
        """The patterns for a name, given in any letter case."""
        return [pattern for pattern, _ in self._look_up(name.lower()[:256])]

    def _look_up(self, lower: str) -> Iterable[Field]:
        yield from self._by_name.get(lower, ())
        for expression, name, entry in self._by_expression:
            if name != lower and _fits(expression, lower):
                yield entry


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
    """Technologies by name, the names of their categories, and what could not be loaded.

    `needles` is what an index needs to know of each pattern, by group; it is worked out where it is
    not given. `quick=False` leaves the optional Hyperscan alone.
    """

    technologies: Mapping[str, Fingerprint]
    categories: tuple[str, ...] = ()
    problems: tuple[Problem, ...] = ()
    quick: bool = True
    known_needles: Mapping[str, NeedleTable] = field(default_factory=dict, compare=False)

    def __getstate__(self) -> dict[str, object]:
        """Only the data travels between processes; indexes are made again where they are needed."""
        keep = ("technologies", "categories", "problems", "quick")
        state = {key: value for key, value in self.__dict__.items() if key in keep}
        return {**state, "known_needles": dict(self.needles)}

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

    def patterns_in(self, group: str) -> Sequence[Pattern]:
        """All patterns of a group, by kind."""
        return [pattern for kind in GROUPS[group] for pattern in self.patterns_of(kind)]

    @functools.cached_property
    def needles(self) -> Mapping[str, NeedleTable]:
        """The strings of each pattern, by group, in the order of `patterns_in`."""
        return self.known_needles or {
            group: tuple(find_pattern_needles(pattern) for pattern in self.patterns_in(group))
            for group in GROUPS
        }

    @functools.cached_property
    def indexes(self) -> Mapping[str, PatternIndex]:
        """The index of each group."""
        return {
            group: PatternIndex(
                self.patterns_in(group),
                self.needles[group],
                quick=self.quick,
                long=group in LONG,
            )
            for group in SCANNED
        }

    @functools.cached_property
    def named(self) -> Mapping[str, NameIndex]:
        """The name index of each kind that names fields."""
        fields = zip(self.patterns_in("fields"), self.needles["fields"], strict=True)
        by_kind: defaultdict[str, list[Field]] = defaultdict(list)
        for pattern, wanted in fields:
            by_kind[pattern.kind].append((pattern, wanted.needles))
        return {kind: NameIndex(by_kind[kind]) for kind in GROUPS["fields"]}

    def prepare(self) -> None:
        """Makes the indexes now, so that the first page does not wait for them."""
        _ = self.indexes, self.named
