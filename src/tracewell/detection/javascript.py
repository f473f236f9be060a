"""JavaScript regular expressions (flag `i` only) read into a small tree, as ECMAScript reads them.

Annex B (the web's leniency) included. What a tree means to Python is in `translation`.
"""

from __future__ import annotations

from dataclasses import dataclass

PATTERN_LENGTH_MAX = 8192
NESTING_MAX = 60
REPEAT_MAX = 65_535

_SPACE_RANGES: tuple[tuple[int, int], ...] = (
    (0x09, 0x0D),
    (0x20, 0x20),
    (0xA0, 0xA0),
    (0x1680, 0x1680),
    (0x2000, 0x200A),
    (0x2028, 0x2029),
    (0x202F, 0x202F),
    (0x205F, 0x205F),
    (0x3000, 0x3000),
    (0xFEFF, 0xFEFF),
)
_DIGIT_RANGES = ((0x30, 0x39),)
_WORD_RANGES = ((0x30, 0x39), (0x41, 0x5A), (0x5F, 0x5F), (0x61, 0x7A))
_LINE_ENDS = ((0x0A, 0x0A), (0x0D, 0x0D), (0x2028, 0x2029))
_CLASS_ESCAPES = {"s": _SPACE_RANGES, "d": _DIGIT_RANGES, "w": _WORD_RANGES}
_CONTROL_ESCAPES = {"t": "\t", "n": "\n", "v": "\v", "f": "\f", "r": "\r"}

Ranges = tuple[tuple[int, int], ...]


class JavaScriptPatternError(ValueError):
    """The text is no JavaScript regular expression (or passes one of this module's bounds)."""


@dataclass(frozen=True, slots=True)
class Literal:
    """One character."""

    character: str


@dataclass(frozen=True, slots=True)
class CharacterSet:
    """One character of (or, negated, outside of) inclusive code point ranges."""

    ranges: Ranges
    negated: bool = False


@dataclass(frozen=True, slots=True)
class Assertion:
    """A place without width: `^`, `$`, `b` or `B`."""

    kind: str


@dataclass(frozen=True, slots=True)
class Look:
    """Look-around: `=`, `!`, `<=`, `<!`."""

    kind: str
    body: Node


@dataclass(frozen=True, slots=True)
class Group:
    """A group; `number` is None where it does not capture."""

    body: Node
    number: int | None


@dataclass(frozen=True, slots=True)
class BackReference:
    """What the group of that number matched; the empty string where it took no part."""

    number: int


@dataclass(frozen=True, slots=True)
class Repeat:
    """`least` to `most` (None: any number) of the body."""

    body: Node
    least: int
    most: int | None
    lazy: bool


@dataclass(frozen=True, slots=True)
class Sequence:
    """One after the other."""

    items: tuple[Node, ...]


@dataclass(frozen=True, slots=True)
class Alternatives:
    """The first that lets the whole match."""

    choices: tuple[Node, ...]


Node = (
    Literal
    | CharacterSet
    | Assertion
    | Look
    | Group
    | BackReference
    | Repeat
    | Sequence
    | Alternatives
)


def parse_javascript(source: str) -> Node:
    """The tree of a JavaScript expression (flags `i` only).

    Raises JavaScriptPatternError where a browser raises SyntaxError, and past the bounds above.
    """
    if len(source) > PATTERN_LENGTH_MAX:
        raise JavaScriptPatternError(f"longer than {PATTERN_LENGTH_MAX} characters")
    return _Parser(source).parse()


