"""The names of candidate pairs compared word by word, all pairs at once.

The same rules as `names`, in the coarser levels that resolution weighs with the other fields.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt
from rapidfuzz.distance import OSA
from rapidfuzz.process import cpdist

from tracewell.resolution.columns import NAME_WORDS_MAX, Bools, Floats, Indexes, Ints, Names
from tracewell.resolution.derivations import are_two_names
from tracewell.resolution.folding import skeleton, sound
from tracewell.resolution.shortforms import SHORT_FORMS

DIFFERENT: Final = 0
INITIAL: Final = 1
LOOSE: Final = 2
SHORT_FORM: Final = 3
SIMILAR: Final = 4
EXACT: Final = 5
ENDING: Final = 6  # Mario and Maria, Ivanov and Ivanova: one surname, two given names

LONE_WORDS_BITS: Final = -1.5

_GIVEN, _FAMILY, _ONLY = 0, 1, 2
# What the levels are worth for choosing between alignments and between names of a record.
_ORDER: Final = np.array([-3.0, 0.6, 1.5, 3.0, 4.0, 8.0, 2.5])


@dataclass(frozen=True, slots=True)
class NameLevels:
    """Per pair: levels of the given and the family name (-1 untold), of a name of an organisation
    (`title`), and how many words stand alone.

    `title` is 4 the same, 3 nearly, 2 one within the other, 1 some words, 0 different.
    """

    given: Ints
    given_rarity: Floats
    family: Ints
    family_rarity: Floats
    title: Ints
    title_rarity: Floats
    rest: Floats
    generations_differ: Bools
    generation_untold: Bools


def compare_name_columns(
    names: Names, left: Indexes, right: Indexes, are_people: Bools
) -> NameLevels:
    """The best agreement between any names of the two records of each pair."""
    pair, a, b = _cross(names, left, right)
    matrix = _word_levels(names, a, b)
    slots = _align(names, a, b, matrix)
    levels = _judge(names, a, b, slots, are_people[pair])
    return _best_of_each(levels, pair, len(left))


def _cross(names: Names, left: Indexes, right: Indexes) -> tuple[Ints, Ints, Ints]:
    """All combinations of a name of the left and a name of the right record, by pair."""
    counts_a, counts_b = names.counts[left], names.counts[right]
    repeats = counts_a * counts_b
    pair = np.repeat(np.arange(len(left), dtype=np.int64), repeats)
    within = np.arange(len(pair), dtype=np.int64) - np.repeat(np.cumsum(repeats) - repeats, repeats)
    per_row = np.maximum(1, counts_b[pair])
    return (
        pair,
        names.starts[left[pair]] + within // per_row,
        names.starts[right[pair]] + within % per_row,
    )


def _word_levels(names: Names, a: Ints, b: Ints) -> Ints:
    """The level of each word of `a` with each of `b`: (pairs, words, words), -1 for no word."""
    words_a, words_b = names.words[a], names.words[b]
    size = max(1, len(names.vocabulary))
    x = np.broadcast_to(words_a[:, :, None], (len(a), NAME_WORDS_MAX, NAME_WORDS_MAX))
    y = np.broadcast_to(words_b[:, None, :], x.shape)
    there = (x >= 0) & (y >= 0)
    codes = np.minimum(x, y)[there] * size + np.maximum(x, y)[there]
    unique, places = np.unique(codes, return_inverse=True)
    matrix = np.full(x.shape, -1, dtype=np.int64)
    matrix[there] = _levels_of(names, unique // size, unique % size)[places]
    return matrix


def _levels_of(names: Names, x: Ints, y: Ints) -> Ints:
    """The level of each pair of different or equal words of the vocabulary."""
    level = np.zeros(len(x), dtype=np.int64)
    level[x == y] = EXACT
    vocabulary = names.vocabulary
    masks, lengths = _letter_masks(vocabulary)
    heard = [sound(w) for w in vocabulary]
    heard_masks, lengths_heard = _letter_masks(heard)
    # Each edit changes at most two letters of the set: all farther pairs need no distance.
    close = np.bitwise_count(masks[x] ^ masks[y]) <= 4
    close_heard = np.bitwise_count(heard_masks[x] ^ heard_masks[y]) <= 4
    open_ = np.flatnonzero(
        (level == 0) & (close | close_heard) & (np.abs(lengths[x] - lengths[y]) <= 3)
    )
    xs, ys = x[open_], y[open_]
    edits = _distances(vocabulary, xs, ys)
    edits_heard = _distances(heard, xs, ys)
    shortest = np.minimum(lengths[xs], lengths[ys])
    shortest_heard = np.minimum(lengths_heard[xs], lengths_heard[ys])
    found = np.zeros(len(open_), dtype=np.int64)
    loose = ((edits <= 2) & (shortest >= 5)) | ((edits_heard <= 2) & (shortest_heard >= 5))
    loose |= ((edits <= 1) & (shortest >= 3)) | ((edits_heard <= 1) & (shortest_heard >= 4))
    loose |= (edits_heard == 0) & (shortest >= 2)
    apart = letters_apart(vocabulary, xs, ys)
    loose |= ((apart <= 1) & (shortest >= 5)) | ((apart == 0) & (shortest >= 4))
    found[loose] = LOOSE
    found[(edits <= 1) & (shortest >= 4)] = SIMILAR
    found[(edits_heard == 0) & (shortest >= 3)] = SIMILAR
    is_number = np.array([w[0].isdigit() for w in vocabulary] or [False], dtype=np.bool_)
    found[is_number[xs] | is_number[ys]] = DIFFERENT
    level[open_] = found
    _note_endings(vocabulary, x, y, level)
    _note_initials(names, lengths, x, y, level)
    _note_short_forms(vocabulary, x, y, level)
    _note_skeletons(names, x, y, level)
    return level


_LETTER_BITS: Final = np.array(
    [1 << (c & 31 if c >= 97 else 32 + (c & 15)) for c in range(256)], dtype=np.uint64
)


def _letter_masks(words: list[str]) -> tuple[npt.NDArray[np.uint64], Ints]:
    """The set of each word's letters as bits, and its length; no word is empty."""
    if not words:
        return np.zeros(1, dtype=np.uint64), np.zeros(1, dtype=np.int64)
    codes, lengths = _letters(words)
    return np.bitwise_or.reduceat(_LETTER_BITS[codes], np.cumsum(lengths) - lengths), lengths


