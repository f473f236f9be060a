"""Which properties of the index a company has: pure."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import replace
from typing import Literal, NamedTuple

from tracewell.kernel.clock import format_utc
from tracewell.trace.companies.model import Company, Status, Use
from tracewell.trace.index.bitmaps import Property

TIERS = (0, 60, 90)
"""Least confidences at which technologies, vendors and categories are told apart."""

ALL = Property("all", "")


def properties_of(
    primary_domain: str,
    search_text: str,
    uses: Iterable[Use],
    country: str | None,
    industry: str | None,
    employee_range: str | None,
) -> Iterator[Property]:
    """Every property of a company, some more than once."""
    yield ALL
    yield Property("top_level_domain", primary_domain.rpartition(".")[2])
    for gram in short_grams(search_text):
        yield Property("gram", gram)
    for facet, value in (
        ("country", country), ("industry", industry), ("employee_range", employee_range)
    ):  # fmt: skip
        if value is not None:
            yield Property(facet, value)
    for use in uses:
        technology = str(use.technology.technology_id)
        yield month_property("adopted", use.technology.technology_id, use.first_observed_at)
        if use.status == "dropped":
            yield Property("technology_dropped", technology)
            if use.dropped_at is not None:
                yield month_property("dropped", use.technology.technology_id, use.dropped_at)
            continue
        if use.version is not None:
            yield version_property(use.technology.technology_id, use.version)
        for tier in TIERS:
            if use.confidence >= tier:
                yield Property(f"technology_{tier}", technology)
                for category in use.technology.categories:
                    yield Property(f"category_{tier}", category)
                if use.technology.vendor is not None:
                    yield Property(f"vendor_{tier}", use.technology.vendor)


def short_grams(search_text: str) -> set[str]:
    """Every one and two letters in a row of a line: what the text index is too coarse for."""
    return {
        line[at : at + length]
        for line in search_text.split("\n")
        for length in (1, 2)
        for at in range(len(line) - length + 1)
    }


def version_property(technology_id: int, version: str) -> Property:
    """Runs the technology in that version; the values of one technology begin alike."""
    return Property("version", f"{technology_id}:{version}")


def month_property(event: Literal["adopted", "dropped"], technology_id: int, at: int) -> Property:
    """Adopted the technology in that month (UTC), or dropped it: `12:2026-06`."""
    return Property(event, f"{technology_id}:{format_utc(at)[:7]}")


class StoredUse(NamedTuple):
    """What a stored row says of a use, as far as properties go."""

    technology_id: int
    status: Status
    confidence: int
    version: str | None
    first_observed_at: int
    dropped_at: int | None


def stored_properties(
    company: Company,
    search_text: str,
    uses: Iterable[StoredUse],
    firmographics: tuple[str | None, str | None, str | None],
) -> Iterator[Property]:
    """What the stored rows gave the company: its uses, then country, industry, employee range."""
    known = {use.technology.technology_id: use for use in company.uses}
    stored = [
        replace(
            known[use.technology_id],
            status=use.status,
            confidence=use.confidence,
            version=use.version,
            first_observed_at=use.first_observed_at,
            dropped_at=use.dropped_at,
        )
        for use in uses
    ]
    return properties_of(company.primary_domain, search_text, stored, *firmographics)
