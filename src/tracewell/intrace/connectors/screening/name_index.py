"""Which of a million names may be the one asked for: words, their misspellings, rarity. In memory.

An inverted index over words in plain letters. A misspelt word is found by what is left when one
letter is taken away (symmetric deletes, W. Garbe 2012) or by its sound; rare words count more.
"""

from __future__ import annotations

import itertools
import math
import zlib
from array import array
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt
from rapidfuzz.distance import OSA

from tracewell.resolution import Kind, compare_names
from tracewell.resolution.folding import sound, words

CANDIDATES_MAX: Final = 80
"""Names that are compared letter by letter for one question."""
WORDS_MAX: Final = 16
NEIGHBOURS_MAX: Final = 200
POSTINGS_MAX: Final = 400_000
"""Names looked at for one question: the commonest words are left out beyond it."""
_NEAR: Final = 0.8
_SOUNDS: Final = 0.7
_SAME_LETTERS: Final = 0.9
_SAME_LETTERS_MIN: Final = 6
_SHARE_MIN: Final = 0.45
_LONGER: Final = 0.03
_DELETED_CHARACTERS_MAX: Final = 24

Ints = npt.NDArray[np.int32]


@dataclass(frozen=True, slots=True)
class Candidate:
    """A name of the index by its place in it, and the probability that it is the one asked for."""

    place: int
    score: float


class NameIndex:
    """Names to be found by other spellings; immutable once built."""

    def __init__(
        self,
        texts: Sequence[str],
        vocabulary: dict[str, int],
        postings: Ints,
        offsets: npt.NDArray[np.int64],
        keys: npt.NDArray[np.uint32],
        key_words: Ints,
        lengths: npt.NDArray[np.int8],
    ) -> None:
        self._texts = texts
        self._vocabulary = vocabulary
        self._words = list(vocabulary)
        self._postings = postings
        self._offsets = offsets
        self._keys = keys
        self._key_words = key_words
        self._lengths = lengths

    def __len__(self) -> int:
        return len(self._lengths)

    def text(self, place: int) -> str:
        """The name at a place."""
        return self._texts[place]

    def search(
        self, name: str, kind: Kind | str, *, score_min: float, limit: int
    ) -> list[Candidate]:
        """The names that are at least that probably the same, the likeliest first.

        `kind` says how names are compared: those of people or of organisations.
        """
        found = (
            Candidate(place, _compare(name, self._texts[place], kind))
            for place in self.find_places(name)
        )
        kept = [candidate for candidate in found if candidate.score >= score_min]
        return sorted(kept, key=lambda c: (-c.score, c.place))[:limit]

    def find_places(self, name: str, limit: int = CANDIDATES_MAX) -> list[int]:
        """The places of the names that share the most, by rarity; not yet compared."""
        asked = list(dict.fromkeys(words(name)))[:WORDS_MAX]
        parts = self._gather(asked)
        if not parts:
            return []
        places = np.concatenate([ids for ids, _ in parts])
        weights = np.concatenate([np.full(len(ids), w, np.float32) for ids, w in parts])
        scores = np.bincount(places, weights, minlength=len(self._lengths))
        best = float(scores.max())
        shown = np.flatnonzero(scores >= best * _SHARE_MIN)
        longer = np.abs(self._lengths[shown].astype(np.int32) - len(asked))
        ranked = scores[shown] * (1.0 - _LONGER * np.minimum(longer, 10))
        if len(shown) > limit:
            top = np.argpartition(-ranked, limit)[:limit]
            shown, ranked = shown[top], ranked[top]
        order = np.lexsort((shown, -ranked))
        return [int(place) for place in shown[order]]

    def _gather(self, asked: Sequence[str]) -> list[tuple[Ints, float]]:
        """(places, weight) for each word that an asked one may be, the rare ones first."""
        found: list[tuple[Ints, float]] = []
        matched = [
            (word_id, quality)
            for word in (*asked, *_joined(asked))
            for word_id, quality in self._find_words(word)
        ]
        ids = np.array([word_id for word_id, _ in matched], dtype=np.int64)
        if not len(ids):
            return []
        counts = self._offsets[ids + 1] - self._offsets[ids]
        looked_at = 0
        for rank in np.argsort(counts, kind="stable"):
            word_id, quality = matched[rank]
            count = int(counts[rank])
            looked_at += count
            if found and looked_at > POSTINGS_MAX:
                break
            rarity = math.log1p(len(self._lengths) / count)
            start = int(self._offsets[word_id])
            found.append((self._postings[start : start + count], quality * rarity))
        return found

    def _find_words(self, word: str) -> Iterator[tuple[int, float]]:
        """The index's words that are this one, or it misspelt; each once, with its quality."""
        exact = self._vocabulary.get(word)
        if exact is not None:
            yield exact, 1.0
        seen = {exact}
        keys = np.array(list(_deletion_keys(word)), dtype=np.uint32)
        near_by = [*self._under(keys)][:NEIGHBOURS_MAX]
        apart_max = 2 if len(word) >= 8 else 1
        for word_id in near_by:
            if word_id in seen:
                continue
            other = self._words[word_id]
            if OSA.distance(word, other, score_cutoff=apart_max) <= apart_max:
                seen.add(word_id)
                yield word_id, _NEAR
        alike = self._under(np.array([_sound_key(word)], dtype=np.uint32))
        for word_id in [*alike][:NEIGHBOURS_MAX]:
            if word_id not in seen and sound(self._words[word_id]) == sound(word):
                seen.add(word_id)
                yield word_id, _SOUNDS

    def _under(self, keys: npt.NDArray[np.uint32]) -> Iterator[int]:
        starts = np.searchsorted(self._keys, keys, "left")
        ends = np.searchsorted(self._keys, keys, "right")
        for start, end in zip(starts, ends, strict=True):
            for place in range(int(start), int(end)):
                yield int(self._key_words[place])


