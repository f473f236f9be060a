"""Looks for all patterns in all parts of one capture: which texts a kind of pattern is tried on."""

from __future__ import annotations

import bisect
import itertools
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Sequence

from tracewell.detection.charset import flatten
from tracewell.detection.elements import ElementLooker
from tracewell.detection.fingerprints import GROUPS, Candidate, FingerprintSet, Sighting
from tracewell.detection.matching import Guard, Hit, Place, match_values
from tracewell.detection.model import PROPERTY_KIND, GivenUp, Pattern
from tracewell.detection.page import Page
from tracewell.detection.spans import Span, Value
from tracewell.values import Capture

# Given a group of patterns and a text with one byte a character (`charset.flatten`), returns the
# patterns to try on it, and where.
Choose = Callable[[FingerprintSet, str, bytes], Sighting]


def choose_candidates(fingerprints: FingerprintSet, group: str, flat: bytes) -> Sighting:
    """The patterns of the group that may match in the text."""
    return fingerprints.indexes[group].find_candidates(flat)


def choose_all(fingerprints: FingerprintSet, group: str, flat: bytes) -> Sighting:
    """All patterns of the group, everywhere."""
    return Sighting([(pattern, None) for pattern in fingerprints.patterns_in(group)])


class Looker:
    """One look at one capture."""

    def __init__(
        self,
        capture: Capture,
        page: Page,
        fingerprints: FingerprintSet,
        guard: Guard,
        choose: Choose,
    ) -> None:
        self._capture = capture
        self._page = page
        self._set = fingerprints
        self._guard = guard
        self._choose = choose

    def iter_hits(self) -> Iterator[Hit]:
        """Every pattern that matches, from the cheap and telling kinds to the dear ones."""
        yield from self._iter_named("header", self._headers())
        yield from self._iter_named("cookie", self._cookies())
        yield from self._iter_named("dns", self._records())
        yield from self._iter_named("js", self._globals())
        yield from self._iter_properties()
        if self._set.patterns_of("meta"):
            yield from self._iter_named("meta", self._metas())
        yield from self._iter_listed("words", "cert_issuer", self._issuer())
        yield from self._iter_listed("words", "robots", self._robots())
        yield from self._iter_listed("address", "url", [Value(self._clip(self._capture.url))])
        yield from self._iter_listed("address", "xhr", self._hosts())
        if self._set.patterns_of("script_src"):
            yield from self._iter_listed("address", "script_src", self._page.script_sources)
        yield from self._iter_source()
        if self._set.patterns_of("text"):
            yield from self._iter_listed("words", "text", [self._page.text])

    def _clip(self, text: str) -> str:
        return text[: self._page.limits.value_chars_max]

    def _headers(self) -> Iterator[Value]:
        for name, value in self._capture.headers[: self._page.limits.values_max]:
            yield Value(self._clip(value), name)

    def _cookies(self) -> Iterator[Value]:
        for header, value in self._capture.headers[: self._page.limits.values_max]:
            if header.lower() == "set-cookie":
                name, equals, rest = self._clip(value).partition("=")
                if equals:
                    yield Value(rest.partition(";")[0].strip(), name.strip())

    def _metas(self) -> list[Value]:
        return self._page.find_metas(self._set.named["meta"].knows)

    def _records(self) -> Iterator[Value]:
        for record_type, records in self._capture.dns.items():
            for record in records[: self._page.limits.values_max]:
                yield Value(self._clip(record), record_type)

    def _globals(self) -> Iterator[Value]:
        named = list(self._capture.js.items())[: self._page.limits.values_max]
        return (Value(self._clip(value), name) for name, value in named)

    def _iter_properties(self) -> Iterator[Hit]:
        """Patterns over live properties of elements, by the selector as the pattern writes it."""
        found = _Found()
        for pattern in self._set.patterns_of(PROPERTY_KIND) if self._capture.dom_properties else ():
            value = self._capture.dom_properties.get(pattern.name, {}).get(pattern.detail)
            if value is not None:
                found.add(pattern, [(Value(self._clip(value), pattern.name), None)])
        return self._iter_matches(found)

    def _issuer(self) -> list[Value]:
        issuer = self._capture.certificate_issuer
        return [Value(issuer[:1000])] if issuer else []

    def _robots(self) -> list[Value]:
        text = self._capture.robots_txt
        return [Value(text[: self._page.limits.body_bytes_max])] if text else []

    def _hosts(self) -> list[Value]:
        return [
            Value(self._clip(host)) for host in self._capture.xhr[: self._page.limits.values_max]
        ]

    def _iter_named(self, kind: str, values: Iterable[Value]) -> Iterator[Hit]:
        index = self._set.named[kind]
        found = _Found()
        for value in values:
            patterns = (
                index.find_all_patterns(value.name)
                if self._guard.obvious
                else index.find_patterns(value.name, value.text)
            )
            for pattern in patterns:
                found.add(pattern, [(value, None)])
        return self._iter_matches(found)

    def _iter_listed(self, group: str, kind: str, values: Sequence[Value]) -> Iterator[Hit]:
        """One kind of pattern over a list of values, all of them looked through at once."""
        found = _Found()
        self._look_through(group, kind, values, found)
        return self._iter_matches(found)

    def _look_through(self, group: str, kind: str, values: Sequence[Value], found: _Found) -> None:
        if not values or not self._set.patterns_of(kind):
            return
        joined = _Joined(values)
        for pattern, positions in self._choose(self._set, group, joined.flat).candidates:
            if pattern.kind == kind:
                found.add(pattern, joined.places(positions))

    def _iter_matches(self, found: _Found) -> Iterator[Hit]:
        for pattern, places in found.patterns():
            hit = match_values(pattern, places, self._guard)
            if hit is not None:
                yield hit

    def _iter_source(self) -> Iterator[Hit]:
        """The patterns over the page's source: one scan finds those of all four kinds."""
        if not any(self._set.patterns_of(kind) for kind in GROUPS["source"]):
            return
        by_kind: defaultdict[str, list[Candidate]] = defaultdict(list)
        sighting = self._choose(self._set, "source", self._page.decoded.flat)
        for candidate in sighting.candidates:
            by_kind[candidate[0].kind].append(candidate)
        yield from self._iter_dom(by_kind["dom"], sighting)
        fetched = list(self._capture.scripts.items())[: self._page.limits.values_max]
        most = self._page.limits.body_bytes_max
        more = [Value(text[:most], address) for address, text in fetched if text]
        if self._set.patterns_of("script"):
            yield from self._iter_bodies("script", by_kind["script"], more)
        if self._set.patterns_of("css"):
            yield from self._iter_bodies("css", by_kind["css"], ())
        if self._page.bodies_cut:
            reason = "scripts or styles lie in each other: not all were read"
            self._guard.given_up.append(GivenUp("script", reason))
        source = self._page.source
        whole = Value(source, span=Span(0, len(source)), verbatim=True)
        found = _Found()
        for pattern, positions in by_kind["html"]:
            found.add(pattern, [(whole, positions)])
        yield from self._iter_matches(found)

    def _iter_bodies(
        self, kind: str, candidates: Sequence[Candidate], more: Sequence[Value]
    ) -> Iterator[Hit]:
        """Patterns over the bodies of elements, most of which stand in the source as they are, and
        over further texts."""
        found = _Found()
        if self._guard.obvious:
            read = self._page.inline_scripts if kind == "script" else self._page.style_sheets
            others = [value for value in read if not value.verbatim]
            everywhere: list[Place] = [(value, None) for value in read if value.verbatim]
            for pattern, _ in candidates:
                found.add(pattern, list(everywhere))
        else:
            others = [value for _, own, value in self._page.raw_bodies.changed if own == kind]
            for pattern, positions in candidates:
                found.add(pattern, self._body_places(kind, positions))
        self._look_through("source", kind, [*others, *more], found)
        return self._iter_matches(found)

    def _body_places(self, kind: str, positions: Sequence[int] | None) -> list[Place]:
        bodies = self._page.raw_bodies
        if positions is None:
            numbers = [number for number, own in enumerate(bodies.kinds) if own == kind]
            return [(bodies.value(number), None) for number in numbers]
        return [
            (bodies.value(number), indices)
            for number, indices in bodies.divide(positions).items()
            if bodies.kinds[number] == kind
        ]

    def _iter_dom(self, candidates: list[Candidate], source: Sighting) -> Iterator[Hit]:
        lacks = source.lacks
        if not self._guard.obvious and self._page.revealed is not None:
            # Those too whose strings the source writes with references to characters.
            more = self._choose(self._set, "source", self._page.revealed)
            anywhere = [(pattern, None) for pattern, _ in more.candidates if pattern.kind == "dom"]
            candidates = self._set.indexes["source"].join(candidates, anywhere)

            def lacks(string: str) -> bool:
                return source.lacks(string) and more.lacks(string)

        yield from ElementLooker(self._page, self._guard, lacks).iter_hits(candidates)