def _letters(texts: list[str]) -> tuple[npt.NDArray[np.uint8], Ints]:
    """The letters of plain texts one after the other, and how many each has."""
    codes = np.frombuffer("".join(texts).encode("ascii"), dtype=np.uint8)
    return codes, np.array([len(text) for text in texts], dtype=np.int64)


def _distances(texts: list[str], x: Ints, y: Ints) -> Ints:
    if not len(x):
        return np.zeros(0, dtype=np.int64)
    ours, theirs = [texts[i] for i in x.tolist()], [texts[i] for i in y.tolist()]
    found = cpdist(ours, theirs, scorer=OSA.distance, score_cutoff=2, dtype=np.uint8)
    return np.asarray(found, dtype=np.int64)


def letters_apart(texts: list[str], x: Ints, y: Ints) -> Ints:
    """How many letters one word has that the other lacks, in whatever order they stand."""
    if not len(x):
        return np.zeros(0, dtype=np.int64)
    known, places = np.unique(np.concatenate([x, y]), return_inverse=True)
    codes, lengths = _letters([texts[number] for number in known.tolist()])
    cells = np.repeat(np.arange(len(known)) * 32, lengths) + (codes & 31)
    table = np.bincount(cells, minlength=len(known) * 32).reshape(-1, 32)
    apart = table[places[: len(x)]] - table[places[len(x) :]]
    more, fewer = np.maximum(apart, 0).sum(1), np.maximum(-apart, 0).sum(1)
    return np.asarray(np.maximum(more, fewer), dtype=np.int64)


def _note_endings(vocabulary: list[str], x: Ints, y: Ints, level: Ints) -> None:
    for place in np.flatnonzero((level == SIMILAR) | (level == LOOSE)).tolist():
        a, b = vocabulary[x[place]], vocabulary[y[place]]
        if are_two_names(a, b, is_loose=level[place] == LOOSE):
            level[place] = ENDING


