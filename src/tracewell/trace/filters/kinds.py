"""The kinds of values that fields take: which operators they have and how values are checked."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from typing import Annotated, Any, Literal

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    StringConstraints,
    TypeAdapter,
    model_validator,
)

from tracewell.trace.companies.domains import parse_identifier
from tracewell.trace.filters.model import Operator
from tracewell.trace.texts import NO_NUL_PATTERN, SLUG_CHARS_MAX, SLUG_PATTERN

VALUES_MAX = 100
TEXT_CHARS_MAX = 200

_DAY = re.compile(r"\d{4}-\d{2}-\d{2}")


def _written_day(given: Any) -> Any:
    # Elsewhere a number would be taken for a time stamp.
    if isinstance(given, date) or (isinstance(given, str) and _DAY.fullmatch(given)):
        return given
    raise ValueError("must be a date like 2026-06-01")


def _identifier(text: str) -> str:
    try:
        return parse_identifier(text)
    except ValueError:
        raise ValueError("must be a domain or a slug") from None


Slug = Annotated[
    str, StringConstraints(pattern=f"^{SLUG_PATTERN}$", max_length=SLUG_CHARS_MAX, to_lower=True)
]
Text = Annotated[
    str,
    StringConstraints(
        strip_whitespace=True, min_length=1, max_length=TEXT_CHARS_MAX, pattern=NO_NUL_PATTERN
    ),
]
Country = Annotated[str, StringConstraints(pattern=r"^[A-Za-z]{2}$", to_upper=True)]
Identifier = Annotated[str, StringConstraints(max_length=2_048), AfterValidator(_identifier)]
Label = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9-]{1,63}$", to_lower=True)]
Version = Annotated[str, StringConstraints(pattern=r"^[0-9A-Za-z._+-]{1,50}$")]
Count = Annotated[int, Field(strict=True, ge=0, le=2**31 - 1)]
Year = Annotated[int, Field(strict=True, ge=1, le=9_999)]
Day = Annotated[date, BeforeValidator(_written_day)]
Percent = Annotated[int, Field(strict=True, ge=0, le=100)]


def _ascending(pair: tuple[Any, Any]) -> tuple[Any, Any]:
    if pair[0] > pair[1]:
        raise ValueError("the first must not be greater than the second")
    return pair


def _several(item: Any) -> TypeAdapter[Any]:
    return TypeAdapter(Annotated[list[item], Field(min_length=1, max_length=VALUES_MAX)])


def _range(item: Any) -> Mapping[Operator, TypeAdapter[Any]]:
    one = TypeAdapter[Any](item)
    return {
        "gte": one,
        "lte": one,
        "between": TypeAdapter(Annotated[tuple[item, item], AfterValidator(_ascending)]),
    }


class UseValue(BaseModel):
    """A use of one technology; every condition that is given must hold for it.

    `version` is exact or a beginning: `6.1` means 6.1 and 6.1.3. Dates are inclusive.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    technology: Slug
    status: Literal["active", "dropped"] = "active"
    version: Version | None = None
    version_gte: Version | None = None
    version_lte: Version | None = None
    min_confidence: Percent | None = None
    first_observed_gte: Day | None = None
    first_observed_lte: Day | None = None
    last_observed_gte: Day | None = None
    last_observed_lte: Day | None = None

    @model_validator(mode="after")
    def _versions_are_of_active_uses(self) -> UseValue:
        if self.status == "dropped" and self.asks_version:
            raise ValueError("a dropped use is not found by its version")
        return self

    @property
    def asks_version(self) -> bool:
        """Whether the version matters."""
        return any((self.version, self.version_gte, self.version_lte))

    @property
    def asks_dates(self) -> bool:
        """Whether a date matters."""
        return any(
            (
                self.first_observed_gte, self.first_observed_lte,
                self.last_observed_gte, self.last_observed_lte,
            )
        )  # fmt: skip


@dataclass(frozen=True, slots=True)
class Kind:
    """A kind of value by the operators that it has."""

    name: str
    operators: Mapping[Operator, TypeAdapter[Any]]


def _choice(name: str, item: Any, *operators: Operator) -> Kind:
    return Kind(name, dict.fromkeys(operators, _several(item)))


SLUGS = _choice("slugs", Slug, "any_of", "all_of", "none_of")
DROPPED = _choice("slugs", Slug, "any_of")
COUNTRIES = _choice("countries", Country, "any_of", "none_of")
TEXTS = _choice("texts", Text, "any_of", "none_of")
IDENTIFIERS = _choice("identifiers", Identifier, "any_of", "all_of", "none_of")
PARTNERSHIP_KINDS = _choice(
    "partnership_types", Literal["technology", "channel", "generic"], "any_of", "none_of"
)
DOMAINS = _choice("domains", Identifier, "any_of", "none_of")
LABELS = _choice("labels", Label, "any_of", "none_of")
NAME = Kind("text", {"contains": TypeAdapter(Text), "starts_with": TypeAdapter(Text)})
COUNT = Kind("count", _range(Count))
YEAR = Kind("year", _range(Year))
DATE = Kind("date", _range(Day))
FLAG = Kind("boolean", {"is": TypeAdapter(Annotated[bool, Field(strict=True)])})
USE = Kind("technology_use", {"matches": TypeAdapter(UseValue)})

_PARTS = re.compile(r"\d+|[a-z]+")


def version_key(version: str) -> tuple[tuple[int, int | str], ...]:
    """What versions are compared by: numbers as numbers, words (`beta`) before any number."""
    parts = _PARTS.findall(version.lower())
    return tuple((1, int(part)) if part.isdigit() else (0, part) for part in parts)


def is_version(version: str, asked: UseValue) -> bool:
    """Whether a version is one of those asked for."""
    key = version_key(version)
    if asked.version is not None:
        exact = version_key(asked.version)
        if key[: len(exact)] != exact:
            return False
    if asked.version_gte is not None and _padded(key) < _padded(version_key(asked.version_gte)):
        return False
    return asked.version_lte is None or _padded(key) <= _padded(version_key(asked.version_lte))


def _padded(key: tuple[tuple[int, int | str], ...]) -> tuple[tuple[int, int | str], ...]:
    # 6.1 is 6.1.0, and 6.1-beta is before it: what is missing counts as zero.
    return (*key, *(((1, 0),) * (8 - len(key))))
