"""A name taken apart: its words, particles, generation, legal form. Nothing is compared here."""

from __future__ import annotations

from functools import lru_cache
from typing import Final, NamedTuple

from rapidfuzz.distance import OSA

from tracewell.resolution.folding import ideographs, words, writes_no_vowels
from tracewell.resolution.lexicon import (
    GENERATIONS,
    HONORIFICS,
    LEGAL_FORMS,
    LEGAL_WORDS_MAX,
    LONG_FORMS,
    NUMBER_WORDS,
    ORGANIZATION_STOPWORDS,
    PARTICLE_FOLDS,
    PARTICLES,
    WORD_FOLDS,
)
from tracewell.resolution.model import Kind

WORDS_MAX: Final = 12
_DIGIT_LETTERS: Final = str.maketrans({"0": "o", "1": "i", "3": "e", "4": "a", "5": "s", "9": "g"})
_LONG_FORM_MIN: Final = 10
_LONG_FORMS: Final = tuple(
    (spelt[0], form)
    for spelt, form in sorted(LEGAL_FORMS.items())
    if len(spelt) == 1 and len(spelt[0]) >= _LONG_FORM_MIN
)
_TENS: Final = frozenset(map(str, range(20, 100, 10)))


class ParsedName(NamedTuple):
    """A name's words in plain letters and their order, without titles, suffixes and legal forms.

    `generation` is `1` for Sr, `2` for Jr or II, and so on; empty when the name does not say.
    `has_vowels` is false for a name out of a script that writes none.
    """

    words: tuple[str, ...]
    particles: tuple[str, ...] = ()
    generation: str = ""
    legal_form: str = ""
    has_vowels: bool = True
    is_inverted: bool = False
    ideographs: str = ""

    @property
    def key(self) -> str:
        """Equal for names with the same words in any order."""
        return " ".join(sorted(self.words))


@lru_cache(maxsize=65_536)
def parse_name(text: str, kind: Kind) -> ParsedName:
    """The parts of a name of a person or, with their legal forms understood, an organisation."""
    if kind is Kind.ORGANIZATION:
        return _parse_organization(text)
    return _parse_person(text)


def _parse_person(text: str) -> ParsedName:
    family, comma, given = text.partition(",")
    is_inverted = bool(comma) and bool(words(family)) and not _is_suffix(given)
    found = words(f"{given} {family}" if is_inverted else text)[:WORDS_MAX]
    generation = ""
    if len(found) > 2:
        place = next((i for i, w in enumerate(found) if i and w in GENERATIONS), 0)
        if place:
            generation = GENERATIONS[found.pop(place)]
    kept = [w for w in found if w not in HONORIFICS] or found
    kept = [w.translate(_DIGIT_LETTERS) if not w.isalpha() and not w.isdigit() else w for w in kept]
    while len(kept) > 2 and (kept[-1],) in LEGAL_FORMS and kept[-1] not in PARTICLES:
        kept.pop()
    particles = [w for w in kept if w in PARTICLES] if len(kept) > 2 else []
    plain_words = [w for w in kept if w not in particles]
    if len(plain_words) < 2:
        particles, plain_words = [], kept
    return ParsedName(
        words=tuple(_without_repeats(plain_words)),
        particles=tuple([PARTICLE_FOLDS.get(p, p) for p in particles]),
        generation=generation,
        has_vowels=not writes_no_vowels(text),
        is_inverted=is_inverted,
        ideographs=ideographs(text),
    )


def _is_suffix(text: str) -> bool:
    found = words(text)
    return bool(found) and all(
        w in GENERATIONS or w in HONORIFICS or (w,) in LEGAL_FORMS for w in found
    )


def _without_repeats(found: list[str]) -> list[str]:
    """Without a word that is written twice in a row (a slip of forms, not a name)."""
    return [w for i, w in enumerate(found) if not i or w != found[i - 1]]


def _parse_organization(text: str) -> ParsedName:
    found = _join_letters(words(text.replace("&", " and ").replace("+", " and ")))[: WORDS_MAX * 2]
    kept: list[str] = []
    legal_form = ""
    place = 0
    while place < len(found):
        form, length = _legal_form_at(found, place)
        # A name may begin with a word that is a legal form elsewhere, but is never only that.
        if form and not (place == 0 and length == 1 and len(found) > 1 and form == "unit"):
            legal_form = legal_form or form
            place += length
            continue
        kept.append(found[place])
        place += 1
    kept = kept or found
    numbered = _read_numbers([WORD_FOLDS.get(w, w) for w in kept])
    content = [w for w in numbered if w not in ORGANIZATION_STOPWORDS] or numbered
    return ParsedName(
        words=tuple(content[:WORDS_MAX]),
        particles=tuple(w for w in numbered if w in ORGANIZATION_STOPWORDS and w != "the"),
        legal_form=legal_form,
        has_vowels=not writes_no_vowels(text),
    )


def _legal_form_at(found: list[str], place: int) -> tuple[str, int]:
    word = found[place]
    if place and len(word) >= _LONG_FORM_MIN and (close := _misspelt_form(word)):
        return close, 1
    for length in range(min(LEGAL_WORDS_MAX, len(found) - place), 0, -1):
        form = LEGAL_FORMS.get(tuple(found[place : place + length]))
        if form is not None:
            return form, length
    return "", 0


@lru_cache(maxsize=65_536)
def _misspelt_form(word: str) -> str:
    """The legal form that a long word was meant to be, as `aktiengeselschaft`."""
    return next((form for known, form in _LONG_FORMS if OSA.distance(word, known) <= 1), "")


def _join_letters(found: list[str]) -> list[str]:
    """Initials as one word: `a b c` and `abc` are written for the same company."""
    joined: list[str] = []
    run: list[str] = []
    for word in [*found, ""]:
        if len(word) == 1 and word.isalpha():
            run.append(word)
            continue
        if run:
            joined.append("".join(run))
            run = []
        if word:
            joined.append(word)
    return joined


def _read_numbers(found: list[str]) -> list[str]:
    """Numbers in digits: `forty four`, `forty 4` and `44` are one; `1st` is 1."""
    read: list[str] = []
    for word in (part for w in found for part in LONG_FORMS.get(w, (w,))):
        number = NUMBER_WORDS.get(word, word)
        if number[:-2].isdigit() and number[-2:] in ("st", "nd", "rd", "th"):
            number = number[:-2]
        if read and read[-1] in _TENS and number.isdigit() and len(number) == 1 and number != "0":
            read[-1] = str(int(read[-1]) + int(number))
        else:
            read.append(number)
    return read
