"""Which strings a pattern or a CSS selector cannot match without: the exact pre-filter's knowledge.

Pure reasoning over the parsed tree; the scan that uses the strings lives in `matching`.
"""

from __future__ import annotations

import itertools
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

CHOICES_MAX = 16
LENGTH_MIN = 2
LENGTH_MAX = 40

Needles = frozenset[str]


@dataclass(frozen=True, slots=True)
class _Known:
    """`exact`: every string the node can match, where few; `needed`: one of these must occur."""

    exact: tuple[str, ...] | None
    needed: Needles | None


def find_needles(node: Node) -> Needles | None:
    """Lower-case ASCII strings of which at least one occurs in every match, or None when unknown.

    "Occurs" means in the matched text after folding ASCII letters to lower case.
    """
    return _best(_known(node))


def _known(node: Node) -> _Known:
    match node:
        case Literal(character):
            return _Known((character.lower(),) if character.isascii() else None, None)
        case CharacterSet(ranges, negated):
            return _Known(None if negated else _few_characters(ranges), None)
        case Assertion() | Look():
            return _Known(("",), None)
        case Group(body, _):
            return _known(body)
        case BackReference():
            return _Known(None, None)
        case Repeat(body, least, most, _):
            return _repeat(_known(body), least, most)
        case Sequence(items):
            return _sequence([_known(item) for item in items])
        case Alternatives(choices):
            return _alternatives([_known(choice) for choice in choices])


def _few_characters(ranges: tuple[tuple[int, int], ...]) -> tuple[str, ...] | None:
    if sum(high - low + 1 for low, high in ranges) > 4 or any(high > 0x7F for _, high in ranges):
        return None
    codes = itertools.chain.from_iterable(range(low, high + 1) for low, high in ranges)
    return tuple(sorted({chr(code).lower() for code in codes})) or None


def _repeat(body: _Known, least: int, most: int | None) -> _Known:
    if least == 0:
        if most == 1 and body.exact is not None:
            return _Known(tuple({"", *body.exact}), None)
        return _Known(None, None)
    if least == most == 1:
        return body
    return _Known(None, _best(body))


def _sequence(items: list[_Known]) -> _Known:
    run: tuple[str, ...] = ("",)
    whole = True
    found: list[Needles] = []
    for item in items:
        joined = _product(run, item.exact)
        if joined is not None:
            run = joined
            continue
        whole = False
        found.append(frozenset(run))
        if item.needed is not None:
            found.append(item.needed)
        run = item.exact if item.exact is not None else ("",)
    if whole:
        return _Known(run, None)
    found.append(frozenset(run))
    return _Known(None, _pick(found))


def _product(left: tuple[str, ...], right: tuple[str, ...] | None) -> tuple[str, ...] | None:
    if right is None or len(left) * len(right) > CHOICES_MAX:
        return None
    joined = tuple({a + b for a in left for b in right})
    return joined if all(len(text) <= LENGTH_MAX for text in joined) else None


def _alternatives(choices: list[_Known]) -> _Known:
    if all(choice.exact is not None for choice in choices):
        exact = {text for choice in choices for text in choice.exact or ()}
        if len(exact) <= CHOICES_MAX:
            return _Known(tuple(exact), None)
    best = [_best(choice) for choice in choices]
    needed: set[str] = set()
    for needles in best:
        if needles is None:
            return _Known(None, None)
        needed |= needles
    return _Known(None, frozenset(needed) if len(needed) <= 4 * CHOICES_MAX else None)


def _best(known: _Known) -> Needles | None:
    found = [known.needed] if known.needed is not None else []
    if known.exact is not None:
        found.append(frozenset(known.exact))
    return _pick(found)


def _pick(found: list[Needles]) -> Needles | None:
    """The set whose least telling string tells most; of equal ones that with fewer strings."""
    usable = [needles for needles in found if min(map(len, needles), default=0) >= LENGTH_MIN]
    if not usable:
        return None
    return max(usable, key=lambda needles: (min(12, *map(_rarity, needles), 12), -len(needles)))


def _rarity(needle: str) -> float:
    """How much of the string is not found on nearly every page anyway. Only speed hangs on it."""
    return len(_COMMON.sub("", needle)) + len(needle) / 100


_COMMON = regex.compile(
    r"""https?|</?(?:script|link|meta|div|img|a|p|body|html|style|iframe)|(?:src|href|content|class|id
    |name|type|rel)=|script|text/|www\.|cdn|\.(?:com|net|org|io|js|css|min|png)|jquery|wp-content|
    plugins|themes|assets|static|window\.|function|var\ |return|document|[\s/."'<>=:-]+""",
    regex.VERBOSE,
)
_SELECTOR_PART = regex.compile(
    r"""[#.](?P<name>[\w-]+)
      | \[\s*(?P<attribute>[\w-]+)\s*
        (?:[~|^$*]?=\s*(?:"(?P<double>[^"\\]*)"|'(?P<single>[^'\\]*)'|(?P<bare>[\w-]+))\s*[is]?\s*)?\]
      | (?P<element>[A-Za-z][\w-]*)
      | ::?[\w-]+ (?P<call>\()?
      | [\s>+~*]+""",
    regex.VERBOSE | regex.ASCII,
)
_COMPOUND = regex.compile(
    r"""(?:[\w-]+|\*)?(?:[#.][\w-]+|\[[^\]"'\\]*(?:"[^"\\]*"|'[^'\\]*')?[^\]"'\\]*\])*"""
)
_PLAIN = regex.compile(r"[ !#-%'-;=?-~]+", regex.ASCII)


def find_selector_needles(selector: str) -> Needles | None:
    """Strings of which at least one stands in every serialised document that the selector matches.

    None where the selector has escapes or forms that this small reader does not follow: such a
    selector is always tried. Strings hold none of the characters that serialising escapes.
    """
    needles: set[str] = set()
    for branch in _branches(selector):
        best = ""
        at = 0
        while at < len(branch):
            part = _SELECTOR_PART.match(branch, at)
            if part is None or part.end() == at:
                return None
            at = part.end()
            if part.group("call"):
                at = _past_parenthesis(branch, at)
            values = part.group("name", "attribute", "double", "single", "bare", "element")
            plain = [text for value in values if value for text in _PLAIN.findall(value)]
            best = max([best, *plain], key=len)
        if len(best) < LENGTH_MIN:
            return None
        needles.add(best[:LENGTH_MAX].lower())
    return frozenset(needles) if 0 < len(needles) <= CHOICES_MAX else None


def _past_parenthesis(text: str, at: int) -> int:
    depth = 1
    while at < len(text) and depth:
        depth += {"(": 1, ")": -1}.get(text[at], 0)
        at += 1
    return at


def _branches(selector: str) -> list[str]:
    """The selector cut at its top-level commas."""
    branches = [""]
    depth, quote = 0, ""
    for character in selector:
        if quote:
            quote = "" if character == quote else quote
        elif character in "\"'":
            quote = character
        elif character in "([":
            depth += 1
        elif character in ")]":
            depth -= 1
        elif character == "," and depth == 0:
            branches.append("")
            continue
        branches[-1] += character
    return [branch.strip() for branch in branches]


def is_compound_selector(selector: str) -> bool:
    """Whether the selector looks at one element at a time: no combinator, no pseudo-class."""
    return all(_COMPOUND.fullmatch(branch) for branch in _branches(selector))
