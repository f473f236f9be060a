"""The whole index written anew from the companies: after bulk loads, and when categories change."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping

from pyroaring import BitMap

from tracewell.detection import Fingerprint
from tracewell.kernel.database import Transaction
from tracewell.trace.companies.properties import (
    ALL,
    TIERS,
    month_property,
    short_grams,
    version_property,
)
from tracewell.trace.index.bitmaps import Property, note_rebuilt, read_any, write_bitmap
from tracewell.trace.technologies.model import Technology
from tracewell.trace.technologies.service import ensure_catalogue
from tracewell.trace.technologies.store import fetch_catalogue

_ROWS_AT_ONCE = 50_000
_COMPANIES = f"""
    SELECT company_id, primary_domain, search_text, country, industry, employee_range FROM companies
    WHERE company_id > :after ORDER BY company_id LIMIT {_ROWS_AT_ONCE}"""  # noqa: S608
_USES = f"""
    SELECT company_id, confidence, version, first_observed_at, dropped_at FROM technology_uses
    WHERE technology_id = :technology_id AND status = :status AND company_id > :after
    ORDER BY company_id LIMIT {_ROWS_AT_ONCE}"""  # noqa: S608


async def rebuild_index(tx: Transaction, catalogue: Iterable[Technology]) -> None:
    """Writes every property of every company anew. Writers must have taken their turn."""
    await tx.execute("DELETE FROM company_bitmaps")
    await _write_all(tx, await _read_companies(tx))
    catalogue = list(catalogue)
    for technology in catalogue:
        await _write_all(tx, await _read_uses(tx, technology.technology_id))
    await rebuild_groups(tx, catalogue)


async def rebuild_groups(tx: Transaction, catalogue: Iterable[Technology]) -> None:
    """Writes categories and vendors anew from the technologies: what they group has changed."""
    for tier in TIERS:
        groups: dict[Property, BitMap] = {}
        for facet in ("category", "vendor"):
            await tx.execute(
                "DELETE FROM company_bitmaps WHERE facet = :facet", facet=f"{facet}_{tier}"
            )
        for technology in catalogue:
            key = str(technology.technology_id)
            companies = await read_any(tx, f"technology_{tier}", [key])
            if companies:
                _add_to_groups(groups, technology, tier, companies)
        await _write_all(tx, groups)
    await note_rebuilt(tx)


def _add_to_groups(
    groups: dict[Property, BitMap], technology: Technology, tier: int, companies: BitMap
) -> None:
    names = [Property(f"category_{tier}", name) for name in technology.categories]
    if technology.vendor is not None:
        names.append(Property(f"vendor_{tier}", technology.vendor))
    for name in names:
        groups[name] = groups.get(name, BitMap()) | companies


async def _read_companies(tx: Transaction) -> Mapping[Property, BitMap]:
    found: dict[Property, BitMap] = defaultdict(BitMap)
    after = 0
    while rows := await tx.fetch_all(_COMPANIES, after=after):
        for company_id, primary_domain, text, country, industry, employee_range in rows:
            found[ALL].add(company_id)
            for gram in short_grams(text):
                found[Property("gram", gram)].add(company_id)
            told = {
                "top_level_domain": primary_domain.rpartition(".")[2],
                "country": country,
                "industry": industry,
                "employee_range": employee_range,
            }
            for facet, value in told.items():
                if value is not None:
                    found[Property(facet, value)].add(company_id)
        after = rows[-1][0]
    return found


async def _read_uses(tx: Transaction, technology_id: int) -> Mapping[Property, BitMap]:
    found: dict[Property, BitMap] = defaultdict(BitMap)
    key = str(technology_id)
    for status in ("active", "dropped"):
        after = 0
        while rows := await tx.fetch_all(
            _USES, technology_id=technology_id, status=status, after=after
        ):
            after = rows[-1][0]
            for company_id, _, _, first, dropped_at in rows:
                found[month_property("adopted", technology_id, first)].add(company_id)
                if dropped_at is not None:
                    found[month_property("dropped", technology_id, dropped_at)].add(company_id)
            if status == "dropped":
                found[Property("technology_dropped", key)].update([row[0] for row in rows])
                continue
            for tier in TIERS:
                found[Property(f"technology_{tier}", key)].update(
                    [row[0] for row in rows if row[1] >= tier]
                )
            for company_id, _, version, _, _ in rows:
                if version is not None:
                    found[version_property(technology_id, version)].add(company_id)
    return found


async def _write_all(tx: Transaction, found: Mapping[Property, BitMap]) -> None:
    for of, companies in found.items():
        if companies:
            await write_bitmap(tx, of, companies)


async def ensure_indexed_catalogue(
    tx: Transaction, fingerprints: Iterable[Fingerprint]
) -> Mapping[str, Technology]:
    """Brings the catalogue up to the fingerprints, and the index to its categories and vendors."""
    before = await fetch_catalogue(tx)
    after = await ensure_catalogue(tx, fingerprints)
    if any(_groups(known) != _groups(after[name]) for name, known in before.items()):
        await rebuild_groups(tx, after.values())
    return after


def _groups(technology: Technology) -> tuple[tuple[str, ...], str | None]:
    return technology.categories, technology.vendor