def _note_initials(names: Names, lengths: Ints, x: Ints, y: Ints, level: Ints) -> None:
    single = np.flatnonzero((level == 0) & ((lengths[x] == 1) | (lengths[y] == 1)))
    vocabulary = names.vocabulary
    for place in single.tolist():
        if vocabulary[x[place]][0] == vocabulary[y[place]][0]:
            level[place] = INITIAL


def _note_short_forms(vocabulary: list[str], x: Ints, y: Ints, level: Ints) -> None:
    known = np.array([w in SHORT_FORMS for w in vocabulary] or [False], dtype=np.bool_)
    for place in np.flatnonzero(known[x] & known[y] & (level < SIMILAR)).tolist():
        if SHORT_FORMS[vocabulary[x[place]]] & SHORT_FORMS[vocabulary[y[place]]]:
            level[place] = SHORT_FORM
    for place in np.flatnonzero((level == ENDING) & known[x] & known[y]).tolist():
        if SHORT_FORMS[vocabulary[x[place]]] & SHORT_FORMS[vocabulary[y[place]]]:
            level[place] = SHORT_FORM


def _note_skeletons(names: Names, x: Ints, y: Ints, level: Ints) -> None:
    """Words out of scripts without vowels: by their consonants."""
    if names.has_vowels.all():
        return
    bare = np.zeros(max(1, len(names.vocabulary)), dtype=np.bool_)
    of_abjad = names.words[~names.has_vowels]
    bare[of_abjad[of_abjad >= 0]] = True
    for place in np.flatnonzero((level < SIMILAR) & (bare[x] | bare[y])).tolist():
        a, b = skeleton(names.vocabulary[x[place]]), skeleton(names.vocabulary[y[place]])
        if len(a) > 1 and a == b:
            level[place] = SIMILAR
        elif min(len(a), len(b)) > 2 and OSA.distance(a, b, score_cutoff=1) <= 1:
            level[place] = LOOSE


@dataclass(frozen=True, slots=True)
class _Slots:
    """An alignment: for each word of `a` the place of its partner in `b` (-1) and the level."""

    partner: Ints
    level: Ints
    taken_b: Bools


def _align(names: Names, a: Ints, b: Ints, matrix: Ints) -> _Slots:
    """Greedily the best words first; ties are broken by the places of the words."""
    count = len(a)
    value = np.where(matrix > 0, _ORDER[np.maximum(matrix, 0)], -1.0)
    # Longer words first among equals, and words at the same place before others.
    value -= np.abs(np.arange(NAME_WORDS_MAX)[:, None] - np.arange(NAME_WORDS_MAX)[None, :]) * 0.01
    partner = np.full((count, NAME_WORDS_MAX), -1, dtype=np.int64)
    level = np.zeros((count, NAME_WORDS_MAX), dtype=np.int64)
    taken_b = np.zeros((count, NAME_WORDS_MAX), dtype=np.bool_)
    rows = np.arange(count)
    steps = int(min(names.lengths[a].max(initial=0), names.lengths[b].max(initial=0)))
    for _ in range(steps):
        flat = value.reshape(count, -1)
        best = flat.argmax(axis=1)
        good = flat[rows, best] > 0
        if not good.any():
            break
        i, j = best[good] // NAME_WORDS_MAX, best[good] % NAME_WORDS_MAX
        chosen = rows[good]
        partner[chosen, i] = j
        level[chosen, i] = matrix[chosen, i, j]
        taken_b[chosen, j] = True
        value[chosen, i, :] = -1.0
        value[chosen, :, j] = -1.0
    return _Slots(partner, level, taken_b)


