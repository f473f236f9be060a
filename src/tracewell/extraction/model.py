"""What an extraction answers: facts, partners and postings, each with the page that told it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, get_args

Field = Literal[
    "name",
    "legal_name",
    "description",
    "industry",
    "founded_year",
    "employee_range",
    "headquarters",
    "phone",
    "logo",
    "social_profile",
    "registry_identifier",
]

FIELDS: tuple[Field, ...] = get_args(Field)


@dataclass(frozen=True, slots=True)
class Fact:
    """One statement of one page about its company.

    `value` is text; of `headquarters` and `registry_identifier` it is a JSON object (keys `street`,
    `postal_code`, `locality`, `region`, `country`; `kind`, `value`). `weight` 1..100 ranks values
    of one field: what the organisation's own data on its home page says stands over a page title.
    `observed_at` is milliseconds since the epoch.
    """

    field: Field
    value: str
    weight: int
    source_url: str
    observed_at: int


PartnershipType = Literal["technology", "channel", "generic"]
"""`channel`: resells, refers or implements; `technology`: the products work together."""
PARTNERSHIP_TYPES: tuple[PartnershipType, ...] = get_args(PartnershipType)

SourceKind = Literal["partner_page", "marketplace", "integration_page"]
SOURCE_KINDS: tuple[SourceKind, ...] = get_args(SourceKind)


@dataclass(frozen=True, slots=True)
class PartnerMention:
    """One company that a page names as a partner of its own company.

    `domain` is the registrable domain of the partner's link, None where the page gives the name
    alone. `excerpt` are the bytes `start` to `end` of the capture's body, decoded and shortened.
    """

    name: str
    domain: str | None
    partnership_type: PartnershipType
    source_kind: SourceKind
    excerpt: str
    start: int | None
    end: int | None


@dataclass(frozen=True, slots=True)
class Posting:
    """One job posting of the page's company.

    `url` is the posting's own address, the page's where it has none. `text` is the description as
    plain text, for finding what it mentions; it is not kept. Times are milliseconds since the
    epoch. `employment_type` is a word of schema.org's (`FULL_TIME`, ...) in lower case.
    """

    title: str
    url: str
    location: str | None
    is_remote: bool | None
    employment_type: str | None
    posted_at: int | None
    expires_at: int | None
    text: str
