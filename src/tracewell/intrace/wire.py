"""Intrace at the gate: credentials, scopes, limits, and the wire shape of every error."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

import orjson
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException

from tracewell.intrace import errors
from tracewell.intrace.access import AccessBook, scopes_of
from tracewell.kernel.database import DatabaseFailed
from tracewell.kernel.errors import ApiError, ErrorKind
from tracewell.kernel.http.answer import Answer, json_answer
from tracewell.kernel.http.endpoint import Endpoint
from tracewell.kernel.http.failure_kinds import FailureKinds
from tracewell.kernel.http.failures import GateFailure
from tracewell.kernel.http.gate import Headers
from tracewell.kernel.identity.keyring import Keyring
from tracewell.kernel.identity.model import CredentialRefused, Principal, Refusal
from tracewell.kernel.limits.model import Quota
from tracewell.kernel.oidc import (
    IdentityProviderUnavailable,
    TokenExpired,
    TokenFault,
    TokenInvalid,
)
from tracewell.kernel.sealing import SealBroken
from tracewell.kernel.signing import SigningFailed

_GATE = FailureKinds(
    route_unknown=errors.NOT_FOUND,
    method_unknown=errors.METHOD_NOT_ALLOWED,
    rate_exceeded=errors.RATE_LIMIT_EXCEEDED,
    body_too_large=errors.REQUEST_TOO_LARGE,
    body_too_slow=errors.REQUEST_TIMEOUT,
    body_not_json=errors.UNSUPPORTED_MEDIA_TYPE,
    headers_too_large=errors.HEADERS_TOO_LARGE,
    unreadable=errors.REQUEST_MALFORMED,
)

HANDLED: tuple[type[Exception], ...] = (
    ApiError,
    DatabaseFailed,
    GateFailure,
    SealBroken,
    SigningFailed,
)
"""What a route may raise and Intrace describes; all else is the internal error."""

SECURITY = {
    "Bearer": {"type": "http", "scheme": "bearer", "bearerFormat": "JWT"},
    "ApiKey": {"type": "apiKey", "in": "header", "name": "X-API-Key"},
}


class BearerVerifier(Protocol):
    """Turns a bearer token into its principal."""

    async def authenticate(self, token: str) -> Principal:
        """Raises TokenExpired, TokenInvalid and IdentityProviderUnavailable."""
        ...


@dataclass(frozen=True, slots=True)
class IntraceRules:
    """The gate's decisions for Intrace."""

    keyring: Keyring
    bearer: BearerVerifier | None
    api_keys_accepted: bool
    requests_per_minute: int
    burst: int
    window_s: int = 60
    access: AccessBook = field(default_factory=AccessBook)
    limits_on_every_answer: bool = True

    async def authenticate(self, headers: Headers) -> Principal:
        """The bearer's principal or the key's; the bearer decides where both are sent."""
        authorization = headers.get(b"authorization")
        if authorization is not None:
            scheme, _, token = authorization.decode("latin-1").partition(" ")
            if scheme.lower() != "bearer" or self.bearer is None:
                raise TokenInvalid(TokenFault.TYPE)
            return await self.bearer.authenticate(token.strip())
        key = headers.get(b"x-api-key")
        if key is None:
            raise CredentialRefused(Refusal.MISSING)
        if not self.api_keys_accepted:
            raise CredentialRefused(Refusal.UNKNOWN)
        principal = await self.keyring.authenticate(key.decode("latin-1"))
        if principal.kind != "service_key":
            raise CredentialRefused(Refusal.UNKNOWN)
        return principal

    def authorise(self, principal: Principal, endpoint: Endpoint) -> None:
        """Raises `insufficient_scope`, naming the scope."""
        missing = endpoint.access.scopes - scopes_of(principal.roles, self.access)
        if missing:
            raise ApiError(
                errors.INSUFFICIENT_SCOPE,
                details=[
                    {"field": "scope", "issue": f"The scope {scope} is required."}
                    for scope in sorted(missing)
                ],
            )

    def quota(self, principal: Principal | None) -> Quota:
        """The principal's own limits, or the deployment's."""
        if principal is None:
            return Quota(self.requests_per_minute, self.burst, self.window_s)
        own = self.access.limits_of(principal)
        return Quota(
            own.requests_per_minute or self.requests_per_minute,
            self.burst if own.burst is None else own.burst,
            self.window_s,
        )

    def describe(self, error: Exception, request_id: str) -> Answer:
        """The answer that tells the error."""
        known = as_api_error(error)
        return render(known if known is not None else ApiError(errors.INTERNAL_ERROR), request_id)

    def is_internal(self, error: Exception) -> bool:
        """Whether the operator must see the error in the log."""
        known = as_api_error(error)
        return known is None or known.kind.status >= 500


