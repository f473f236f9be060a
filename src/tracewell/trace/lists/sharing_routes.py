"""The wire models and routes of sharing a list with colleagues. Free of charge."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any

from fastapi import Path, Request
from pydantic import BaseModel, ConfigDict, Field
from starlette.responses import Response

from tracewell.kernel.clock import format_utc
from tracewell.kernel.http.answer import as_response, json_answer
from tracewell.kernel.http.endpoint import Endpoint
from tracewell.trace import errors
from tracewell.trace.lists.model import Grant, Share
from tracewell.trace.lists.routes import (
    CHANGE,
    ONE,
    ONE_LIST,
    TAG,
    USERS,
    ListAnswer,
    list_row,
    member_of,
)
from tracewell.trace.lists.sharing import Sharing
from tracewell.trace.paging import LIMIT_DEFAULT, Page, Paged, PageLimit, PageNumber, Pager
from tracewell.trace.texts import NO_NUL_PATTERN

UserId = Annotated[int, Path(ge=1, le=2**62)]
Email = Annotated[str, Field(min_length=3, max_length=320, pattern=NO_NUL_PATTERN)]


class NewShare(BaseModel):
    """Which colleague is given what."""

    model_config = ConfigDict(extra="forbid")

    email: Email
    access_level: Share


class ShareChange(BaseModel):
    """The level from now on."""

    model_config = ConfigDict(extra="forbid")

    access_level: Share


class NewOwner(BaseModel):
    """The colleague who owns the list from now on."""

    model_config = ConfigDict(extra="forbid")

    email: Email


class ShareAnswer(BaseModel):
    """What a colleague was given; it goes before what the org may do."""

    model_config = ConfigDict(extra="forbid")

    user_id: int
    email: str
    access_level: Share
    granted_by: int
    created_at: datetime


def sharing_endpoints(service: Sharing, pager: Pager) -> tuple[Endpoint, ...]:
    """Grants, and the change of the owner."""

    async def list_shares(
        request: Request, list_id: str, page: PageNumber = 1, limit: PageLimit = LIMIT_DEFAULT
    ) -> Response:
        """The colleagues who were given a level of their own, by address."""
        wanted = Page(page, limit)
        found, total = await service.list_shares(member_of(request), list_id, wanted)
        rows = [_share(one) for one in found]
        return as_response(json_answer(pager.envelope(request.scope, wanted, rows, total)))

    async def grant_share(request: Request, list_id: str, wanted: NewShare) -> Response:
        """Gives a colleague a level, whatever it was."""
        member = member_of(request)
        made = await service.grant(member, list_id, wanted.email, wanted.access_level)
        return as_response(json_answer(_share(made), 201))

    async def change_share(
        request: Request, list_id: str, user_id: UserId, wanted: ShareChange
    ) -> Response:
        """Changes the level of a colleague who was given one."""
        member = member_of(request)
        made = await service.change(member, list_id, user_id, wanted.access_level)
        return as_response(json_answer(_share(made)))

    async def revoke_share(request: Request, list_id: str, user_id: UserId) -> Response:
        """Takes a level back: the colleague may do what the org may."""
        await service.revoke(member_of(request), list_id, user_id)
        return Response(status_code=204)

    async def transfer_list(request: Request, list_id: str, wanted: NewOwner) -> Response:
        """Makes a colleague the owner; who owned the list becomes an editor."""
        member = member_of(request)
        found = await service.transfer(member, list_id, wanted.email)
        return as_response(json_answer(list_row(found, member)))

    path, some = f"{ONE_LIST}/shares", (*CHANGE, errors.USER_NOT_FOUND)
    return (
        Endpoint(
            "GET", path, list_shares, USERS, "List a list's shares", Paged[ShareAnswer], TAG,
            errors=ONE,
        ),
        Endpoint(
            "POST", path, grant_share, USERS, "Share a list", ShareAnswer, TAG, status=201,
            errors=some, takes_body=True,
        ),
        Endpoint(
            "PATCH", f"{path}/{{user_id}}", change_share, USERS, "Change a share", ShareAnswer,
            TAG, errors=some, takes_body=True,
        ),
        Endpoint(
            "DELETE", f"{path}/{{user_id}}", revoke_share, USERS, "Revoke a share", None, TAG,
            status=204, errors=some,
        ),
        Endpoint(
            "POST", f"{ONE_LIST}/transfer", transfer_list, USERS, "Give a list to a colleague",
            ListAnswer, TAG, errors=some, takes_body=True,
        ),
    )  # fmt: skip


def _share(grant: Grant) -> dict[str, Any]:
    return {
        "user_id": grant.user_id,
        "email": grant.email,
        "access_level": grant.access_level,
        "granted_by": grant.granted_by,
        "created_at": format_utc(grant.created_at),
    }
