"""The wire models that computations share: segments in, technologies and companies out."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import Request
from pydantic import BaseModel, ConfigDict, Field, StringConstraints, model_validator

from tracewell.kernel.clock import Clock, format_utc
from tracewell.kernel.http.app import passed
from tracewell.kernel.http.endpoint import Access
from tracewell.trace import errors
from tracewell.trace.companies.heads import Head
from tracewell.trace.computations.model import MONTHS_MAX, RECORDS_BELOW, Months, Segment, Trait
from tracewell.trace.computations.model import ListSegment as ListCompanies
from tracewell.trace.computations.rules import MILLIBITS, parse_month
from tracewell.trace.lists.definition_routes import Tree
from tracewell.trace.lists.routes import member_of
from tracewell.trace.lists.rules import parse_definition
from tracewell.trace.technologies.model import Technology
from tracewell.trace.texts import NO_NUL_PATTERN
from tracewell.trace.wire import require_user

TAG = "Computations"
PATH = "/v1/computations"
WITH_SEGMENT = (
    errors.LIST_NOT_FOUND, errors.USER_CREDENTIAL_REQUIRED, errors.INVALID_DEFINITION,
    errors.STALE_REGISTRY_VERSION, errors.CREDIT_EXHAUSTED,
)  # fmt: skip
AGGREGATE = Access(
    charges=f"free; of a segment of fewer than {RECORDS_BELOW} companies 1 credit per company that"
    " is not unlocked"
)
_MONTHS_USUAL = 24

Month = Annotated[str, StringConstraints(pattern=r"^(19[7-9]\d|20\d\d)-(0[1-9]|1[0-2])$")]


class Model(BaseModel):
    """What is not named here is refused."""

    model_config = ConfigDict(extra="forbid")


class ListSegment(Model):
    """The members of a list of the caller's org: for a user's key or session only."""

    list_id: Annotated[str, StringConstraints(max_length=100, pattern=NO_NUL_PATTERN)]


SegmentQuestion = ListSegment | Tree
"""A list, or a filter tree as in the definition of a list."""


class MonthsQuestion(Model):
    """A window of whole months (UTC), at most ten years; the last two years unless given."""

    from_month: Month | None = Field(default=None, description="The first month: `2025-01`.")
    to_month: Month | None = Field(default=None, description="The last month, itself included.")

    @model_validator(mode="after")
    def _in_order(self) -> MonthsQuestion:
        if self.from_month is not None and self.to_month is not None:
            months = Months(parse_month(self.from_month), parse_month(self.to_month))
            if not 0 < len(months) <= MONTHS_MAX:
                raise ValueError(
                    f"a window has 1 to {MONTHS_MAX} months, `from_month` to `to_month`"
                )
        return self

    def window(self, clock: Clock) -> Months:
        """The months that are meant."""
        if self.to_month is not None:
            last = parse_month(self.to_month)
        elif self.from_month is not None:
            last = parse_month(self.from_month) + _MONTHS_USUAL - 1
        else:
            last = parse_month(format_utc(clock())[:7])
        first = last - _MONTHS_USUAL + 1
        return Months(parse_month(self.from_month) if self.from_month else first, last)


class TechnologyName(Model):
    """A technology."""

    slug: str
    name: str
    categories: list[str]
    vendor: str | None


class TraitAnswer(TechnologyName):
    """A technology, how many companies run it, and what that says of one that does: the fewer do,
    the more (`-log2` of their share)."""

    company_count: int
    information_bits: float


def segment_of(request: Request, asked: SegmentQuestion, path: str) -> Segment:
    """The segment that stands at `path` in the body.

    Raises ApiError (user_credential_required, stale_registry_version, invalid_definition).
    """
    if isinstance(asked, ListSegment):
        require_user(passed(request).principal)
        return ListCompanies(asked.list_id, member_of(request))
    return parse_definition(asked.registry_version, asked.root, f"{path}.root")


def optional_segment(request: Request, asked: SegmentQuestion | None) -> Segment | None:
    """The same of a `segment` that need not be given."""
    return None if asked is None else segment_of(request, asked, "segment")


def technology_name(technology: Technology) -> dict[str, Any]:
    """A technology as it is told."""
    return {
        "slug": technology.slug,
        "name": technology.name,
        "categories": technology.categories,
        "vendor": technology.vendor,
    }


def trait(one: Trait) -> dict[str, Any]:
    """A technology of a stack as it is told."""
    return {
        **technology_name(one.technology),
        "company_count": one.company_count,
        "information_bits": one.information / MILLIBITS,
    }


def company_head(head: Head) -> dict[str, Any]:
    """A company as it was asked for."""
    return {"slug": head.slug, "name": head.name, "primary_domain": head.primary_domain}


def rounded(value: float | None) -> float | None:
    """A share or score with six digits, which say all that can be meant."""
    return None if value is None else round(value, 6)
