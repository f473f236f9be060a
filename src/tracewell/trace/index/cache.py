"""Bitmaps that were read before, kept by a process as long as they are those of the reader's state.

What a company's change touches is known by its part of 65,536 ids: of a bitmap that was read before
the change only this part is read again.
"""

from __future__ import annotations

from collections import OrderedDict, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

import orjson
from pyroaring import BitMap

from tracewell.kernel.database import Sql, Transaction
from tracewell.trace.index.bitmaps import CHUNK_BITS

BYTES_MAX = 96 * 2**20
_ENTRY_BYTES = 400
"""What a kept bitmap takes besides its bits."""

# One more row tells the state that the statement saw: outside a snapshot others may have committed
# between two statements.
_STATE = " UNION ALL SELECT NULL, NULL, change_number FROM company_changes"


def _reading(condition: Sql) -> Sql:
    select = "SELECT value, bits, NULL FROM company_bitmaps WHERE facet = :facet AND "
    return Sql(
        sqlite=f"{select}{condition.sqlite}{_STATE}",
        postgresql=f"{select}{condition.postgresql}{_STATE}",
    )


_ARE = Sql(
    sqlite="value IN (SELECT value FROM json_each(:values))",
    postgresql="value = ANY(CAST(:values AS TEXT[]))",
)
_BEGIN = Sql(
    sqlite="value >= :prefix AND value < :above", postgresql="value >= :prefix AND value < :above"
)
_IN_CHUNKS = Sql(
    sqlite=" AND chunk IN (SELECT value FROM json_each(:chunks))",
    postgresql=" AND chunk = ANY(CAST(:chunks AS INTEGER[]))",
)


def _narrowed(condition: Sql) -> Sql:
    return Sql(
        sqlite=condition.sqlite + _IN_CHUNKS.sqlite,
        postgresql=condition.postgresql + _IN_CHUNKS.postgresql,
    )


_VALUES, _VALUES_IN = _reading(_ARE), _reading(_narrowed(_ARE))
_PREFIXED, _PREFIXED_IN = _reading(_BEGIN), _reading(_narrowed(_BEGIN))


class Changes(Protocol):
    """What a reader's transaction sees, and what has changed since other states."""

    @property
    def number(self) -> int:
        """The number of the state."""
        ...

    def changed_since(self, number: int) -> Sequence[int] | None:
        """Parts in which companies have changed since that state, perhaps more; None: any may
        have."""
        ...


Sets = Mapping[str, BitMap]


@dataclass(frozen=True, slots=True)
class _Kept:
    """What was read in the state of that number."""

    number: int
    sets: Sets
    size: int


class BitmapCache:
    """The bitmaps that were asked for last, up to `bytes_max`, a quarter of it for what is read at
    once. Nobody may change what it gives."""

    def __init__(self, bytes_max: int = BYTES_MAX) -> None:
        self._bytes_max = bytes_max
        self.held_bytes = 0
        self._kept: OrderedDict[tuple[str, str, bool], _Kept] = OrderedDict()

    async def read(
        self, tx: Transaction, state: Changes, facet: str, values: Sequence[str]
    ) -> Sets:
        """The companies by value; a value that none has is left out."""
        found: dict[str, BitMap] = {}
        known: list[tuple[str, _Kept]] = []
        changed: set[int] = set()
        missing: list[str] = []
        for value in dict.fromkeys(values):
            kept, chunks = self._find((facet, value, False), state)
            if kept is None:
                missing.append(value)
            elif chunks:
                known.append((value, kept))
                changed.update(chunks)
            else:
                found.update(kept.sets)
        if missing:
            fresh, number = await _fetch(tx, _VALUES, facet=facet, values=_list(tx, missing))
            for value in missing:
                part = {value: fresh[value]} if value in fresh else {}
                found.update(self._keep((facet, value, False), state, number, part))
        if known:
            fresh, number = await _fetch(
                tx, _VALUES_IN, facet=facet,
                values=_list(tx, [value for value, _ in known]),
                chunks=_list(tx, sorted(changed)),
            )  # fmt: skip
            for value, kept in known:
                sets = _merged(kept.sets, {value: fresh.get(value, BitMap())}, changed)
                found.update(self._keep((facet, value, False), state, number, sets))
        return found

    async def read_prefixed(self, tx: Transaction, state: Changes, facet: str, prefix: str) -> Sets:
        """The companies by value, of the values that begin so."""
        key = (facet, prefix, True)
        asked = {"facet": facet, "prefix": prefix, "above": f"{prefix}\U0010ffff"}
        kept, changed = self._find(key, state)
        if kept is None:
            sets, number = await _fetch(tx, _PREFIXED, **asked)
            return self._keep(key, state, number, sets)
        if not changed:
            return kept.sets
        fresh, number = await _fetch(tx, _PREFIXED_IN, **asked, chunks=_list(tx, sorted(changed)))
        return self._keep(key, state, number, _merged(kept.sets, fresh, changed))

    def _find(
        self, key: tuple[str, str, bool], state: Changes
    ) -> tuple[_Kept | None, Sequence[int]]:
        """What is kept, unless it is later than the state or all of it may have changed; and in
        which parts it may have."""
        kept = self._kept.get(key)
        if kept is None or kept.number > state.number:
            return None, ()
        changed = state.changed_since(kept.number)
        if changed is None:
            return None, ()
        self._kept.move_to_end(key)
        return kept, changed

    def _keep(self, key: tuple[str, str, bool], state: Changes, number: int, sets: Sets) -> Sets:
        """Keeps what was read in that state, if it is the reader's and no later one is there."""
        before = self._kept.get(key)
        if number != state.number or (before is not None and before.number > number):
            return sets
        for companies in sets.values():
            companies.run_optimize()
            companies.shrink_to_fit()
        size = _ENTRY_BYTES + sum(_ENTRY_BYTES + _size(one) for one in sets.values())
        if size > self._bytes_max // 4:
            return sets
        if before is not None:
            self.held_bytes -= before.size
        self.held_bytes += size
        self._kept[key] = _Kept(number, sets, size)
        self._kept.move_to_end(key)
        while self.held_bytes > self._bytes_max:
            _, gone = self._kept.popitem(last=False)
            self.held_bytes -= gone.size
        return sets


def _list(tx: Transaction, items: Sequence[str] | Sequence[int]) -> object:
    return orjson.dumps(items).decode() if tx.dialect == "sqlite" else list(items)


async def _fetch(tx: Transaction, statement: Sql, **asked: object) -> tuple[dict[str, BitMap], int]:
    """The companies by value, and the number of the state that they were read in."""
    parts: dict[str, list[BitMap]] = defaultdict(list)
    number = 0
    for value, bits, told in await tx.fetch_all(statement, **asked):
        if value is None:
            number = told
        else:
            parts[value].append(BitMap.deserialize(bits))
    return {value: BitMap.union(*chunks) for value, chunks in parts.items()}, number


def _merged(old: Sets, fresh: Sets, chunks: Iterable[int]) -> Sets:
    """The old sets with these parts of them anew."""
    gone = BitMap()
    for chunk in chunks:
        gone.add_range(chunk << CHUNK_BITS, (chunk + 1) << CHUNK_BITS)
    merged = {
        value: (old.get(value, BitMap()) - gone) | fresh.get(value, BitMap())
        for value in {*old, *fresh}
    }
    return {value: companies for value, companies in merged.items() if companies}


def _size(companies: BitMap) -> int:
    told = companies.get_statistics()
    return int(
        told["n_bytes_array_containers"]
        + told["n_bytes_run_containers"]
        + told["n_bytes_bitset_containers"]
    )
