"""Who dropped what and adopted what around that time: the pairs of events behind churn. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from pyroaring import BitMap

from tracewell.trace.computations.stacks import Ids, as_ids

Months = npt.NDArray[np.int32]
Event = tuple[int, BitMap]
"""A month and companies to which something happened in it; a month may stand several times."""

_NOBODY = np.zeros(0, np.uint32)
_NO_MONTHS = np.zeros(0, np.int32)


@dataclass(frozen=True, slots=True)
class Drops:
    """Each drop once, in the order of companies: `row` is the place of its technology in the
    question, `among` all companies with a drop."""

    companies: Ids
    rows: npt.NDArray[np.int32]
    months: Months
    among: BitMap

    @classmethod
    def of(cls, events: Sequence[Sequence[Event]], among: BitMap) -> Drops:
        """From the events of each row."""
        parts = [_flat(some, among) for some in events]
        rows = np.repeat(np.arange(len(parts)), [len(ids) for ids, _ in parts])
        ids = np.concatenate([_NOBODY, *(ids for ids, _ in parts)])
        months = np.concatenate([_NO_MONTHS, *(months for _, months in parts)])
        order = np.lexsort((rows, ids))
        ids, rows, months = ids[order], rows[order], months[order]
        return cls(ids, rows.astype(np.int32), months, BitMap(ids))

    def __len__(self) -> int:
        return len(self.companies)


@dataclass(frozen=True, slots=True)
class Followed:
    """The drops, by their places, that one technology followed, and when it was adopted."""

    technology_id: int
    drops: npt.NDArray[np.int64]
    months: Months


def follow(
    drops: Drops,
    technology_id: int,
    adopted: Sequence[Event],
    fits: npt.NDArray[np.bool_],
    *,
    months_before: int,
    months_after: int,
) -> Followed:
    """The drops of rows that fit whose company adopted the technology from so many months before
    to so many months after."""
    ids, months = _flat(adopted, drops.among)
    # Every drop of each company that adopted it: its places are one after the other.
    first = np.searchsorted(drops.companies, ids, "left")
    counts = np.searchsorted(drops.companies, ids, "right") - first
    ends = np.cumsum(counts)
    total = int(ends[-1]) if len(ends) else 0
    places = np.arange(total) + np.repeat(first - (ends - counts), counts)
    months = np.repeat(months, counts)
    distance = months - drops.months[places]
    near = (distance >= -months_before) & (distance <= months_after) & fits[drops.rows[places]]
    return Followed(technology_id, places[near], months[near])


def _flat(events: Sequence[Event], among: BitMap) -> tuple[Ids, Months]:
    """The companies of all events and the month of each."""
    parts = [(as_ids(companies & among), month) for month, companies in events]
    months = np.repeat(
        np.array([month for _, month in parts], np.int32), [len(ids) for ids, _ in parts]
    )
    return np.concatenate([_NOBODY, *(ids for ids, _ in parts)]), months
