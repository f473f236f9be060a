"""Which pairs of records are worth comparing: those that share a rare key. Nothing is scored."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Sequence
from typing import Final

import numpy as np
import numpy.typing as npt

from tracewell.resolution.features import Features, is_role_mailbox
from tracewell.resolution.folding import skeleton, sound
from tracewell.resolution.shortforms import SHORT_FORMS

BLOCK_MAX: Final = 60
WINDOW: Final = 6
RARE_MAX: Final = 16
_PHONE_DIGITS: Final = 7

Indexes = npt.NDArray[np.int64]


def find_candidates(features: Sequence[Features]) -> tuple[Indexes, Indexes]:
    """Pairs (i, j), i < j, sorted; the work is bounded however alike the records are.

    A block (records with one key) above `BLOCK_MAX` is compared as a sorted neighbourhood.
    """
    count = len(features)
    blocks: dict[object, list[int]] = defaultdict(list)
    for index, record in enumerate(features):
        for key in set(_keys(record)):
            blocks[key].append(index)
    rare: dict[object, list[int]] = defaultdict(list)
    for index, record in enumerate(features):
        for key in _rare_keys(record):
            found = rare[key]
            if len(found) <= RARE_MAX and (not found or found[-1] != index):
                found.append(index)
    codes: list[Indexes] = []
    small: list[int] = []
    for members in blocks.values():
        size = len(members)
        if size == 2:
            small.append(members[0] * count + members[1])
        elif 2 < size <= BLOCK_MAX:
            codes.append(_all_pairs(members, count))
        elif size > BLOCK_MAX:
            codes.append(_neighbours(members, features, count))
    for members in rare.values():
        if len(members) == 2:
            small.append(members[0] * count + members[1])
        elif 2 < len(members) <= RARE_MAX:
            codes.append(_all_pairs(members, count))
    codes.append(np.array(small, dtype=np.int64))
    pairs = np.unique(np.concatenate(codes))
    return pairs // max(1, count), pairs % max(1, count)


def _all_pairs(members: list[int], count: int) -> Indexes:
    left, right = _triangle(len(members))
    indexes = np.array(members, dtype=np.int64)
    return indexes[left] * count + indexes[right]


_TRIANGLES: Final = tuple(
    tuple(a.astype(np.int64) for a in np.triu_indices(size, 1)) for size in range(BLOCK_MAX + 1)
)


def _triangle(size: int) -> tuple[Indexes, Indexes]:
    left, right = _TRIANGLES[size]
    return left, right


def _neighbours(members: list[int], features: Sequence[Features], count: int) -> Indexes:
    """Alike records of a big block stand next to each other when sorted by name, then by date."""
    found = []
    names = {i: min((n.key for n in features[i].names), default="") for i in members}
    for order in (
        lambda i: (names[i], features[i].birth, i),
        lambda i: (features[i].birth, names[i], i),
    ):
        ordered = np.array(sorted(members, key=order), dtype=np.int64)
        for step in range(1, WINDOW + 1):
            a, b = ordered[:-step], ordered[step:]
            found.append(np.minimum(a, b) * count + np.maximum(a, b))
    return np.concatenate(found)


def _keys(record: Features) -> Iterator[object]:
    """What two records of one holder have in common in spite of a slip here or there."""
    yield from record.personal
    yield from record.contacts
    yield from record.emails
    year, month, day = record.birth
    if day:
        yield year, min(month, day), max(month, day)
    for email in record.emails:
        local = email.partition("@")[0]
        if len(local) > 4 and not is_role_mailbox(email):
            yield "local", local
    for phone in record.phones:
        yield "phone", phone[-_PHONE_DIGITS:]
    sounds: set[str] = set()
    for name in record.names:
        heard = [_heard(w, has_vowels=name.has_vowels) for w in name.words]
        sounds.update(heard)
        yield tuple(sorted(heard))
        if len(heard) > 2:
            yield tuple(sorted((heard[0], heard[-1])))
    numbers = [w for w in record.address_words if w[0].isdigit()]
    texts = [w for w in record.address_words if not w[0].isdigit() and len(w) > 3]
    for word in sounds:
        if year:
            yield "y", word, year
            if day:
                yield "md", word, month * 32 + day
        for place in (*numbers, *texts):
            yield "at", word, place
    for number in numbers[:3]:
        for text in texts:
            yield number, text
    for employer in record.employers:
        for word in sounds:
            yield "by", word, employer.words[0] if employer.words else ""


def _rare_keys(record: Features) -> Iterator[object]:
    """Single words: only where few records have them."""
    for name in record.names:
        for word in name.words:
            yield _heard(word, has_vowels=name.has_vowels)
            if not name.has_vowels or len(word) > 3:
                yield "bare", skeleton(word)
            for group in SHORT_FORMS.get(word, ()):
                yield "short", group
    for email in record.emails:
        yield "domain", email.rpartition("@")[2]


def _heard(word: str, *, has_vowels: bool) -> str:
    return sound(word) if has_vowels else skeleton(word)
