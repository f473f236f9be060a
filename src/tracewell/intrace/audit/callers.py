"""From a request that the gate let through to the caller whom audit records and owners name."""

from __future__ import annotations

from fastapi import Request

from tracewell.intrace.access import Roles, scopes_of
from tracewell.intrace.audit.model import AuditPrincipal, Caller
from tracewell.kernel.http.app import passed
from tracewell.kernel.identity.model import Principal

READS_OTHERS = "audit:read"
"""Beside the endpoint's own scope, what it takes to read what belongs to another principal."""


def caller_of(request: Request, roles: Roles) -> Caller:
    """The caller of a request, `roles` being those that the gate judged by."""
    found = passed(request)
    principal = found.principal
    client = found.scope.get("client")
    return Caller(
        request_id=found.request_id,
        owner=_owner_of(principal),
        principal=AuditPrincipal(
            user_id=principal.subject,
            user_email=principal.email,
            idp_session_id=principal.idp_session_id,
            api_key_id=principal.key_id,
            service_account_name=principal.service_name,
        ),
        source_ip=client[0] if client else None,
        reads_others=READS_OTHERS in scopes_of(principal.roles, roles),
    )


def _owner_of(principal: Principal) -> str:
    # A service account keeps its lookups when its key is rotated.
    if principal.subject is not None:
        return f"user:{principal.subject}"
    if principal.service_name is not None:
        return f"service:{principal.service_name}"
    return f"key:{principal.key_id}"
