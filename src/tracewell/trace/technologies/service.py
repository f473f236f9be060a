"""The use cases of the catalogue: free to read, filled from fingerprints."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from tracewell.detection import Fingerprint
from tracewell.kernel.database import Database, Transaction
from tracewell.kernel.errors import ApiError
from tracewell.trace import errors
from tracewell.trace.paging import Page
from tracewell.trace.technologies import store
from tracewell.trace.technologies.model import Category, CountedTechnology, Entry, Technology
from tracewell.trace.texts import is_slug, storable

NAME_CHARS_MAX = 200


class Technologies:
    """Reads of the catalogue."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def list_technologies(
        self, q: str | None, category: str | None, page: Page
    ) -> tuple[list[CountedTechnology], int]:
        """A page of technologies by name, and how many there are."""
        async with self._database.snapshot() as tx:
            return await store.list_technologies(
                tx, q=q, category=category, limit=page.limit, offset=page.offset
            )

    async def get_technology(self, slug: str) -> CountedTechnology:
        """One technology. Raises ApiError (technology_not_found)."""
        found = None
        if is_slug(slug):
            async with self._database.snapshot() as tx:
                found = await store.find_technology(tx, slug)
        if found is None:
            raise ApiError(errors.TECHNOLOGY_NOT_FOUND, f"No technology found for '{slug}'")
        return found

    async def list_categories(self, page: Page) -> tuple[list[Category], int]:
        """A page of categories, and how many there are."""
        async with self._database.snapshot() as tx:
            return await store.list_categories(tx, limit=page.limit, offset=page.offset)


async def ensure_catalogue(
    tx: Transaction, fingerprints: Iterable[Fingerprint]
) -> Mapping[str, Technology]:
    """Brings the catalogue up to the fingerprints; every technology by its name.

    What the catalogue has beyond them stays: earlier detections name it.
    """
    known = await store.fetch_catalogue(tx)
    entries = [_entry(fingerprint) for fingerprint in fingerprints]
    changed = [entry for entry in entries if _is_news(entry, known.get(entry.name))]
    if not changed:
        return known
    await store.save_entries(tx, sorted(changed, key=lambda entry: entry.name), known)
    return await store.fetch_catalogue(tx)


def _entry(fingerprint: Fingerprint) -> Entry:
    return Entry(
        _name(fingerprint.name),
        storable(fingerprint.description) if fingerprint.description else None,
        storable(fingerprint.website) if fingerprint.website else None,
        _name(fingerprint.vendor) if fingerprint.vendor else None,
        tuple(dict.fromkeys(map(_name, fingerprint.categories))),
    )


def _name(text: str) -> str:
    return storable(text)[:NAME_CHARS_MAX]


def _is_news(entry: Entry, known: Technology | None) -> bool:
    return known is None or entry != Entry(
        known.name, known.description, known.website, known.vendor, known.categories
    )
