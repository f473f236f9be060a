"""The wire models and routes of churn from technologies to technologies."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import Request
from pydantic import Field
from starlette.responses import Response

from tracewell.kernel.clock import Clock
from tracewell.kernel.http.answer import as_response, json_answer
from tracewell.kernel.http.app import passed
from tracewell.kernel.http.endpoint import Endpoint
from tracewell.trace import errors
from tracewell.trace.computations.churn import ChurnQuery, Churns, TechnologyGroup
from tracewell.trace.computations.model import (
    PATIENCE_MONTHS_MAX,
    SUCCESSORS_MAX,
    Churn,
    Churned,
    Segment,
    Switcher,
    SwitcherPage,
)
from tracewell.trace.computations.model import Months as Window
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
    technology_name,
)
from tracewell.trace.filters.kinds import Slug
from tracewell.trace.metering import call_of, charge_headers
from tracewell.trace.paging import LIMIT_DEFAULT, Page, Paged, PageLimit, PageNumber, Pager
from tracewell.trace.search.routes import PAID_PAGE, CompanySummary, summaries

_ONE = f"{PATH}/churn"
_ERRORS = (
    errors.TECHNOLOGY_NOT_FOUND, errors.CATEGORY_NOT_FOUND, errors.VENDOR_NOT_FOUND, *WITH_SEGMENT
)  # fmt: skip

Patience = Annotated[int, Field(ge=0, le=PATIENCE_MONTHS_MAX)]


class OneTechnology(Model):
    """A technology by slug."""

    technology: Slug


class OneCategory(Model):
    """All technologies of a category, by slug."""

    category: Slug


class OneVendor(Model):
    """All technologies of a vendor, by slug."""

    vendor: Slug


GroupQuestion = OneTechnology | OneCategory | OneVendor


class SwitchQuestion(MonthsQuestion):
    """What was dropped, in which months, and how near to the drop an adoption follows it: from
    `months_before` before to `months_after` after, as successors are often tried first."""

    dropped: GroupQuestion
    months_before: Patience = 3
    months_after: Patience = 6
    segment: SegmentQuestion | None = Field(default=None, description="All companies without it.")


class ChurnQuestion(SwitchQuestion):
    """A matrix: without `adopted`, what shares a category with what was dropped."""

    adopted: GroupQuestion | None = None
    top: int = Field(default=10, ge=1, le=SUCCESSORS_MAX, description="Rows, and cells of each.")


class SwitchersQuestion(SwitchQuestion):
    """The companies behind a cell, a row or a whole matrix, by what they adopted."""

    adopted: GroupQuestion


class SuccessorAnswer(TechnologyName):
    """What so many companies adopted around their drop; `share` is of those who dropped."""

    company_count: int
    share: float


class ChurnedAnswer(TechnologyName):
    """A technology that companies dropped; `switched_count` of them adopted a successor."""

    dropped_count: int
    switched_count: int
    successor_count: int
    successors: list[SuccessorAnswer]


class ChurnAnswer(Model):
    """The matrix of churn, a row for each technology that was dropped, most companies first.

    A company counts once in `dropped_count` and `switched_count`, and in each cell that fits it.
    """

    from_month: str
    to_month: str
    dropped_count: int
    switched_count: int
    row_count: int
    rows: list[ChurnedAnswer]


class SwitchAnswer(Model):
    """From which technology to which, and in which months."""

    dropped: TechnologyName
    adopted: TechnologyName
    dropped_month: str
    adopted_month: str


class SwitcherAnswer(CompanySummary):
    """A company with its switches, in the order of the drops."""

    switches: list[SwitchAnswer]


def churn_endpoints(service: Churns, pager: Pager, clock: Clock) -> tuple[Endpoint, ...]:
    """The endpoints of churn."""

    async def read_churn(request: Request, asked: ChurnQuestion) -> Response:
        """Of the companies that dropped something in a window of months: how many adopted what
        around that time."""
        query = _query(asked, asked.adopted, optional_segment(request, asked.segment), clock)
        found, charge = await service.read_matrix(call_of(passed(request)), query, asked.top)
        body = _matrix(found, query.months)
        return as_response(json_answer(body, headers=charge_headers(charge)))

    async def list_switchers(
        request: Request,
        asked: SwitchersQuestion,
        page: PageNumber = 1,
        limit: PageLimit = LIMIT_DEFAULT,
    ) -> Response:
        """The companies that dropped something and adopted something else around that time."""
        query = _query(asked, asked.adopted, optional_segment(request, asked.segment), clock)
        wanted, call = Page(page, limit), call_of(passed(request))
        found, charge = await service.list_switchers(call, query, wanted)
        rows = [_switcher(row, found) for row in found.rows]
        body = pager.envelope(request.scope, wanted, rows, found.total)
        return as_response(json_answer(body, headers=charge_headers(charge)))

    return (
        Endpoint(
            "POST", _ONE, read_churn, AGGREGATE, "Count churn between technologies", ChurnAnswer,
            TAG, errors=_ERRORS, takes_body=True,
        ),
        Endpoint(
            "POST", f"{_ONE}/companies", list_switchers, PAID_PAGE,
            "List the companies that switched", Paged[SwitcherAnswer], TAG, errors=_ERRORS,
            takes_body=True,
        ),
    )  # fmt: skip


def _query(
    asked: SwitchQuestion, adopted: GroupQuestion | None, within: Segment | None, clock: Clock
) -> ChurnQuery:
    return ChurnQuery(
        _group(asked.dropped), None if adopted is None else _group(adopted), asked.window(clock),
        asked.months_before, asked.months_after, within,
    )  # fmt: skip


def _group(asked: GroupQuestion) -> TechnologyGroup:
    match asked:
        case OneTechnology():
            return TechnologyGroup("technology", asked.technology)
        case OneCategory():
            return TechnologyGroup("category", asked.category)
        case OneVendor():
            return TechnologyGroup("vendor", asked.vendor)


def _matrix(found: Churn, months: Window) -> dict[str, Any]:
    return {
        "from_month": format_month(months.first),
        "to_month": format_month(months.last),
        "dropped_count": found.dropped_count,
        "switched_count": found.switched_count,
        "row_count": found.row_count,
        "rows": [_row(row, found) for row in found.rows],
    }


def _row(row: Churned, found: Churn) -> dict[str, Any]:
    return {
        **technology_name(found.technologies[row.technology_id]),
        "dropped_count": row.dropped_count,
        "switched_count": row.switched_count,
        "successor_count": row.successor_count,
        "successors": [
            {
                **technology_name(found.technologies[one.technology_id]),
                "company_count": one.count,
                "share": rounded(one.count / row.dropped_count),
            }
            for one in row.successors
        ],
    }


def _switcher(row: Switcher, found: SwitcherPage) -> dict[str, Any]:
    switches = [
        {
            "dropped": technology_name(found.technologies[one.dropped_id]),
            "adopted": technology_name(found.technologies[one.adopted_id]),
            "dropped_month": format_month(one.dropped_month),
            "adopted_month": format_month(one.adopted_month),
        }
        for one in row.switches
    ]
    return {**summaries([row.company])[0], "switches": switches}
