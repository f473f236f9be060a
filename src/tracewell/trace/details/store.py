"""The SQL of a company's details: reading only."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import orjson

from tracewell.kernel.database import Sql, Transaction
from tracewell.trace.companies.days import DAY_MS, add_days, day_of, list_periods, unpack_days
from tracewell.trace.companies.model import Sign
from tracewell.trace.details.model import Event, PostingRow, UseFilter, UseRow

_USES = """
    FROM technology_uses AS u JOIN technologies AS t ON t.technology_id = u.technology_id
    LEFT JOIN vendors AS v ON v.vendor_id = t.vendor_id
    WHERE u.company_id = :company_id
      AND (CAST(:status AS TEXT) IS NULL OR u.status = :status)
      AND (CAST(:vendor AS TEXT) IS NULL OR v.slug = :vendor)
      AND (CAST(:category AS TEXT) IS NULL OR EXISTS (
        SELECT 1 FROM technology_categories AS tc JOIN categories AS c
          ON c.category_id = tc.category_id
        WHERE tc.technology_id = t.technology_id AND c.slug = :category))"""
_COUNT_USES = f"SELECT COUNT(*) {_USES}"
_PAGE_OF_USES = f"""
    SELECT t.technology_id, t.slug, t.name, v.name, u.version, u.confidence, u.status,
      u.first_observed_at, u.last_observed_at, u.observation_count {_USES}
    ORDER BY u.status, t.sort_name, t.slug LIMIT :limit OFFSET :offset"""
_CATEGORIES = Sql(
    sqlite="""
        SELECT tc.technology_id, c.name FROM technology_categories AS tc
        JOIN categories AS c ON c.category_id = tc.category_id
        WHERE tc.technology_id IN (SELECT value FROM json_each(:ids)) ORDER BY tc.place""",
    postgresql="""
        SELECT tc.technology_id, c.name FROM technology_categories AS tc
        JOIN categories AS c ON c.category_id = tc.category_id
        WHERE tc.technology_id = ANY(CAST(:ids AS BIGINT[])) ORDER BY tc.place""",
)
_SIGNS = Sql(
    sqlite="""
        SELECT technology_id, kind, name, pattern, excerpt, url, capture, start_byte, end_byte,
          observed_at FROM technology_evidence
        WHERE company_id = :company_id
          AND technology_id IN (SELECT value FROM json_each(:ids))
        ORDER BY technology_id, place""",
    postgresql="""
        SELECT technology_id, kind, name, pattern, excerpt, url, capture, start_byte, end_byte,
          observed_at FROM technology_evidence
        WHERE company_id = :company_id AND technology_id = ANY(CAST(:ids AS BIGINT[]))
        ORDER BY technology_id, place""",
)
_DAYS = """
    SELECT t.slug, t.name, u.first_observed_at, u.last_observed_at, u.seen_days
    FROM technology_uses AS u JOIN technologies AS t ON t.technology_id = u.technology_id
    WHERE u.company_id = :company_id"""
_POSTINGS = """
    FROM postings AS p WHERE p.company_id = :company_id
      AND (CAST(:technology AS TEXT) IS NULL OR EXISTS (
        SELECT 1 FROM posting_technologies AS m JOIN technologies AS t
          ON t.technology_id = m.technology_id
        WHERE m.posting_id = p.posting_id AND t.slug = :technology))"""
_COUNT_POSTINGS = f"SELECT COUNT(*) {_POSTINGS}"
_PAGE_OF_POSTINGS = f"""
    SELECT p.posting_id, p.title, p.location, p.is_remote, p.employment_type, p.posted_at,
      p.expires_at, p.url, p.capture, p.first_observed_at, p.last_observed_at {_POSTINGS}
    ORDER BY p.last_observed_at DESC, p.posting_id DESC LIMIT :limit OFFSET :offset"""
_NAMED = Sql(
    sqlite="""
        SELECT m.posting_id, t.slug, t.name FROM posting_technologies AS m
        JOIN technologies AS t ON t.technology_id = m.technology_id
        WHERE m.posting_id IN (SELECT value FROM json_each(:ids)) ORDER BY t.sort_name""",
    postgresql="""
        SELECT m.posting_id, t.slug, t.name FROM posting_technologies AS m
        JOIN technologies AS t ON t.technology_id = m.technology_id
        WHERE m.posting_id = ANY(CAST(:ids AS BIGINT[])) ORDER BY t.sort_name""",
)


async def list_uses(
    tx: Transaction, company_id: int, wanted: UseFilter, *, limit: int, offset: int
) -> tuple[list[UseRow], int]:
    """A page of uses, the active ones first, by name; and how many there are."""
    params = {
        "company_id": company_id,
        "status": wanted.status,
        "vendor": wanted.vendor,
        "category": wanted.category,
    }
    total = await tx.fetch_value(_COUNT_USES, **params)
    rows = await tx.fetch_all(_PAGE_OF_USES, **params, limit=limit, offset=offset)
    ids = _ids(tx, [row[0] for row in rows])
    categories: dict[int, tuple[str, ...]] = {}
    for technology_id, name in await tx.fetch_all(_CATEGORIES, ids=ids):
        categories[technology_id] = (*categories.get(technology_id, ()), name)
    signs: dict[int, tuple[Sign, ...]] = {}
    if wanted.with_evidence:
        for technology_id, *sign in await tx.fetch_all(_SIGNS, company_id=company_id, ids=ids):
            signs[technology_id] = (*signs.get(technology_id, ()), Sign(*sign))
    found = []
    for technology_id, slug, name, *rest in rows:
        evidence = signs.get(technology_id, ()) if wanted.with_evidence else None
        values: list[Any] = [slug, name, categories.get(technology_id, ()), *rest, evidence]
        found.append(UseRow(*values))
    return found, total


async def list_events(tx: Transaction, company_id: int) -> list[Event]:
    """Every adoption and drop, the newest first."""
    packed = await tx.fetch_value(
        "SELECT visit_days FROM companies WHERE company_id = :company_id", company_id=company_id
    )
    visits = unpack_days(packed)
    events: list[Event] = []
    for slug, name, first, last, days in await tx.fetch_all(_DAYS, company_id=company_id):
        seen = unpack_days(days) or add_days((), (day_of(first), day_of(last)))
        for period in list_periods(seen, visits):
            events.append(Event(slug, name, "adopted", period.adopted_day * DAY_MS))
            if period.dropped_day is not None:
                events.append(Event(slug, name, "dropped", period.dropped_day * DAY_MS))
    return sorted(events, key=lambda event: (-event.at, event.slug, event.event))


async def list_postings(
    tx: Transaction, company_id: int, technology: str | None, *, limit: int, offset: int
) -> tuple[list[PostingRow], int]:
    """A page of postings, the last seen first, and how many there are."""
    params = {"company_id": company_id, "technology": technology}
    total = await tx.fetch_value(_COUNT_POSTINGS, **params)
    rows = await tx.fetch_all(_PAGE_OF_POSTINGS, **params, limit=limit, offset=offset)
    named: dict[int, tuple[tuple[str, str], ...]] = {}
    for posting_id, slug, name in await tx.fetch_all(_NAMED, ids=_ids(tx, [r[0] for r in rows])):
        named[posting_id] = (*named.get(posting_id, ()), (slug, name))
    found = []
    for posting_id, title, location, is_remote, *rest in rows:
        remote = None if is_remote is None else bool(is_remote)
        names = named.get(posting_id, ())
        values: list[Any] = [posting_id, title, location, remote, *rest, names]
        found.append(PostingRow(*values))
    return found, total


def _ids(tx: Transaction, ids: Sequence[int]) -> str | list[int]:
    return orjson.dumps(ids).decode() if tx.dialect == "sqlite" else list(ids)
