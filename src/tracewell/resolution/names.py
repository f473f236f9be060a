"""Comparing two names of people or of organisations: how alike, and how probably one name.

The features are counted here; what they are worth was fitted once (docs/decisions/0121).
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import lru_cache
from typing import Final

from rapidfuzz.distance import OSA

from tracewell.resolution.folding import skeleton, sound
from tracewell.resolution.lexicon import GENERIC_WORDS, PLACES, ROMAN_NUMERALS
from tracewell.resolution.model import Kind
from tracewell.resolution.parsing import ParsedName, parse_name
from tracewell.resolution.shortforms import SHORT_FORMS

_INITIAL_EDITS: Final = 0.8
_SHORT_FORM_EDITS: Final = 0.5
_SOUND_EDITS: Final = 0.5
_NO_VOWELS_EDITS: Final = 0.6
_ALIGNED_SHARE_MAX: Final = 0.45
_ALIGNED_EDITS_MAX: Final = 2.0


@dataclass(frozen=True, slots=True)
class NameFeatures:
    """What an alignment of two names' words counts.

    `edits` over the aligned words (changes of a letter, less for what sounds alike), `letters` of
    the shorter side of them, `left_both` the words that only each side has, `left_one` those that
    only one side has, in words; `matched` words; `initials` among them.
    """

    edits: float
    letters: int
    matched: int
    initials: int
    left_both: float
    left_one: float
    left_generic: float
    generations_differ: bool
    is_reordered: bool


def word_edits(a: str, b: str, *, has_vowels: bool = True) -> float:
    """How many letters would have to be wrong for two words to be one; 0 when they are equal."""
    if a == b:
        return 0.0
    if a.isdigit() or b.isdigit():
        return 9.0
    if len(a) == 1 or len(b) == 1:
        return _INITIAL_EDITS if a[0] == b[0] else 9.0
    if SHORT_FORMS.get(a, frozenset()) & SHORT_FORMS.get(b, frozenset()):
        return _SHORT_FORM_EDITS
    edits = float(OSA.distance(a, b))
    heard = OSA.distance(sound(a), sound(b)) + _SOUND_EDITS
    if not has_vowels:
        bare = OSA.distance(skeleton(a), skeleton(b)) + _NO_VOWELS_EDITS
        return min(edits, heard, bare)
    return min(edits, heard)


def _alignable(a: str, b: str, edits: float, kind: Kind) -> bool:
    """Short names of people are often romanised in two ways, short words of companies differ."""
    few = kind is Kind.PERSON and edits <= _ALIGNED_EDITS_MAX
    return edits < 9.0 and (few or edits / max(len(a), len(b)) <= _ALIGNED_SHARE_MAX)


@lru_cache(maxsize=65_536)
def align_names(first: ParsedName, second: ParsedName, kind: Kind = Kind.PERSON) -> NameFeatures:
    """The features of the best alignment of two names' words; symmetric."""
    left, right = sorted((first, second), key=lambda n: (len(n.words), n.words, n.generation))
    has_vowels = left.has_vowels and right.has_vowels
    ours, theirs = _join_where_other_joins(list(left.words), list(right.words))
    _spell_out_initials(ours, theirs)
    free = list(theirs)
    rest: list[str] = []
    edits, letters, matched, initials = 0.0, 0, 0, 0
    for word in ours:
        if word in free:
            free.remove(word)
            matched += 1
            letters += len(word)
        else:
            rest.append(word)
    costs = sorted(
        (word_edits(a, b, has_vowels=has_vowels) / max(len(a), len(b)), i, j)
        for i, a in enumerate(rest)
        for j, b in enumerate(free)
    )
    taken_a: set[int] = set()
    taken_b: set[int] = set()
    for share, i, j in costs:
        a, b = rest[i], free[j]
        cost = share * max(len(a), len(b))
        if i in taken_a or j in taken_b or not _alignable(a, b, cost, kind):
            continue
        taken_a.add(i)
        taken_b.add(j)
        edits += cost
        matched += 1
        letters += min(len(a), len(b))
        initials += 1 in (len(a), len(b))
    alone_a = [w for i, w in enumerate(rest) if i not in taken_a]
    alone_b = [w for j, w in enumerate(free) if j not in taken_b]
    left_a, left_b = _weigh(alone_a), _weigh(alone_b)
    both = min(left_a, left_b) if alone_a and alone_b else 0.0
    if left.ideographs and right.ideographs and left.ideographs != right.ideographs:
        both = max(both, 1.0)  # one character is a whole word there
    return NameFeatures(
        edits=edits,
        letters=letters,
        matched=matched,
        initials=initials,
        left_both=both,
        left_one=max(left_a, left_b) - both,
        left_generic=float(sum(w in GENERIC_WORDS or w in PLACES for w in alone_a + alone_b)),
        generations_differ=bool(left.generation and right.generation)
        and left.generation != right.generation,
        is_reordered=_is_reordered(left, right),
    )


