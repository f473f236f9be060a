"""The wire models and routes of a list's members. Metered: one credit per net-new company told."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from datetime import datetime
from typing import Annotated, Any, Literal

from fastapi import Query, Request
from pydantic import BaseModel, ConfigDict, Field
from starlette.responses import Response, StreamingResponse

from tracewell.kernel.clock import format_utc
from tracewell.kernel.http.answer import as_response, json_answer
from tracewell.kernel.http.app import passed
from tracewell.kernel.http.endpoint import Access, Endpoint
from tracewell.trace import errors
from tracewell.trace.filters.model import REGISTRY_VERSION
from tracewell.trace.lists.definition_routes import Tree
from tracewell.trace.lists.exporting import MEDIA_TYPES, ExportFormat, member_rows, open_writer
from tracewell.trace.lists.members import ListMember, Members, MembersPage, MembersQuery
from tracewell.trace.lists.model import TIERS, Materialization, Tier
from tracewell.trace.lists.routes import NEEDED, ONE, ONE_LIST, TAG, USERS, member_of
from tracewell.trace.metering import call_of, charge_headers
from tracewell.trace.paging import LIMIT_DEFAULT, PageLimit, Pager
from tracewell.trace.search.routes import CompanySummary
from tracewell.trace.texts import SearchText

PAID = Access(user_only=True, charges="1 credit per company told that is not unlocked")
OFFSET_MAX = 10_000_000

Offset = Annotated[int, Query(ge=0, le=OFFSET_MAX, description="Members before the first.")]
Force = Annotated[bool, Query(description="Compute the members anew, whatever is kept.")]
FileFormat = Annotated[ExportFormat, Query(alias="format", description="The file's format.")]
AsOf = Annotated[
    int | None,
    Query(
        ge=1, le=1 << 53,
        description="The computation that a walk began with, as `next_url` repeats it.",
    ),
]  # fmt: skip
OneTier = Annotated[Tier | None, Query(description="Only members of this tier.")]


class TierCounts(BaseModel):
    """How many companies are in each tier; each is in one only."""

    model_config = ConfigDict(extra="forbid")

    high: int
    medium: int
    exploratory: int
    total: int


class PreviewCount(BaseModel):
    """How many companies fit a tree."""

    model_config = ConfigDict(extra="forbid")

    registry_version: int
    counts: TierCounts


class Materialized(BaseModel):
    """What the members were computed from and when."""

    model_config = ConfigDict(extra="forbid")

    counts: TierCounts
    definition_version: int
    materialized_at: datetime


class MembersMaterialized(Materialized):
    """The same, as of a page. `is_stale`: companies or the list have changed since."""

    is_stale: bool
    as_of: int = Field(description="The computation's number, for the further pages of a walk.")


class MemberAnswer(CompanySummary):
    """A company as a member of a list; `source` is how it came in."""

    tier: Tier
    source: Literal["definition", "added"]


class OffsetPagination(BaseModel):
    """Where a page stands. `next_url` is null on the last page."""

    model_config = ConfigDict(extra="forbid")

    limit: int
    offset: int
    total_results: int
    has_next: bool
    has_prev: bool
    next_url: str | None


class MembersAnswer(BaseModel):
    """A page of a list's members."""

    model_config = ConfigDict(extra="forbid")

    data: list[MemberAnswer]
    pagination: OffsetPagination
    materialization: MembersMaterialized = Field(description="Counts are of the whole list.")


