"""Ready answers: bytes that are sent as they are, by FastAPI's routes and by the gate alike."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any

import orjson
from starlette.responses import Response
from starlette.types import Send

JSON = "application/json"
_NONE: Mapping[str, str] = MappingProxyType({})


@dataclass(frozen=True, slots=True)
class Answer:
    """A status, a body and the headers beyond content type and length."""

    status: int
    body: bytes
    headers: Mapping[str, str] = field(default_factory=lambda: _NONE)
    media_type: str = JSON


def json_answer(value: Any, status: int = 200, headers: Mapping[str, str] = _NONE) -> Answer:
    """Compact JSON, keys in their order."""
    return Answer(status, orjson.dumps(value), headers)


def as_response(answer: Answer) -> Response:
    """The same answer for a FastAPI route."""
    return Response(
        answer.body, answer.status, headers=dict(answer.headers), media_type=answer.media_type
    )


async def send_answer(send: Send, answer: Answer, extra: list[tuple[bytes, bytes]]) -> None:
    """Sends an answer over ASGI; `extra` headers stand last, as the gate adds them to any."""
    # The order is the one of Starlette's Response, so that both ways give the same bytes.
    headers = [(key.lower().encode(), value.encode()) for key, value in answer.headers.items()]
    headers.append((b"content-length", b"%d" % len(answer.body)))
    headers.append((b"content-type", answer.media_type.encode()))
    headers += extra
    await send({"type": "http.response.start", "status": answer.status, "headers": headers})
    await send({"type": "http.response.body", "body": answer.body})
