"""Writes a JavaScript expression for the Python package `regex`, meaning for meaning.

Known differences, harmless to fingerprints: text is code points, not UTF-16 units, and a group in a
repetition keeps its last capture instead of being cleared by each round.
"""

from __future__ import annotations

import functools
import sys
from collections.abc import Iterator

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
    Ranges,
    Repeat,
    Sequence,
    parse_javascript,
)

FLAGS = regex.ASCII | regex.IGNORECASE | regex.VERSION0


@functools.lru_cache(maxsize=65_536)
def compile_expression(expression: str) -> regex.Pattern[str]:
    """The compiled form of a JavaScript expression. Raises JavaScriptPatternError."""
    return regex.compile(write_python(parse_javascript(expression)), FLAGS)


def write_python(node: Node) -> str:
    """The tree as text for `regex`; every character that could be syntax is written as a code."""
    match node:
        case Literal(character):
            return _write_set(((ord(character), ord(character)),), negated=False)
        case CharacterSet(ranges, negated):
            return _write_set(ranges, negated)
        case Assertion(kind):
            return {"^": r"\A", "$": r"\Z", "b": r"\b", "B": r"\B"}[kind]
        case Look(kind, body):
            return f"(?{kind}{write_python(body)})"
        case Group(body, number):
            return f"({'?:' if number is None else ''}{write_python(body)})"
        case BackReference(number):
            return rf"(?:(?({number})\g<{number}>|))"
        case Repeat(body, least, most, lazy):
            count = f"{{{least},{'' if most is None else most}}}"
            return f"(?:{write_python(body)}){count}{'?' if lazy else ''}"
        case Sequence(items):
            return "".join(write_python(item) for item in items)
        case Alternatives(choices):
            return "|".join(write_python(choice) for choice in choices)


def _write_set(ranges: Ranges, negated: bool) -> str:
    if not ranges or _is_everything(ranges):
        return "(?s:.)" if bool(ranges) is not negated else "(?!)"
    if len(ranges) == 1 and ranges[0][0] == ranges[0][1] and not negated:
        character = chr(ranges[0][0])
        if character.isascii():
            return character if character.isalnum() else _write_code(ranges[0][0])
    widened = [*ranges, *_other_cases(ranges)]
    inside = "".join(
        _write_code(low) if low == high else f"{_write_code(low)}-{_write_code(high)}"
        for low, high in widened
    )
    return f"[{'^' if negated else ''}{inside}]"


def _is_everything(ranges: Ranges) -> bool:
    """Whether the ranges leave nothing out, as those of `[\\s\\S]` do."""
    end = 0
    for low, high in sorted(ranges):
        if low > end:
            return False
        end = max(end, high + 1)
    return end > sys.maxunicode


def _write_code(code: int) -> str:
    if 0x30 <= code <= 0x39 or 0x41 <= code <= 0x5A or 0x61 <= code <= 0x7A:
        return chr(code)
    return f"\\x{code:02x}" if code < 0x100 else f"\\U{code:08x}"


def _other_cases(ranges: Ranges) -> Iterator[tuple[int, int]]:
    """The other cases of letters beyond ASCII, which `regex` does not fold under its ASCII flag."""
    for low, high in ranges:
        if high < 0x80 or high - max(low, 0x80) > 0x400:
            continue  # wide ranges name scripts or complements, not letters of one case
        for code in range(max(low, 0x80), high + 1):
            for other in _same_letter(code):
                yield other, other


@functools.cache
def _same_letter(code: int) -> tuple[int, ...]:
    canonical = canonicalize(code)
    others = {chr(code).lower(), chr(code).upper()}
    return tuple(
        ord(other)
        for other in sorted(others)
        if len(other) == 1 and ord(other) != code and canonicalize(ord(other)) == canonical
    )


def canonicalize(code: int) -> int:
    """ECMAScript's Canonicalize without flag `u`: upper case, never from beyond ASCII into it."""
    upper = chr(code).upper()
    if len(upper) != 1 or (code >= 0x80 and ord(upper) < 0x80):
        return code
    return ord(upper)