def member_endpoints(service: Members, pager: Pager) -> tuple[Endpoint, ...]:
    """Counting, computing, reading and exporting members."""

    async def preview_count(request: Request, wanted: Tree) -> Response:
        """How many companies fit a tree that is not saved, by tier."""
        tiers = await service.preview(wanted.registry_version, wanted.root)
        counts = _counts({tier: len(tiers[tier]) for tier in TIERS})
        return as_response(json_answer({"registry_version": REGISTRY_VERSION, "counts": counts}))

    async def materialize_list(request: Request, list_id: str) -> Response:
        """Computes the members anew and keeps them; tells how many there are by tier."""
        made = await service.materialize(member_of(request), list_id)
        return as_response(json_answer(_materialized(made)))

    async def list_members(
        request: Request,
        list_id: str,
        limit: PageLimit = LIMIT_DEFAULT,
        offset: Offset = 0,
        tier: OneTier = None,
        search_name_or_domain: SearchText | None = None,
        force_refresh: Force = False,
        as_of: AsOf = None,
    ) -> Response:
        """The members: `high` first, by name within a tier. They are computed anew when the list
        has changed, or companies have and what is kept is older than 15 minutes; not with `as_of`,
        which `next_url` has, so that a walk reads the members that it began with."""
        text = (search_name_or_domain or "").strip() or None
        query = MembersQuery(limit, offset, tier, text, as_of)
        call, member = call_of(passed(request)), member_of(request)
        found, charge = await service.page(call, member, list_id, query, force=force_refresh)
        body = _page(request, pager, query, found)
        return as_response(json_answer(body, headers=charge_headers(charge)))

    async def export_members(
        request: Request,
        list_id: str,
        file_format: FileFormat = "csv",
        tier: OneTier = None,
        force_refresh: Force = False,
    ) -> Response:
        """All members as a file, in the order of the members' pages, streamed: CSV, JSON Lines or
        Parquet. All of them are charged before the first byte; asking again is free for 30 days."""
        call, member = call_of(passed(request)), member_of(request)
        portions, charge = await service.export(call, member, list_id, tier, force=force_refresh)
        name = f'attachment; filename="{list_id}.{file_format}"'
        return StreamingResponse(
            _bytes(file_format, portions),
            media_type=MEDIA_TYPES[file_format],
            headers={**charge_headers(charge), "Content-Disposition": name},
        )

    stale = (errors.STALE_REGISTRY_VERSION,)
    return (
        Endpoint(
            "POST", "/v1/lists/preview-count", preview_count, USERS, "Count what fits a tree",
            PreviewCount, TAG, errors=(*NEEDED, errors.INVALID_DEFINITION, *stale),
            takes_body=True,
        ),
        Endpoint(
            "POST", f"{ONE_LIST}/materialize", materialize_list, USERS, "Compute a list's members",
            Materialized, TAG, errors=(*ONE, *stale),
        ),
        Endpoint(
            "GET", f"{ONE_LIST}/members", list_members, PAID, "List a list's members",
            MembersAnswer, TAG,
            errors=(*ONE, errors.CREDIT_EXHAUSTED, errors.MEMBERS_NOT_KEPT, *stale),
        ),
        Endpoint(
            "GET", f"{ONE_LIST}/export", export_members, PAID, "Export a list's members", None,
            TAG, errors=(*ONE, errors.CREDIT_EXHAUSTED, errors.LIST_TOO_LARGE, *stale),
            media_types=tuple(one.partition(";")[0] for one in MEDIA_TYPES.values()),
        ),
    )  # fmt: skip


async def _bytes(
    file_format: ExportFormat, portions: AsyncIterator[list[ListMember]]
) -> AsyncIterator[bytes]:
    writer = open_writer(file_format)
    async for portion in portions:
        yield writer.rows(portion)
    yield writer.end()


def _page(
    request: Request, pager: Pager, query: MembersQuery, found: MembersPage
) -> dict[str, Any]:
    following = query.offset + query.limit
    has_next = following < min(found.total, OFFSET_MAX + 1)
    number = found.materialization.number
    next_url = pager.url_with(request.scope, offset=following, as_of=number)
    return {
        "data": member_rows(found.rows),
        "pagination": {
            "limit": query.limit,
            "offset": query.offset,
            "total_results": found.total,
            "has_next": has_next,
            "has_prev": query.offset > 0,
            "next_url": next_url if has_next else None,
        },
        "materialization": {
            **_materialized(found.materialization),
            "is_stale": found.is_stale,
            "as_of": number,
        },
    }


def _materialized(made: Materialization) -> dict[str, Any]:
    return {
        "counts": _counts({tier: len(made.of_tier(tier)) for tier in TIERS}),
        "definition_version": made.definition_version,
        "materialized_at": format_utc(made.materialized_at),
    }


def _counts(counts: Mapping[Tier, int]) -> dict[str, int]:
    return {**{str(tier): counts[tier] for tier in TIERS}, "total": sum(counts.values())}
