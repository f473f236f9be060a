"""The wire models and routes of flags. Free of charge, for any key."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any, Literal

from fastapi import Path, Request
from pydantic import BaseModel, ConfigDict, Field
from starlette.responses import Response

from tracewell.kernel.clock import format_utc, format_utc_or_none
from tracewell.kernel.http.answer import as_response, json_answer
from tracewell.kernel.http.app import passed
from tracewell.kernel.http.endpoint import Access, Endpoint
from tracewell.trace import errors
from tracewell.trace.flags.model import DESCRIPTION_CHARS_MAX, Flag, FlagStatus
from tracewell.trace.flags.service import Flags
from tracewell.trace.metering import call_of
from tracewell.trace.texts import NO_NUL_PATTERN

_TAG = "Flags"


class FlagWanted(BaseModel):
    """What is wrong with the company, in words; a blank description is as good as none."""

    model_config = ConfigDict(extra="forbid")

    description: str | None = Field(
        default=None, max_length=DESCRIPTION_CHARS_MAX, pattern=NO_NUL_PATTERN
    )


class FlagQueued(BaseModel):
    """The flag waits for the operator; nothing about the company has changed."""

    model_config = ConfigDict(extra="forbid")

    flag_id: str
    company_id: int
    status: Literal["queued"]


class FlagAnswer(BaseModel):
    """What became of a flag; `note` is the operator's answer, null while the flag waits."""

    model_config = ConfigDict(extra="forbid")

    flag_id: str
    company_id: int
    status: FlagStatus
    description: str | None
    note: str | None
    created_at: datetime
    decided_at: datetime | None


def flag_endpoints(service: Flags) -> tuple[Endpoint, ...]:
    """The endpoints of flags."""

    async def flag_company(
        request: Request,
        identifier: Annotated[str, Path(description="A domain or a slug.")],
        wanted: FlagWanted | None = None,
    ) -> Response:
        """Tells the operator that something about a company is wrong; the body may be left out."""
        found = passed(request)
        description = wanted.description if wanted is not None else None
        flag = await service.create_flag(call_of(found), found.params["identifier"], description)
        told = {"flag_id": flag.flag_id, "company_id": flag.company_id, "status": flag.status}
        return as_response(json_answer(told, 201))

    async def get_flag(request: Request, flag_id: str) -> Response:
        """What became of a flag of the caller's org."""
        flag = await service.get_flag(call_of(passed(request)).org_id, flag_id)
        return as_response(json_answer(describe_flag(flag)))

    return (
        Endpoint(
            "POST", "/v1/companies/{identifier}/flags", flag_company, Access(), "Flag a company",
            FlagQueued, _TAG, status=201, errors=(errors.FLAGGED_COMPANY_NOT_FOUND,),
            takes_body=True,
        ),
        Endpoint(
            "GET", "/v1/flags/{flag_id}", get_flag, Access(), "Get a flag", FlagAnswer, _TAG,
            errors=(errors.FLAG_NOT_FOUND,),
        ),
    )  # fmt: skip


def describe_flag(flag: Flag) -> dict[str, Any]:
    """A flag as it is told."""
    return {
        "flag_id": flag.flag_id,
        "company_id": flag.company_id,
        "status": flag.status,
        "description": flag.description,
        "note": flag.note,
        "created_at": format_utc(flag.created_at),
        "decided_at": format_utc_or_none(flag.decided_at),
    }
