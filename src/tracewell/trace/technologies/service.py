"""The use cases of the catalogue: free to read, filled from fingerprints."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping

from tracewell.detection import Fingerprint
from tracewell.kernel.database import Database, Transaction
from tracewell.kernel.errors import ApiError
from tracewell.trace import errors
from tracewell.trace.paging import Page
from tracewell.trace.technologies import store
from tracewell.trace.technologies.model import (
    Category,
    CountedTechnology,
    Entry,
    Technology,
    TechnologyDetail,
    Vendor,
)
from tracewell.trace.texts import is_slug, storable

NAME_CHARS_MAX = 200


class Technologies:
    """Reads of the catalogue."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def list_technologies(
        self, q: str | None, category: str | None, vendor: str | None, page: Page
    ) -> tuple[list[CountedTechnology], int]:
        """A page of technologies by name, and how many there are."""
        async with self._database.snapshot() as tx:
            return await store.list_technologies(
                tx, q=q, category=category, vendor=vendor, limit=page.limit, offset=page.offset
            )

    async def get_technology(self, slug: str) -> TechnologyDetail:
        """One technology. Raises ApiError (technology_not_found)."""
        async with self._database.snapshot() as tx:
            found = await get_technology(tx, slug)
            technology_id = found.technology.technology_id
            return TechnologyDetail(
                found.technology,
                found.company_count,
                tuple(await store.list_implied(tx, technology_id)),
                tuple(await store.list_months(tx, technology_id)),
            )

    async def list_categories(self, q: str | None, page: Page) -> tuple[list[Category], int]:
        """A page of categories, and how many there are."""
        async with self._database.snapshot() as tx:
            return await store.list_categories(tx, q=q, limit=page.limit, offset=page.offset)

    async def get_category(self, slug: str) -> Category:
        """One category. Raises ApiError (category_not_found)."""
        async with self._database.snapshot() as tx:
            return await get_category(tx, slug)

    async def list_vendors(self, q: str | None, page: Page) -> tuple[list[Vendor], int]:
        """A page of vendors, and how many there are."""
        async with self._database.snapshot() as tx:
            return await store.list_vendors(tx, q=q, limit=page.limit, offset=page.offset)

    async def get_vendor(self, slug: str) -> Vendor:
        """One vendor. Raises ApiError (vendor_not_found)."""
        async with self._database.snapshot() as tx:
            return await get_vendor(tx, slug)


async def get_technology(tx: Transaction, slug: str) -> CountedTechnology:
    """One technology. Raises ApiError (technology_not_found)."""
    found = await store.find_technology(tx, slug) if is_slug(slug) else None
    if found is None:
        raise ApiError(errors.TECHNOLOGY_NOT_FOUND, f"No technology found for '{slug}'")
    return found


async def get_vendor(tx: Transaction, slug: str) -> Vendor:
    """One vendor. Raises ApiError (vendor_not_found)."""
    found = await store.find_vendor(tx, slug) if is_slug(slug) else None
    if found is None:
        raise ApiError(errors.VENDOR_NOT_FOUND, f"No vendor found for '{slug}'")
    return found


async def get_category(tx: Transaction, slug: str) -> Category:
    """One category. Raises ApiError (category_not_found)."""
    found = await store.find_category(tx, slug) if is_slug(slug) else None
    if found is None:
        raise ApiError(errors.CATEGORY_NOT_FOUND, f"No category found for '{slug}'")
    return found


async def ensure_catalogue(
    tx: Transaction, fingerprints: Iterable[Fingerprint]
) -> Mapping[str, Technology]:
    """Brings the catalogue up to the fingerprints; every technology by its name.

    What the catalogue has beyond them stays: earlier detections name it.
    """
    known = await store.fetch_catalogue(tx)
    implied = await store.fetch_implied(tx)
    fingerprints = list(fingerprints)
    names = {_name(fingerprint.name) for fingerprint in fingerprints} | set(known)
    entries = [_entry(fingerprint, names) for fingerprint in fingerprints]
    changed = [entry for entry in entries if _is_news(entry, known.get(entry.name), implied)]
    if not changed:
        return known
    await store.save_entries(tx, sorted(changed, key=lambda entry: entry.name), known)
    return await store.fetch_catalogue(tx)


def _entry(fingerprint: Fingerprint, names: Collection[str]) -> Entry:
    implied = {_name(one.technology) for one in fingerprint.implies}
    return Entry(
        _name(fingerprint.name),
        storable(fingerprint.description) if fingerprint.description else None,
        storable(fingerprint.website) if fingerprint.website else None,
        _name(fingerprint.vendor) if fingerprint.vendor else None,
        tuple(dict.fromkeys(map(_name, fingerprint.categories))),
        tuple(sorted(implied.intersection(names))),
    )


def _name(text: str) -> str:
    return storable(text)[:NAME_CHARS_MAX]


def _is_news(
    entry: Entry, known: Technology | None, implied: Mapping[int, tuple[str, ...]]
) -> bool:
    return known is None or entry != Entry(
        known.name, known.description, known.website, known.vendor, known.categories,
        tuple(sorted(implied.get(known.technology_id, ()))),
    )  # fmt: skip