def _compare(name: str, other: str, kind: Kind | str) -> float:
    """The probability; the same letters with a space elsewhere are a slip of the pen."""
    score = compare_names(name, other, kind)
    if score >= _SAME_LETTERS:
        return score
    letters = "".join(words(name))
    is_same = len(letters) >= _SAME_LETTERS_MIN and letters == "".join(words(other))
    return _SAME_LETTERS if is_same else score


def build_name_index(texts: Sequence[str]) -> NameIndex:
    """The index over all texts; empty ones keep their place. 10 microseconds a name."""
    vocabulary: dict[str, int] = {}
    pair_words, pair_places = array("i"), array("i")
    lengths = array("b")
    for place, text in enumerate(texts):
        found = list(dict.fromkeys(words(text)))[:WORDS_MAX]
        lengths.append(len(found))
        for word in (*found, *_joined_whole(found)):
            pair_words.append(vocabulary.setdefault(word, len(vocabulary)))
            pair_places.append(place)
    by_word = np.frombuffer(pair_words, dtype=np.int32) if pair_words else np.empty(0, np.int32)
    places = np.frombuffer(pair_places, dtype=np.int32) if pair_places else np.empty(0, np.int32)
    order = np.argsort(by_word, kind="stable")
    offsets = np.zeros(len(vocabulary) + 1, dtype=np.int64)
    np.cumsum(np.bincount(by_word, minlength=len(vocabulary)), out=offsets[1:])
    keys, key_words = _build_keys(vocabulary)
    return NameIndex(
        texts,
        vocabulary,
        places[order],
        offsets,
        keys,
        key_words,
        np.frombuffer(lengths, dtype=np.int8) if lengths else np.empty(0, np.int8),
    )


def _build_keys(vocabulary: Iterable[str]) -> tuple[npt.NDArray[np.uint32], Ints]:
    keys, key_words = array("I"), array("i")
    for word_id, word in enumerate(vocabulary):
        if word.startswith(_WHOLE):
            continue  # found by itself only: as many as names
        for key in {*_deletion_keys(word), _sound_key(word)}:
            keys.append(key)
            key_words.append(word_id)
    if not keys:
        return np.empty(0, np.uint32), np.empty(0, np.int32)
    found = np.frombuffer(keys, dtype=np.uint32)
    order = np.argsort(found, kind="stable")
    return found[order], np.frombuffer(key_words, dtype=np.int32)[order]


_WHOLE: Final = "\x00"


def _joined_whole(found: Sequence[str]) -> tuple[str, ...]:
    """All words as one, for a name that is written without its spaces, or with others."""
    return (_WHOLE + "".join(found),) if len(found) > 1 else ()


def _joined(asked: Sequence[str]) -> Iterator[str]:
    whole = "".join(asked)
    yield _WHOLE + whole
    if len(asked) > 1:
        yield whole
        if len(asked) <= 6:
            yield from (a + b for a, b in itertools.pairwise(asked))


def _deletion_keys(word: str) -> Iterator[int]:
    """Keys of a word and of what is left of it without one of its letters."""
    if word.startswith(_WHOLE):
        return
    data = word.encode("utf-8")[:_DELETED_CHARACTERS_MAX]
    yield zlib.crc32(data)
    if len(data) >= 3:
        for place in range(len(data)):
            yield zlib.crc32(data[:place] + data[place + 1 :])


def _sound_key(word: str) -> int:
    return zlib.crc32(b"\x01" + sound(word).encode("utf-8"))
