"""What the leaves of a tree are read from: one state of the data, most of it from memory."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace

from pyroaring import BitMap

from tracewell.kernel.database import Row, Transaction
from tracewell.trace.companies.columns import CompanyColumns
from tracewell.trace.companies.properties import ALL
from tracewell.trace.companies.views import ColumnsView
from tracewell.trace.filters.model import Leaf
from tracewell.trace.index.cache import BitmapCache


@dataclass(frozen=True, slots=True)
class CompanyMemory:
    """What a process keeps of all companies, shared by its readers. `named` has, by kind and slug,
    what the index knows entries of the catalogue by: a slug once given stays."""

    columns: CompanyColumns = field(default_factory=CompanyColumns)
    bitmaps: BitmapCache = field(default_factory=BitmapCache)
    named: dict[tuple[str, str], str] = field(default_factory=dict)

    async def sources(self, tx: Transaction) -> Sources:
        """What trees are evaluated over, in the state of the transaction."""
        return Sources(tx, await self.columns.read(tx), self)


@dataclass(frozen=True, slots=True)
class Before:
    """What a leaf has found among some companies, or all."""

    leaf: Leaf
    among: BitMap | None
    found: BitMap


@dataclass(frozen=True, slots=True)
class Sources:
    """One state of the data.

    `tier` is the least confidence of a technology's use that counts: one of `properties.TIERS`.
    `only`: no other companies matter to who asks. `read_before` has, by identity and tier, leaves
    of trees under evaluation and what they found.
    """

    tx: Transaction
    columns: ColumnsView
    memory: CompanyMemory
    tier: int = 0
    only: BitMap | None = None
    read_before: dict[tuple[int, int], Before] = field(default_factory=dict)

    def at(self, tier: int) -> Sources:
        """The same at another tier."""
        return replace(self, tier=tier)

    def among(self, companies: BitMap | None) -> Sources:
        """The same where only these companies matter."""
        return self if companies is self.only else replace(self, only=companies)

    async def all(self) -> BitMap:
        """Every company."""
        return (await self.having_any(ALL.facet, [ALL.value])).copy()

    async def having(self, facet: str, values: Sequence[str]) -> Mapping[str, BitMap]:
        """The companies by value, not to be changed; a value that none has is left out."""
        return await self.memory.bitmaps.read(self.tx, self.columns, facet, values)

    async def having_any(self, facet: str, values: Sequence[str]) -> BitMap:
        """The companies that have at least one of the values, not to be changed."""
        return union(list((await self.having(facet, values)).values()))

    async def having_prefixed(self, facet: str, prefix: str) -> Mapping[str, BitMap]:
        """The companies by value, of the values that begin so; not to be changed."""
        return await self.memory.bitmaps.read_prefixed(self.tx, self.columns, facet, prefix)


def union(sets: Sequence[BitMap]) -> BitMap:
    """What is in any of the sets; of one set, itself."""
    if len(sets) == 1:
        return sets[0]
    return BitMap.union(*sets) if sets else BitMap()


def as_bitmap(rows: Iterable[Row]) -> BitMap:
    """The ids in the first column of rows."""
    return BitMap([row[0] for row in rows])
