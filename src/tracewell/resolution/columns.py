"""Features of many records as arrays, so that all candidate pairs are compared at once."""

from __future__ import annotations

from collections.abc import Hashable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from tracewell.resolution.features import ADDRESS_WORDS_MAX, Features, is_role_mailbox
from tracewell.resolution.folding import skeleton, sound
from tracewell.resolution.model import Kind

NAME_WORDS_MAX: Final = 5
JOINED_LETTERS_MIN: Final = 6
_KINDS: Final = {Kind.PERSON: 1, Kind.ORGANIZATION: 2, Kind.UNKNOWN: 0}
_GENDERS: Final = {"": 0, "m": 1, "f": 2}
# How far a shared value of a scheme speaks for one holder, of what its rarity says.
SCHEME_WORTH: Final = {"mailhost": 0.15, "username": 0.35, "handle": 0.35, "ip": 0.1, "url": 0.3}
PERSON: Final = 1
ORGANIZATION: Final = 2

Ints = npt.NDArray[np.int64]
Indexes = Ints
Floats = npt.NDArray[np.float64]
Bools = npt.NDArray[np.bool_]


class Interned:
    """Values as small numbers, in the order of their first appearance."""

    def __init__(self) -> None:
        self.numbers: dict[Any, int] = {}

    def number(self, value: Hashable) -> int:
        """The number of a value, a new one when it was not met before."""
        return self.numbers.setdefault(value, len(self.numbers))

    def number_all(self, values: Iterable[Hashable]) -> list[int]:
        """The numbers of several values."""
        numbers = self.numbers
        return [numbers.setdefault(value, len(numbers)) for value in values]

    @property
    def values(self) -> list[Any]:
        """The values by their number."""
        return list(self.numbers)


@dataclass(frozen=True, slots=True)
class Names:
    """All names: their word numbers padded with -1, and where each record's names begin.

    `joined` numbers the letters of a whole name without its spaces, -1 where they are few.
    """

    words: Ints
    lengths: Ints
    generations: Ints
    joined: Ints
    has_vowels: Bools
    ideographs: list[str]
    vocabulary: list[str]
    sounds: Ints
    skeletons: Ints
    starts: Ints
    counts: Ints
    rarity: Floats


@dataclass(frozen=True, slots=True)
class ValueSets:
    """Several values for each record: numbers padded with -1, their scheme, their rarity in bits.

    `holders` counts by value how many differently named records hold it.
    """

    values: Ints
    schemes: Ints
    texts: list[str]
    rarity: Floats
    is_shared: Bools


@dataclass(frozen=True, slots=True)
class Columns:
    """Everything that is compared, by record index."""

    kinds: Ints
    births: Ints
    birth_rarity: Floats
    genders: Ints
    names: Names
    personal: ValueSets
    emails: ValueSets
    phones: ValueSets
    contacts: ValueSets
    employers: ValueSets
    attributes: ValueSets
    address_words: Ints
    address_rarity: Floats
    address_texts: list[str]
    address_joined: list[str]


def build_columns(features: Sequence[Features]) -> Columns:
    """The arrays of records that are sorted by their key."""
    holders = [
        min([n.key for n in f.names]) if f.names else f"#{i}" for i, f in enumerate(features)
    ]
    births = np.array([f.birth for f in features], dtype=np.int64).reshape(-1, 3)
    codes = births[:, 0] * 10_000 + births[:, 1] * 100 + births[:, 2]
    _, places, counts = np.unique(codes, return_inverse=True, return_counts=True)
    words, word_rarity, address_texts = _address_columns(features)
    return Columns(
        kinds=np.array([_KINDS[f.kind] for f in features], dtype=np.int64),
        births=births,
        birth_rarity=_bits(counts[places], len(features), 1 / 25_000, 1_000.0),
        genders=np.array([_GENDERS[f.gender] for f in features], dtype=np.int64),
        names=_name_columns(features),
        personal=_value_sets([f.personal for f in features], holders, 1e-6),
        emails=_value_sets(
            [[("email", e) for e in f.emails] if f.emails else [] for f in features],
            holders,
            1e-5,
        ),
        phones=_value_sets(
            [[("phone", p[-9:]) for p in f.phones] if f.phones else [] for f in features],
            holders,
            1e-5,
        ),
        contacts=_value_sets([f.contacts for f in features], holders, 1e-5),
        employers=_value_sets(
            [
                [("employer", w) for e in f.employers for w in e.words] if f.employers else []
                for f in features
            ],
            holders,
            1e-3,
        ),
        attributes=_value_sets([f.attributes for f in features], holders, 0.02),
        address_words=words,
        address_rarity=word_rarity,
        address_texts=address_texts,
        address_joined=["".join(f.address_words) for f in features],
    )


def _bits(counts: npt.NDArray[Any], total: int, usual: float, strength: float) -> Floats:
    """How much an agreement says: bits of the share of *other* records that have the value.

    `usual` is the share of a value in the world at large, held with the weight of `strength`
    records: in a small batch everything is rare.
    """
    share = (np.maximum(counts - 1, 0) * 1.0 + usual * strength) / (total + strength)
    return np.asarray(-np.log2(np.minimum(share, 1.0)), dtype=np.float64)


