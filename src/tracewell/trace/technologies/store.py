"""The SQL of technologies, categories and vendors."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from tracewell.kernel.database import Row, Transaction
from tracewell.trace.index.bitmaps import read_bitmaps, read_prefixed
from tracewell.trace.technologies.model import (
    Category,
    CountedTechnology,
    Entry,
    Month,
    Technology,
    Vendor,
)
from tracewell.trace.texts import free_slug, like_pattern, slugify, sort_key

_COLUMNS = """t.technology_id, t.slug, t.name, t.description, t.website, v.name"""
_FROM = "FROM technologies AS t LEFT JOIN vendors AS v ON v.vendor_id = t.vendor_id"
_CATEGORIES = """
    SELECT tc.technology_id, c.name FROM technology_categories AS tc
    JOIN categories AS c ON c.category_id = tc.category_id"""
_CATEGORY = """
    SELECT c.slug, c.name,
      (SELECT COUNT(*) FROM technology_categories AS tc WHERE tc.category_id = c.category_id)
    FROM categories AS c"""
_NAMED_CATEGORY = "LOWER(c.name) LIKE :q ESCAPE '\\'"
_LIST_CATEGORIES = (
    f"{_CATEGORY} WHERE {_NAMED_CATEGORY} ORDER BY c.slug LIMIT :limit OFFSET :offset"
)
_COUNT_CATEGORIES = f"SELECT COUNT(*) FROM categories AS c WHERE {_NAMED_CATEGORY}"  # noqa: S608
_ONE_CATEGORY = f"{_CATEGORY} WHERE c.slug = :slug"
_VENDOR = """
    SELECT v.vendor_id, v.slug, v.name,
      (SELECT COUNT(*) FROM technologies AS t WHERE t.vendor_id = v.vendor_id) FROM vendors AS v"""
_NAMED_VENDOR = "LOWER(v.name) LIKE :q ESCAPE '\\'"
_LIST_VENDORS = f"{_VENDOR} WHERE {_NAMED_VENDOR} ORDER BY v.slug LIMIT :limit OFFSET :offset"
_COUNT_VENDORS = f"SELECT COUNT(*) FROM vendors AS v WHERE {_NAMED_VENDOR}"  # noqa: S608
_IMPLIED = """
    SELECT t.slug, t.name FROM technology_implications AS i
    JOIN technologies AS t ON t.technology_id = i.implied_id
    WHERE i.technology_id = :technology_id ORDER BY t.sort_name"""
_ALL_IMPLIED = """
    SELECT i.technology_id, t.name FROM technology_implications AS i
    JOIN technologies AS t ON t.technology_id = i.implied_id ORDER BY t.sort_name"""
_ADD_IMPLIED = """
    INSERT INTO technology_implications (technology_id, implied_id)
    VALUES (:technology_id, :implied_id)"""
_WHERE_Q = "t.sort_name LIKE :q ESCAPE '\\'"
_WHERE_CATEGORY = """t.technology_id IN (
      SELECT tc.technology_id FROM technology_categories AS tc
      JOIN categories AS c ON c.category_id = tc.category_id WHERE c.slug = :category)"""
_ADD_TECHNOLOGY = """
    INSERT INTO technologies (slug, name, sort_name, description, website, vendor_id)
    VALUES (:slug, :name, :sort_name, :description, :website, :vendor_id)"""
_CHANGE_TECHNOLOGY = """
    UPDATE technologies SET description = :description, website = :website, vendor_id = :vendor_id
    WHERE technology_id = :technology_id"""
_ADD_CATEGORY_OF = """
    INSERT INTO technology_categories (technology_id, category_id, place)
    VALUES (:technology_id, :category_id, :place)"""


async def list_technologies(
    tx: Transaction,
    *,
    q: str | None,
    category: str | None,
    vendor: str | None,
    limit: int,
    offset: int,
) -> tuple[list[CountedTechnology], int]:
    """A page in the order of names, and how many there are in all."""
    conditions = ["1 = 1"]
    params: dict[str, str] = {}
    if q:
        conditions.append(_WHERE_Q)
        params["q"] = like_pattern(q)
    if category:
        conditions.append(_WHERE_CATEGORY)
        params["category"] = category
    if vendor:
        conditions.append("v.slug = :vendor")
        params["vendor"] = vendor
    where = " AND ".join(conditions)
    total = await tx.fetch_value(f"SELECT COUNT(*) {_FROM} WHERE {where}", **params)
    rows = await tx.fetch_all(
        f"SELECT {_COLUMNS} {_FROM} WHERE {where}"
        " ORDER BY t.sort_name, t.technology_id LIMIT :limit OFFSET :offset",
        **params,
        limit=limit,
        offset=offset,
    )
    return await _counted(tx, rows), total


async def find_technology(tx: Transaction, slug: str) -> CountedTechnology | None:
    """A technology by its slug."""
    rows = await tx.fetch_all(f"SELECT {_COLUMNS} {_FROM} WHERE t.slug = :slug", slug=slug)
    return (await _counted(tx, rows))[0] if rows else None


async def _counted(tx: Transaction, rows: Sequence[Row]) -> list[CountedTechnology]:
    categories = await _categories_of(tx, [row[0] for row in rows])
    counts = await read_bitmaps(tx, "technology_0", [str(row[0]) for row in rows])
    return [
        CountedTechnology(_technology(row, categories), len(counts.get(str(row[0]), ())))
        for row in rows
    ]


async def fetch_technologies(
    tx: Transaction, technology_ids: Sequence[int]
) -> dict[int, Technology]:
    """Technologies by their ids."""
    if not technology_ids:
        return {}
    names = {f"id_{place}": value for place, value in enumerate(technology_ids)}
    marks = ", ".join(f":{name}" for name in names)
    rows = await tx.fetch_all(
        f"SELECT {_COLUMNS} {_FROM} WHERE t.technology_id IN ({marks})", **names
    )
    categories = await _categories_of(tx, technology_ids)
    return {row[0]: _technology(row, categories) for row in rows}


async def list_implied(tx: Transaction, technology_id: int) -> list[tuple[str, str]]:
    """Slug and name of what a technology implies, by name."""
    rows = await tx.fetch_all(_IMPLIED, technology_id=technology_id)
    return [(row[0], row[1]) for row in rows]


async def list_months(tx: Transaction, technology_id: int) -> list[Month]:
    """What happened to a technology, by month, from its first adoption on."""
    prefix = f"{technology_id}:"
    adopted = await read_prefixed(tx, "adopted", prefix)
    dropped = await read_prefixed(tx, "dropped", prefix)
    months, active = [], 0
    for value in sorted({*adopted, *dropped}):
        begun, ended = len(adopted.get(value, ())), len(dropped.get(value, ()))
        active += begun - ended
        months.append(Month(value.removeprefix(prefix), begun, ended, active))
    return months


async def list_categories(
    tx: Transaction, *, q: str | None, limit: int, offset: int
) -> tuple[list[Category], int]:
    """A page in the order of slugs, and how many there are in all."""
    pattern = like_pattern(q) if q else "%"
    total = await tx.fetch_value(_COUNT_CATEGORIES, q=pattern)
    rows = await tx.fetch_all(_LIST_CATEGORIES, q=pattern, limit=limit, offset=offset)
    counts = await read_bitmaps(tx, "category_0", [row[1] for row in rows])
    return [Category(row[0], row[1], row[2], len(counts.get(row[1], ()))) for row in rows], total


async def find_category(tx: Transaction, slug: str) -> Category | None:
    """A category by its slug."""
    row = await tx.fetch_one(_ONE_CATEGORY, slug=slug)
    if row is None:
        return None
    counts = await read_bitmaps(tx, "category_0", [row[1]])
    return Category(row[0], row[1], row[2], len(counts.get(row[1], ())))


async def list_vendors(
    tx: Transaction, *, q: str | None, limit: int, offset: int
) -> tuple[list[Vendor], int]:
    """A page in the order of slugs, and how many there are in all."""
    pattern = like_pattern(q) if q else "%"
    total = await tx.fetch_value(_COUNT_VENDORS, q=pattern)
    rows = await tx.fetch_all(_LIST_VENDORS, q=pattern, limit=limit, offset=offset)
    return await _counted_vendors(tx, rows), total


async def find_vendor(tx: Transaction, slug: str) -> Vendor | None:
    """A vendor by its slug."""
    rows = await tx.fetch_all(f"{_VENDOR} WHERE v.slug = :slug", slug=slug)
    return (await _counted_vendors(tx, rows))[0] if rows else None


async def _counted_vendors(tx: Transaction, rows: Sequence[Row]) -> list[Vendor]:
    counts = await read_bitmaps(tx, "vendor_0", [row[2] for row in rows])
    return [Vendor(row[0], row[1], row[2], row[3], len(counts.get(row[2], ()))) for row in rows]


async def fetch_catalogue(tx: Transaction) -> dict[str, Technology]:
    """Every technology by its name."""
    rows = await tx.fetch_all(f"SELECT {_COLUMNS} {_FROM}")
    categories = await _categories_of(tx, None)
    return {row[2]: _technology(row, categories) for row in rows}


async def count_technologies(tx: Transaction) -> int:
    """How many technologies there are; none is ever taken away."""
    found: int = await tx.fetch_value("SELECT COUNT(*) FROM technologies")
    return found


async def fetch_implied(tx: Transaction) -> dict[int, tuple[str, ...]]:
    """The names of what each technology implies, by name."""
    found: dict[int, tuple[str, ...]] = {}
    for technology_id, name in await tx.fetch_all(_ALL_IMPLIED):
        found[technology_id] = (*found.get(technology_id, ()), name)
    return found


async def _categories_of(
    tx: Transaction, technology_ids: Sequence[int] | None
) -> dict[int, tuple[str, ...]]:
    """The categories' names by technology, in their order; of all when no ids are given."""
    order = "ORDER BY tc.technology_id, tc.place"
    if technology_ids is None:
        rows = await tx.fetch_all(f"{_CATEGORIES} {order}")
    elif not technology_ids:
        return {}
    else:
        names = {f"id_{place}": value for place, value in enumerate(technology_ids)}
        marks = ", ".join(f":{name}" for name in names)
        rows = await tx.fetch_all(
            f"{_CATEGORIES} WHERE tc.technology_id IN ({marks}) {order}", **names
        )
    found: dict[int, tuple[str, ...]] = {}
    for technology_id, name in rows:
        found[technology_id] = (*found.get(technology_id, ()), name)
    return found


