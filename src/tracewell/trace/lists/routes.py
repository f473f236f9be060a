"""The wire models and routes of lists as such: a user's key or session only. Free of charge."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any, Literal

from fastapi import Request
from pydantic import BaseModel, ConfigDict, Field, StringConstraints
from starlette.responses import Response

from tracewell.kernel.clock import format_utc
from tracewell.kernel.http.answer import as_response, json_answer
from tracewell.kernel.http.app import passed
from tracewell.kernel.http.endpoint import Access, Endpoint
from tracewell.trace import errors
from tracewell.trace.lists.model import (
    DESCRIPTION_CHARS_MAX,
    NAME_CHARS_MAX,
    Changes,
    CompanyList,
    Member,
    Share,
)
from tracewell.trace.lists.service import Lists
from tracewell.trace.paging import LIMIT_DEFAULT, Page, Paged, PageLimit, PageNumber, Pager
from tracewell.trace.texts import NO_NUL_PATTERN

TAG = "Lists"
ONE_LIST = "/v1/lists/{list_id}"
USERS = Access(user_only=True)
NEEDED = (errors.USER_CREDENTIAL_REQUIRED,)
ONE = (*NEEDED, errors.LIST_NOT_FOUND)
CHANGE = (*ONE, errors.LIST_PERMISSION_DENIED)

# At least one character that is no space.
Name = Annotated[
    str,
    StringConstraints(max_length=NAME_CHARS_MAX, pattern=r"^[^\u0000]*[^\u0000\s][^\u0000]*$"),
]
Description = Annotated[
    str, StringConstraints(max_length=DESCRIPTION_CHARS_MAX, pattern=NO_NUL_PATTERN)
]


class NewList(BaseModel):
    """A list to be made."""

    model_config = ConfigDict(extra="forbid")

    name: Name
    description: Description | None = None


class ListChanges(BaseModel):
    """What is to change; what is left out stays. A description of null is removed."""

    model_config = ConfigDict(extra="forbid")

    name: Name = Field(default_factory=str)
    description: Description | None = None
    org_access: Share = Field(
        default="viewer", description="What all colleagues may do; the owner's to change."
    )


class ListAnswer(BaseModel):
    """A list of the caller's org and what the caller may do with it."""

    model_config = ConfigDict(extra="forbid")

    list_id: str
    name: str
    description: str | None
    access_level: Literal["owner", "editor", "viewer"]
    org_access: Share
    owner_id: int
    definition_version: int = Field(description="0: no definition was put yet.")
    created_at: datetime
    updated_at: datetime


class AuditAnswer(BaseModel):
    """One change of a list, or one export of its members."""

    model_config = ConfigDict(extra="forbid")

    number: int
    action: str
    user_id: int
    details: dict[str, Any]
    created_at: datetime


def list_endpoints(service: Lists, pager: Pager) -> tuple[Endpoint, ...]:
    """The endpoints of lists."""

    async def create_list(request: Request, wanted: NewList) -> Response:
        """Makes a list that belongs to the org and is owned by the caller."""
        member = member_of(request)
        made = await service.create_list(member, wanted.name, wanted.description)
        return as_response(json_answer(list_row(made, member), 201))

    async def list_lists(
        request: Request, page: PageNumber = 1, limit: PageLimit = LIMIT_DEFAULT
    ) -> Response:
        """The lists of the caller's org, in the order they were made."""
        member, wanted = member_of(request), Page(page, limit)
        found, total = await service.list_lists(member, wanted)
        rows = [list_row(one, member) for one in found]
        return as_response(json_answer(pager.envelope(request.scope, wanted, rows, total)))

    async def get_list(request: Request, list_id: str) -> Response:
        """One list of the caller's org."""
        member = member_of(request)
        return as_response(json_answer(list_row(await service.get_list(member, list_id), member)))

    async def change_list(request: Request, list_id: str, wanted: ListChanges) -> Response:
        """Changes a list's name or description."""
        member = member_of(request)
        changes = Changes(wanted.model_dump(exclude_unset=True))
        changed = await service.change_list(member, list_id, changes)
        return as_response(json_answer(list_row(changed, member)))

    async def remove_list(request: Request, list_id: str) -> Response:
        """Removes a list for everybody."""
        await service.remove_list(member_of(request), list_id)
        return Response(status_code=204)

    async def list_audit(
        request: Request, list_id: str, page: PageNumber = 1, limit: PageLimit = LIMIT_DEFAULT
    ) -> Response:
        """Who changed what of the list, and who exported its members: the newest first."""
        wanted = Page(page, limit)
        found, total = await service.list_audit(member_of(request), list_id, wanted)
        rows = [
            {
                "number": one.number,
                "action": one.action,
                "user_id": one.user_id,
                "details": one.details,
                "created_at": format_utc(one.created_at),
            }
            for one in found
        ]
        return as_response(json_answer(pager.envelope(request.scope, wanted, rows, total)))

    return (
        Endpoint(
            "POST", "/v1/lists", create_list, USERS, "Create a list", ListAnswer, TAG,
            status=201, errors=NEEDED, takes_body=True,
        ),
        Endpoint(
            "GET", "/v1/lists", list_lists, USERS, "List the lists", Paged[ListAnswer], TAG,
            errors=NEEDED,
        ),
        Endpoint(
            "GET", ONE_LIST, get_list, USERS, "Get a list", ListAnswer, TAG, errors=ONE
        ),
        Endpoint(
            "PATCH", ONE_LIST, change_list, USERS, "Change a list", ListAnswer, TAG,
            errors=CHANGE, takes_body=True,
        ),
        Endpoint(
            "DELETE", ONE_LIST, remove_list, USERS, "Remove a list", None, TAG,
            status=204, errors=CHANGE,
        ),
        Endpoint(
            "GET", f"{ONE_LIST}/audit-log", list_audit, USERS, "List a list's changes",
            Paged[AuditAnswer], TAG, errors=ONE,
        ),
    )  # fmt: skip


def member_of(request: Request) -> Member:
    """The user who asks, for the org."""
    principal = passed(request).principal
    assert principal.org_id is not None, "the gate lets no one pass without an org"
    assert principal.user_id is not None, "the endpoint is for users only"
    return Member(principal.org_id, principal.user_id)


def list_row(found: CompanyList, member: Member) -> dict[str, Any]:
    """A list as it is told to the member."""
    return {
        "list_id": found.list_id,
        "name": found.name,
        "description": found.description,
        "access_level": found.access_of(member.user_id),
        "org_access": found.org_access,
        "owner_id": found.owner_id,
        "definition_version": found.definition_version,
        "created_at": format_utc(found.created_at),
        "updated_at": format_utc(found.updated_at),
    }
