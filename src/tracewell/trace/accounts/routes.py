"""The wire models and routes of accounts. They stand outside of /v1: no key, no gate.

What the gate would bound is bounded here: the body's bytes and time, and the tries.
"""

from __future__ import annotations

from collections.abc import Callable, Coroutine
from datetime import datetime
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Query, Request
from fastapi.routing import APIRoute
from pydantic import BaseModel, ConfigDict, Field
from starlette.responses import Response

from tracewell.kernel.clock import format_utc
from tracewell.kernel.http.answer import as_response, json_answer
from tracewell.kernel.http.gate import read_body
from tracewell.kernel.identity.passwords import PASSWORD_CHARS_MAX, PASSWORD_CHARS_MIN
from tracewell.kernel.identity.tokens import TOKEN_CHARS_MAX
from tracewell.trace import errors, wire
from tracewell.trace.accounts.service import Accounts

EMAIL_CHARS_MAX = 320

# No cache may keep a session.
_NOT_STORED = {"Cache-Control": "no-store"}


class SignIn(BaseModel):
    """Who signs in."""

    model_config = ConfigDict(extra="forbid")

    email: Annotated[str, Field(min_length=1, max_length=EMAIL_CHARS_MAX)]
    password: Annotated[str, Field(min_length=1, max_length=PASSWORD_CHARS_MAX)]


class Session(BaseModel):
    """A session token, for `Authorization: Bearer`."""

    model_config = ConfigDict(extra="forbid")

    token: str
    token_type: Literal["Bearer"]
    expires_at: datetime


class FirstPassword(BaseModel):
    """The token of the mail's link and the password to be set."""

    model_config = ConfigDict(extra="forbid")

    token: Annotated[str, Field(min_length=1, max_length=TOKEN_CHARS_MAX)]
    password: Annotated[str, Field(min_length=PASSWORD_CHARS_MIN, max_length=PASSWORD_CHARS_MAX)]


class VerifiedAddress(BaseModel):
    """An address that is proven."""

    model_config = ConfigDict(extra="forbid")

    email: str
    email_verified: Literal[True]


class _BoundedRoute(APIRoute):
    """Reads the body within the gate's bounds before anything else does."""

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        """The route's handler behind the bound."""
        handle = super().get_route_handler()

        async def bounded(request: Request) -> Response:
            receive = await read_body(request.scope, request.receive)
            return await handle(Request(request.scope, receive))

        return bounded


def accounts_router(service: Accounts) -> APIRouter:
    """The routes, to be included under `/auth` in an app that describes Trace's errors."""
    router = APIRouter(route_class=_BoundedRoute, tags=["Accounts"])

    async def sign_in(request: Request, wanted: SignIn) -> Response:
        """Signs a user in; the token is good for 15 minutes."""
        token = await service.sign_in(wanted.email, wanted.password, _host(request))
        body = {
            "token": token.text,
            "token_type": "Bearer",
            "expires_at": format_utc(token.expires_at),
        }
        return as_response(json_answer(body, headers=_NOT_STORED))

    async def verify_email(
        request: Request, token: Annotated[str, Query(min_length=1, max_length=TOKEN_CHARS_MAX)]
    ) -> Response:
        """Where the link of the mail leads: marks the address as proven."""
        user = await service.verify_email(token, _host(request))
        return as_response(json_answer(_proven(user.email), headers=_NOT_STORED))

    async def set_first_password(request: Request, wanted: FirstPassword) -> Response:
        """Sets the first password by the link of the mail; this proves the address as well."""
        user = await service.set_first_password(wanted.token, wanted.password, _host(request))
        return as_response(json_answer(_proven(user.email), headers=_NOT_STORED))

    usual = (errors.RATE_LIMIT_EXCEEDED, errors.BAD_REQUEST, errors.INTERNAL_ERROR)
    for method, path, handler, model, kinds in (
        ("POST", "/sign-in", sign_in, Session, (errors.SIGN_IN_REFUSED, *errors.WITH_BODY)),
        ("GET", "/verify-email", verify_email, VerifiedAddress, (errors.LINK_INVALID,)),
        ("POST", "/password", set_first_password, VerifiedAddress,
         (errors.LINK_INVALID, *errors.WITH_BODY)),
    ):  # fmt: skip
        router.add_api_route(
            path,
            handler,
            methods=[method],
            response_model=None,
            # Needs no key: OpenAPI's word for that is an empty list.
            openapi_extra={"security": []},
            responses={200: {"model": model}, **wire.document((*kinds, *usual))},
        )
    return router


def _host(request: Request) -> str:
    return request.client.host if request.client is not None else ""


def _proven(email: str) -> dict[str, Any]:
    return {"email": email, "email_verified": True}
