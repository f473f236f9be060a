"""Which strings a pattern cannot match without: the exact pre-filter's knowledge. Pure reasoning.

The same for CSS selectors is in `selectors`; the scan that looks for the strings in `scanning`.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

import regex

from tracewell.detection.javascript import (
    Alternatives,
    Assertion,
    BackReference,
    CharacterSet,
    Group,
    Literal,
    Look,
    Node,
    Repeat,
    Sequence,
)

CHOICES_MAX = 256
LENGTH_MIN = 2
LENGTH_MAX = 40

Needles = frozenset[str]

# Characters that may be written as references in the source of an attribute's value.
ATTRIBUTE_BREAKS = "\"'&<>"


@dataclass(frozen=True, slots=True)
class Anchor:
    """Strings of which one stands in every match, inside of what `items[first:last + 1]` match."""

    needles: Needles
    items: tuple[Node, ...]
    first: int
    last: int


@dataclass(frozen=True, slots=True)
class _Known:
    """`exact`: every string the node can match, where few; `needed`: one of these must occur."""

    exact: tuple[str, ...] | None
    needed: Needles | None


_UNKNOWN = _Known(None, None)


def find_needles(node: Node, breaks: str = "") -> Needles | None:
    """Lower-case ASCII strings of which at least one occurs in every match, or None when unknown.

    "Occurs" means in the matched text after folding ASCII letters to lower case. None of them holds
    a control character or one of `breaks`.
    """
    needles = _best(_Reader(breaks).known(node))
    return needles and _without_longer(needles)


def holds_needle(text: str, needles: Iterable[str]) -> bool:
    """Whether one of the needles stands in the text, in any letter case."""
    folded = text.lower()  # all of ASCII stays what it is; what becomes ASCII is no harm
    for needle in needles:  # noqa: SIM110 - asked some hundred times a page
        if needle in folded:
            return True
    return False


def find_anchor(node: Node) -> Anchor | None:
    """The needles of a pattern, and where in it they stand; None when unknown."""
    items = tuple(_in_a_row((node,)))
    runs = list(_Reader("").runs(items))
    if len(items) > 1:  # else alternatives, each of which may have a reach of its own
        runs = [(_without_longer(needles), first, last) for needles, first, last in runs]
    needles = _pick([needles for needles, _, _ in runs])
    if needles is None:
        return None
    first, last = next((first, last) for found, first, last in runs if found == needles)
    return Anchor(needles, items, first, last)


def spread_over_tags(needles: Needles) -> Needles:
    """Strings of which one stands in a page's source if one of the needles stands in its text.

    Either the needle stands there in one piece, or its first piece is followed by a tag, a comment
    or a CDATA section; where that piece is a single character, the second one tells more. A line
    end behind `<pre>` is no text. Characters written as references are the caller's business.
    """
    spread = set(needles)
    for needle in needles:
        length = len(needle)
        spread |= {needle[:end] + sign for end in range(2, length) for sign in "<]"}
        for begin in (">", ">\n", "[cdata["):
            spread.add(begin + needle[1:])
            spread |= {begin + needle[1:end] + sign for end in range(2, length) for sign in "<]"}
    return frozenset(spread)


@dataclass(frozen=True, slots=True)
class _Reader:
    breaks: str

    def known(self, node: Node) -> _Known:
        match node:
            case Literal(character):
                usable = character.isascii() and character >= " " and character not in self.breaks
                return _Known((character.lower(),), None) if usable else _UNKNOWN
            case CharacterSet(ranges, negated):
                return _UNKNOWN if negated else _Known(self._few_characters(ranges), None)
            case Assertion() | Look():
                return _Known(("",), None)
            case Group(body, _):
                return self.known(body)
            case BackReference():
                return _UNKNOWN
            case Repeat(body, least, most, _):
                return self._repeat(body, least, most)
            case Sequence(items):
                return self._sequence(tuple(_in_a_row(items)))
            case Alternatives(choices):
                return _alternatives([self.known(choice) for choice in choices])

    def runs(self, items: tuple[Node, ...]) -> Iterator[tuple[Needles, int, int]]:
        """Strings of which one must occur, and the items (from, to) that they come from."""
        run: tuple[str, ...] = ("",)
        start = 0
        for number, item in enumerate(items):
            known = self.known(item)
            joined = _product(run, known.exact)
            if joined is not None:
                run = joined
                continue
            if start < number:
                yield frozenset(run), start, number - 1
            if known.needed is not None:
                yield known.needed, number, number
            run, start = (known.exact, number) if known.exact is not None else (("",), number + 1)
        if start < len(items):
            yield frozenset(run), start, len(items) - 1

    def _few_characters(self, ranges: tuple[tuple[int, int], ...]) -> tuple[str, ...] | None:
        if sum(high - low + 1 for low, high in ranges) > 4:
            return None
        codes = itertools.chain.from_iterable(range(low, high + 1) for low, high in ranges)
        characters = tuple(sorted({chr(code).lower() for code in codes}))
        if any(not " " <= one <= "~" or one in self.breaks for one in characters):
            return None
        return characters or None

    def _repeat(self, body: Node, least: int, most: int | None) -> _Known:
        known = self.known(body)
        if least == 0:
            if most == 1 and known.exact is not None:
                return _Known(tuple({"", *known.exact}), None)
            return _UNKNOWN
        if least == most == 1:
            return known
        return _Known(None, _best(known))

    def _sequence(self, items: tuple[Node, ...]) -> _Known:
        runs = list(self.runs(items))
        if not items:
            return _Known(("",), None)
        if len(runs) == 1 and runs[0][1:] == (0, len(items) - 1):
            whole = self._exact(items)
            if whole is not None:
                return _Known(whole, None)
        return _Known(None, _pick([needles for needles, _, _ in runs]))

    def _exact(self, items: tuple[Node, ...]) -> tuple[str, ...] | None:
        run: tuple[str, ...] | None = ("",)
        for item in items:
            run = None if run is None else _product(run, self.known(item).exact)
        return run


def _in_a_row(items: Iterable[Node]) -> Iterator[Node]:
    """The items, those within groups on their own: `a(?:b(c))` holds what `abc` does."""
    for item in items:
        inner = item
        while isinstance(inner, Group):
            inner = inner.body
        if isinstance(inner, Sequence):
            yield from _in_a_row(inner.items)
        else:
            yield item


def _product(left: tuple[str, ...], right: tuple[str, ...] | None) -> tuple[str, ...] | None:
    if right is None or len(left) * len(right) > CHOICES_MAX:
        return None
    if len(left) == len(right) == 1:  # as mostly
        text = left[0] + right[0]
        return (text,) if len(text) <= LENGTH_MAX else None
    joined = tuple({a + b for a in left for b in right})
    return joined if all(len(text) <= LENGTH_MAX for text in joined) else None


def _alternatives(choices: list[_Known]) -> _Known:
    if all(choice.exact is not None for choice in choices):
        exact = {text for choice in choices for text in choice.exact or ()}
        if len(exact) <= CHOICES_MAX:
            return _Known(tuple(exact), None)
    needed: set[str] = set()
    for choice in choices:
        needles = _best(choice)
        if needles is None:
            return _UNKNOWN
        needed |= needles
    return _Known(None, frozenset(needed) if len(needed) <= CHOICES_MAX else None)


def _best(known: _Known) -> Needles | None:
    found = [known.needed] if known.needed is not None else []
    if known.exact is not None:
        found.append(frozenset(known.exact))
    return _pick(found)


def _pick(found: list[Needles]) -> Needles | None:
    """The set whose least telling string tells most; of equal ones that with fewer strings."""
    usable = [needles for needles in found if min(map(len, needles), default=0) >= LENGTH_MIN]
    return max(usable, key=rank, default=None)


def _without_longer(needles: Needles) -> Needles:
    """Without those that hold another one: where they stand, that one does."""
    return frozenset(
        needle
        for needle in needles
        if not any(other != needle and other in needle for other in needles)
    )


def rank(needles: Needles) -> tuple[float, int]:
    """How telling a set of needles is, greater is better. Only speed hangs on it."""
    return min(12.0, *map(_rarity, needles), 12.0), -len(needles)


def _rarity(needle: str) -> float:
    """How much of the string is not found on nearly every page anyway; several common words in a
    row tell something too."""
    if _EVERYWHERE.match(needle):
        return 0.0
    rest, words = _COMMON.subn("", needle)
    return len(_SIGNS.sub("", rest)) + 0.7 * max(0, words - 2) + len(needle) / 50


_COMMON = regex.compile(
    r"""https?|</?(?:script|link|meta|div|img|a|p|body|html|style|iframe|table|section|input|form)
    |(?:src|href|content|class|id|name|type|rel)=|script|text/|www\.|cdn|\.(?:com|net|org|io|js|css
    |min|png|php)|jquery|wp-(?:content|includes|json|block)|plugins|themes|assets|static|window\.
    |function|var\ |return|document|class|content|div|span|href|link|title|style(?:sheet)?|img
    |button|section|html|footer|header|hidden|input|property|table|iframe|images?/|param|desktop
    |srcset|css|aria-|label|application|data-|common|canonical|youtube
    |facebook|googl?e?|dns-prefetch|robots|manifest|lightbox|bootstrap|material|animate
    |version|!\[cdata\[|color|text|font-?|source|page|upload|media|module|widget|theme|main|menu
    |container|alternate|analytics|(?<!\.)m(?:in|ax)-|_blank|copyright|original|information|component|small-|large-|medium-
    |(?:pre)?connect|shortcut|icon|adsense|amazonaws|opensearchdescription|\+xml"|control(?!s)|poweredby
    |powered\ by|this\ site\ is\ optimized\ with\ the|gtag\(|ua-|files|modules""",
    regex.VERBOSE,
)
_EVERYWHERE = regex.compile(r"""<link rel=["']stylesheet|property=["']og:""")  # or nearly
_SIGNS = regex.compile(r"""[\s/."'<>=:-]+""")
