"""The SQL of bitmaps: read whole, changed by chunks of 65,536 ids in the writer's transaction."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from typing import NamedTuple

import orjson
from pyroaring import BitMap

from tracewell.kernel.database import Row, Sql, Transaction

CHUNK_BITS = 16
"""Ids of one row share all but these lowest bits: one container of a Roaring bitmap."""

_READ = Sql(
    sqlite="""
        SELECT value, bits FROM company_bitmaps
        WHERE facet = :facet AND value IN (SELECT value FROM json_each(:values))""",
    postgresql="""
        SELECT value, bits FROM company_bitmaps
        WHERE facet = :facet AND value = ANY(CAST(:values AS TEXT[]))""",
)
_READ_PREFIXED = """
    SELECT value, bits FROM company_bitmaps
    WHERE facet = :facet AND value >= :prefix AND value < :above"""
_READ_CHUNK = """
    SELECT bits FROM company_bitmaps
    WHERE facet = :facet AND value = :value AND chunk = :chunk"""
_WRITE_CHUNK = """
    INSERT INTO company_bitmaps (facet, value, chunk, bits) VALUES (:facet, :value, :chunk, :bits)
    ON CONFLICT (facet, value, chunk) DO UPDATE SET bits = excluded.bits"""
_REMOVE_CHUNK = """
    DELETE FROM company_bitmaps WHERE facet = :facet AND value = :value AND chunk = :chunk"""


class Property(NamedTuple):
    """What a company has or has not: a value of a facet."""

    facet: str
    value: str


async def read_bitmaps(tx: Transaction, facet: str, values: Sequence[str]) -> Mapping[str, BitMap]:
    """The companies by value; a value that none has is left out."""
    asked = orjson.dumps(values).decode() if tx.dialect == "sqlite" else list(values)
    return _by_value(await tx.fetch_all(_READ, facet=facet, values=asked))


async def read_any(tx: Transaction, facet: str, values: Sequence[str]) -> BitMap:
    """The companies that have at least one of the values."""
    found = await read_bitmaps(tx, facet, values)
    return BitMap.union(*found.values()) if found else BitMap()


async def read_prefixed(tx: Transaction, facet: str, prefix: str) -> Mapping[str, BitMap]:
    """The companies by value, of the values that begin so."""
    above = f"{prefix}\U0010ffff"
    return _by_value(await tx.fetch_all(_READ_PREFIXED, facet=facet, prefix=prefix, above=above))


def _by_value(rows: Iterable[Row]) -> Mapping[str, BitMap]:
    parts: dict[str, list[BitMap]] = defaultdict(list)
    for value, bits in rows:
        parts[value].append(BitMap.deserialize(bits))
    return {value: BitMap.union(*chunks) for value, chunks in parts.items()}


async def change_properties(
    tx: Transaction, company_id: int, before: Iterable[Property], after: Iterable[Property]
) -> None:
    """Notes what a company has now and had not, and the other way round."""
    before, after = frozenset(before), frozenset(after)
    chunk = company_id >> CHUNK_BITS
    for has, changed in ((True, after - before), (False, before - after)):
        for facet, value in sorted(changed):
            where = {"facet": facet, "value": value, "chunk": chunk}
            known = await tx.fetch_value(_READ_CHUNK, **where)
            bits = BitMap.deserialize(known) if known is not None else BitMap()
            if has:
                bits.add(company_id)
            else:
                bits.discard(company_id)
            if bits:
                await tx.execute(_WRITE_CHUNK, **where, bits=bits.serialize())
            else:
                await tx.execute(_REMOVE_CHUNK, **where)


async def write_bitmap(tx: Transaction, of: Property, companies: BitMap) -> None:
    """Writes a property anew, whatever stood there."""
    await tx.execute(
        "DELETE FROM company_bitmaps WHERE facet = :facet AND value = :value",
        facet=of.facet,
        value=of.value,
    )
    rows = []
    while companies:
        chunk = companies.min() >> CHUNK_BITS
        part = companies & BitMap(range(chunk << CHUNK_BITS, (chunk + 1) << CHUNK_BITS))
        companies = companies - part
        part.run_optimize()
        rows.append(
            {"facet": of.facet, "value": of.value, "chunk": chunk, "bits": part.serialize()}
        )
    await tx.execute_many(_WRITE_CHUNK, rows)
