"""`/v1/audit`: wire models and thin routes."""

from __future__ import annotations

from typing import Literal

import orjson
from fastapi import Request
from pydantic import BaseModel, Field
from starlette.responses import Response

from tracewell.intrace import errors
from tracewell.intrace.audit.model import AuditFilter
from tracewell.intrace.audit.parameters import (
    Cursor,
    From,
    Limit,
    RequestId,
    To,
    UserId,
    is_request_id,
    parse_first,
    parse_last,
)
from tracewell.intrace.audit.service import Audit
from tracewell.kernel.errors import ApiError
from tracewell.kernel.http.answer import Answer, as_response
from tracewell.kernel.http.endpoint import Access, Endpoint

_ACCESS = Access(scopes=frozenset({"audit:read"}))


class PrincipalModel(BaseModel):
    """Who called; the fields of the other type are null."""

    type: Literal["user", "service_account"]
    user_id: str | None
    user_email: str | None
    idp_session_id: str | None
    api_key_id: str | None
    service_account_name: str | None


class AuditRecordModel(BaseModel):
    """A lookup as it was logged, before any source was asked."""

    request_id: str
    principal: PrincipalModel
    organization_id: str
    source_ip: str | None
    requester_reference: str | None = Field(description="As the caller sent it, byte for byte.")
    identifiers_queried: int = Field(ge=0, description="How many; their values are not logged.")
    logged_at: str = Field(json_schema_extra={"format": "date-time"})


class AccessedModel(BaseModel):
    """What of somebody else's was read."""

    resource: Literal["lookup", "report", "analysis"]
    request_id: str


class ChangedModel(BaseModel):
    """What was erased or undone."""

    action: Literal["erased", "undone"]
    resource: Literal["lookup", "entity"]
    id: str


class LoggedModel(AuditRecordModel):
    """A record of the log: of a lookup or analysis; with `accessed`, of the reading of another's;
    with `changed`, of an erasure or an undoing."""

    # Absent, not null, in the record of a lookup: those are the contract's fields and no more.
    accessed: AccessedModel = Field(default_factory=lambda: AccessedModel.model_construct())
    changed: ChangedModel = Field(default_factory=lambda: ChangedModel.model_construct())


class AuditPageModel(BaseModel):
    """A page of the log, the newest record first."""

    records: list[LoggedModel]
    total: int = Field(ge=0, description="How many records match, on all pages.")
    next_cursor: str | None


class AuditRoutes:
    """The routes over one log."""

    def __init__(self, audit: Audit) -> None:
        self._audit = audit

    async def list_audit_records(
        self,
        request: Request,
        from_: From = None,
        to: To = None,
        user_id: UserId = None,
        limit: Limit = 100,
        cursor: Cursor = None,
    ) -> Response:
        """The log of lookups, of analyses, and of who read what belongs to others.

        Bounds are inclusive. Records hold the number of identifiers, never their values.
        """
        wanted = AuditFilter(parse_first(from_) if from_ else None, parse_last(to) if to else None,
                             user_id)  # fmt: skip
        page = await self._audit.list_records(wanted, cursor=cursor, limit=limit)
        records = [orjson.Fragment(record) for record in page.records]
        body = {"records": records, "total": page.total, "next_cursor": page.next_cursor}
        return as_response(Answer(200, orjson.dumps(body)))

    async def get_audit_record(self, request: Request, request_id: RequestId) -> Response:
        """The record of one request."""
        if not is_request_id(request_id):
            raise ApiError(errors.NOT_FOUND)
        return as_response(Answer(200, await self._audit.get_record(request_id)))


def audit_endpoints(audit: Audit) -> tuple[Endpoint, ...]:
    """The endpoints of this feature."""
    routes = AuditRoutes(audit)
    return (
        Endpoint(
            "GET",
            "/v1/audit",
            routes.list_audit_records,
            _ACCESS,
            "List audit records",
            AuditPageModel,
            "audit",
        ),
        Endpoint(
            "GET",
            "/v1/audit/{request_id}",
            routes.get_audit_record,
            _ACCESS,
            "Get an audit record",
            LoggedModel,
            "audit",
        ),
    )
