"""The wire models and route of adoption by month."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import Request
from pydantic import Field, StringConstraints, model_validator
from starlette.responses import Response

from tracewell.kernel.clock import Clock
from tracewell.kernel.http.answer import as_response, json_answer
from tracewell.kernel.http.app import passed
from tracewell.kernel.http.endpoint import Endpoint
from tracewell.trace import errors
from tracewell.trace.computations.adoption import AdoptionQuery, Adoptions
from tracewell.trace.computations.model import GROUPS_MAX, SEGMENTS_MAX, Facet, Group
from tracewell.trace.computations.rules import format_month
from tracewell.trace.computations.wire import (
    AGGREGATE,
    PATH,
    TAG,
    WITH_SEGMENT,
    Model,
    MonthsQuestion,
    SegmentQuestion,
    TechnologyName,
    optional_segment,
    rounded,
    segment_of,
    technology_name,
)
from tracewell.trace.filters.kinds import Slug
from tracewell.trace.metering import call_of, charge_headers
from tracewell.trace.technologies.routes import MonthAnswer
from tracewell.trace.texts import NO_NUL_PATTERN

_NAME_CHARS_MAX = 100


class NamedSegment(Model):
    """A segment and how its row is to be called."""

    name: Annotated[
        str, StringConstraints(min_length=1, max_length=_NAME_CHARS_MAX, pattern=NO_NUL_PATTERN)
    ]
    segment: SegmentQuestion


class AdoptionQuestion(MonthsQuestion):
    """A technology, among whom, and what is told apart: the values of a property, or `segments`."""

    technology: Slug
    segment: SegmentQuestion | None = Field(default=None, description="All companies without it.")
    group_by: Facet | None = None
    top: int = Field(
        default=10, ge=1, le=GROUPS_MAX, description="Values of `group_by`, those of the most."
    )
    segments: list[NamedSegment] = Field(default=[], max_length=SEGMENTS_MAX)

    @model_validator(mode="after")
    def _one_way_of_grouping(self) -> AdoptionQuestion:
        if self.group_by is not None and self.segments:
            raise ValueError("either `group_by` or `segments`")
        return self


class GroupAnswer(Model):
    """Companies as they are told apart: how many there are, how many run the technology now."""

    name: str
    company_count: int
    active_count: int
    active_share: float | None
    months: list[MonthAnswer]


class WholeAnswer(Model):
    """All companies that were asked about."""

    company_count: int
    active_count: int
    active_share: float | None
    months: list[MonthAnswer]


class AdoptionAnswer(Model):
    """A technology by month, among all companies asked about and in groups of them. Companies are
    grouped by what is known of them today."""

    technology: TechnologyName
    from_month: str
    to_month: str
    total: WholeAnswer
    group_count: int = Field(description="Groups that there are, also those beyond `top`.")
    groups: list[GroupAnswer]


def adoption_endpoints(service: Adoptions, clock: Clock) -> tuple[Endpoint, ...]:
    """The endpoint of adoption."""

    async def read_adoption(request: Request, asked: AdoptionQuestion) -> Response:
        """How many companies adopted and dropped a technology in each month and ran it at the
        month's end, among all or in a segment: a list, or a filter tree."""
        months = asked.window(clock)
        within = optional_segment(request, asked.segment)
        own = [
            (one.name, segment_of(request, one.segment, f"segments[{place}].segment"))
            for place, one in enumerate(asked.segments)
        ]
        query = AdoptionQuery(asked.technology, months, within, asked.group_by, asked.top, own)
        found, charge = await service.read(call_of(passed(request)), query)
        whole = _group(found.whole)
        del whole["name"]
        body = {
            "technology": technology_name(found.technology),
            "from_month": format_month(months.first),
            "to_month": format_month(months.last),
            "total": whole,
            "group_count": found.group_count,
            "groups": [_group(group) for group in found.groups],
        }
        return as_response(json_answer(body, headers=charge_headers(charge)))

    return (
        Endpoint(
            "POST", f"{PATH}/adoption", read_adoption, AGGREGATE,
            "Follow the adoption of a technology", AdoptionAnswer, TAG,
            errors=(errors.TECHNOLOGY_NOT_FOUND, *WITH_SEGMENT), takes_body=True,
        ),
    )  # fmt: skip


def _group(group: Group) -> dict[str, Any]:
    share = group.active_count / group.company_count if group.company_count else None
    return {
        "name": group.name,
        "company_count": group.company_count,
        "active_count": group.active_count,
        "active_share": rounded(share),
        "months": [
            {
                "month": format_month(one.month),
                "adopted_count": one.adopted,
                "dropped_count": one.dropped,
                "active_count": one.active,
            }
            for one in group.months
        ],
    }
