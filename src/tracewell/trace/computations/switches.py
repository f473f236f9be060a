"""Who dropped what and adopted what around that time: the pairs of events behind churn. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from pyroaring import BitMap

from tracewell.trace.computations.stacks import Ids, as_ids

Months = npt.NDArray[np.int32]


@dataclass(frozen=True, slots=True)
class Drops:
    """Each drop once, in the order of companies: `row` is the place of its technology in the
    question, `among` all companies with a drop."""

    companies: Ids
    rows: npt.NDArray[np.int32]
    months: Months
    among: BitMap

    @classmethod
    def of(cls, events: Sequence[Mapping[int, BitMap]], among: BitMap) -> Drops:
        """From companies by month, for each row."""
        parts = [
            (as_ids(companies & among), row, month)
            for row, by_month in enumerate(events)
            for month, companies in by_month.items()
        ]
        ids = np.concatenate([ids for ids, _, _ in parts] or [np.zeros(0, np.uint32)])
        rows = np.repeat([row for _, row, _ in parts], [len(ids) for ids, _, _ in parts])
        months = np.repeat([month for _, _, month in parts], [len(ids) for ids, _, _ in parts])
        order = np.lexsort((rows, ids))
        ids, rows, months = ids[order], rows[order], months[order]
        return cls(ids, rows.astype(np.int32), months.astype(np.int32), BitMap(ids))

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
    adopted: Mapping[int, BitMap],
    fits: npt.NDArray[np.bool_],
    *,
    months_before: int,
    months_after: int,
) -> Followed:
    """The drops of rows that fit whose company adopted the technology from so many months before
    to so many months after."""
    places, months = [np.zeros(0, np.int64)], [np.zeros(0, np.int32)]
    for found, month in _met(drops, adopted):
        distance = month - drops.months[found]
        near = (distance >= -months_before) & (distance <= months_after)
        kept = found[near & fits[drops.rows[found]]]
        places.append(kept)
        months.append(np.full(len(kept), month, np.int32))
    return Followed(technology_id, np.concatenate(places), np.concatenate(months))


def _met(
    drops: Drops, adopted: Mapping[int, BitMap]
) -> Iterator[tuple[npt.NDArray[np.int64], int]]:
    """The places of all drops of the companies that adopted in a month, month by month."""
    for month, companies in adopted.items():
        ids = as_ids(companies & drops.among)
        first = np.searchsorted(drops.companies, ids, "left")
        counts = np.searchsorted(drops.companies, ids, "right") - first
        ends = np.cumsum(counts)
        total = int(ends[-1]) if len(ends) else 0
        if total:
            yield np.arange(total) + np.repeat(first - (ends - counts), counts), month