def _judge(names: Names, a: Ints, b: Ints, slots: _Slots, are_people: Bools) -> NameLevels:
    """Levels of given and family name, and of an organisation's name, from an alignment."""
    place = np.arange(NAME_WORDS_MAX)[None, :]
    # Words that both sides have beside the aligned ones contradict each other.
    alone_a = (place < names.lengths[a][:, None]) & (slots.partner < 0)
    alone_b = (place < names.lengths[b][:, None]) & ~slots.taken_b
    joined = _joined_equal(names, a, b)
    given, given_rarity, family, family_rarity, rest = _judge_people(
        names, a, b, slots, alone_a, alone_b
    )
    given = np.where(joined, EXACT, given)
    family = np.where(joined, EXACT, family)
    given = _judge_ideographs(names, a, b, given)
    title, title_rarity = (
        (np.full(len(a), -1, dtype=np.int64), np.zeros(len(a)))
        if are_people.all()
        else _titles(names, a, b, slots, alone_a, alone_b, joined)
    )
    told_a, told_b = names.generations[a], names.generations[b]
    return NameLevels(
        given=np.where(are_people, given, -1),
        given_rarity=np.where(joined, 7.0, given_rarity),
        family=np.where(are_people, family, -1),
        family_rarity=np.where(joined, 9.0, family_rarity),
        title=np.where(are_people, -1, title),
        title_rarity=title_rarity,
        rest=np.where(are_people & ~joined, rest, 0.0),
        generations_differ=(told_a != told_b) & (told_a > 0) & (told_b > 0),
        generation_untold=(told_a > 0) != (told_b > 0),
    )


def _judge_people(
    names: Names, a: Ints, b: Ints, slots: _Slots, alone_a: Bools, alone_b: Bools
) -> tuple[Ints, Floats, Ints, Floats, Floats]:
    """Level and rarity of the given and of the family name, and bits of all other words."""
    matched = slots.partner >= 0
    lengths_a, lengths_b = names.lengths[a], names.lengths[b]
    role_a, role_b = _roles(lengths_a), _roles(lengths_b)
    rows = np.arange(len(a))[:, None]
    there = np.maximum(slots.partner, 0)
    role = np.where(matched, role_b[rows, there], _ONLY)
    # Where the two disagree about a word's role it is taken for a given name, which says less.
    # But where all words have their partner, only the order differs.
    whole = ~alone_a.any(1, keepdims=True) & ~alone_b.any(1, keepdims=True)
    other = np.where(role == _ONLY, role_a, np.where(role_a == _ONLY, role, _GIVEN))
    role = np.where((role == role_a) | (whole & matched), role_a, other)
    rarity = np.minimum(
        names.rarity[np.maximum(names.words[a], 0)],
        names.rarity[np.maximum(names.words[b][rows, there], 0)],
    )
    given, given_rarity = _strongest(matched & (role == _GIVEN), slots.level, rarity)
    family, family_rarity = _strongest(matched & (role != _GIVEN), slots.level, rarity)
    given_alone = (alone_a & (role_a == _GIVEN)).any(1) & (alone_b & (role_b == _GIVEN)).any(1)
    family_alone = (alone_a & (role_a != _GIVEN)).any(1) & (alone_b & (role_b != _GIVEN)).any(1)
    crossed = alone_a.any(1) & alone_b.any(1) & ~given_alone & ~family_alone
    swapped = crossed & (given < 0)
    first_given = given_alone & (given < 0)
    given = np.where(first_given | swapped, DIFFERENT, given)
    family = np.where((family_alone | (crossed & ~swapped)) & (family < 0), DIFFERENT, family)
    given = np.where(given == ENDING, DIFFERENT, given)
    family = np.where(family == ENDING, SIMILAR, family)
    rest = -0.4 * np.abs(alone_a.sum(1) - alone_b.sum(1)) - 3.0 * (given_alone & ~first_given)
    rest += 1.5 * np.maximum(0, (matched & (slots.level == EXACT)).sum(1) - 2)
    # Two single words that differ may be the given name here and the family name there.
    lone = (lengths_a == 1) & (lengths_b == 1) & ~matched.any(1)
    family = np.where(lone, -1, family)
    return given, given_rarity, family, family_rarity, np.where(lone, LONE_WORDS_BITS, rest)