def _technology(row: Row, categories: Mapping[int, tuple[str, ...]]) -> Technology:
    technology_id, slug, name, description, website, vendor = row[:6]
    names = categories.get(technology_id, ())
    return Technology(technology_id, slug, name, description, website, vendor, names)


async def save_entries(
    tx: Transaction, entries: Iterable[Entry], known: Mapping[str, Technology]
) -> None:
    """Writes entries that are new or say something new; a slug once given stays."""
    entries = list(entries)
    vendors = await _ensure_named(tx, "vendor", (e.vendor for e in entries if e.vendor))
    categories = await _ensure_named(tx, "category", (c for e in entries for c in e.categories))
    slugs = {technology.slug for technology in known.values()}
    added = []
    for entry in entries:
        values = {
            "description": entry.description,
            "website": entry.website,
            "vendor_id": vendors[entry.vendor] if entry.vendor else None,
        }
        if entry.name in known:
            technology_id = known[entry.name].technology_id
            await tx.execute(_CHANGE_TECHNOLOGY, technology_id=technology_id, **values)
            continue
        slug = free_slug(slugify(entry.name) or "technology", slugs.__contains__)
        slugs.add(slug)
        added.append(
            {"slug": slug, "name": entry.name, "sort_name": sort_key(entry.name), **values}
        )
    await tx.execute_many(_ADD_TECHNOLOGY, added)
    ids = {
        row[1]: row[0] for row in await tx.fetch_all("SELECT technology_id, name FROM technologies")
    }
    await _write_categories(tx, entries, categories, ids)
    await _write_implied(tx, entries, ids)


