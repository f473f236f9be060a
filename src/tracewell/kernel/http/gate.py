"""The gate: what every request of a product passes, in this order, before its route.

request id, route, credentials, rights, rate limit (counted before rights are judged), body; then
the headers that every answer bears. A route cannot forget any of it. Hot endpoints are answered
here, ahead of FastAPI's router, by a function that returns the same bytes as the route does.
"""

from __future__ import annotations

import asyncio
import logging
import re
import time
import traceback
from collections.abc import Awaitable, Callable, Mapping
from typing import Protocol
from urllib.parse import unquote

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from tracewell.kernel.http.answer import Answer, send_answer
from tracewell.kernel.http.endpoint import Endpoint, EndpointTable, Matched, WrongMethod
from tracewell.kernel.http.failures import (
    BodyNotJson,
    BodyTooLarge,
    BodyTooSlow,
    HeadersTooLarge,
    MethodUnknown,
    RateExceeded,
    RouteUnknown,
)
from tracewell.kernel.http.metrics import observe
from tracewell.kernel.http.once import answer_once, claim_of, find_key, takes_key
from tracewell.kernel.idempotency import Idempotency
from tracewell.kernel.identity.model import Principal
from tracewell.kernel.ids import IdFactory
from tracewell.kernel.limits.model import Decision, Limiter, Quota

BODY_BYTES_MAX = 1 << 20
ARRIVAL_TIMEOUT_S = 30.0
"""How long the headers of a request, and then its body, may take to arrive."""
HEADER_BYTES_MAX = 32 * 1024

_log = logging.getLogger("tracewell.http")
_ENCODED_SLASH = re.compile(rb"%2f", re.IGNORECASE)

Headers = Mapping[bytes, bytes]
FastHandler = Callable[["Passed"], Awaitable[Answer | None]]


class Passed:
    """A request that the gate let through; routes find it as `request.state.passed`.

    A route with a further limit of its own sets `decision` to that limit's refusal, so that the
    answer's headers tell the window that refused.
    """

    __slots__ = ("decision", "endpoint", "params", "principal", "quota", "request_id", "scope")

    def __init__(
        self,
        scope: Scope,
        request_id: str,
        endpoint: Endpoint,
        params: Mapping[str, str],
        principal: Principal,
        quota: Quota,
        decision: Decision,
    ) -> None:
        self.scope = scope
        self.request_id = request_id
        self.endpoint = endpoint
        self.params = params
        self.principal = principal
        self.quota = quota
        self.decision = decision


class ProductRules(Protocol):
    """What a product decides at the gate."""

    @property
    def limits_on_every_answer(self) -> bool:
        """Whether answers to strangers tell the limit as well."""
        ...

    async def authenticate(self, headers: Headers) -> Principal:
        """The caller. Raises what `describe` can tell."""
        ...

    def authorise(self, principal: Principal, endpoint: Endpoint) -> None:
        """Raises when the principal may not call the endpoint."""
        ...

    def quota(self, principal: Principal | None) -> Quota:
        """The rate limit of a principal; of nobody: the one that headers tell."""
        ...

    def describe(self, error: Exception, request_id: str) -> Answer:
        """The wire shape of any error; one that is unknown is the product's internal error."""
        ...

    def is_internal(self, error: Exception) -> bool:
        """Whether the error is a defect, to be logged with its trace."""
        ...


