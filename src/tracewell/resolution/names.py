"""Comparing two names of people or of organisations. What a comparison is worth: `scoring`."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Mapping
from dataclasses import dataclass
from enum import IntEnum
from functools import lru_cache
from types import MappingProxyType
from typing import Final

from rapidfuzz.distance import OSA

from tracewell.resolution.model import Kind

_WORD: Final = re.compile(r"[^\W_]+(?:['\u2019][^\W_]+)*")
_HONORIFICS: Final = frozenset(
    {
        "dame", "don", "dona", "dr", "frau", "herr", "lady", "lord", "madame", "miss", "monsieur",
        "mr", "mrs", "ms", "mx", "prof", "professor", "sir", "sr", "sra",
    }
)  # fmt: skip
_GENERATIONS: Final[Mapping[str, str]] = MappingProxyType(
    {
        "jr": "2", "junior": "2", "jnr": "2", "ii": "2", "2nd": "2",
        "sr": "1", "senior": "1", "snr": "1",
        "iii": "3", "3rd": "3", "iv": "4", "4th": "4",
    }
)  # fmt: skip
_LEGAL_FORMS: Final = frozenset(
    {
        "ab", "ag", "as", "asa", "bv", "co", "company", "corp", "corporation", "cv", "doo", "eg",
        "ev", "gbr", "gmbh", "group", "holding", "holdings", "inc", "incorporated", "kft", "kg",
        "kgaa", "limited", "llc", "llp", "lp", "ltd", "mbh", "nv", "ohg", "oy", "oyj", "plc",
        "pte", "pty", "pvt", "sa", "sarl", "sas", "se", "sl", "spa", "srl", "sro", "ug", "zoo",
        "ооо", "зао", "оао", "ао", "株式会社",
    }
)  # fmt: skip
_TYPO_LENGTH_MIN: Final = 5


class NameAgreement(IntEnum):
    """How two names stand to each other, from contradiction to identity."""

    DIFFERENT = 0
    INCOMPARABLE = 1
    PARTIAL = 2
    SIMILAR = 3
    EXACT = 4


@dataclass(frozen=True, slots=True)
class FoldedName:
    """A name's words without case, accents, titles and legal forms; the generation apart.

    `generation` is `1` for Sr, `2` for Jr or II, and so on; empty when the name does not say.
    """

    tokens: tuple[str, ...]
    generation: str = ""

    @property
    def key(self) -> str:
        """Equal for names with the same words in any order."""
        return " ".join(sorted(self.tokens))


@lru_cache(maxsize=65_536)
def fold_name(text: str, kind: Kind) -> FoldedName:
    """The comparable form of a name; the order of its words is kept but never compared."""
    decomposed = unicodedata.normalize("NFKD", text.casefold())
    plain = "".join(c for c in decomposed if not unicodedata.combining(c))
    plain = unicodedata.normalize("NFC", _SPECIAL.sub(lambda m: _LETTERS[m[0]], plain))
    if kind is Kind.ORGANIZATION:
        joined = re.sub(r"(?<=\b\w)\.(?=\w\b)", "", plain)
        words = [w.replace("'", "") for w in _WORD.findall(joined)]
        kept = tuple(w for w in words if w not in _LEGAL_FORMS)
        return FoldedName(kept or tuple(words))
    words = [w.replace("'", "").replace("\u2019", "") for w in _WORD.findall(plain)]
    generation = ""
    place = next((i for i, w in enumerate(words) if i and w in _GENERATIONS), 0)
    if place and len(words) > 2:
        generation = _GENERATIONS[words.pop(place)]
    kept = tuple(w for w in words if w not in _HONORIFICS)
    return FoldedName(kept or tuple(words), generation)


_LETTERS: Final[Mapping[str, str]] = MappingProxyType(
    {"ø": "o", "ł": "l", "đ": "d", "ð": "d", "þ": "th", "æ": "ae", "œ": "oe", "ı": "i"}
)
_SPECIAL: Final = re.compile("[" + "".join(_LETTERS) + "]")


def compare_names(first: str, second: str, kind: Kind) -> NameAgreement:
    """How two names agree; symmetric. Names in different scripts are incomparable."""
    left, right = fold_name(first, kind), fold_name(second, kind)
    if left.generation and right.generation and left.generation != right.generation:
        return NameAgreement.DIFFERENT
    agreement = _compare_folded(
        *sorted((left, right), key=lambda n: (len(n.tokens), n.tokens)), kind
    )
    # A father is written without his "Sr" more often than not.
    same_generation = left.generation == right.generation
    return agreement if same_generation else min(agreement, NameAgreement.SIMILAR)


@lru_cache(maxsize=65_536)
def _compare_folded(shorter: FoldedName, longer: FoldedName, kind: Kind) -> NameAgreement:
    if not shorter.tokens or not longer.tokens:
        return NameAgreement.INCOMPARABLE
    if shorter.key == longer.key or "".join(shorter.tokens) == "".join(longer.tokens):
        return NameAgreement.EXACT
    if _script(shorter.key) != _script(longer.key):
        return NameAgreement.INCOMPARABLE
    free = list(longer.tokens)
    typos = initials = 0
    # Exact words are taken first, so that an initial never takes the partner of a full word.
    rest = []
    for token in shorter.tokens:
        if token in free:
            free.remove(token)
        else:
            rest.append(token)
    for token in rest:
        partner = next((f for f in free if _is_typo(token, f)), None)
        if partner is not None:
            typos += 1
        else:
            partner = next((f for f in free if _is_initial(token, f)), None)
            initials += 1
        if partner is None:
            return NameAgreement.DIFFERENT
        free.remove(partner)
    return _verdict(shorter, typos, initials, len(free), kind)


def _verdict(
    shorter: FoldedName, typos: int, initials: int, left_over: int, kind: Kind
) -> NameAgreement:
    words = len(shorter.tokens)
    if initials or (words == 1 and left_over) or typos > 1:
        return NameAgreement.PARTIAL
    if kind is Kind.ORGANIZATION and left_over:
        return NameAgreement.PARTIAL
    if typos and (left_over or words == 1):
        return NameAgreement.PARTIAL
    return NameAgreement.SIMILAR


def _is_typo(first: str, second: str) -> bool:
    """One edit apart in a word of some length, and not at its end: Mario and Maria are two."""
    if min(len(first), len(second)) < _TYPO_LENGTH_MIN or OSA.distance(first, second) > 1:
        return False
    feminine_or_not = first[-1] != second[-1] and {first[-1], second[-1]} & set("aeo")
    return not feminine_or_not and not (first.isdigit() or second.isdigit())


def _is_initial(first: str, second: str) -> bool:
    return first[0] == second[0] and 1 in (len(first), len(second))


def _script(text: str) -> str:
    letter = next((c for c in text if c.isalpha()), "")
    return unicodedata.name(letter, "?").split(" ")[0] if letter else ""
