"""From a list of endpoints to a FastAPI app with a complete OpenAPI document."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Any

import fastapi_offline
from fastapi import Depends, FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.openapi.docs import get_swagger_ui_html
from starlette.exceptions import HTTPException
from starlette.responses import HTMLResponse, JSONResponse, Response
from starlette.staticfiles import StaticFiles

from tracewell.kernel.errors import ErrorKind
from tracewell.kernel.http.answer import JSON, as_response
from tracewell.kernel.http.endpoint import Endpoint
from tracewell.kernel.http.failures import MethodUnknown, RouteUnknown
from tracewell.kernel.http.gate import Passed, ProductRules, log_failure
from tracewell.kernel.http.once import PARAMETER, takes_key
from tracewell.kernel.http.parameters import NoSlips

# Swagger UI's files as that package ships them (docs/decisions/0005-http.md).
_STATIC = Path(fastapi_offline.__file__).parent / "static"


def passed(request: Request) -> Passed:
    """What the gate found out about the request."""
    found: Passed = request.scope["state"]["passed"]
    return found


def build_app(
    *,
    title: str,
    description: str,
    version: str,
    endpoints: Iterable[Endpoint],
    usual_errors: Sequence[ErrorKind],
    body_errors: Sequence[ErrorKind],
    path_errors: Sequence[ErrorKind] = (),
    key_errors: Sequence[ErrorKind] = (),
    document: Callable[[Iterable[ErrorKind]], dict[int | str, dict[str, Any]]],
    rules: ProductRules,
    handled: Iterable[type[Exception]],
    security: dict[str, Any],
) -> FastAPI:
    """The app behind a gate.

    `usual_errors` belong to every endpoint, `body_errors` to those that take a body, `path_errors`
    to those whose path has parameters, `key_errors` to those that take an `Idempotency-Key`, where
    the product's gate keeps answers; `document` renders error kinds as OpenAPI responses;
    `handled` are the exceptions that the product describes (all others are internal errors, told
    and logged).
    """
    app = FastAPI(
        title=title,
        description=description,
        version=version,
        docs_url=None,
        redoc_url=None,
        redirect_slashes=False,
    )
    for endpoint in endpoints:
        body = body_errors if endpoint.takes_body else ()
        path = path_errors if "{" in endpoint.path else ()
        keyed = key_errors if takes_key(endpoint) else ()
        kinds = [*usual_errors, *body, *path, *keyed, *endpoint.errors]
        _add(app, endpoint, document(kinds), [PARAMETER] if keyed else [])

    async def describe(request: Request, error: Exception) -> Response:
        return as_response(rules.describe(error, _request_id(request)))

    async def describe_handled(request: Request, error: Exception) -> Response:
        # What is handled here does not reach the gate, which logs all else.
        if rules.is_internal(error):
            log_failure(_request_id(request), error)
        return await describe(request, error)

    async def describe_http(request: Request, error: Exception) -> Response:
        return await describe(request, _of_framework(request, error))

    for kind in handled:
        app.add_exception_handler(kind, describe_handled)
    app.add_exception_handler(HTTPException, describe_http)
    for kind in (RequestValidationError, Exception):
        app.add_exception_handler(kind, describe)
    _add_reference(app, title)
    _complete_document(
        app, security, has_framework_errors=any(kind.shape == "framework" for kind in usual_errors)
    )
    return app


def _request_id(request: Request) -> str:
    state = request.scope.get("state", {})
    return str(state["passed"].request_id if "passed" in state else state.get("request_id", ""))


def _of_framework(request: Request, error: Exception) -> Exception:
    """Starlette's own 404 and 405, which only paths beside the API get, as ours."""
    match error:
        case HTTPException(status_code=404):
            return RouteUnknown(request.scope["path"])
        case HTTPException(status_code=405):
            allowed = (error.headers or {}).get("Allow", "")
            return MethodUnknown(tuple(sorted(filter(None, allowed.split(", ")))))
        case _:
            return error


