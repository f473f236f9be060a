"""Text in the forms that resolution compares: plain letters, sounds, consonants. No names here."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Mapping
from functools import lru_cache
from types import MappingProxyType
from typing import Final

from anyascii import anyascii

TEXT_CHARACTERS_MAX: Final = 512

_WORD: Final = re.compile(r"[a-z0-9]+")
_JOINED: Final = re.compile(r"(?<=[a-z0-9])['`](?=[a-z0-9])")
_CAMEL: Final = re.compile(r"(?<=[a-z])(?=[A-Z])")
_REPEATED: Final = re.compile(r"(.)\1+")
# Letters and groups of letters that spellings and romanisations exchange for each other, by their
# first letter (so that the engine passes over what cannot match): what follows it, and how the
# group sounds. Of several that fit the first counts.
_SOUNDS: Final[Mapping[str, tuple[tuple[str, str], ...]]] = MappingProxyType(
    {
        "s": (("ch(?=[aeioulmnrw])", "s"), ("h", "s"), ("z(?=[aeiou])", "s")),
        "h": (("(?<=^h)s", "s"), ("(?<=[aeiou]h)(?![aeiou])", "")),
        "x": (("(?<=^x)(?=[aeiou])", "s"), ("", "ks")),
        "t": (("s?ch", "c"), ("j", "c"), ("[sz]", "s"), ("h", "t")),
        "c": (("h(?=[lr])", "k"), ("[hz]", "c"), ("k", "k"), ("(?<!^c)(?=[eiy])", "s"), ("", "k")),
        "p": (("h", "f"),), "d": (("[zs]", "s"), ("h", "d"), ("j", "j")), "k": (("h", "k"),),
        "q": (("", "k"),), "g": (("h", "g"),), "b": (("h", "b"),), "w": (("", "v"),),
        "z": (("h", "j"), ("", "s")), "e": (("[eiy]", "i"), ("h", "e")), "i": (("[eijy]", "i"),),
        "y": (("j?", "i"),), "o": (("[ouw]", "u"),), "u": (("o", "u"),), "a": (("[eiy]", "e"),),
    }
)  # fmt: skip
# An empty group behind each says which it was.
_SOUND: Final = re.compile(
    "|".join(
        f"{letter}(?:{'|'.join(f'{rest}()' for rest, _ in groups)})"
        for letter, groups in _SOUNDS.items()
    )
)
_SPOKEN: Final = tuple(spoken for groups in _SOUNDS.values() for _, spoken in groups)
_VOWELS: Final = dict.fromkeys(map(ord, "aeiouvh'`"))


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
    folded = plain(text)
    if "'" in folded or "`" in folded:  # what plain letters leave of apostrophes
        folded = _JOINED.sub("", folded)
    return _WORD.findall(folded)


@lru_cache(maxsize=65_536)
def sound(word: str) -> str:
    """How a plain word sounds across spellings and romanisations: equal for Qaddafi and Kaddafi."""
    heard = _SOUND.sub(lambda found: _SPOKEN[(found.lastindex or 1) - 1], word)
    return _REPEATED.sub(lambda found: found[1], heard) if _REPEATED.search(heard) else heard


@lru_cache(maxsize=65_536)
def skeleton(word: str) -> str:
    """The consonants of a word's sound, for scripts that write no vowels."""
    heard = sound(word)
    return heard.replace("j", "i").translate(_VOWELS) or heard[:1]


def writes_no_vowels(text: str) -> bool:
    """Whether a text is written in an abjad (Arabic, Hebrew, Syriac)."""
    return not text.isascii() and any("\u0590" <= c <= "\u08ff" for c in text)


def ideographs(text: str) -> str:
    """The Chinese characters of a text when it has no other letters, else nothing."""
    if text.isascii():
        return ""
    letters = [c for c in text if c.isalpha()]
    return "".join(letters) if letters and all("\u3400" <= c <= "\u9fff" for c in letters) else ""