class Gate:
    """An ASGI app around a product's app. `scope["path"]` is read below `scope["root_path"]`."""

    def __init__(
        self,
        app: ASGIApp,
        table: EndpointTable,
        rules: ProductRules,
        limiter: Limiter,
        new_id: IdFactory,
        fast: Mapping[str, FastHandler],
        body_timeout_s: float = ARRIVAL_TIMEOUT_S,
        kept: Idempotency | None = None,
    ) -> None:
        """`kept`: where answers to POSTs are kept by `Idempotency-Key`; without it the header says
        nothing."""
        self._app = app
        self._table = table
        self._rules = rules
        self._limiter = limiter
        self._new_id = new_id
        self._fast = fast
        self._body_timeout_s = body_timeout_s
        self._kept = kept

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serves one request."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        scope = _with_slashes_kept(scope)
        path = _path_below_root(scope)
        if not path.startswith("/v1/") and path != "/v1":
            await self._serve_beside(scope, receive, send)
            return
        began = time.perf_counter()
        exchange = _Exchange(self._new_id("req"), send, self._rules)
        passed: Passed | None = None
        try:
            passed = exchange.passed = await self._admit(scope, path, exchange)
            fast = self._fast.get(passed.endpoint.name)
            answer = await fast(passed) if fast is not None else None
            if answer is not None:
                await exchange.answer(answer)
            else:
                scope.setdefault("state", {})["passed"] = passed
                await self._serve(passed, scope, receive, exchange)
        except Exception as error:  # noqa: BLE001 - the edge of every route
            await self._tell(exchange, error)
        name = passed.endpoint.name if passed is not None else "refused at the gate"
        observe(name, exchange.status, time.perf_counter() - began)

    async def _serve(
        self, passed: Passed, scope: Scope, receive: Receive, exchange: _Exchange
    ) -> None:
        key = None
        if self._kept is not None and takes_key(passed.endpoint):
            key = find_key(scope)
        if passed.endpoint.takes_body:
            body = await read_json(scope, receive, self._body_timeout_s)
            receive = given_again(body, receive)
        elif key is not None:
            body = await collect_body(scope, receive, self._body_timeout_s)
        if key is None or self._kept is None:
            await self._app(scope, receive, exchange.send)
            return
        claim = claim_of(scope, passed.principal, key, body)
        for message in await answer_once(self._kept, claim, self._app, scope, receive):
            await exchange.send(message)

    async def _serve_beside(self, scope: Scope, receive: Receive, send: Send) -> None:
        """What is not of the API proper: its reference, and what a product lets strangers call."""
        began = time.perf_counter()
        exchange = _Exchange(self._new_id("req"), send, self._rules)
        scope.setdefault("state", {})["request_id"] = exchange.request_id
        try:
            await self._app(scope, receive, exchange.send)
        except Exception as error:  # noqa: BLE001 - the edge of every route
            await self._tell(exchange, error)
        observe("beside the API", exchange.status, time.perf_counter() - began)

    async def _admit(self, scope: Scope, path: str, exchange: _Exchange) -> Passed:
        if sum(len(key) + len(value) for key, value in scope["headers"]) > HEADER_BYTES_MAX:
            raise HeadersTooLarge(HEADER_BYTES_MAX)
        found = self._table.find(scope["method"], path)
        headers: Headers = dict(scope["headers"])
        if not isinstance(found, Matched):
            await self._count_stray(headers, exchange)
            if isinstance(found, WrongMethod):
                raise MethodUnknown(found.allowed)
            raise RouteUnknown(path)
        principal = await self._rules.authenticate(headers)
        quota = self._rules.quota(principal)
        # Counted before rights are judged, so that a refusal tells the limit as any answer does;
        # what the caller may not do is told first, also beyond the limit.
        decision = await self._limiter.admit(principal.limit_id, quota)
        exchange.decision = decision
        self._rules.authorise(principal, found.endpoint)
        if not decision.admitted:
            raise RateExceeded(decision)
        params = found.params
        if "%2F" in path:
            params = {name: value.replace("%2F", "/") for name, value in params.items()}
        return Passed(
            scope, exchange.request_id, found.endpoint, params, principal, quota, decision
        )

    async def _count_stray(self, headers: Headers, exchange: _Exchange) -> None:
        """A known caller's request to a path that is none counts like any; a stranger's is told
        that there is no such path without being asked who it is."""
        try:
            principal = await self._rules.authenticate(headers)
        except Exception:  # noqa: BLE001 - whatever the credential lacks, the path is unknown
            return
        exchange.decision = await self._limiter.admit(
            principal.limit_id, self._rules.quota(principal)
        )
        if not exchange.decision.admitted:
            raise RateExceeded(exchange.decision)

    async def _tell(self, exchange: _Exchange, error: Exception) -> None:
        if self._rules.is_internal(error):
            log_failure(exchange.request_id, error)
        if not exchange.started:
            await exchange.answer(self._rules.describe(error, exchange.request_id))


def log_failure(request_id: str, error: Exception) -> None:
    """Tells the operator where it failed. Not the error's text: that may quote what a caller
    sent."""
    lines = "".join(traceback.format_tb(error.__traceback__))
    _log.error("%s failed: %s\n%s", request_id, type(error).__name__, lines)


