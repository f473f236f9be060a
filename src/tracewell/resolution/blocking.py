"""Which pairs of records are worth comparing: those that share a rare key. Nothing is scored.

Keys are numbers in arrays, so that finding the blocks is one sort.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from functools import lru_cache
from typing import Final

import numpy as np

from tracewell.resolution.columns import Columns, Indexes, Interned, Ints, Names, ValueSets
from tracewell.resolution.features import Features, is_role_mailbox
from tracewell.resolution.folding import skeleton
from tracewell.resolution.shortforms import SHORT_FORMS

BLOCK_MAX: Final = 60
WINDOW: Final = 6
RARE_MAX: Final = 16
_PHONE_DIGITS: Final = 7
_ADDRESS_WORDS: Final = 10
_SPACE: Final = 1 << 30

# (records, keys): the same length, a key may stand several times for one record; by record.
Keys = tuple[Ints, Ints]


def find_candidates(features: Sequence[Features], columns: Columns) -> tuple[Indexes, Indexes]:
    """Pairs (i, j), i < j, sorted; the work is bounded however alike the records are.

    A block (records with one key) above `BLOCK_MAX` is compared as a sorted neighbourhood.
    """
    count = len(features)
    common = _gather(_common_keys(columns))
    rare = _gather(_rare_keys(columns))
    found = [*_pairs_of_blocks(common, count, BLOCK_MAX)]
    found += _pairs_of_blocks(rare, count, RARE_MAX)
    oversized = _oversized(common)
    if oversized:
        ranks = _ranks(features)
        found += [_neighbours(block, rank, count) for block in oversized for rank in ranks]
    pairs = np.unique(np.concatenate([np.zeros(0, dtype=np.int64), *found]))
    return pairs // max(1, count), pairs % max(1, count)


def _gather(keys: Iterator[Keys]) -> list[Ints]:
    """Records by block: sorted records, and where each key that several share begins, and of how
    many.
    """
    spaces = list(keys)
    if not spaces:
        return []
    codes = np.concatenate([key + place * (1 << 58) for place, (_, key) in enumerate(spaces)])
    records = np.concatenate([records for records, _ in spaces])
    # The records of a space are in order already, and a stable sort keeps them so.
    order = np.argsort(codes, kind="stable")
    codes, records = codes[order], records[order]
    fresh = np.ones(len(codes), dtype=np.bool_)
    fresh[1:] = (codes[1:] != codes[:-1]) | (records[1:] != records[:-1])
    codes, records = codes[fresh], records[fresh]
    begins = np.ones(len(codes), dtype=np.bool_)
    begins[1:] = codes[1:] != codes[:-1]
    starts = np.flatnonzero(begins)
    sizes = np.diff(starts, append=len(codes))
    shared = sizes > 1
    return [records, starts[shared], sizes[shared]]


def _pairs_of_blocks(blocks: list[Ints], count: int, size_max: int) -> Iterator[Indexes]:
    """All pairs within the blocks of at most `size_max` records, blocks of one size at once."""
    if not blocks:
        return
    records, starts, sizes = blocks
    for size in np.unique(sizes[sizes <= size_max]).tolist():
        members = records[starts[sizes == size][:, None] + np.arange(size)[None, :]]
        left, right = _pairs_within(size)
        yield (members[:, left] * count + members[:, right]).ravel()


@lru_cache(maxsize=BLOCK_MAX)
def _pairs_within(size: int) -> tuple[Ints, Ints]:
    left, right = np.triu_indices(size, 1)
    return left, right


def _oversized(blocks: list[Ints]) -> list[Ints]:
    if not blocks:
        return []
    records, starts, sizes = blocks
    large = np.flatnonzero(sizes > BLOCK_MAX).tolist()
    return [records[starts[k] : starts[k] + sizes[k]] for k in large]


def _ranks(features: Sequence[Features]) -> list[Ints]:
    """Two orders in which alike records stand next to each other: by name, and by date."""
    names = [min((name.key for name in f.names), default="") for f in features]
    births = [f.birth for f in features]
    orders: tuple[Callable[[int], object], ...] = (
        lambda i: (names[i], births[i], i),
        lambda i: (births[i], names[i], i),
    )
    ranks = []
    for order in orders:
        rank = np.empty(len(features), dtype=np.int64)
        rank[sorted(range(len(features)), key=order)] = np.arange(len(features))  # type: ignore[arg-type]
        ranks.append(rank)
    return ranks


def _neighbours(members: Ints, rank: Ints, count: int) -> Indexes:
    ordered = members[np.argsort(rank[members])]
    found = []
    for step in range(1, min(WINDOW, len(ordered) - 1) + 1):
        a, b = ordered[:-step], ordered[step:]
        found.append(np.minimum(a, b) * count + np.maximum(a, b))
    return np.concatenate(found)


def _common_keys(columns: Columns) -> Iterator[Keys]:
    """What two records of one holder have in common in spite of a slip here or there."""
    for values in (columns.personal, columns.contacts, columns.emails):
        if values.texts:
            yield _cells(values.values)
    if columns.emails.texts:
        yield _mapped(columns.emails, _mailbox)
    if columns.phones.texts:
        yield _mapped(columns.phones, lambda phone: phone[-_PHONE_DIGITS:])
    births = columns.births
    records = np.flatnonzero(births[:, 2] > 0)
    months, days = births[records, 1], births[records, 2]
    yield (
        records,
        births[records, 0] * 1_024 + np.minimum(months, days) * 32 + np.maximum(months, days),
    )
    holder, heard = _heard(columns.names)
    yield holder, _whole_name(heard)
    lengths = columns.names.lengths
    long = np.flatnonzero(lengths > 2)
    first, last = heard[long, 0], heard[long, lengths[long] - 1]
    yield holder[long], np.minimum(first, last) * _SPACE + np.maximum(first, last)
    owners, sounds = _cells(heard, holder)
    years, month_days = births[owners, 0], births[owners, 1] * 32 + births[owners, 2]
    dated, whole = years > 0, births[owners, 2] > 0
    yield owners[dated], sounds[dated] * _SPACE + years[dated]
    yield owners[whole], sounds[whole] * _SPACE + month_days[whole] + 4_096
    if columns.employers.texts:
        yield _crossed(owners, sounds, columns.employers.values)
    numbers, texts = _places(columns)
    yield _crossed(owners, sounds, np.concatenate([numbers, texts], axis=1))
    yield _crossed(*_cells(numbers), texts)


def _rare_keys(columns: Columns) -> Iterator[Keys]:
    """Single words: only where few records have them."""
    names = columns.names
    holder, heard = _heard(names)
    yield _cells(heard, holder)
    long = [place for place, word in enumerate(names.vocabulary) if len(word) > 3]
    skeletons = np.full(max(1, len(names.vocabulary)), -1, dtype=np.int64)
    skeletons[long] = Interned().number_all([skeleton(names.vocabulary[p]) for p in long])
    yield _cells(np.where(names.words >= 0, skeletons[names.words], -1), holder)
    short = [
        (place, group)
        for place, word in enumerate(names.vocabulary)
        if word in SHORT_FORMS
        for group in SHORT_FORMS[word]
    ]
    if short:
        places, groups = np.array(short, dtype=np.int64).T
        table = np.full((len(names.vocabulary), int(np.bincount(places).max())), -1, np.int64)
        nth = np.arange(len(places)) - np.searchsorted(places, places)
        table[places, nth] = groups
        of_words = np.where(names.words[:, :, None] >= 0, table[names.words], -1)
        yield _cells(of_words.reshape(len(of_words), -1), holder)
    if columns.emails.texts:
        yield _mapped(columns.emails, lambda email: email.rpartition("@")[2])


def _mailbox(email: str) -> str:
    local = email.partition("@")[0]
    return local if len(local) > 4 and not is_role_mailbox(email) else ""


def _cells(table: Ints, holder: Ints | None = None) -> Keys:
    """The cells of a table that are told (not negative), with their record."""
    rows, places = np.nonzero(table >= 0)
    return (rows if holder is None else holder[rows]), table[rows, places]


def _mapped(values: ValueSets, key_of: Callable[[str], str]) -> Keys:
    """Values by a part of their text; an empty part is no key."""
    parts = Interned()
    numbers = [parts.number(key) if (key := key_of(t)) else -1 for t in values.texts]
    table = np.array(numbers or [-1], dtype=np.int64)
    return _cells(np.where(values.values >= 0, table[values.values], -1))


def _crossed(owners: Ints, keys: Ints, table: Ints) -> Keys:
    """Each key of a record together with each cell of the record's row."""
    rows = table[owners]
    places, cells = np.nonzero(rows >= 0)
    return owners[places], keys[places] * _SPACE + rows[places, cells]


