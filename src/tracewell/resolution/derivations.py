"""Given names that are near in letters and two names all the same: Mario and Maria, Carla, Carlene.

Endings only, as data; what people are called is not listed here.
"""

from __future__ import annotations

from typing import Final

_LETTERS_MIN: Final = 4
# What turns a man's name into a woman's: Mario, Eric, Victor, George, Patrick, Christian.
_ENDINGS: Final = frozenset(
    frozenset(pair.split("/")) for pair in ("o/a", "e/a", "/a", "/ia", "e/ia", "k/ia", "an/na")
)
# What is hung on a name to make another of it.
_DERIVED: Final = (
    "etta", "ette", "ella", "elle", "anna", "anne", "lynn",
    "ana", "ina", "ine", "ene", "lyn", "ita",
)  # fmt: skip


def are_two_names(one: str, other: str, *, is_loose: bool) -> bool:
    """Whether two plain words differ as two given names do, not as a slip of the pen would.

    `is_loose` says that more than a letter differs: only then a derived name is another one
    (Annabelle and Annabella are one).
    """
    if min(len(one), len(other)) < _LETTERS_MIN:
        return False
    same = next(
        (i for i, (a, b) in enumerate(zip(one, other, strict=False)) if a != b),
        min(len(one), len(other)),
    )
    if frozenset((one[same:], other[same:])) in _ENDINGS:
        return True
    return is_loose and _stem(one) == _stem(other)


def _stem(word: str) -> str:
    """What a name is derived of: `carl` of Carla, Carlene and Carletta."""
    derived = next((e for e in _DERIVED if word.endswith(e) and len(word) > len(e) + 2), "")
    return word[: len(word) - len(derived)].rstrip("aeiou")