class _Found:
    """Patterns to try and where, each pattern once; in the order they were first added."""

    def __init__(self) -> None:
        self._places: dict[int, tuple[Pattern, list[Place]]] = {}

    def add(self, pattern: Pattern, places: list[Place]) -> None:
        # By identity: comparing patterns by value costs more than most of them do.
        known = self._places.setdefault(id(pattern), (pattern, places))
        if known[1] is not places:
            known[1].extend(places)

    def patterns(self) -> Iterable[tuple[Pattern, list[Place]]]:
        """Each pattern with its places."""
        return self._places.values()


class _Joined:
    """Values in a row, and which of them a place in the row belongs to."""

    def __init__(self, values: Sequence[Value]) -> None:
        self._values = values
        self.flat = flatten("\n".join([value.text for value in values]))
        self._ends = list(itertools.accumulate(len(value.text) + 1 for value in values))

    def places(self, positions: Iterable[int] | None) -> list[Place]:
        """The values to try, and where in them; `positions` in ascending order or None."""
        if positions is None:
            return [(value, None) for value in self._values]
        found: dict[int, list[int]] = {}
        for position in positions:
            number = bisect.bisect_right(self._ends, position)
            begin = self._ends[number] - len(self._values[number].text) - 1
            found.setdefault(number, []).append(position - begin)
        return [(self._values[number], indices) for number, indices in found.items()]
