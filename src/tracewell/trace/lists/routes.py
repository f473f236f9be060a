"""The wire models and routes of lists: a user's key or session only. Free of charge."""

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
)
from tracewell.trace.lists.service import Lists
from tracewell.trace.paging import LIMIT_DEFAULT, Page, Paged, PageLimit, PageNumber, Pager
from tracewell.trace.texts import NO_NUL_PATTERN

_TAG = "Lists"
_ONE = "/v1/lists/{list_id}"

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


class ListAnswer(BaseModel):
    """A list of the caller's org and what the caller may do with it."""

    model_config = ConfigDict(extra="forbid")

    list_id: str
    name: str
    description: str | None
    access_level: Literal["owner", "editor", "viewer"]
    created_at: datetime
    updated_at: datetime


def list_endpoints(service: Lists, pager: Pager) -> tuple[Endpoint, ...]:
    """The endpoints of lists."""

    async def create_list(request: Request, wanted: NewList) -> Response:
        """Makes a list that belongs to the org and is owned by the caller."""
        member = _member(request)
        made = await service.create_list(member, wanted.name, wanted.description)
        return as_response(json_answer(_list(made, member), 201))

    async def list_lists(
        request: Request, page: PageNumber = 1, limit: PageLimit = LIMIT_DEFAULT
    ) -> Response:
        """The lists of the caller's org, in the order they were made."""
        member, wanted = _member(request), Page(page, limit)
        found, total = await service.list_lists(member, wanted)
        rows = [_list(one, member) for one in found]
        return as_response(json_answer(pager.envelope(request.scope, wanted, rows, total)))

    async def get_list(request: Request, list_id: str) -> Response:
        """One list of the caller's org."""
        member = _member(request)
        return as_response(json_answer(_list(await service.get_list(member, list_id), member)))

    async def change_list(request: Request, list_id: str, wanted: ListChanges) -> Response:
        """Changes a list's name or description."""
        member = _member(request)
        changes = Changes(wanted.model_dump(exclude_unset=True))
        changed = await service.change_list(member, list_id, changes)
        return as_response(json_answer(_list(changed, member)))

    async def remove_list(request: Request, list_id: str) -> Response:
        """Removes a list for everybody."""
        await service.remove_list(_member(request), list_id)
        return Response(status_code=204)

    users = Access(user_only=True)
    needed = (errors.USER_CREDENTIAL_REQUIRED,)
    one = (*needed, errors.LIST_NOT_FOUND)
    change = (*one, errors.LIST_PERMISSION_DENIED)
    return (
        Endpoint(
            "POST", "/v1/lists", create_list, users, "Create a list", ListAnswer, _TAG,
            status=201, errors=needed, takes_body=True,
        ),
        Endpoint(
            "GET", "/v1/lists", list_lists, users, "List the lists", Paged[ListAnswer], _TAG,
            errors=needed,
        ),
        Endpoint(
            "GET", _ONE, get_list, users, "Get a list", ListAnswer, _TAG, errors=one
        ),
        Endpoint(
            "PATCH", _ONE, change_list, users, "Change a list", ListAnswer, _TAG,
            errors=change, takes_body=True,
        ),
        Endpoint(
            "DELETE", _ONE, remove_list, users, "Remove a list", None, _TAG,
            status=204, errors=change,
        ),
    )  # fmt: skip


def _member(request: Request) -> Member:
    principal = passed(request).principal
    assert principal.org_id is not None, "the gate lets no one pass without an org"
    assert principal.user_id is not None, "the endpoint is for users only"
    return Member(principal.org_id, principal.user_id)


def _list(found: CompanyList, member: Member) -> dict[str, Any]:
    return {
        "list_id": found.list_id,
        "name": found.name,
        "description": found.description,
        "access_level": found.access_of(member.user_id),
        "created_at": format_utc(found.created_at),
        "updated_at": format_utc(found.updated_at),
    }