def _add(
    app: FastAPI,
    endpoint: Endpoint,
    errors: dict[int | str, dict[str, Any]],
    parameters: list[dict[str, Any]],
) -> None:
    answer: dict[str, Any] = {"description": "The answer."}
    if endpoint.answer is not None:
        answer["model"] = endpoint.answer
    is_file = endpoint.answer is None and endpoint.media_types != (JSON,)
    if is_file:
        answer["content"] = {
            one: {"schema": {"type": "string", "contentMediaType": one}}
            for one in endpoint.media_types
        }
    no_slips = NoSlips()
    app.add_api_route(
        endpoint.path,
        endpoint.handler,
        methods=[endpoint.method],
        summary=endpoint.summary,
        description=_description(endpoint),
        tags=[endpoint.tag],
        status_code=endpoint.status,
        response_model=None,
        # FastAPI documents JSON beside a file unless the class of the response has no type.
        response_class=Response if is_file else JSONResponse,
        responses={endpoint.status: answer, **errors},
        openapi_extra={"parameters": parameters} if parameters else None,
        dependencies=[Depends(no_slips)] if endpoint.access.charges is not None else [],
    )
    no_slips.learn(app.router)


def _description(endpoint: Endpoint) -> str:
    access = endpoint.access
    lines = [(endpoint.handler.__doc__ or "").strip()]
    lines.append(f"**Charge:** {access.charges or 'free'}.")
    if access.user_only:
        lines.append("**Needs** a user's key or session.")
    if access.scopes:
        lines.append(f"**Needs the scope** {', '.join(sorted(access.scopes))}.")
    return "\n\n".join(line for line in lines if line)


def _add_reference(app: FastAPI, title: str) -> None:
    """The interactive reference; its scripts come from this server, not from elsewhere."""
    app.mount("/docs/static", StaticFiles(directory=_STATIC), name="docs-static")

    async def reference(request: Request) -> HTMLResponse:
        root = request.scope.get("root_path", "").rstrip("/")
        return get_swagger_ui_html(
            openapi_url=f"{root}/openapi.json",
            title=f"{title}: reference",
            swagger_js_url=f"{root}/docs/static/swagger-ui-bundle.js",
            swagger_css_url=f"{root}/docs/static/swagger-ui.css",
            swagger_favicon_url=f"{root}/docs/static/favicon.png",
        )

    app.add_route("/docs", reference, include_in_schema=False)


def _complete_document(
    app: FastAPI, security: dict[str, Any], *, has_framework_errors: bool
) -> None:
    make = app.openapi

    def openapi() -> dict[str, Any]:
        if app.openapi_schema is None:
            schema = make()
            schema.setdefault("components", {})["securitySchemes"] = security
            schema["security"] = [{name: []} for name in security]
            _drop_framework_errors(schema, all_of_them=not has_framework_errors)
            app.openapi_schema = schema
        return app.openapi_schema

    app.openapi = openapi  # type: ignore[method-assign]


def _drop_framework_errors(schema: dict[str, Any], *, all_of_them: bool) -> None:
    """FastAPI documents its own 422 body by itself: also where a product never answers it, and
    where there is nothing but texts in the path, which are never wrong."""
    for operations in schema["paths"].values():
        for operation in operations.values():
            told = "HTTPValidationError" in str(operation["responses"].get("422"))
            if told and (all_of_them or not _can_be_wrong(operation)):
                del operation["responses"]["422"]
    if all_of_them:
        for name in ("HTTPValidationError", "ValidationError"):
            schema["components"].get("schemas", {}).pop(name, None)


def _can_be_wrong(operation: dict[str, Any]) -> bool:
    return "requestBody" in operation or any(
        parameter["in"] != "path"
        or parameter["schema"].keys() - {"title", "description", "type"}
        or parameter["schema"]["type"] != "string"
        for parameter in operation.get("parameters", ())
    )