def _roles(lengths: Ints) -> Ints:
    place = np.arange(NAME_WORDS_MAX)[None, :]
    last = place == lengths[:, None] - 1
    return np.where(lengths[:, None] <= 1, _ONLY, np.where(last, _FAMILY, _GIVEN))


def _strongest(mask: Bools, level: Ints, rarity: Floats) -> tuple[Ints, Floats]:
    """The best aligned word of a role and its rarity; -1 where none is aligned."""
    value = np.where(mask, _ORDER[level] + rarity * 0.01, -9.0)
    best = value.argmax(axis=1)
    rows = np.arange(len(level))
    found = mask[rows, best]
    return np.where(found, level[rows, best], -1), np.where(found, rarity[rows, best], 0.0)


def _joined_equal(names: Names, a: Ints, b: Ints) -> Bools:
    """Names whose letters are the same and whose spaces differ."""
    same = (names.joined[a] == names.joined[b]) & (names.joined[a] >= 0)
    return np.asarray(same & (names.words[a] != names.words[b]).any(axis=1))


def _judge_ideographs(names: Names, a: Ints, b: Ints, given: Ints) -> Ints:
    """Two names in Chinese characters are one or they are not."""
    written = np.array([bool(c) for c in names.ideographs] or [False], dtype=np.bool_)
    for place in np.flatnonzero(written[a] & written[b]).tolist() if len(a) else ():
        if names.ideographs[a[place]] != names.ideographs[b[place]]:
            given[place] = DIFFERENT
    return given


def _titles(
    names: Names, a: Ints, b: Ints, slots: _Slots, alone_a: Bools, alone_b: Bools, joined: Bools
) -> tuple[Ints, Floats]:
    """The level of two names of organisations, and the rarity of the words they share."""
    matched = slots.partner >= 0
    good = matched & ((slots.level >= SHORT_FORM) | (slots.level == LOOSE))
    exact = matched & (slots.level == EXACT)
    bits = np.where(good, names.rarity[np.maximum(names.words[a], 0)], 0.0)
    rarity = (bits * np.where(exact, 1.0, 0.7)).sum(1)
    count = np.maximum(1, np.minimum(names.lengths[a], names.lengths[b]))
    only_a, only_b = alone_a.any(1), alone_b.any(1)
    level = np.full(len(a), 1, dtype=np.int64)
    level[~good.any(1)] = 0
    level[(only_a & only_b) & (good.sum(1) / count < 0.5)] = 0
    level[(only_a ^ only_b) & good.any(1)] = 2
    whole = ~only_a & ~only_b & (good.sum(1) >= count)
    level[whole] = 3
    level[whole & (exact.sum(1) == good.sum(1))] = 4
    level[joined] = 4
    return level, np.where(joined, 9.0, rarity)


def _best_of_each(levels: NameLevels, pair: Ints, count: int) -> NameLevels:
    """Of the combinations of each pair the most alike; silent where a record has no name."""
    if len(pair) == count and bool((np.diff(pair) == 1).all()):
        return levels  # one name each
    worth = (
        np.where(levels.given >= 0, _ORDER[np.maximum(levels.given, 0)], 0.0)
        + np.where(levels.family >= 0, _ORDER[np.maximum(levels.family, 0)], 0.0)
        + np.where(levels.title >= 0, levels.title * 3.0, 0.0)
        + levels.rest
        - 20.0 * levels.generations_differ
    )
    order = np.lexsort((-worth, pair))
    first = np.ones(len(order), dtype=np.bool_)
    first[1:] = pair[order][1:] != pair[order][:-1]
    chosen = order[first]
    at = pair[chosen]

    def spread(values: npt.NDArray[np.generic], silent: float) -> npt.NDArray[np.generic]:
        out = np.full(count, silent, dtype=values.dtype)
        out[at] = values[chosen]
        return out

    told = {
        "given": -1, "given_rarity": 0.0, "family": -1, "family_rarity": 0.0, "title": -1,
        "title_rarity": 0.0, "rest": 0.0, "generations_differ": False, "generation_untold": False,
    }  # fmt: skip
    return NameLevels(**{k: spread(getattr(levels, k), v) for k, v in told.items()})  # type: ignore[arg-type]
