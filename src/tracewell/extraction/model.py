"""What an extraction answers: one value a fact, with the page that told it."""

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
