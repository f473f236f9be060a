"""How each kind of field finds its companies: bitmaps of the index, columns, and a little SQL."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from datetime import UTC, date, datetime, time, timedelta
from typing import Any

import orjson
from pyroaring import BitMap

from tracewell.kernel.database import Sql, Transaction
from tracewell.trace.companies.days import DAY_MS
from tracewell.trace.companies.properties import TIERS
from tracewell.trace.companies.rules import pack_types
from tracewell.trace.companies.table import NumberColumn
from tracewell.trace.filters.kinds import UseValue, is_version
from tracewell.trace.filters.model import Leaf
from tracewell.trace.filters.sources import Sources, as_bitmap, union
from tracewell.trace.texts import like_pattern

Read = Callable[[Sources, Leaf], Awaitable[BitMap]]

TRIGRAM_CHARS = 3
_PAIRS_MAX = 16


def _listed(column: str, table: str, key: str) -> Sql:
    return Sql(
        sqlite=f"SELECT {key}, {column} FROM {table}"  # noqa: S608 - our own words
        f" WHERE {key} IN (SELECT value FROM json_each(:keys))",
        postgresql=f"SELECT {key}, {column} FROM {table}"  # noqa: S608
        f" WHERE {key} = ANY(CAST(:keys AS TEXT[]))",
    )


_NAMED = {
    "technology": _listed("technology_id", "technologies", "slug"),
    "category": _listed("name", "categories", "slug"),
    "vendor": _listed("name", "vendors", "slug"),
}
_IDS_BY_DOMAIN = _listed("company_id", "company_domains", "domain")
_IDS_BY_SLUG = _listed("company_id", "companies", "slug")
_PARTNERS_OF = Sql(
    sqlite="""
        SELECT partner_key, company_id FROM partnerships
        WHERE partner_key IN (SELECT value FROM json_each(:keys))""",
    postgresql="""
        SELECT partner_key, company_id FROM partnerships
        WHERE partner_key = ANY(CAST(:keys AS TEXT[]))""",
)
_POSTING = """
    SELECT DISTINCT p.company_id FROM posting_technologies AS m
    JOIN postings AS p ON p.posting_id = m.posting_id WHERE m.technology_id = :technology_id"""
_USES = """
    SELECT company_id FROM technology_uses
    WHERE technology_id = :technology_id AND status = :status AND confidence >= :confidence
      AND first_observed_at >= :first_gte AND first_observed_at < :first_lt
      AND last_observed_at >= :last_gte AND last_observed_at < :last_lt"""
_TEXTS = Sql(
    sqlite="SELECT rowid FROM company_texts WHERE company_texts MATCH :phrase",
    postgresql="SELECT company_id FROM companies WHERE search_text LIKE :pattern ESCAPE '\\'",
)
_BEGINS_TEXT = """
    SELECT company_id FROM companies WHERE sort_name >= :text AND sort_name < :above
    UNION SELECT company_id FROM companies WHERE slug {order} >= :text AND slug {order} < :above
    UNION SELECT company_id FROM company_domains
      WHERE domain {order} >= :text AND domain {order} < :above"""
_BEGINS = Sql(
    sqlite=_BEGINS_TEXT.format(order=""), postgresql=_BEGINS_TEXT.format(order='COLLATE "C"')
)
_NO_LATER = 2**62


def _keys(tx: Transaction, keys: Sequence[str]) -> Any:
    return orjson.dumps(keys).decode() if tx.dialect == "sqlite" else list(keys)


async def _by_key(tx: Transaction, statement: Sql, keys: Sequence[str]) -> dict[str, Any]:
    rows = await tx.fetch_all(statement, keys=_keys(tx, keys))
    return {row[0]: row[1] for row in rows}


async def _named(sources: Sources, kind: str, slugs: Sequence[str]) -> dict[str, str]:
    """What the index knows entries of the catalogue by, those that there are."""
    named = sources.memory.named
    unknown = [slug for slug in slugs if (kind, slug) not in named]
    if unknown:
        for slug, value in (await _by_key(sources.tx, _NAMED[kind], unknown)).items():
            named[kind, slug] = str(value)
    return {slug: named[kind, slug] for slug in slugs if (kind, slug) in named}


async def _combined(sources: Sources, leaf: Leaf, sets: Sequence[BitMap]) -> BitMap:
    """Of one set a value: their union, their intersection, or what is in none of them."""
    if leaf.operator == "all_of":
        return BitMap.intersection(*sorted(sets, key=len))
    return await sources.all() - union(sets) if leaf.operator == "none_of" else union(sets)


async def _faceted(
    sources: Sources, leaf: Leaf, facet: str, kind: str, *, is_tiered: bool = True
) -> BitMap:
    known = await _named(sources, kind, leaf.value)
    # What must not be there is left out on the weakest evidence.
    tier = 0 if leaf.operator == "none_of" else sources.tier
    name = f"{facet}_{tier}" if is_tiered else facet
    found = await sources.having(name, list(known.values()))
    sets = [found.get(known.get(slug, ""), BitMap()) for slug in leaf.value]
    return await _combined(sources, leaf, sets)


async def read_technology(sources: Sources, leaf: Leaf) -> BitMap:
    """Companies by the technologies that they run."""
    return await _faceted(sources, leaf, "technology", "technology")


async def read_dropped(sources: Sources, leaf: Leaf) -> BitMap:
    """Companies by the technologies that they ran before."""
    return await _faceted(sources, leaf, "technology_dropped", "technology", is_tiered=False)


async def read_vendor(sources: Sources, leaf: Leaf) -> BitMap:
    """Companies that run something of a vendor."""
    return await _faceted(sources, leaf, "vendor", "vendor")


async def read_category(sources: Sources, leaf: Leaf) -> BitMap:
    """Companies that run something of a category."""
    return await _faceted(sources, leaf, "category", "category")


def read_facet(facet: str) -> Read:
    """Companies by a property whose values are what the leaf names."""

    async def read(sources: Sources, leaf: Leaf) -> BitMap:
        found = await sources.having_any(facet, leaf.value)
        return await _combined(sources, leaf, [found])

    return read


def read_count(column: NumberColumn) -> Read:
    """Companies by a number."""

    async def read(sources: Sources, leaf: Leaf) -> BitMap:
        least, most = _bounds(leaf)
        return sources.columns.between(column, least, most)

    return read


def read_date(column: NumberColumn) -> Read:
    """Companies by the day of a time, both ends included."""

    async def read(sources: Sources, leaf: Leaf) -> BitMap:
        least, most = _bounds(leaf)
        return sources.columns.between(
            column,
            None if least is None else start_of(least) // DAY_MS,
            None if most is None else start_of(most) // DAY_MS,
        )

    return read


def start_of(day: date, *, days_later: int = 0) -> int:
    """Midnight of a day, UTC, or of a later one, in milliseconds since the epoch."""
    midnight = datetime.combine(day, time(), UTC)
    return int(midnight.timestamp() * 1000) + days_later * int(
        timedelta(days=1) / timedelta(milliseconds=1)
    )


def _bounds(leaf: Leaf) -> tuple[Any, Any]:
    if leaf.operator == "between":
        return leaf.value[0], leaf.value[1]
    return (leaf.value, None) if leaf.operator == "gte" else (None, leaf.value)


async def read_hiring(sources: Sources, leaf: Leaf) -> BitMap:
    """Companies that have an open posting, or none."""
    hiring = sources.columns.between("posting_count", 1, None)
    return hiring if leaf.value else await sources.all() - hiring


async def read_use(sources: Sources, leaf: Leaf) -> BitMap:
    """Companies by all that is known of their use of one technology."""
    asked: UseValue = leaf.value
    known = await _named(sources, "technology", [asked.technology])
    if not known:
        return BitMap()
    technology = known[asked.technology]
    tier = sources.tier if asked.status == "active" else 0
    confidence = max(asked.min_confidence or 0, tier)
    if asked.status == "dropped" and not asked.asks_dates and confidence == 0:
        found = await sources.having_any("technology_dropped", [technology])
    elif asked.asks_dates or confidence not in TIERS or asked.status == "dropped":
        found = await _read_uses(sources.tx, int(technology), asked, confidence)
    else:
        found = await sources.having_any(f"technology_{confidence}", [technology])
    if asked.asks_version:
        by_version = await sources.having_prefixed("version", f"{technology}:")
        fitting = [
            companies
            for value, companies in by_version.items()
            if is_version(value.partition(":")[2], asked)
        ]
        found = found & union(fitting)
    return found


async def _read_uses(
    tx: Transaction, technology_id: int, asked: UseValue, confidence: int
) -> BitMap:
    def since(day: date | None) -> int:
        return 0 if day is None else start_of(day)

    def until(day: date | None) -> int:
        return _NO_LATER if day is None else start_of(day, days_later=1)

    rows = await tx.fetch_all(
        _USES,
        technology_id=technology_id,
        status=asked.status,
        confidence=confidence,
        first_gte=since(asked.first_observed_gte),
        first_lt=until(asked.first_observed_lte),
        last_gte=since(asked.last_observed_gte),
        last_lt=until(asked.last_observed_lte),
    )
    return as_bitmap(rows)


async def read_partner(sources: Sources, leaf: Leaf) -> BitMap:
    """Companies by their partners, which are named by domain or slug."""
    keys = await _partner_keys(sources.tx, leaf.value)
    rows = await sources.tx.fetch_all(
        _PARTNERS_OF, keys=_keys(sources.tx, sorted(set(keys.values())))
    )
    by_key: dict[str, BitMap] = {}
    for key, company_id in rows:
        by_key.setdefault(key, BitMap()).add(company_id)
    sets = [by_key.get(keys[one], BitMap()) for one in leaf.value]
    return await _combined(sources, leaf, sets)


async def _partner_keys(tx: Transaction, identifiers: Sequence[str]) -> dict[str, str]:
    domains = [one for one in identifiers if "." in one]
    slugs = [one for one in identifiers if "." not in one]
    ids = {
        **(await _by_key(tx, _IDS_BY_DOMAIN, domains) if domains else {}),
        **(await _by_key(tx, _IDS_BY_SLUG, slugs) if slugs else {}),
    }
    return {one: f"company:{ids[one]}" if one in ids else f"domain:{one}" for one in identifiers}


async def read_partnership_type(sources: Sources, leaf: Leaf) -> BitMap:
    """Companies by the kinds of partnership that they have."""
    found = sources.columns.having("partnership_kinds", pack_types(leaf.value))
    return await _combined(sources, leaf, [found])


async def read_posting_technology(sources: Sources, leaf: Leaf) -> BitMap:
    """Companies by the technologies that their postings name."""
    ids = await _named(sources, "technology", leaf.value)
    sets = [
        as_bitmap(await sources.tx.fetch_all(_POSTING, technology_id=int(ids[slug])))
        if slug in ids
        else BitMap()
        for slug in leaf.value
    ]
    return await _combined(sources, leaf, sets)


async def read_name(sources: Sources, leaf: Leaf) -> BitMap:
    """Companies by a part, or the beginning, of their name, slug or domains."""
    text = leaf.value.casefold()
    at_start = leaf.operator == "starts_with"
    if len(text) < TRIGRAM_CHARS and not at_start:
        return await sources.having_any("gram", [text])
    # A line break stands between lines where the database looks, and in names.
    if sources.columns.has_lines and "\n" not in text:
        among = await _holding_pairs(sources, text)
        return await sources.columns.holding(text, among, at_start=at_start)
    if at_start:
        return as_bitmap(await sources.tx.fetch_all(_BEGINS, text=text, above=f"{text}\U0010ffff"))
    phrase = '"' + text.replace('"', '""') + '"'
    params = (
        {"phrase": phrase} if sources.tx.dialect == "sqlite" else {"pattern": like_pattern(text)}
    )
    return as_bitmap(await sources.tx.fetch_all(_TEXTS, **params))


async def _holding_pairs(sources: Sources, text: str) -> BitMap:
    """Companies that have each two letters of the text somewhere: a few too many."""
    pairs = {text[at : at + 2] for at in range(min(len(text) - 1, _PAIRS_MAX))} or {text}
    found = await sources.having("gram", sorted(pairs))
    sets = [found.get(pair, BitMap()) for pair in pairs]
    if sources.only is not None:
        sets.append(sources.only)
    return BitMap.intersection(*sorted(sets, key=len))


async def read_domain(sources: Sources, leaf: Leaf) -> BitMap:
    """Companies by their domains."""
    ids = await _by_key(sources.tx, _IDS_BY_DOMAIN, leaf.value)
    return await _combined(sources, leaf, [BitMap(ids.values())])