def _heard(names: Names) -> tuple[Ints, Ints]:
    """Per name its record, and how its words sound (their consonants, of an abjad's)."""
    holder = np.repeat(np.arange(len(names.counts), dtype=np.int64), names.counts)
    heard = np.where(names.words >= 0, names.sounds[names.words], -1)
    if not names.has_vowels.all():
        bare = ~names.has_vowels
        heard[bare] = np.where(names.words[bare] >= 0, names.skeletons[names.words[bare]], -1)
    return holder, heard


def _whole_name(heard: Ints) -> Ints:
    """One number for all words of a name in any order."""
    ordered = np.sort(heard, axis=1)
    key = np.zeros(len(heard), dtype=np.int64)
    for place in range(ordered.shape[1]):
        key = (key * 1_000_003 + ordered[:, place] + 2) % ((1 << 57) // 1_000_003)
    return key


def _places(columns: Columns) -> tuple[Ints, Ints]:
    """The numbers and the longer words of each record's addresses."""
    texts = columns.address_texts or [""]
    is_number = np.array([text < "a" for text in texts], dtype=np.bool_)  # begins with a digit
    is_text = ~is_number & (np.array([len(text) for text in texts], dtype=np.int64) > 3)
    table = columns.address_words[:, :_ADDRESS_WORDS]
    there = table >= 0
    return (
        np.where(there & is_number[table], table, -1),
        np.where(there & is_text[table], table, -1),
    )
