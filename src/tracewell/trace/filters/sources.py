"""What the leaves of a tree are read from."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field, replace

from pyroaring import BitMap

from tracewell.kernel.database import Row, Transaction
from tracewell.trace.companies.columns import CompanyColumns
from tracewell.trace.companies.properties import ALL
from tracewell.trace.filters.model import Leaf
from tracewell.trace.index.bitmaps import read_any


@dataclass(frozen=True, slots=True)
class Sources:
    """One state of the data. `columns` have been refreshed in this transaction.

    `tier` is the least confidence of a technology's use that counts: one of `properties.TIERS`.
    `read_before` has, by identity and tier, leaves of trees under evaluation and what they found.
    """

    tx: Transaction
    columns: CompanyColumns
    tier: int = 0
    read_before: dict[tuple[int, int], tuple[Leaf, BitMap]] = field(default_factory=dict)

    def at(self, tier: int) -> Sources:
        """The same at another tier."""
        return replace(self, tier=tier)

    async def all(self) -> BitMap:
        """Every company."""
        return await read_any(self.tx, ALL.facet, [ALL.value])


def as_bitmap(rows: Iterable[Row]) -> BitMap:
    """The ids in the first column of rows."""
    return BitMap([row[0] for row in rows])