async def _write_implied(tx: Transaction, entries: Sequence[Entry], ids: Mapping[str, int]) -> None:
    await tx.execute_many(
        "DELETE FROM technology_implications WHERE technology_id = :technology_id",
        [{"technology_id": ids[entry.name]} for entry in entries],
    )
    await tx.execute_many(
        _ADD_IMPLIED,
        [
            {"technology_id": ids[entry.name], "implied_id": ids[name]}
            for entry in entries
            for name in dict.fromkeys(entry.implies)
            if name in ids
        ],
    )


async def _write_categories(
    tx: Transaction,
    entries: Sequence[Entry],
    categories: Mapping[str, int],
    ids: Mapping[str, int],
) -> None:
    changed = [{"technology_id": ids[entry.name]} for entry in entries]
    await tx.execute_many(
        "DELETE FROM technology_categories WHERE technology_id = :technology_id", changed
    )
    await tx.execute_many(
        _ADD_CATEGORY_OF,
        [
            {"technology_id": ids[entry.name], "category_id": categories[name], "place": place}
            for entry in entries
            for place, name in enumerate(dict.fromkeys(entry.categories))
        ],
    )


async def _ensure_named(tx: Transaction, kind: str, names: Iterable[str]) -> dict[str, int]:
    """The ids of vendors or categories by name, the missing ones added."""
    table = {"vendor": "vendors", "category": "categories"}[kind]
    select = f"SELECT {kind}_id, slug, name FROM {table}"  # noqa: S608 - our own words
    rows = await tx.fetch_all(select)
    known, slugs = {row[2] for row in rows}, {row[1] for row in rows}
    added = []
    for name in sorted(set(names) - known):
        slug = free_slug(slugify(name) or kind, slugs.__contains__)
        slugs.add(slug)
        added.append({"slug": slug, "name": name})
    insert = f"INSERT INTO {table} (slug, name) VALUES (:slug, :name)"  # noqa: S608
    await tx.execute_many(insert, added)
    return {row[2]: row[0] for row in await tx.fetch_all(select)}