def as_api_error(error: Exception) -> ApiError | None:
    """What the catalogue has for an error; None for one that nobody foresaw."""
    match error:
        case ApiError():
            return error
        case CredentialRefused(refusal=Refusal.MISSING):
            return ApiError(errors.CREDENTIALS_MISSING)
        case CredentialRefused():
            return ApiError(errors.API_KEY_INVALID)
        case TokenExpired():
            return ApiError(errors.TOKEN_EXPIRED)
        case TokenInvalid():
            return ApiError(errors.TOKEN_INVALID)
        case IdentityProviderUnavailable():
            return ApiError(errors.IDENTITY_PROVIDER_UNAVAILABLE)
        case GateFailure():
            return _GATE.describe(error)
        case RequestValidationError():
            return _of_validation(error.errors())
        case HTTPException(status_code=400):
            return ApiError(errors.REQUEST_MALFORMED)
        case DatabaseFailed():
            return ApiError(errors.DATABASE_ERROR)
        case SealBroken():
            return ApiError(errors.RESULT_UNREADABLE)
        case SigningFailed():
            return ApiError(errors.SIGNING_FAILED)
        case _:
            return None


# Where pydantic speaks of Python and not of JSON.
_ISSUES = {
    "missing": "This field is required.",
    "model_attributes_type": "Must be a JSON object.",
    "model_type": "Must be a JSON object.",
    "dict_type": "Must be a JSON object.",
    "list_type": "Must be a JSON array.",
}


def _of_validation(problems: Sequence[Any]) -> ApiError:
    if any(problem["type"] == "json_invalid" for problem in problems):
        return ApiError(errors.REQUEST_MALFORMED)
    details = [{"field": _field(problem["loc"]), "issue": _issue(problem)} for problem in problems]
    missing = [problem["type"] == "missing" for problem in problems]
    kind = errors.FIELD_REQUIRED if any(missing) else errors.FIELD_INVALID
    return ApiError(kind, details=details)


def _issue(problem: Any) -> str:
    # pydantic's own sentences name the constraint and never quote the value.
    if problem["type"] == "too_long" and isinstance(problem.get("input"), str):
        return f"Must be at most {problem['ctx']['max_length']} characters long."
    return _ISSUES.get(problem["type"]) or f"{problem['msg']}."


def _field(loc: Sequence[str | int]) -> str:
    path = ""
    for part in loc[1:] if len(loc) > 1 else loc:
        path += f"[{part}]" if isinstance(part, int) else f".{part}" if path else part
    return path


def render(error: ApiError, request_id: str) -> Answer:
    """The contract's envelope; `details` is always there."""
    body = {
        "error": {
            "code": error.kind.code,
            "message": error.message,
            "details": error.context.get("details", []),
        },
        "request_id": request_id,
    }
    return json_answer(body, error.kind.status, error.headers)


_ENVELOPE = {
    "type": "object",
    "required": ["error", "request_id"],
    "properties": {
        "error": {
            "type": "object",
            "required": ["code", "message", "details"],
            "properties": {
                "code": {"type": "string"},
                "message": {"type": "string"},
                "details": {
                    "type": "array",
                    "items": {
                        "type": "object",
                        "required": ["field", "issue"],
                        "properties": {"field": {"type": "string"}, "issue": {"type": "string"}},
                    },
                },
            },
        },
        "request_id": {"type": "string"},
    },
}


def document(kinds: Iterable[ErrorKind]) -> dict[int | str, dict[str, Any]]:
    """OpenAPI responses: by status, each kind with its body as an example."""
    responses: dict[int | str, dict[str, Any]] = {}
    for kind in kinds:
        response = responses.setdefault(
            kind.status,
            {
                "description": "",
                "content": {"application/json": {"schema": _ENVELOPE, "examples": {}}},
            },
        )
        line = f"`{kind.code}`: {kind.cause}"
        response["description"] = "\n\n".join(filter(None, [response["description"], line]))
        example = orjson.loads(render(ApiError(kind), "req_01JNQBC4X8Y2Z3A").body)
        response["content"]["application/json"]["examples"][kind.code] = {"value": example}
    return responses
