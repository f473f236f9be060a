"""Names, slugs and domains of companies as bytes in memory, 65,536 companies a part: pure.

A line is UTF-8 and ends with a byte that UTF-8 does not have. So bytes are found where letters are,
and a line begins where this byte stands before.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import numpy as np
import numpy.typing as npt

from tracewell.trace.index.bitmaps import CHUNK_BITS

END = b"\xff"
_COMPANIES = 1 << CHUNK_BITS
_FEW = 6_000
"""Companies up to which each is looked at by itself; of more, the whole part is gone through."""
_SAMPLE_BYTES = 1 << 16

Places = npt.NDArray[Any]


def lines_of(sort_name: str, search_text: str) -> bytes:
    """The lines of a company: its name, which may have line breaks of its own, and what follows it
    in the stored text."""
    further = search_text[len(sort_name) + 1 :]
    return b"".join(
        line.encode() + END for line in (sort_name, *(further.split("\n") if further else ()))
    )


@dataclass(frozen=True, slots=True)
class LinesPart:
    """The lines of companies one after the other, an `END` before them; each company's begin at
    `starts` and end where the next one's begin."""

    text: bytes
    starts: npt.NDArray[np.int32]

    def of(self, place: int) -> bytes:
        """The lines of one company."""
        return self.text[self.starts[place] : self.starts[place + 1]]

    def replaced(self, places: Sequence[int], lines: Sequence[bytes]) -> LinesPart:
        """The part with other lines of some companies, whose places ascend."""
        pieces, at = [], 0
        lengths = np.diff(self.starts)
        for place, own in zip(places, lines, strict=True):
            pieces += [self.text[at : self.starts[place]], own]
            at = int(self.starts[place + 1])
            lengths[place] = len(own)
        return _part(b"".join([*pieces, self.text[at:]]), lengths)

    def holding(self, needle: bytes, places: Places, *, at_start: bool) -> Places:
        """Those of the places, which ascend, of whose lines one holds, or begins with, the needle.

        Costs a hundred nanoseconds a company, and not more than a millisecond or two.
        """
        if at_start:
            needle = END + needle
        if len(places) > _FEW:
            return self._hold_among_many(needle, places, int(at_start))
        find, before = self.text.find, int(at_start)
        firsts = (self.starts[places] - before).tolist()
        lasts = self.starts[places + 1].tolist()
        fits = [find(needle, first, last) >= 0 for first, last in zip(firsts, lasts, strict=True)]
        found: Places = places[np.array(fits, np.bool_)]
        return found

    def _hold_among_many(self, needle: bytes, places: Places, before: int) -> Places:
        text = np.frombuffer(self.text, np.uint8)
        common = np.bincount(text[:_SAMPLE_BYTES], minlength=256)
        # The rarest byte of the needle first: few places are left for the others.
        order = sorted(range(len(needle)), key=lambda at: int(common[needle[at]]))
        last = len(text) - len(needle) + 1
        if last <= 0:
            return places[:0]
        hits = np.flatnonzero(text[order[0] : order[0] + last] == needle[order[0]])
        for at in order[1:]:
            hits = hits[text[hits + at] == needle[at]]
        has = np.zeros(_COMPANIES, np.bool_)
        has[np.searchsorted(self.starts, hits + before, "right") - 1] = True
        found: Places = places[has[places]]
        return found


def _part(text: bytes, lengths: npt.NDArray[Any]) -> LinesPart:
    starts = np.ones(_COMPANIES + 1, np.int32)
    np.cumsum(lengths, out=starts[1:])
    starts[1:] += 1
    return LinesPart(text, starts)


def no_lines() -> LinesPart:
    """A part without a company."""
    return _part(END, np.zeros(_COMPANIES, np.int64))


class LinesGathering:
    """Lines of all companies in any order, as few bytes more than they are themselves."""

    def __init__(self) -> None:
        self._ids: list[npt.NDArray[np.int64]] = []
        self._lengths: list[npt.NDArray[np.int64]] = []
        self._texts: list[bytes] = []

    def add(self, ids: Sequence[int], lines: Sequence[str]) -> None:
        """One more line for each of these companies."""
        texts = [line.encode() + END for line in lines]
        self._ids.append(np.array(ids, np.int64))
        self._lengths.append(np.array([len(text) for text in texts], np.int64))
        self._texts.append(b"".join(texts))

    def parts(self) -> list[LinesPart]:
        """The parts; takes a second for a million companies, most of it outside the interpreter."""
        if not self._ids:
            return []
        ids, lengths = np.concatenate(self._ids), np.concatenate(self._lengths)
        text = np.frombuffer(b"".join(self._texts), np.uint8)
        starts = np.cumsum(lengths) - lengths
        order = np.argsort(ids, kind="stable")
        bounds = np.arange((int(ids.max()) >> CHUNK_BITS) + 2) << CHUNK_BITS
        cuts = np.searchsorted(ids[order], bounds).tolist()
        return [
            _gathered(text, ids[own] & (_COMPANIES - 1), starts[own], lengths[own])
            for own in (order[first:last] for first, last in pairwise(cuts))
        ]


def _gathered(
    text: npt.NDArray[np.uint8], places: Places, starts: Places, lengths: Places
) -> LinesPart:
    """The part of lines that lie anywhere in the text; their companies' places ascend."""
    begin = np.cumsum(lengths) - lengths
    taken = np.repeat(starts - begin, lengths)
    taken += np.arange(len(taken))
    by_place = np.bincount(places, lengths, _COMPANIES).astype(np.int64)
    return _part(END + text[taken].tobytes(), by_place)