class _Exchange:
    """One request's answer on its way out: adds the headers that every answer bears."""

    __slots__ = ("_rules", "_send", "decision", "passed", "request_id", "started", "status")

    def __init__(self, request_id: str, send: Send, rules: ProductRules) -> None:
        self.request_id = request_id
        self.decision: Decision | None = None
        self.passed: Passed | None = None
        self.started = False
        self.status = 0
        self._send = send
        self._rules = rules

    def _headers(self) -> list[tuple[bytes, bytes]]:
        headers = [(b"x-request-id", self.request_id.encode())]
        decision = self.passed.decision if self.passed is not None else self.decision
        if decision is not None:
            headers += rate_headers(decision.limit, decision.remaining, decision.reset_at)
        elif self._rules.limits_on_every_answer:
            quota = self._rules.quota(None)
            reset_at = int(time.time()) + quota.window_s
            headers += rate_headers(quota.limit, quota.limit + quota.burst, reset_at)
        return headers

    async def send(self, message: Message) -> None:
        """ASGI's send with our headers in the first message."""
        if message["type"] == "http.response.start":
            self.started = True
            self.status = message["status"]
            message["headers"] = [*message.get("headers", ()), *self._headers()]
        await self._send(message)

    async def answer(self, answer: Answer) -> None:
        """Sends a ready answer."""
        self.started = True
        self.status = answer.status
        await send_answer(self._send, answer, self._headers())


def rate_headers(limit: int, remaining: int, reset_at: int) -> list[tuple[bytes, bytes]]:
    """The three headers of both contracts."""
    return [
        (b"x-ratelimit-limit", b"%d" % limit),
        (b"x-ratelimit-remaining", b"%d" % remaining),
        (b"x-ratelimit-reset", b"%d" % reset_at),
    ]


def _with_slashes_kept(scope: Scope) -> Scope:
    """The scope with a path in which `%2F` still stands: such a slash is part of a parameter
    (`/v1/companies/https%3A%2F%2Fexample.com`) and parts no segments."""
    raw: bytes = scope.get("raw_path") or b""
    if b"%2f" not in raw.lower():
        return scope
    kept = _ENCODED_SLASH.sub(b"%252F", raw).decode("ascii", "replace")
    return {**scope, "path": unquote(kept)}


def _path_below_root(scope: Scope) -> str:
    path: str = scope["path"]
    root: str = scope.get("root_path", "")
    return path[len(root) :] if root and path.startswith(root) else path


async def read_body(
    scope: Scope, receive: Receive, timeout_s: float = ARRIVAL_TIMEOUT_S
) -> Receive:
    """Reads the whole body within its bounds; returns a `receive` that gives it again.

    Raises as `read_json`.
    """
    return given_again(await read_json(scope, receive, timeout_s), receive)


async def read_json(scope: Scope, receive: Receive, timeout_s: float) -> bytes:
    """The whole body, which calls itself JSON. Raises BodyTooLarge, BodyTooSlow, BodyNotJson."""
    body = await collect_body(scope, receive, timeout_s)
    content_type: bytes = dict(scope["headers"]).get(b"content-type", b"")
    media_type = content_type.split(b";")[0].strip().lower()
    if body and media_type != b"application/json" and not media_type.endswith(b"+json"):
        raise BodyNotJson
    return body


def given_again(body: bytes, receive: Receive) -> Receive:
    """A `receive` that gives a body that was read, then what comes after it."""
    given = False

    async def again() -> Message:
        nonlocal given
        if given:
            return await receive()
        given = True
        return {"type": "http.request", "body": body, "more_body": False}

    return again


async def collect_body(
    scope: Scope,
    receive: Receive,
    timeout_s: float = ARRIVAL_TIMEOUT_S,
    bytes_max: int = BODY_BYTES_MAX,
) -> bytes:
    """The whole body, whatever its type. Raises BodyTooLarge, BodyTooSlow."""
    headers = dict(scope["headers"])
    declared = headers.get(b"content-length", b"")
    if declared.isdigit() and int(declared) > bytes_max:
        raise BodyTooLarge(bytes_max)
    chunks: list[bytes] = []
    size = 0
    try:
        async with asyncio.timeout(timeout_s):
            more = True
            while more:
                message = await receive()
                if message["type"] == "http.disconnect":
                    # Half a body may look like a whole one; who sent it is not there to be told.
                    raise BodyTooSlow
                chunk = message.get("body", b"")
                size += len(chunk)
                if size > bytes_max:
                    raise BodyTooLarge(bytes_max)
                chunks.append(chunk)
                more = message.get("more_body", False)
    except TimeoutError as error:
        raise BodyTooSlow from error
    return b"".join(chunks)
