"""Ready answers: bytes that are sent as they are, by FastAPI's routes and by the gate alike."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any, NamedTuple

import orjson
from starlette.responses import Response
from starlette.types import Send

JSON = "application/json"
ECHO_DEPTH_MAX = 16
_NONE: Mapping[str, str] = MappingProxyType({})


class Answer(NamedTuple):
    """A status, a body and the headers beyond content type and length."""

    status: int
    body: bytes
    headers: Mapping[str, str] = _NONE
    media_type: str = JSON


def json_answer(value: Any, status: int = 200, headers: Mapping[str, str] = _NONE) -> Answer:
    """Compact JSON, keys in their order."""
    return Answer(status, orjson.dumps(value), headers)


def echoed(value: Any, depth_max: int = ECHO_DEPTH_MAX) -> Any:
    """What a caller sent, as it can be sent back: JSON may hold lone surrogates, integers without
    bound and nesting without end, and the error that tells of them must not fail by them."""
    if isinstance(value, str):
        return value.encode("utf-8", "replace").decode()
    if isinstance(value, int) and not -(1 << 63) <= value < 1 << 64:
        return str(value)
    if isinstance(value, dict | list | tuple) and depth_max == 0:
        return None
    if isinstance(value, dict):
        return {echoed(key): echoed(item, depth_max - 1) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [echoed(item, depth_max - 1) for item in value]
    return value


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
