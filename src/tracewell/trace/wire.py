"""Trace at the gate: credentials, rights, limits, and the wire shape of every error."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

import orjson
from fastapi.encoders import jsonable_encoder
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException

from tracewell.kernel.credits import CreditsExhausted
from tracewell.kernel.errors import ApiError, ErrorKind
from tracewell.kernel.http.answer import Answer, echoed, json_answer
from tracewell.kernel.http.endpoint import Endpoint
from tracewell.kernel.http.failure_kinds import FailureKinds
from tracewell.kernel.http.failures import GateFailure
from tracewell.kernel.http.gate import Headers
from tracewell.kernel.http.once import HEADER
from tracewell.kernel.idempotency import KeyInUse, KeyReused, TooLargeToKeep, TooMuchKept
from tracewell.kernel.idempotency.model import RETRY_IN_USE_S
from tracewell.kernel.identity.keyring import Keyring
from tracewell.kernel.identity.model import CredentialRefused, Principal, Refusal
from tracewell.kernel.identity.service import Identity
from tracewell.kernel.identity.tokens import TokenRefused
from tracewell.kernel.limits.model import Quota
from tracewell.trace import errors

_USER_CREDENTIALS = "user_api_key_or_jwt"
_CREDENTIAL_NAMES = {
    "org_key": "org_api_key",
    "service_key": "service_api_key",
    "user_key": "user_api_key",
    "session": "jwt",
    "bearer": "jwt",
}

_GATE = FailureKinds(
    route_unknown=errors.ROUTE_NOT_FOUND,
    method_unknown=errors.METHOD_NOT_ALLOWED,
    rate_exceeded=errors.RATE_LIMIT_EXCEEDED,
    body_too_large=errors.REQUEST_TOO_LARGE,
    body_too_slow=errors.REQUEST_TIMEOUT,
    body_not_json=errors.UNSUPPORTED_MEDIA_TYPE,
    headers_too_large=errors.HEADERS_TOO_LARGE,
    unreadable=errors.BAD_REQUEST,
)

HANDLED: tuple[type[Exception], ...] = (ApiError, CreditsExhausted, GateFailure)
"""What a route may raise and Trace describes; all else is the internal error."""

SECURITY = {
    "ApiKey": {"type": "apiKey", "in": "header", "name": "X-API-Key"},
    "Session": {"type": "http", "scheme": "bearer", "bearerFormat": "JWT"},
}


@dataclass(frozen=True, slots=True)
class TraceRules:
    """The gate's decisions for Trace. `requests_per_minute` is the default of a key, which the plan
    of its org (`by_plan`) and then its own limit go before."""

    keyring: Keyring
    identity: Identity
    requests_per_minute: int
    window_s: int = 60
    limits_on_every_answer: bool = False
    by_plan: Mapping[str, int] = field(default_factory=dict)

    async def authenticate(self, headers: Headers) -> Principal:
        """The key's principal, or the signed-in user's. A key decides where both are sent."""
        key = headers.get(b"x-api-key")
        if key is not None:
            principal = await self.keyring.authenticate(key.decode("latin-1"))
            if principal.kind == "service_key":
                raise CredentialRefused(Refusal.UNKNOWN)
            return principal
        scheme, _, token = headers.get(b"authorization", b"").decode("latin-1").partition(" ")
        if not scheme:
            raise CredentialRefused(Refusal.MISSING)
        if scheme.lower() != "bearer":
            raise CredentialRefused(Refusal.UNKNOWN)
        try:
            user = await self.identity.find_session_user(token.strip())
        except TokenRefused as error:
            raise CredentialRefused(Refusal.UNKNOWN) from error
        return Principal(
            kind="session",
            limit_id=f"user:{user.user_id}",
            org_id=user.org_id,
            user_id=user.user_id,
            email_verified=user.verified_at is not None,
            plan=await self._plan_of(user.org_id),
        )

    async def _plan_of(self, org_id: int | None) -> str | None:
        # Asked where it changes something: a signed-in user's calls are not kept like a key's.
        if org_id is None or not self.by_plan:
            return None
        return await self.identity.find_plan(org_id)

    def authorise(self, principal: Principal, endpoint: Endpoint) -> None:
        """Org, proven address, user: in the order in which they can be mended."""
        if principal.org_id is None:
            raise ApiError(errors.KEY_MISSING_ORG_ASSOCIATION)
        if not principal.email_verified:
            raise ApiError(errors.EMAIL_VERIFICATION_REQUIRED)
        if endpoint.access.user_only:
            require_user(principal)

    def quota(self, principal: Principal | None) -> Quota:
        """The key's own limit, or its plan's, or the default."""
        own = None
        if principal is not None:
            own = principal.requests_per_minute or self.by_plan.get(principal.plan or "")
        return Quota(own or self.requests_per_minute, window_s=self.window_s)

    def describe(self, error: Exception, request_id: str) -> Answer:
        """The answer that tells the error."""
        if isinstance(error, RequestValidationError):
            return json_answer({"detail": jsonable_encoder(echoed(error.errors()))}, 422)
        known = as_api_error(error)
        return render(known if known is not None else ApiError(errors.INTERNAL_ERROR))

    def is_internal(self, error: Exception) -> bool:
        """Whether the error is none that a caller can cause."""
        return not isinstance(error, RequestValidationError) and as_api_error(error) is None


def require_user(principal: Principal) -> None:
    """Raises ApiError (user_credential_required) where no user acts."""
    if not principal.is_user:
        raise ApiError(
            errors.USER_CREDENTIAL_REQUIRED,
            credential_type_used=_CREDENTIAL_NAMES[principal.kind],
            credential_type_required=_USER_CREDENTIALS,
        )


def as_api_error(error: Exception) -> ApiError | None:
    """What the catalogue has for an error; None for one that no caller can cause."""
    match error:
        case ApiError():
            return error
        case CredentialRefused(refusal=Refusal.MISSING):
            return ApiError(errors.AUTHENTICATION_REQUIRED)
        case CredentialRefused():
            return ApiError(errors.INVALID_API_KEY)
        case CreditsExhausted():
            return ApiError(
                errors.CREDIT_EXHAUSTED, requested=error.requested, shortfall=error.shortfall
            )
        case GateFailure():
            return _GATE.describe(error)
        case KeyInUse():
            headers = {"Retry-After": str(RETRY_IN_USE_S)}
            return ApiError(errors.IDEMPOTENCY_KEY_IN_USE, headers=headers)
        case KeyReused():
            loc = ["header", HEADER]
            return ApiError(errors.IDEMPOTENCY_KEY_REUSED, loc=loc, input=error.key)
        case TooLargeToKeep():
            return ApiError(errors.ANSWER_TOO_LARGE_TO_KEEP)
        case TooMuchKept():
            return ApiError(
                errors.RATE_LIMIT_EXCEEDED,
                "Too many answers are kept for your Idempotency-Keys.",
                headers={"Retry-After": str(error.retry_after_s)},
                retry_after_seconds=error.retry_after_s,
            )
        case HTTPException(status_code=400):
            return ApiError(errors.BAD_REQUEST)
        case _:
            return None


def render(error: ApiError) -> Answer:
    """The body in the shape of its kind."""
    kind = error.kind
    body: dict[str, Any]
    if kind.shape == "minimal":
        body = {"error": kind.message}
    elif kind.shape == "flat":
        body = {"error": kind.code, "message": error.message, **error.context}
    elif kind.shape == "framework":
        body = {"detail": [{"type": kind.code, "msg": error.message, **error.context}]}
    elif kind.shape == "detail":
        body = {"detail": {"error": kind.code, "message": error.message, **error.context}}
    else:
        body = {"error": {"code": kind.code, "message": error.message, **error.context}}
    return json_answer(body, kind.status, error.headers)


def document(kinds: Iterable[ErrorKind]) -> dict[int | str, dict[str, Any]]:
    """OpenAPI responses: by status, each kind with its body as an example."""
    responses: dict[int | str, dict[str, Any]] = {}
    for kind in kinds:
        if kind.shape == "framework":
            continue  # FastAPI documents its own body
        response = responses.setdefault(
            kind.status,
            {"description": "", "content": {"application/json": {"examples": {}}}},
        )
        line = f"`{kind.code}`: {kind.cause}"
        response["description"] = "\n\n".join(filter(None, [response["description"], line]))
        content = response["content"]["application/json"]
        content["schema"] = _schema(kind, content.get("schema"))
        content["examples"][kind.code] = {"value": _example(kind)}
    return responses


def _schema(kind: ErrorKind, before: dict[str, Any] | None) -> dict[str, Any]:
    """What a body of the kind looks like, beside those that were known before."""
    mine = _body_schema(kind)
    if before is None:
        return mine
    known = [one for one in before.get("anyOf", [before]) if one != mine]
    return {"anyOf": [*known, mine]}


def _body_schema(kind: ErrorKind) -> dict[str, Any]:
    if kind.shape == "minimal":
        return _object(error={"const": kind.message})
    told = {"message": {"type": "string"}}
    if kind.shape == "nested":
        return _object(error=_object(code={"const": kind.code}, **told))
    flat = _object(error={"const": kind.code}, **told)
    return _object(detail=flat) if kind.shape == "detail" else flat


def _object(**properties: dict[str, Any]) -> dict[str, Any]:
    return {"type": "object", "required": list(properties), "properties": properties}


def _example(kind: ErrorKind) -> Any:
    if kind.shape == "detail":
        return orjson.loads(render(ApiError(kind, identifier="nobody.example")).body)
    contexts: dict[str, dict[str, Any]] = {
        "credit_exhausted": {"requested": 50, "shortfall": 12},
        "operational_rate_limit_exceeded": {"retry_after_seconds": 30},
        "user_credential_required": {
            "credential_type_used": "org_api_key",
            "credential_type_required": _USER_CREDENTIALS,
        },
    }
    return orjson.loads(render(ApiError(kind, **contexts.get(kind.code, {}))).body)
