"""A partnership and what pages say of it, as plain values. Times are milliseconds of the epoch."""

from __future__ import annotations

from dataclasses import dataclass

from tracewell.extraction import PartnershipType, SourceKind


@dataclass(frozen=True, slots=True)
class Sight:
    """One page that names a partner: bytes `start_byte` to `end_byte` of the capture's body."""

    source_url: str
    source_kind: SourceKind
    excerpt: str
    capture: str
    start_byte: int | None
    end_byte: int | None
    observed_at: int


@dataclass(frozen=True, slots=True)
class Claim:
    """What a company's pages say of one partner, in one kind of partnership.

    `partner_domain` is None where only the name is told. Of a partner that one page names twice,
    one sight counts.
    """

    partner_name: str
    partner_domain: str | None
    partnership_type: PartnershipType
    sights: tuple[Sight, ...]


@dataclass(frozen=True, slots=True)
class Side:
    """A partnership as it stands at one company: times and number of the sights of both sides."""

    company_id: int
    partner_key: str
    partnership_type: PartnershipType
    partner_id: int | None
    partner_domain: str | None
    partner_name: str
    is_listed: bool
    is_listed_by: bool
    first_observed_at: int
    last_observed_at: int
    observation_count: int
