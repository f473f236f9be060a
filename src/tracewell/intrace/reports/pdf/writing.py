"""Texts of others on paper: which characters the fonts have, what is spelled out, what is cut.

A page of evidence must not show an empty box for a name, nor let a hidden control character turn
a line around. What cannot be shown is spelled out as `[U+202E]`, and counted.
"""

from __future__ import annotations

import dataclasses
import functools
import re
import unicodedata
from collections.abc import Iterable
from dataclasses import dataclass, field
from importlib.util import find_spec
from pathlib import Path
from typing import Any, Final

from fontTools.ttLib import TTCollection, TTFont, TTLibError

TEXT_CHARS_MAX: Final = 400
_TOKEN_CHARS_MAX: Final = 40
_NOTHING: Final = "–"
_BREAK: Final = "\u200b"
_JOINERS: Final = frozenset("\u200c\u200d")
"""Zero-width, yet Persian, Hindi and others are not written rightly without them."""
_MAIN: Final = ("Libertinus Serif", "Noto Sans")
_SUFFIXES: Final = frozenset({".ttf", ".otf", ".ttc"})
_CJK_PACKAGE: Final = "noto_cjk_sans_otc"
_PLAIN_END: Final = 0x300
_SIGNS: Final = "…–−“”’·"
_LONG_TOKEN: Final = re.compile(rf"\S{{{_TOKEN_CHARS_MAX}}}(?=\S)")


@dataclass(frozen=True, slots=True)
class Fonts:
    """Where the fonts are, in which order they are asked, and which characters they have."""

    folders: tuple[Path, ...]
    families: tuple[str, ...]
    characters: frozenset[int] = field(repr=False)

    def with_plain_letters_only(self) -> Fonts:
        """Latin alone: where no single font sets a sequence of other characters,
        they are better spelled out than refused.
        """
        plain = frozenset(c for c in self.characters if c < _PLAIN_END or chr(c) in _SIGNS)
        return dataclasses.replace(self, characters=plain)


@functools.cache
def load_fonts(own_folder: Path | None = None) -> Fonts:
    """The fonts of this package, those of `tracewell[cjk]` where installed, and the operator's.

    Takes some 0.3 s, and 1 s with the Chinese, Japanese and Korean ones; once a process. A file
    that is no font is passed over.
    """
    folders = [Path(__file__).with_name("fonts")]
    if (package := find_spec(_CJK_PACKAGE)) is not None and package.origin is not None:
        folders.append(Path(package.origin).parent)
    if own_folder is not None:
        folders.append(own_folder)
    families: dict[str, None] = dict.fromkeys(_MAIN)
    characters: set[int] = set()
    for path in _font_files(folders):
        for family, covered in _read_font_file(path):
            families[family] = None
            characters |= covered
    return Fonts(tuple(folders), tuple(families), frozenset(characters))


def _font_files(folders: Iterable[Path]) -> list[Path]:
    return [
        path
        for folder in folders
        for path in sorted(folder.rglob("*"))
        if path.suffix.lower() in _SUFFIXES and path.is_file()
    ]


def _read_font_file(path: Path) -> list[tuple[str, set[int]]]:
    try:
        if path.suffix.lower() == ".ttc":
            with TTCollection(path, lazy=True) as collection:
                # The members of a collection share their glyphs: the first is enough.
                return [_described(collection.fonts[0])]
        with TTFont(path, lazy=True) as font:
            return [_described(font)]
    except (TTLibError, OSError, KeyError, AssertionError):
        return []


def _described(font: Any) -> tuple[str, set[int]]:
    names = font["name"]
    family = names.getDebugName(16) or names.getDebugName(1) or ""
    return family, set(font.getBestCmap() or ())


@dataclass(slots=True)
class Writing:
    """Makes texts of sources fit for paper, and counts what it had to change."""

    characters: frozenset[int]
    spelled_out: int = 0
    shortened: int = 0

    def tell(self, text: object, chars_max: int = TEXT_CHARS_MAX) -> str:
        """One line of text, a dash for none; long words may be broken anywhere."""
        value = text if isinstance(text, str) else _plain(text)
        if len(value) > chars_max:
            self.shortened += 1
            value = value[: chars_max - 1] + "…"
        value = "".join(map(self._character, " ".join(value.split()))).strip() or _NOTHING
        return _LONG_TOKEN.sub(lambda token: token[0] + _BREAK, value)

    def _character(self, character: str) -> str:
        if " " <= character <= "~":
            return character
        shown = unicodedata.category(character)[0] not in "CZ" or character in _JOINERS
        if shown and ord(character) in self.characters:
            return character
        if unicodedata.category(character) == "Zs":
            return " "
        self.spelled_out += 1
        return f"[U+{ord(character):04X}]"


def _plain(value: object) -> str:
    match value:
        case bool():
            return "yes" if value else "no"
        case float():
            return f"{value:g}"
        case list() | tuple():
            return ", ".join(map(_plain, value))
        case dict():
            return "; ".join(f"{key}: {_plain(member)}" for key, member in value.items())
        case _:
            return str(value)
