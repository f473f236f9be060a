"""The wire models and routes of look-alikes. Metered: one credit per net-new company."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import Path, Request
from pydantic import Field, StringConstraints
from starlette.responses import Response

from tracewell.kernel.http.answer import as_response, json_answer
from tracewell.kernel.http.app import passed
from tracewell.kernel.http.endpoint import Endpoint
from tracewell.trace import errors
from tracewell.trace.companies.domains import IDENTIFIER_CHARS_MAX
from tracewell.trace.computations.look_alikes import LookAlikes
from tracewell.trace.computations.model import LookAlike, Segment
from tracewell.trace.computations.wire import (
    PATH,
    TAG,
    WITH_SEGMENT,
    Model,
    SegmentQuestion,
    TraitAnswer,
    company_head,
    optional_segment,
    rounded,
    trait,
)
from tracewell.trace.details.routes import CompanyHead
from tracewell.trace.metering import call_of, charge_headers
from tracewell.trace.paging import LIMIT_DEFAULT, Page, PageLimit, PageNumber, Pager, Pagination
from tracewell.trace.search.routes import PAID_PAGE, CompanySummary, summaries

_ONE = f"{PATH}/look-alikes"


class LookAlikeQuestion(Model):
    """A company by domain or slug, and among whom to look: all companies without a `segment`."""

    company: Annotated[str, StringConstraints(min_length=1, max_length=IDENTIFIER_CHARS_MAX)]
    segment: SegmentQuestion | None = None


class LookAlikeAnswer(CompanySummary):
    """A company, how alike its stack is, and why.

    `score`, from 0 to 1: twice what the shared technologies say over what both stacks say (Lin
    1998), so that rare technologies weigh more; 1 means the same stack, apart from what all run.
    """

    score: float
    shared_count: int
    shared: list[TraitAnswer] = Field(description="The rarest of them, at most ten.")


class LookAlikesAnswer(Model):
    """A page of the most similar companies, of at most 1,000."""

    company: CompanyHead
    data: list[LookAlikeAnswer]
    pagination: Pagination


def look_alike_endpoints(service: LookAlikes, pager: Pager) -> tuple[Endpoint, ...]:
    """The endpoints of look-alikes."""

    async def told(
        request: Request, identifier: str, within: Segment | None, page: Page
    ) -> Response:
        call = call_of(passed(request))
        found, charge = await service.list_look_alikes(call, identifier, within, page)
        rows = [_row(one) for one in found.rows]
        body = {
            "company": company_head(found.company),
            **pager.envelope(request.scope, page, rows, found.total),
        }
        return as_response(json_answer(body, headers=charge_headers(charge)))

    async def list_look_alikes(
        request: Request,
        identifier: Annotated[str, Path(description="A domain or a slug.")],
        page: PageNumber = 1,
        limit: PageLimit = LIMIT_DEFAULT,
    ) -> Response:
        """The companies whose stacks are most like that of a company, which is free itself."""
        return await told(request, identifier, None, Page(page, limit))

    async def list_look_alikes_within(
        request: Request,
        asked: LookAlikeQuestion,
        page: PageNumber = 1,
        limit: PageLimit = LIMIT_DEFAULT,
    ) -> Response:
        """The same among the companies of a segment: a list, or a filter tree."""
        within = optional_segment(request, asked.segment)
        return await told(request, asked.company, within, Page(page, limit))

    return (
        Endpoint(
            "GET", f"{_ONE}/{{identifier}}", list_look_alikes, PAID_PAGE,
            "List a company's look-alikes", LookAlikesAnswer, TAG,
            errors=(errors.COMPANY_NOT_FOUND, errors.CREDIT_EXHAUSTED),
        ),
        Endpoint(
            "POST", _ONE, list_look_alikes_within, PAID_PAGE,
            "List a company's look-alikes in a segment", LookAlikesAnswer, TAG,
            errors=(errors.COMPANY_NOT_FOUND, *WITH_SEGMENT), takes_body=True,
        ),
    )  # fmt: skip


def _row(one: LookAlike) -> dict[str, Any]:
    return {
        **summaries([one.company])[0],
        "score": rounded(one.score),
        "shared_count": one.shared_count,
        "shared": [trait(reason) for reason in one.shared],
    }
