"""`Idempotency-Key` at the gate (draft-ietf-httpapi-idempotency-key-header-07): every POST of a
product that keeps answers takes it, without a word in the route.

The header is a structured string (`"..."`, RFC 9651) or the bare text that most clients send.
"""

from __future__ import annotations

import re
from typing import Annotated, Any

from fastapi.exceptions import RequestValidationError
from pydantic import StringConstraints, TypeAdapter, ValidationError
from starlette.types import ASGIApp, Message, Receive, Scope

from tracewell.kernel.http.endpoint import Endpoint
from tracewell.kernel.idempotency import Answered, Claim, Idempotency, KeptAnswer, TooLargeToKeep
from tracewell.kernel.idempotency.model import ANSWER_BYTES_MAX, fingerprint
from tracewell.kernel.identity.model import Principal

HEADER = "Idempotency-Key"
KEY_CHARS_MAX = 255
REPLAYED = (b"idempotency-replayed", b"true")
"""Tells an answer that was given before from a first one."""

_RAW = HEADER.lower().encode()
_QUOTED = re.compile(r'"(.*)"')
# Visible ASCII but the quote and the backslash: quoted and bare then need no escapes.
_KEY = Annotated[
    str,
    StringConstraints(min_length=1, max_length=KEY_CHARS_MAX, pattern=r"^[!#-\[\]-~]+$"),
]
_PARSER: TypeAdapter[str] = TypeAdapter(_KEY)

PARAMETER: dict[str, Any] = {
    "name": HEADER,
    "in": "header",
    "required": False,
    "description": (
        "Any text that is new for each request, such as a UUID. Sent again with the same request "
        "it gets the same answer, and nothing is done or charged twice; with another request it "
        "is 422 `idempotency_key_reused`."
    ),
    "schema": {
        "type": "string",
        "minLength": 1,
        "maxLength": KEY_CHARS_MAX,
        "pattern": r"^[!#-\[\]-~]+$",
    },
}
"""The header in OpenAPI."""


def takes_key(endpoint: Endpoint) -> bool:
    """Whether a request of the endpoint may bear the header: of the methods that HTTP calls not
    idempotent it is POST that products use to do something anew."""
    return endpoint.method == "POST"


def find_key(scope: Scope) -> str | None:
    """The key of a request. Raises RequestValidationError, which names the header."""
    given = [value.decode("latin-1") for name, value in scope["headers"] if name == _RAW]
    if not given:
        return None
    # Two lines are one value with a comma and a space, which no key has.
    text = ", ".join(given).strip(" \t")
    quoted = _QUOTED.fullmatch(text)
    try:
        return _PARSER.validate_python(quoted[1] if quoted is not None else text)
    except ValidationError as error:
        problems = error.errors(include_url=False)
        raise RequestValidationError(
            [{**problem, "loc": ("header", HEADER)} for problem in problems]
        ) from None


def claim_of(scope: Scope, principal: Principal, key: str, body: bytes) -> Claim:
    """The request under its key. The gate has judged the principal: it has an org."""
    assert principal.org_id is not None, "the gate lets no one pass without an org"
    caller = (
        principal.kind if principal.user_id is None else f"{principal.kind}:{principal.user_id}"
    )
    parts = (scope["method"].encode(), scope["path"].encode(), scope["query_string"], body)
    return Claim(principal.org_id, caller, key, fingerprint(parts))


async def answer_once(
    kept: Idempotency, claim: Claim, app: ASGIApp, scope: Scope, receive: Receive
) -> list[Message]:
    """What is to be sent: the app's answer, or that of the first request of the key.

    Raises what `Idempotency.answer` does, and TooLargeToKeep: then nothing was done.
    """

    async def handle() -> KeptAnswer:
        taken = _Taken()
        await app(scope, receive, taken.send)
        return taken.answer()

    return _messages(await kept.answer(claim, handle))


class _Taken:
    """An answer that is held back until it is durable."""

    def __init__(self) -> None:
        self._status = 0
        self._headers: list[tuple[bytes, bytes]] = []
        self._parts: list[bytes] = []
        self._size = 0

    async def send(self, message: Message) -> None:
        """ASGI's send. What is over the bound is only counted: an error here would be the app's."""
        if message["type"] == "http.response.start":
            self._status = message["status"]
            self._headers = [(bytes(name), bytes(value)) for name, value in message["headers"]]
            return
        part: bytes = message.get("body", b"")
        self._size += len(part)
        if self._size <= ANSWER_BYTES_MAX:
            self._parts.append(part)

    def answer(self) -> KeptAnswer:
        """The whole answer. Raises TooLargeToKeep."""
        if self._size > ANSWER_BYTES_MAX:
            raise TooLargeToKeep(ANSWER_BYTES_MAX)
        return KeptAnswer(self._status, self._headers, b"".join(self._parts))


def _messages(told: Answered) -> list[Message]:
    answer = told.answer
    headers = [*answer.headers, REPLAYED] if told.is_replay else answer.headers
    return [
        {"type": "http.response.start", "status": answer.status, "headers": headers},
        {"type": "http.response.body", "body": answer.body},
    ]
