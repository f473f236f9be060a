"""The wire models and routes of overlaps."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import Path, Query, Request
from pydantic import Field
from starlette.responses import Response

from tracewell.kernel.http.answer import as_response, json_answer
from tracewell.kernel.http.app import passed
from tracewell.kernel.http.endpoint import Access, Endpoint
from tracewell.trace import errors
from tracewell.trace.computations.model import Compared, OverlapSort, Part, SegmentOverlap, Side
from tracewell.trace.computations.overlap import Overlap
from tracewell.trace.computations.wire import (
    AGGREGATE,
    PATH,
    TAG,
    WITH_SEGMENT,
    Model,
    SegmentQuestion,
    TechnologyName,
    TraitAnswer,
    company_head,
    rounded,
    segment_of,
    technology_name,
    trait,
)
from tracewell.trace.details.routes import CompanyHead
from tracewell.trace.metering import call_of, charge_headers
from tracewell.trace.paging import (
    LIMIT_DEFAULT,
    Page,
    Paged,
    PageLimit,
    PageNumber,
    Pager,
    Pagination,
)
from tracewell.trace.search.routes import PAID_PAGE, CompanySummary, summaries

_ONE = f"{PATH}/overlap"

Identifier = Annotated[str, Path(description="A domain or a slug.")]


class OverlapQuestion(Model):
    """Two segments; they may have companies in common."""

    a: SegmentQuestion
    b: SegmentQuestion


class CompanyOverlapAnswer(Model):
    """Two stacks side by side, the rarest technologies first.

    `jaccard` is the share of all their technologies that both run; `similarity` twice what the
    shared ones say over what both stacks say, so that rare ones weigh more (Lin 1998). Null where
    there is nothing to compare.
    """

    companies: list[CompanyHead]
    jaccard: float | None
    similarity: float | None
    shared: list[TraitAnswer]
    only_a: list[TraitAnswer]
    only_b: list[TraitAnswer]


class SegmentCount(Model):
    """How many companies there are."""

    company_count: int


class ComparedTechnology(TechnologyName):
    """A technology in two segments.

    `lift` is the share in `a` over the share in `b`, null where none of `b` runs it. `p_value` is
    the probability of such a difference by chance (log-likelihood ratio; companies in both segments
    are left out), `q_value` the same with regard to how many technologies were compared
    (Benjamini-Hochberg); null where a segment has no company of its own.
    """

    a_count: int
    b_count: int
    both_count: int = Field(description="Companies in both segments that run it.")
    a_share: float | None
    b_share: float | None
    lift: float | None
    p_value: float | None
    q_value: float | None


class SegmentOverlapAnswer(Model):
    """Two segments and a page of the technologies that their companies run."""

    a: SegmentCount
    b: SegmentCount
    both: SegmentCount
    jaccard: float | None = Field(description="Companies in both over companies in either.")
    data: list[ComparedTechnology]
    pagination: Pagination


def overlap_endpoints(service: Overlap, pager: Pager) -> tuple[Endpoint, ...]:
    """The endpoints of overlaps."""

    async def compare_companies(request: Request, a: Identifier, b: Identifier) -> Response:
        """What two companies both run, and what each runs alone."""
        found, charge = await service.of_companies(call_of(passed(request)), a, b)
        body = {
            "companies": [company_head(found.first), company_head(found.second)],
            "jaccard": rounded(found.jaccard),
            "similarity": rounded(found.similarity),
            "shared": [trait(one) for one in found.shared],
            "only_a": [trait(one) for one in found.only_first],
            "only_b": [trait(one) for one in found.only_second],
        }
        return as_response(json_answer(body, headers=charge_headers(charge)))

    async def compare_segments(
        request: Request,
        asked: OverlapQuestion,
        technologies: Annotated[Side, Query(description="Run in both, or in one only.")] = "shared",
        sort: OverlapSort = "-common_share",
        page: PageNumber = 1,
        limit: PageLimit = LIMIT_DEFAULT,
    ) -> Response:
        """Which technologies two segments share, and what is typical of one of them. A segment is a
        list, or a filter tree as in a list's definition. By default the technologies first that are
        common in both."""
        a, b = segment_of(request, asked.a, "a"), segment_of(request, asked.b, "b")
        wanted, call = Page(page, limit), call_of(passed(request))
        found, charge = await service.of_segments(call, a, b, technologies, sort, wanted)
        rows = [_compared(row, found) for row in found.rows]
        body = {**_counts(found), **pager.envelope(request.scope, wanted, rows, found.total)}
        return as_response(json_answer(body, headers=charge_headers(charge)))

    async def list_common_companies(
        request: Request,
        asked: OverlapQuestion,
        part: Part = "both",
        page: PageNumber = 1,
        limit: PageLimit = LIMIT_DEFAULT,
    ) -> Response:
        """The companies in both segments, or in one of them only, by name."""
        a, b = segment_of(request, asked.a, "a"), segment_of(request, asked.b, "b")
        wanted, call = Page(page, limit), call_of(passed(request))
        (found, total), charge = await service.list_companies(call, a, b, part, wanted)
        body = pager.envelope(request.scope, wanted, summaries(found), total)
        return as_response(json_answer(body, headers=charge_headers(charge)))

    return (
        Endpoint(
            "GET", f"{_ONE}/{{a}}/{{b}}", compare_companies,
            Access(charges="1 credit for each of the two companies that is not unlocked"),
            "Compare the stacks of two companies", CompanyOverlapAnswer, TAG,
            errors=(errors.COMPANY_NOT_FOUND, errors.CREDIT_EXHAUSTED),
        ),
        Endpoint(
            "POST", _ONE, compare_segments, AGGREGATE, "Compare the technologies of two segments",
            SegmentOverlapAnswer, TAG, errors=WITH_SEGMENT, takes_body=True,
        ),
        Endpoint(
            "POST", f"{_ONE}/companies", list_common_companies, PAID_PAGE,
            "List the companies of two segments", Paged[CompanySummary], TAG, errors=WITH_SEGMENT,
            takes_body=True,
        ),
    )  # fmt: skip


def _counts(found: SegmentOverlap) -> dict[str, Any]:
    either = found.a_count + found.b_count - found.both_count
    return {
        "a": {"company_count": found.a_count},
        "b": {"company_count": found.b_count},
        "both": {"company_count": found.both_count},
        "jaccard": rounded(found.both_count / either) if either else None,
    }


def _compared(row: Compared, found: SegmentOverlap) -> dict[str, Any]:
    in_a, in_b = row.a_count * found.b_count, row.b_count * found.a_count
    return {
        **technology_name(found.technologies[row.technology_id]),
        "a_count": row.a_count,
        "b_count": row.b_count,
        "both_count": row.both_count,
        "a_share": rounded(row.a_count / found.a_count) if found.a_count else None,
        "b_share": rounded(row.b_count / found.b_count) if found.b_count else None,
        "lift": rounded(in_a / in_b) if in_b else None,
        "p_value": row.p_value,
        "q_value": row.q_value,
    }
