"""Every field of the filter language, once: what it is, what it takes, where it is read.

SQL and bitmaps, validation, OpenAPI and `GET /v1/lists/filter-fields` come from this list; a new
field is one entry.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from tracewell.trace.filters import kinds, readers
from tracewell.trace.filters.kinds import Kind
from tracewell.trace.filters.readers import Read


@dataclass(frozen=True, slots=True)
class FilterField:
    """A field; `group` is what it is about, for a builder's menu; `is_tiered`: it matters how sure
    the evidence is; `narrows`: fewer companies to look at (`Sources.only`) cost less."""

    name: str
    group: str
    description: str
    kind: Kind
    read: Read
    is_tiered: bool = False
    narrows: bool = False


_ALL = (
    FilterField(
        "technology", "technologies", "Technologies in use, by slug.", kinds.SLUGS,
        readers.read_technology, is_tiered=True,
    ),
    FilterField(
        "technology_use", "technologies",
        "One technology in use, or dropped, with version, confidence and dates.", kinds.USE,
        readers.read_use, is_tiered=True,
    ),
    FilterField(
        "technology_dropped", "technologies", "Technologies no longer in use, by slug.",
        kinds.DROPPED, readers.read_dropped,
    ),
    FilterField(
        "vendor", "technologies", "Makers of technologies in use, by slug.", kinds.SLUGS,
        readers.read_vendor, is_tiered=True,
    ),
    FilterField(
        "category", "technologies", "Categories of technologies in use, by slug.", kinds.SLUGS,
        readers.read_category, is_tiered=True,
    ),
    FilterField(
        "technology_count", "technologies", "How many technologies are in use.", kinds.COUNT,
        readers.read_count("technology_count"),
    ),
    FilterField(
        "partner", "partners", "Partners, by domain or slug.", kinds.IDENTIFIERS,
        readers.read_partner,
    ),
    FilterField(
        "partnership_type", "partners", "Kinds of partnership.", kinds.PARTNERSHIP_KINDS,
        readers.read_partnership_type,
    ),
    FilterField(
        "partnership_count", "partners", "How many partners.", kinds.COUNT,
        readers.read_count("partnership_count"),
    ),
    FilterField(
        "country", "firmographics", "Countries of the headquarters, ISO 3166-1 alpha-2.",
        kinds.COUNTRIES, readers.read_facet("country"),
    ),
    FilterField(
        "industry", "firmographics", "Industries, as the company tells them.", kinds.TEXTS,
        readers.read_facet("industry"),
    ),
    FilterField(
        "employee_range", "firmographics", "Ranges of employees, such as `51-200`.", kinds.TEXTS,
        readers.read_facet("employee_range"),
    ),
    FilterField(
        "founded_year", "firmographics", "Year of foundation.", kinds.YEAR,
        readers.read_count("founded_year"),
    ),
    FilterField(
        "name", "identity", "Name, slug or domain.", kinds.NAME, readers.read_name, narrows=True,
    ),
    FilterField(
        "domain", "identity", "Domains, aliases included.", kinds.DOMAINS, readers.read_domain
    ),
    FilterField(
        "top_level_domain", "identity", "Last labels of primary domains, such as `de`.",
        kinds.LABELS, readers.read_facet("top_level_domain"),
    ),
    FilterField(
        "hiring", "postings", "Whether a job posting is open.", kinds.FLAG, readers.read_hiring
    ),
    FilterField(
        "posting_count", "postings", "How many job postings are open.", kinds.COUNT,
        readers.read_count("posting_count"),
    ),
    FilterField(
        "posting_technology", "postings", "Technologies that job postings name, by slug.",
        kinds.SLUGS, readers.read_posting_technology,
    ),
    FilterField(
        "first_observed_at", "observation", "Day of the first observation.", kinds.DATE,
        readers.read_date("first_observed_day"),
    ),
    FilterField(
        "last_observed_at", "observation", "Day of the last observation.", kinds.DATE,
        readers.read_date("last_observed_day"),
    ),
    FilterField(
        "last_crawled_at", "observation", "Day of the last crawl.", kinds.DATE,
        readers.read_date("last_crawled_day"),
    ),
)  # fmt: skip

FIELDS: Mapping[str, FilterField] = {field.name: field for field in _ALL}
