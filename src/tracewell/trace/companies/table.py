"""Columns of companies as arrays indexed by company id, and what was replaced in them: no database.

A state that a reader still looks at is today's arrays and, link by link, what has been replaced
since (`Past`).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

import numpy as np
import numpy.typing as npt

from tracewell.trace.companies.lines import LinesPart, no_lines
from tracewell.trace.index.bitmaps import CHUNK_BITS

NumberColumn = Literal[
    "first_observed_day",
    "last_observed_day",
    "last_crawled_day",
    "technology_count",
    "partnership_count",
    "posting_count",
    "founded_year",
    "partnership_kinds",
]
NUMBER_COLUMNS: tuple[NumberColumn, ...] = (
    "first_observed_day", "last_observed_day", "last_crawled_day", "technology_count",
    "partnership_count", "posting_count", "founded_year", "partnership_kinds",
)  # fmt: skip
NAME_COLUMNS = ("name_0", "name_1", "name_2")
"""The first bytes of a name, eight a column, as numbers that compare as the names do."""

_TYPES: Mapping[str, Any] = {
    **dict.fromkeys(NUMBER_COLUMNS, np.int32),
    "last_observed_at": np.int64,
    **dict.fromkeys(NAME_COLUMNS, np.uint64),
}
NEVER = int(np.iinfo(np.int32).min)
"""Stands for a number that is not known: no comparison finds it."""

_PLACE = (1 << CHUNK_BITS) - 1

Array = npt.NDArray[Any]


@dataclass(frozen=True, slots=True)
class Values:
    """Values of some companies, each there once."""

    ids: npt.NDArray[np.int64]
    columns: Mapping[str, Array]
    lines: Sequence[bytes] = ()
    """As in `lines`, where these are in memory."""


@dataclass(slots=True)
class Past:
    """What has been replaced since the state of that number; the rest is in `later`.

    Whoever looks at the state holds its link, and through it all that came after.
    """

    number: int
    replaced: list[Values] = field(default_factory=list)
    later: Past | None = None

    def since(self) -> Iterator[Values]:
        """Everything that has been replaced since, in its order."""
        link: Past | None = self
        while link is not None:
            yield from link.replaced
            link = link.later


class Table:
    """The arrays, and in which parts of 65,536 ids companies have changed, by change number."""

    def __init__(self) -> None:
        self.size = 0
        """Above the highest company id."""
        self.columns: dict[str, Array] = {name: _empty(name, 0) for name in _TYPES}
        self.changed = np.zeros(0, np.int64)
        self.rebuilt_number = 0
        self.lines: list[LinesPart] | None = None
        """None as long as they have not been read."""

    def put(self, values: Values, numbers: Sequence[int]) -> Values:
        """Takes values in, with the numbers of the companies' changes; returns those before."""
        ids = values.ids
        self._grow(int(ids.max()) + 1)
        before = {name: column[ids] for name, column in self.columns.items()}
        for name, column in self.columns.items():
            column[ids] = values.columns[name]
        np.maximum.at(self.changed, ids >> CHUNK_BITS, numbers)
        return Values(ids, before, () if self.lines is None else self._put_lines(values))

    def _put_lines(self, values: Values) -> Sequence[bytes]:
        assert self.lines is not None
        before = [b""] * len(values.ids)
        order = np.argsort(values.ids)
        parts = values.ids[order] >> CHUNK_BITS
        while len(self.lines) <= parts[-1]:
            self.lines.append(no_lines())
        for number in np.unique(parts).tolist():
            rows = order[parts == number].tolist()
            places = [int(values.ids[row]) & _PLACE for row in rows]
            part = self.lines[number]
            for row, place in zip(rows, places, strict=True):
                before[row] = part.of(place)
            self.lines[number] = part.replaced(places, [values.lines[row] for row in rows])
        return before

    def _grow(self, size: int) -> None:
        self.size = max(self.size, size)
        have = len(self.changed)
        if size <= have << CHUNK_BITS:
            return
        chunks = max(-(-size >> CHUNK_BITS), have + have // 4)
        self.changed = np.concatenate([self.changed, np.zeros(chunks - have, np.int64)])
        for name, column in self.columns.items():
            more = _empty(name, (chunks << CHUNK_BITS) - len(column))
            self.columns[name] = np.concatenate([column, more])

    def changed_since(self, number: int) -> tuple[int, ...] | None:
        """Parts in which companies have changed; None: what is known of all was made anew."""
        if self.rebuilt_number > number:
            return None
        return tuple(np.flatnonzero(self.changed > number).tolist())


def _empty(name: str, size: int) -> Array:
    return np.full(size, NEVER if name in NUMBER_COLUMNS else 0, _TYPES[name])


def values_of(ids: Sequence[int], columns: Mapping[str, Sequence[int | None]]) -> Values:
    """Values as lists; None is `NEVER`."""
    return Values(
        np.array(ids, np.int64),
        {
            name: np.array([NEVER if one is None else one for one in column], _TYPES[name])
            for name, column in columns.items()
        },
    )
