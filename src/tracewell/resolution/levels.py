"""Candidate pairs compared field by field: a level of agreement each, and how rare it is.

Levels are small numbers, best highest, -1 where one side is silent. Weights: `weights`.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Final

import numpy as np
from rapidfuzz.distance import OSA, Indel
from rapidfuzz.process import cpdist

from tracewell.resolution.columns import PERSON, Bools, Columns, Floats, Indexes, Ints, ValueSets
from tracewell.resolution.namelevels import NameLevels, compare_name_columns, letters_apart

SILENT: Final = -1
UNKNOWN_DAY_BITS_MAX: Final = 8.0
# Of two dates of birth, worst first.
DATES_DIFFER, DECADE_APART, PARTLY_SAME, YEAR_SLIPPED, NEARLY_SAME, SWAPPED, SAME_DATE = range(7)
NEAR_NUMBER: Final = 1
SAME_NUMBER: Final = 2
SAME_ADDRESS: Final = 2

_DAYS: Final = np.array([0, 0, 31, 59, 90, 120, 151, 181, 212, 243, 273, 304, 334])


@dataclass(frozen=True, slots=True)
class Field:
    """The level of agreement of each pair in one field, and the rarity (bits) of what agrees.

    `told` are the places of the pairs of which neither side is silent.
    """

    level: Ints
    rarity: Floats
    told: Indexes = field(init=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "told", np.flatnonzero(self.level >= 0))


@dataclass(frozen=True, slots=True)
class Comparison:
    """All fields of all pairs."""

    left: Indexes
    right: Indexes
    fields: dict[str, Field]
    names: NameLevels
    kinds_differ: Bools
    are_people: Bools
    shared_mailbox: Bools
    consecutive: Bools


def compare_pairs(columns: Columns, left: Indexes, right: Indexes) -> Comparison:
    """The agreement of each pair (left[k], right[k]) in every field."""
    kinds = columns.kinds[left], columns.kinds[right]
    are_people = (kinds[0] == PERSON) | (kinds[1] == PERSON)
    names = compare_name_columns(columns.names, left, right, are_people)
    email, shared_mailbox = _compare_emails(columns.emails, left, right)
    personal, consecutive = _compare_personal(columns.personal, left, right)
    fields = {
        "given": Field(names.given, names.given_rarity),
        "family": Field(names.family, names.family_rarity),
        "title": Field(names.title, names.title_rarity),
        "birth": _compare_births(columns, left, right),
        "personal": personal,
        "email": email,
        "phone": _compare_sets(columns.phones, left, right),
        "contact": _compare_sets(columns.contacts, left, right),
        "address": _compare_addresses(columns, left, right),
        "gender": _compare_genders(columns.genders, left, right),
        "employer": _compare_sets(columns.employers, left, right),
        "attribute": _compare_attributes(columns.attributes, left, right),
    }
    return Comparison(
        left=left,
        right=right,
        fields=fields,
        names=names,
        kinds_differ=(kinds[0] != kinds[1]) & (kinds[0] > 0) & (kinds[1] > 0),
        are_people=are_people,
        shared_mailbox=shared_mailbox,
        consecutive=consecutive,
    )


def _compare_births(columns: Columns, left: Indexes, right: Indexes) -> Field:
    """The level of two dates: `DATES_DIFFER` to `SAME_DATE`."""
    a, b = columns.births[left], columns.births[right]
    same = a == b
    told = (a > 0) & (b > 0)
    level = np.full(len(left), DATES_DIFFER, dtype=np.int64)
    whole = told.all(axis=1)
    days = np.abs(_ordinal(a) - _ordinal(b))
    years = np.abs(a[:, 0] - b[:, 0])
    parts = same.sum(axis=1)
    level[(parts == 2) | ((parts == 1) & same[:, 0] & (days < 200))] = PARTLY_SAME
    # Ten years, give or take one: so many dates lie like that by chance that only a batch which
    # is full of it makes a slip of it (`weights`).
    level[np.abs(days - 3652) <= 366 + 35] = DECADE_APART
    level[(np.abs(days - 365) <= 35) | (np.abs(days - 3652) <= 35)] = YEAR_SLIPPED
    wrong = (_digits(a) != _digits(b)).sum(axis=1)
    level[(parts == 2) & (wrong == 1)] = YEAR_SLIPPED
    level[(days <= 33) | ((wrong == 1) & (years == 0))] = NEARLY_SAME
    swapped = (a[:, 0] == b[:, 0]) & (a[:, 1] == b[:, 2]) & (a[:, 2] == b[:, 1])
    level[swapped] = SWAPPED
    level[parts == 3] = SAME_DATE
    rarity = np.minimum(columns.birth_rarity[left], columns.birth_rarity[right])
    # January 1st stands for a day that nobody knew: then only the year is told.
    unknown_day = (a[:, 1:] == 1).all(axis=1) & (b[:, 1:] == 1).all(axis=1)
    rarity = np.where(unknown_day, np.minimum(rarity, UNKNOWN_DAY_BITS_MAX), rarity)
    level[unknown_day & (years > 0)] = DATES_DIFFER
    # Only the year (and month) is told: equal ones say a little, different ones all.
    partial = ~whole & told[:, 0]
    agree = (same | ~told).all(axis=1)
    level[partial] = np.where(agree, PARTLY_SAME, DATES_DIFFER)[partial]
    level[~told[:, 0]] = SILENT
    return Field(level, rarity)


def _ordinal(births: Ints) -> Ints:
    days = births[:, 0] * 365.25 + _DAYS[births[:, 1]] + births[:, 2]
    return np.asarray(days, dtype=np.int64)


def _digits(births: Ints) -> Ints:
    codes = births[:, 0] * 10_000 + births[:, 1] * 100 + births[:, 2]
    return np.asarray(codes[:, None] // np.array([10**k for k in range(8)]) % 10)


def _agreement(values: ValueSets, left: Indexes, right: Indexes) -> tuple[Bools, Bools, Floats]:
    """Which pairs both tell something, which share a value, and how rare the rarest shared is."""
    equal = np.zeros(len(left), dtype=np.bool_)
    rarity = np.zeros(len(left))
    if not values.texts:
        return equal.copy(), equal, rarity
    tells = values.values[:, 0] >= 0
    told = tells[left] & tells[right]
    places = np.flatnonzero(told)
    if len(places):
        a, b = values.values[left[places]], values.values[right[places]]
        same = (a[:, :, None] == b[:, None, :]) & (a >= 0)[:, :, None]
        equal[places] = same.any(axis=(1, 2))
        bits = np.where(same.any(axis=2), values.rarity[a], 0.0)
        rarity[places] = bits.max(axis=1)
    return told, equal, rarity


def _compare_sets(values: ValueSets, left: Indexes, right: Indexes) -> Field:
    told, equal, rarity = _agreement(values, left, right)
    level = np.where(told, np.where(equal, 2, 0), SILENT)
    return Field(level, rarity)


def _compare_emails(values: ValueSets, left: Indexes, right: Indexes) -> tuple[Field, Bools]:
    compared = _compare_sets(values, left, right)
    shared = np.zeros(len(left), dtype=np.bool_)
    if not len(compared.told):
        return compared, shared
    a, b = values.values[left], values.values[right]
    places = np.flatnonzero(compared.level == 0)
    if len(places):
        ours = [values.texts[i] for i in a[places, 0]]
        theirs = [values.texts[i] for i in b[places, 0]]
        compared.level[places[_similar_emails(ours, theirs)]] = 1
    equal = np.flatnonzero(compared.level == 2)
    if len(equal):
        shared[equal] = values.is_shared[a[equal]].any(axis=1)
    return compared, shared


def _similar_emails(ours: list[str], theirs: list[str]) -> Bools:
    """Slips of the pen: most of the mailbox is the same, and the letters of the whole are."""
    pairs = list(zip(ours, theirs, strict=True))
    x = [a.partition("@")[0] for a in ours]
    y = [b.partition("@")[0] for b in theirs]
    whole = np.array(["@" in a and "@" in b for a, b in pairs], dtype=np.bool_)
    length = np.array([min(len(a), len(b)) for a, b in zip(x, y, strict=True)], dtype=np.int64)
    apart = np.minimum(_letters_apart(x, y), cpdist(x, y, scorer=OSA.distance, dtype=np.uint16))
    same_box = (apart == 0) & (length >= 5)
    longest = np.array([max(len(a), len(b)) for a, b in zip(x, y, strict=True)], dtype=np.int64)
    apart = np.where(longest - length >= 3, 0, apart)  # the sign itself slipped
    alike = _within(ours, theirs, 3) | (_letters_apart(ours, theirs) <= 2)
    long = np.array([min(len(a), len(b)) >= 10 for a, b in pairs], dtype=np.bool_)
    return np.asarray(
        np.where(whole, same_box | (alike & (apart <= (length + 1) // 3)), alike & long)
    )


def _compare_personal(values: ValueSets, left: Indexes, right: Indexes) -> tuple[Field, Bools]:
    """2 one number in common, 1 nearly one, 0 different numbers of one scheme.

    And which differ in their last character only: those are issued one after the other.
    """
    consecutive = np.zeros(len(left), dtype=np.bool_)
    told, equal, rarity = _agreement(values, left, right)
    level = np.full(len(left), SILENT, dtype=np.int64)
    places = np.flatnonzero(told & ~equal)
    if len(places):
        a, b = values.values[left[places]], values.values[right[places]]
        ours = np.where(a >= 0, values.schemes[a], -1)
        theirs = np.where(b >= 0, values.schemes[b], -2)
        matching = ours[:, :, None] == theirs[:, None, :]
        rows = matching.any(axis=(1, 2))
        cells = matching[rows].reshape(int(rows.sum()), a.shape[1] * b.shape[1])
        places, first = places[rows], cells.argmax(axis=1)
        x = a[rows][np.arange(len(places)), first // b.shape[1]]
        y = b[rows][np.arange(len(places)), first % b.shape[1]]
        ones, others = ([values.texts[i] for i in numbers.tolist()] for numbers in (x, y))
        near = _within(ones, others, 1)
        long = np.array([len(text) >= 6 for text in ones], dtype=np.bool_)
        level[places] = np.where(near & long, 1, 0)
        consecutive[places] = [p[:-1] == q[:-1] for p, q in zip(ones, others, strict=True)]
    level[equal] = 2
    return Field(level, rarity), consecutive


def _within(ours: list[str], theirs: list[str], edits: int) -> Bools:
    if not ours:
        return np.zeros(0, dtype=np.bool_)
    return np.asarray(
        cpdist(ours, theirs, scorer=OSA.distance, score_cutoff=edits, dtype=np.uint8) <= edits
    )


def _letters_apart(ours: list[str], theirs: list[str]) -> Ints:
    """How many letters each pair of texts does not share, in whatever order they stand."""
    number: dict[str, int] = {}
    x = np.array([number.setdefault(t, len(number)) for t in ours], dtype=np.int64)
    y = np.array([number.setdefault(t, len(number)) for t in theirs], dtype=np.int64)
    return letters_apart(list(number), x, y)


def _compare_addresses(columns: Columns, left: Indexes, right: Indexes) -> Field:
    """4 the same, 3 mostly, 2 in part, 1 little, 0 nothing; rarity in bits of the shared words."""
    words, bits = columns.address_words, columns.address_rarity
    level = np.full(len(left), SILENT, dtype=np.int64)
    rarity = np.zeros(len(left))
    places = np.flatnonzero((words[left, 0] >= 0) & (words[right, 0] >= 0))
    a, b = words[left[places]], words[right[places]]
    shared = ((a[:, :, None] == b[:, None, :]) & (a >= 0)[:, :, None]).any(axis=2)
    bits_a = np.where(a >= 0, bits[a], 0.0)
    common = np.where(shared, bits_a, 0.0).sum(axis=1)
    total_a, total_b = bits_a.sum(axis=1), np.where(b >= 0, bits[b], 0.0).sum(axis=1)
    least = np.minimum(total_a, total_b)
    covered = common / np.maximum(1e-9, least)
    overall = common / np.maximum(1e-9, total_a + total_b - common)
    likeness = 0.6 * covered + 0.4 * overall
    found = np.searchsorted([0.08, 0.35, 0.6, 0.85], likeness, side="right")
    is_short = (a[:, 3] < 0) & (b[:, 3] < 0)
    texts = columns.address_joined
    open_ = np.flatnonzero(((found > 0) & (found < 4)) | (is_short & (found < 2)))
    ours = [texts[i] for i in left[places[open_]].tolist()]
    theirs = [texts[i] for i in right[places[open_]].tolist()]
    raised, share = _forgive_spelling(ours, theirs, found[open_], is_short[open_])
    found[open_] = raised
    common[open_] = np.maximum(common[open_], share * least[open_])
    level[places] = found
    rarity[places] = common
    return Field(level, rarity)


def _forgive_spelling(
    ours: list[str], theirs: list[str], found: Ints, is_short: Bools
) -> tuple[Ints, Floats]:
    """The levels of addresses that differ by slips of the pen or by spaces, raised.

    And the share of the words' rarity that counts as shared.
    """
    level, share = found.copy(), np.zeros(len(found))
    if not ours:
        return level, share
    likeness = np.asarray(
        cpdist(
            ours, theirs, scorer=Indel.normalized_similarity, score_cutoff=0.75, dtype=np.float32
        )
    )
    for floor, better, part in ((0.75, 2, 0.6), (0.87, 3, 0.85)):
        alike = (likeness >= floor) & (level <= better) & ~(is_short & (likeness < 0.8))
        level[alike], share[alike] = better, part
    mixed = np.flatnonzero(is_short & (level < 2))
    apart = _letters_apart([ours[i] for i in mixed], [theirs[i] for i in mixed])
    same = mixed[apart <= 1]
    level[same], share[same] = 2, 1.0
    return level, share


def _compare_genders(genders: Ints, left: Indexes, right: Indexes) -> Field:
    a, b = genders[left], genders[right]
    level = np.where((a > 0) & (b > 0), np.where(a == b, 2, 0), SILENT)
    return Field(level, np.ones(len(left)))


def _compare_attributes(values: ValueSets, left: Indexes, right: Indexes) -> Field:
    """2 some attribute agrees, 0 one that both state differs and none agrees."""
    told, equal, rarity = _agreement(values, left, right)
    level = np.where(told & equal, 2, SILENT)
    places = np.flatnonzero(told & ~equal)
    if len(places):
        a, b = values.values[left[places]], values.values[right[places]]
        ours = np.where(a >= 0, values.schemes[a], -1)
        theirs = np.where(b >= 0, values.schemes[b], -2)
        level[places] = np.where(
            (ours[:, :, None] == theirs[:, None, :]).any(axis=(1, 2)), 0, SILENT
        )
    return Field(level, rarity)