def _name_columns(features: Sequence[Features]) -> Names:
    vocabulary, generations, wholes = Interned(), Interned(), Interned()
    generations.number("")
    rows: list[list[int]] = []
    lengths: list[int] = []
    codes: list[int] = []
    joined: list[int] = []
    vowels: list[bool] = []
    characters: list[str] = []
    starts: list[int] = []
    seen: list[int] = []
    for record in features:
        starts.append(len(rows))
        of_record: set[int] = set()
        for name in record.names:
            # Of a long name the first words and the last count: there the name is told.
            kept = name.words
            if len(kept) > NAME_WORDS_MAX:
                kept = (*kept[: NAME_WORDS_MAX - 1], kept[-1])
            numbers = vocabulary.number_all(kept)
            of_record.update(numbers)
            rows.append(numbers)
            lengths.append(len(numbers))
            codes.append(generations.number(name.generation))
            letters = "".join(name.words)
            joined.append(wholes.number(letters) if len(letters) >= JOINED_LETTERS_MIN else -1)
            vowels.append(name.has_vowels)
            characters.append(name.ideographs)
        seen.extend(of_record)
    values = vocabulary.values
    heard = Interned()
    counts = np.bincount(np.array(seen, dtype=np.int64), minlength=max(1, len(values)))
    starts_array = np.array(starts, dtype=np.int64)
    return Names(
        words=_padded(rows, NAME_WORDS_MAX),
        lengths=np.array(lengths, dtype=np.int64),
        generations=np.array(codes, dtype=np.int64),
        joined=np.array(joined, dtype=np.int64),
        has_vowels=np.array(vowels, dtype=np.bool_),
        ideographs=characters,
        vocabulary=values,
        sounds=np.array(heard.number_all([sound(w) for w in values]) or [0], dtype=np.int64),
        skeletons=_skeletons(rows, vowels, values, heard),
        starts=starts_array,
        counts=np.diff(np.append(starts_array, len(rows))),
        rarity=_bits(counts, len(features), 1 / 1_500, 1_000.0),
    )


def _skeletons(
    rows: list[list[int]], vowels: list[bool], values: list[str], heard: Interned
) -> Ints:
    """The consonants of the words that are written without vowels somewhere, -1 of all others.

    Numbered with the sounds: what sounds like bare consonants agrees with them.
    """
    found = np.full(max(1, len(values)), -1, dtype=np.int64)
    if all(vowels):
        return found
    bare = {number for row, has in zip(rows, vowels, strict=True) if not has for number in row}
    for number in sorted(bare):
        found[number] = heard.number(skeleton(values[number]))
    return found


def _value_sets(
    stated: Sequence[Sequence[tuple[str, str]]], holders: Sequence[str], usual: float
) -> ValueSets:
    if not any(stated):
        return _nothing_told(len(stated))
    schemes, values = Interned(), Interned()
    rows: list[list[int]] = []
    held_by: list[set[str]] = []
    for pairs, holder in zip(stated, holders, strict=True):
        row = values.number_all(pairs)
        for number in row:
            if number == len(held_by):
                held_by.append(set())
            held_by[number].add(holder)
        rows.append(row)
    table = _padded(rows, max(1, max(map(len, rows), default=1)))
    known = values.values
    # Two spellings of one holder are usual; more holders make a value say less.
    counts = np.array([max(1, len(h) - 1) for h in held_by] or [1], dtype=np.int64)
    return ValueSets(
        values=table,
        schemes=np.array([schemes.number(scheme) for scheme, _ in known] or [0], dtype=np.int64),
        texts=[text for _, text in known],
        rarity=_bits(counts, len(rows), usual, 1_000.0)
        * np.array([SCHEME_WORTH.get(scheme, 1.0) for scheme, _ in known] or [1.0]),
        is_shared=np.array(
            [scheme == "email" and is_role_mailbox(text) for scheme, text in known] or [False],
            dtype=np.bool_,
        ),
    )


def _nothing_told(count: int) -> ValueSets:
    return ValueSets(
        values=np.full((count, 1), -1, dtype=np.int64),
        schemes=np.zeros(1, dtype=np.int64),
        texts=[],
        rarity=np.zeros(1),
        is_shared=np.zeros(1, dtype=np.bool_),
    )


def _address_columns(features: Sequence[Features]) -> tuple[Ints, Floats, list[str]]:
    vocabulary = Interned()
    rows = [vocabulary.number_all(record.address_words) for record in features]
    table = _padded(rows, ADDRESS_WORDS_MAX)
    counts = np.bincount(table[table >= 0], minlength=max(1, len(vocabulary.numbers)))
    return table, _bits(counts, len(features), 1 / 300, 300.0), vocabulary.values


def _padded(rows: Sequence[list[int]], width: int) -> Ints:
    """Rows of numbers as a table, -1 where there are no more."""
    told = [row + [-1] * (width - len(row)) for row in rows]
    return np.array(told, dtype=np.int64).reshape(-1, width)