class _Parser:
    def __init__(self, source: str) -> None:
        self._source = source
        self._at = 0
        self._depth = 0
        self._opened = 0
        self._names: dict[str, int] = {}
        self._group_count = 0
        self._count_groups()

    def parse(self) -> Node:
        node = self._alternatives()
        if self._at < len(self._source):
            raise JavaScriptPatternError("unmatched ')'")
        return node

    def _count_groups(self) -> None:
        """Groups must be known ahead: without a second group `\\2` is a character code."""
        source, at, in_class = self._source, 0, False
        while at < len(source):
            character = source[at]
            if character == "\\":
                at += 1
            elif in_class:
                in_class = character != "]"
            elif character == "[":
                in_class = True
            elif character == "(":
                named = source.startswith("(?<", at) and source[at + 3 : at + 4] not in ("=", "!")
                if named or not source.startswith("(?", at):
                    self._group_count += 1
                if named:
                    name = source[at + 3 :].partition(">")[0]
                    if name in self._names:
                        raise JavaScriptPatternError(f"two groups are named {name}")
                    self._names[name] = self._group_count
            at += 1

    def _peek(self, text: str) -> bool:
        return self._source.startswith(text, self._at)

    def _take(self, text: str) -> bool:
        if self._peek(text):
            self._at += len(text)
            return True
        return False

    def _alternatives(self) -> Node:
        choices = [self._sequence()]
        while self._take("|"):
            choices.append(self._sequence())
        return choices[0] if len(choices) == 1 else Alternatives(tuple(choices))

    def _sequence(self) -> Node:
        items: list[Node] = []
        while self._at < len(self._source) and self._source[self._at] not in "|)":
            atom, repeatable = self._atom()
            items.append(self._quantified(atom, repeatable))
        return items[0] if len(items) == 1 else Sequence(tuple(items))

    def _quantified(self, atom: Node, repeatable: bool) -> Node:
        bounds = self._quantifier()
        if bounds is None:
            return atom
        if not repeatable:
            raise JavaScriptPatternError("nothing to repeat")
        least, most = bounds
        if max(least, most or 0) > REPEAT_MAX:
            raise JavaScriptPatternError(f"repeats more than {REPEAT_MAX} times")
        if most is not None and most < least:
            raise JavaScriptPatternError("numbers out of order in a {} quantifier")
        return Repeat(atom, least, most, self._take("?"))

    def _quantifier(self) -> tuple[int, int | None] | None:
        for sign, bounds in (("*", (0, None)), ("+", (1, None)), ("?", (0, 1))):
            if self._take(sign):
                return bounds
        if not self._peek("{"):
            return None
        end = self._source.find("}", self._at)
        least, comma, most = self._source[self._at + 1 : max(end, 0)].partition(",")
        if end < 0 or not _is_number(least) or not (most == "" or _is_number(most)):
            return None  # Annex B: a brace that opens no quantifier is a character
        self._at = end + 1
        if not comma:
            return int(least), int(least)
        return int(least), int(most) if most else None

    def _atom(self) -> tuple[Node, bool]:
        character = self._source[self._at]
        if character == "(":
            return self._group()
        if self._quantifier_starts():
            raise JavaScriptPatternError("nothing to repeat")
        self._at += 1
        if character in "^$":
            return Assertion(character), False
        if character == ".":
            return CharacterSet(_LINE_ENDS, negated=True), True
        if character == "[":
            return self._class(), True
        if character == "\\":
            return self._escape()
        return Literal(character), True

    def _quantifier_starts(self) -> bool:
        at = self._at
        starts = self._quantifier() is not None
        self._at = at
        return starts

    def _group(self) -> tuple[Node, bool]:
        self._depth += 1
        if self._depth > NESTING_MAX:
            raise JavaScriptPatternError(f"nested deeper than {NESTING_MAX}")
        self._at += 1
        look: str | None = None
        number: int | None = None
        if self._take("?:"):
            pass
        elif self._peek("?<=") or self._peek("?<!"):
            look = self._source[self._at + 1 : self._at + 3]
            self._at += 3
        elif self._take("?="):
            look = "="
        elif self._take("?!"):
            look = "!"
        else:
            if self._take("?<"):
                self._group_name()
            elif self._peek("?"):
                raise JavaScriptPatternError("invalid group")
            self._opened += 1
            number = self._opened
        body = self._alternatives()
        if not self._take(")"):
            raise JavaScriptPatternError("unterminated group")
        self._depth -= 1
        if look is not None:
            # Annex B lets a look-ahead be repeated; a look-behind never.
            return Look(look, body), not look.startswith("<")
        return Group(body, number), True

    def _group_name(self) -> str:
        name, closed, _ = self._source[self._at :].partition(">")
        if not closed or not name.isidentifier():
            raise JavaScriptPatternError("invalid group name")
        self._at += len(name) + 1
        return name

    def _escape(self) -> tuple[Node, bool]:
        if self._at >= len(self._source):
            raise JavaScriptPatternError("\\ at the end of the pattern")
        character = self._source[self._at]
        if character in "bB":
            self._at += 1
            return Assertion(character), False
        if character == "k" and self._names:
            self._at += 1
            if not self._take("<"):
                raise JavaScriptPatternError("invalid named reference")
            name = self._group_name()
            if name not in self._names:
                raise JavaScriptPatternError(f"no group is named {name}")
            return BackReference(self._names[name]), True
        if character in "123456789":
            digits = self._digits()
            if int(digits) <= self._group_count:
                self._at += len(digits)
                return BackReference(int(digits)), True
        found = self._class_escape()
        return (CharacterSet(found) if isinstance(found, tuple) else Literal(found)), True

    def _digits(self) -> str:
        end = self._at
        while end < len(self._source) and self._source[end] in "0123456789":
            end += 1
        return self._source[self._at : end]

    def _class_escape(self) -> str | Ranges:
        """What `\\x` means both inside and outside of a class: a character, or ranges of them."""
        character = self._source[self._at]
        self._at += 1
        lower = character.lower()
        if lower in _CLASS_ESCAPES:
            ranges = _CLASS_ESCAPES[lower]
            return ranges if character == lower else complement(ranges)
        if character in _CONTROL_ESCAPES:
            return _CONTROL_ESCAPES[character]
        if character == "c":
            letter = self._source[self._at : self._at + 1]
            if letter.isascii() and letter.isalpha():
                self._at += 1
                return chr(ord(letter) % 32)
            self._at -= 1  # Annex B: the backslash stands for itself, `c` follows
            return "\\"
        if character in "xu":
            width = 2 if character == "x" else 4
            digits = self._source[self._at : self._at + width]
            if len(digits) == width and all(digit in "0123456789abcdefABCDEF" for digit in digits):
                self._at += width
                return chr(int(digits, 16))
            return character
        if character in "01234567":
            return self._octal(character)
        return character

    def _octal(self, first: str) -> str:
        digits = first
        most = 3 if first in "0123" else 2
        while len(digits) < most and self._source[self._at : self._at + 1] in tuple("01234567"):
            digits += self._source[self._at]
            self._at += 1
        return chr(int(digits, 8))

    def _class(self) -> Node:
        negated = self._take("^")
        ranges: list[tuple[int, int]] = []
        while not self._take("]"):
            low = self._class_atom()
            if not (self._peek("-") and not self._peek("-]")):
                ranges.extend(_as_ranges(low))
                continue
            self._at += 1
            high = self._class_atom()
            if isinstance(low, tuple) or isinstance(high, tuple):
                ranges.extend((*_as_ranges(low), (0x2D, 0x2D), *_as_ranges(high)))
            elif ord(low) > ord(high):
                raise JavaScriptPatternError("range out of order in a character class")
            else:
                ranges.append((ord(low), ord(high)))
        return CharacterSet(tuple(ranges), negated)

    def _class_atom(self) -> str | Ranges:
        if self._at >= len(self._source):
            raise JavaScriptPatternError("unterminated character class")
        character = self._source[self._at]
        self._at += 1
        if character != "\\":
            return character
        if self._at >= len(self._source):
            raise JavaScriptPatternError("\\ at the end of the pattern")
        if self._take("b"):
            return "\b"
        return self._class_escape()


def _is_number(text: str) -> bool:
    return 0 < len(text) < 10 and text.isascii() and text.isdigit()


def _as_ranges(item: str | Ranges) -> Ranges:
    return item if isinstance(item, tuple) else ((ord(item), ord(item)),)


def complement(ranges: Ranges) -> Ranges:
    """Every code point outside of the ranges."""
    result: list[tuple[int, int]] = []
    start = 0
    for low, high in sorted(ranges):
        if low > start:
            result.append((start, low - 1))
        start = max(start, high + 1)
    if start <= 0x10FFFF:
        result.append((start, 0x10FFFF))
    return tuple(result)