def _is_reordered(left: ParsedName, right: ParsedName) -> bool:
    """Two plain words, swapped without the comma that would explain it: Hans Friedrich."""
    return (
        len(left.words) == 2
        and left.words == right.words[::-1]
        and left.words != right.words
        and not left.particles
        and not right.particles
        and not left.is_inverted
        and not right.is_inverted
    )


def _spell_out_initials(one: list[str], other: list[str]) -> None:
    """`jc juncker` beside `jean claude juncker`: two letters stand for two words."""
    for short, long in ((one, other), (other, one)):
        for place, word in enumerate(short):
            if len(word) == 2 and word.isalpha() and word not in long and len(long) > len(short):
                for start in range(len(long) - 1):
                    if long[start][0] + long[start + 1][0] == word and len(long[start]) > 1:
                        short[place : place + 1] = [word[0], word[1]]
                        return


def _weigh(alone: list[str]) -> float:
    """Words that stand alone; initials and numerals of a series weigh less."""
    return sum(0.5 if len(w) == 1 or w in ROMAN_NUMERALS else 1.0 for w in alone)


def _join_where_other_joins(a: list[str], b: list[str]) -> tuple[list[str], list[str]]:
    """Neighbouring words as one where the other name writes them as one (`Jan Daniel`)."""
    for _ in range(3):
        for one, other in ((a, b), (b, a)):
            joined = _join_once(one, other)
            if joined:
                break
        else:
            break
    return a, b


def _join_once(one: list[str], other: list[str]) -> bool:
    targets = [w for w in other if w not in one]
    for width in (2, 3):
        for place in range(len(one) - width + 1):
            part = one[place : place + width]
            if any(w in other for w in part if len(w) > 2):
                continue
            whole = "".join(part)
            if len(whole) < 4:
                if whole in targets:
                    one[place : place + width] = [whole]
                    return True
                continue
            if any(
                abs(len(whole) - len(t)) <= 1
                and min(OSA.distance(whole, t), OSA.distance(sound(whole), sound(t)))
                <= (1 if len(whole) > 6 else 0)
                for t in targets
            ):
                one[place : place + width] = [whole]
                return True
    return False


FEATURES: Final = (
    "one", "edits", "edits_share", "left_both", "left_one", "left_share", "single", "initials",
    "reordered", "organization", "organization_left", "organization_generic", "organization_single",
)  # fmt: skip


def as_vector(f: NameFeatures, kind: Kind) -> tuple[float, ...]:
    """The features in the order of `FEATURES`."""
    is_org = kind is Kind.ORGANIZATION
    left = 2 * f.left_both + f.left_one
    single = float(f.matched <= 1 and f.left_one > 0)
    return (
        1.0,
        min(f.edits, 6.0),
        min(f.edits / max(1, f.letters), 1.0),
        min(f.left_both, 2.0),
        0.0 if is_org else min(f.left_one, 3.0),
        left / (left + 2 * f.matched) if f.matched else 1.0,
        0.0 if is_org else single,
        float(f.initials),
        float(f.is_reordered),
        float(is_org),
        min(max(0.0, f.left_one - f.left_generic), 2.0) if is_org else 0.0,
        min(f.left_generic, 2.0) if is_org else 0.0,
        single if is_org else 0.0,
    )


WEIGHTS: Final = (3.7, -1.1, -4.5, -5.5, -0.6, -2.6, -1.5, 0.2, -5.0, 0.0, -1.7, -1.0, -0.7)


def compare_names(first: str, second: str, kind: Kind | str = Kind.PERSON) -> float:
    """The probability (0..1, never 0 or 1) that two names are one name, spelling forgiven.

    Symmetric. 0.5 is the threshold of "the same name".
    """
    kind = Kind(kind)
    features = align_names(parse_name(first, kind), parse_name(second, kind), kind)
    return probability_of(features, kind)


def probability_of(features: NameFeatures, kind: Kind) -> float:
    """The features weighed: a logistic function of their weighted sum."""
    if features.generations_differ:
        return 0.02
    z = sum(w * x for w, x in zip(WEIGHTS, as_vector(features, kind), strict=True))
    return min(max(1.0 / (1.0 + math.exp(-max(-30.0, min(30.0, z)))), 0.003), 0.997)
