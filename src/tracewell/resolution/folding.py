"""Text in the forms that resolution compares: plain letters, sounds, consonants. No names here."""

from __future__ import annotations

import re
import unicodedata
from functools import lru_cache
from typing import Final

from anyascii import anyascii

TEXT_CHARACTERS_MAX: Final = 512

_WORD: Final = re.compile(r"[a-z0-9]+")
_JOINED: Final = re.compile(r"(?<=[a-z0-9])['\u2019`\u02bc](?=[a-z0-9])")
_CAMEL: Final = re.compile(r"(?<=[a-z])(?=[A-Z])")
_VOWEL_RUNS: Final = re.compile("[aeiou]+")
_REPEATED: Final = re.compile(r"(.)\1+")
_SOUNDS: Final = tuple(
    (re.compile(pattern), sound)
    for pattern, sound in (
        # Letters and groups of letters that spellings and romanisations exchange for each other.
        (r"sch(?=[aeioulmnrw])|sh|sz(?=[aeiou])", "s"),
        (r"tsch|tch|ch|cz|tj", "c"),
        (r"^hs|^x(?=[aeiou])", "s"),
        (r"ph", "f"),
        (r"ts|tz|dz", "z"),
        (r"kh|ck|q|c(?![eiyc])", "k"),
        (r"c(?=[eiy])(?<!^c)", "s"),
        (r"gh|dh|th|bh", lambda m: m[0][0]),
        (r"x", "ks"),
        (r"w", "v"),
        (r"zh|dj|j(?=[aou])", "j"),
        (r"ee|ie|ii|iy|ij|yj|ey|ei|y", "i"),
        (r"oo|ou|ow|uo", "u"),
        (r"ae|ai|ay|eh", "e"),
        (r"(?<=[aeiou])h(?![aeiou])", ""),
        (r"z", "s"),
    )
)


@lru_cache(maxsize=65_536)
def plain(text: str) -> str:
    """Lower-case ASCII: accents dropped, other scripts romanised (anyascii), nothing else changed.

    Only the first `TEXT_CHARACTERS_MAX` characters are looked at.
    """
    text = text[:TEXT_CHARACTERS_MAX]
    if text.isascii():
        return text.lower()
    decomposed = unicodedata.normalize("NFKD", text)
    bare = "".join(c for c in decomposed if not unicodedata.combining(c))
    if bare.isascii():
        return bare.lower()
    # Ideographs are romanised without a space between them: a capital begins each.
    return (
        _CAMEL.sub(" ", anyascii(unicodedata.normalize("NFKC", text))).lower()
        if any("\u3400" <= c <= "\u9fff" or "\uac00" <= c <= "\ud7af" for c in text)
        else anyascii(unicodedata.normalize("NFC", text)).lower()
    )


def words(text: str) -> list[str]:
    """The words and numbers of a text in plain letters; an apostrophe within a word joins it."""
    return _WORD.findall(_JOINED.sub("", plain(text)))


@lru_cache(maxsize=65_536)
def sound(word: str) -> str:
    """How a plain word sounds across spellings and romanisations: equal for Qaddafi and Kaddafi."""
    heard = word
    for pattern, replacement in _SOUNDS:
        heard = pattern.sub(replacement, heard)
    return _REPEATED.sub(r"\1", heard)


@lru_cache(maxsize=65_536)
def skeleton(word: str) -> str:
    """The consonants of a word's sound, for scripts that write no vowels."""
    heard = sound(word)
    return re.sub("[aeiouvh'`]", "", heard.replace("j", "i")) or heard[:1]


def writes_no_vowels(text: str) -> bool:
    """Whether a text is written in an abjad (Arabic, Hebrew, Syriac)."""
    return any("\u0590" <= c <= "\u08ff" for c in text)


def ideographs(text: str) -> str:
    """The Chinese characters of a text when it has no other letters, else nothing."""
    letters = [c for c in text if c.isalpha()]
    return "".join(letters) if letters and all("\u3400" <= c <= "\u9fff" for c in letters) else ""
