"""The SQL of bitmaps: read whole, changed by chunks of 65,536 ids in the writer's transaction."""

from __future__ import annotations

import asyncio
from collections import defaultdict
from collections.abc import AsyncIterator, Iterable, Iterator, Mapping, Sequence
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
_READ_RANGES = Sql(
    sqlite="""
        SELECT b.value, b.bits FROM json_each(:ranges) AS asked CROSS JOIN company_bitmaps AS b
        ON b.facet = :facet AND b.value BETWEEN asked.value ->> 0 AND asked.value ->> 1""",
    postgresql="""
        SELECT b.value, b.bits
        FROM UNNEST(CAST(:firsts AS TEXT[]), CAST(:lasts AS TEXT[])) AS asked (first, last)
        JOIN company_bitmaps AS b ON b.facet = :facet AND b.value >= asked.first COLLATE "C"
          AND b.value <= asked.last COLLATE "C" """,
)
_ROWS_AT_ONCE = 4_000
_READ_ON = f"""
    SELECT value, chunk, bits FROM company_bitmaps
    WHERE facet = :facet AND (value, chunk) > (:value, :chunk)
    ORDER BY value, chunk LIMIT {_ROWS_AT_ONCE}"""  # noqa: S608 - our own words
_READ_CHUNK = """
    SELECT bits FROM company_bitmaps
    WHERE facet = :facet AND value = :value AND chunk = :chunk"""
_WRITE_CHUNK = """
    INSERT INTO company_bitmaps (facet, value, chunk, bits) VALUES (:facet, :value, :chunk, :bits)
    ON CONFLICT (facet, value, chunk) DO UPDATE SET bits = excluded.bits"""
_READ_CHUNKS = Sql(
    sqlite="""
        SELECT b.facet, b.value, b.chunk, b.bits FROM json_each(:keys) AS asked
        JOIN company_bitmaps AS b ON b.facet = asked.value ->> 0
          AND b.value = asked.value ->> 1 AND b.chunk = asked.value ->> 2""",
    postgresql="""
        SELECT b.facet, b.value, b.chunk, b.bits
        FROM UNNEST(CAST(:facets AS TEXT[]), CAST(:values AS TEXT[]), CAST(:chunks AS INTEGER[]))
          AS asked (facet, value, chunk)
        JOIN company_bitmaps AS b ON b.facet = asked.facet AND b.value = asked.value
          AND b.chunk = asked.chunk""",
)
_KEYS_AT_ONCE = 5_000
_REMOVE_CHUNK = """
    DELETE FROM company_bitmaps WHERE facet = :facet AND value = :value AND chunk = :chunk"""


_STATE = "SELECT change_number, rebuilt_number FROM company_changes"
_REBUILT = """
    UPDATE company_changes SET change_number = change_number + 1,
      rebuilt_number = change_number + 1"""

_COLUMNS = ("facet", "value", "chunk", "bits")

Key = tuple[str, str, int]
"""Facet, value and chunk: one row."""


class Property(NamedTuple):
    """What a company has or has not: a value of a facet."""

    facet: str
    value: str


class State(NamedTuple):
    """Numbers of the last change of a company, or of what groups companies, and of the last change
    of many bitmaps that is no company's."""

    number: int
    rebuilt_number: int


async def read_state(tx: Transaction) -> State:
    """The state of companies and bitmaps that the transaction sees."""
    row = await tx.fetch_one(_STATE)
    assert row is not None, "the table has one row"
    return State(*row)


async def note_rebuilt(tx: Transaction) -> None:
    """Notes that bitmaps were written anew: whoever keeps some of them in memory forgets them."""
    await tx.execute(_REBUILT)


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


async def read_ranges(
    tx: Transaction, facet: str, ranges: Sequence[tuple[str, str]]
) -> Iterator[tuple[str, BitMap]]:
    """The companies of the values from a first to a last one, both included: a part of a value's
    companies with each row, as they are stored."""
    if tx.dialect == "sqlite":
        asked = orjson.dumps(ranges).decode()
        rows = await tx.fetch_all(_READ_RANGES, facet=facet, ranges=asked)
    else:
        firsts, lasts = [first for first, _ in ranges], [last for _, last in ranges]
        rows = await tx.fetch_all(_READ_RANGES, facet=facet, firsts=firsts, lasts=lasts)
    return ((value, BitMap.deserialize(bits)) for value, bits in rows)


async def iter_facet(tx: Transaction, facet: str) -> AsyncIterator[tuple[str, BitMap]]:
    """The companies by value, of every value of the facet; others are served in between."""
    value, chunk = "", -1
    parts: list[BitMap] = []
    while True:
        rows = await tx.fetch_all(_READ_ON, facet=facet, value=value, chunk=chunk)
        for of, place, bits in rows:
            if parts and of != value:
                yield value, BitMap.union(*parts)
                parts = []
            value, chunk = of, place
            parts.append(BitMap.deserialize(bits))
        if len(rows) < _ROWS_AT_ONCE:
            break
        await asyncio.sleep(0)
    if parts:
        yield value, BitMap.union(*parts)


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


async def add_properties(tx: Transaction, found: Mapping[Property, Iterable[int]]) -> None:
    """Notes properties that companies have now and had not: many at once, set by set."""
    rows: dict[Key, BitMap] = {}
    for of, companies in found.items():
        for chunk, part in split_chunks(BitMap(companies)):
            rows[of.facet, of.value, chunk] = part
    known: set[Key] = set()
    keys = list(rows)
    for first in range(0, len(keys), _KEYS_AT_ONCE):
        for *key, bits in await _read_chunks(tx, keys[first : first + _KEYS_AT_ONCE]):
            one: Key = (key[0], key[1], key[2])
            rows[one] |= BitMap.deserialize(bits)
            known.add(one)
    await tx.execute_many(
        _WRITE_CHUNK, [dict(zip(_COLUMNS, _row(key, rows[key]), strict=True)) for key in known]
    )
    fresh = (_row(key, part) for key, part in rows.items() if key not in known)
    await tx.copy_rows("company_bitmaps", _COLUMNS, fresh)


def _row(key: Key, part: BitMap) -> tuple[str, str, int, bytes]:
    part.run_optimize()
    return (*key, part.serialize())


async def _read_chunks(tx: Transaction, keys: Sequence[Key]) -> Sequence[Row]:
    if tx.dialect == "sqlite":
        return await tx.fetch_all(_READ_CHUNKS, keys=orjson.dumps(keys).decode())
    facets, values, chunks = map(list, zip(*keys, strict=True))
    return await tx.fetch_all(_READ_CHUNKS, facets=facets, values=values, chunks=chunks)


def split_chunks(companies: BitMap) -> Iterator[tuple[int, BitMap]]:
    """The companies chunk by chunk."""
    while companies:
        chunk = companies.min() >> CHUNK_BITS
        if companies.max() >> CHUNK_BITS == chunk:
            yield chunk, companies
            return
        part = companies & BitMap(range(chunk << CHUNK_BITS, (chunk + 1) << CHUNK_BITS))
        companies = companies - part
        yield chunk, part


async def write_bitmap(tx: Transaction, of: Property, companies: BitMap) -> None:
    """Writes a property anew, whatever stood there."""
    await tx.execute(
        "DELETE FROM company_bitmaps WHERE facet = :facet AND value = :value",
        facet=of.facet,
        value=of.value,
    )
    rows = [_row((of.facet, of.value, chunk), part) for chunk, part in split_chunks(companies)]
    await tx.copy_rows("company_bitmaps", _COLUMNS, rows)
