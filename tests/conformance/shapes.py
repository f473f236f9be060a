"""The wire shapes of both contracts, checked to the byte: bodies, headers, their agreement."""

from __future__ import annotations

import json
import re
import time
from collections.abc import Sequence
from typing import Any

import httpx
from tests.conformance.seeds import BODIES, compact

_REQUEST_ID = re.compile(r"req_[0-9A-HJKMNP-TV-Z]{26}")
RATE_NAMES = ("x-ratelimit-limit", "x-ratelimit-remaining", "x-ratelimit-reset")


def check_request_id(answer: httpx.Response) -> str:
    """The answer has one request id, of the contract's form."""
    assert answer.headers.get_list("x-request-id"), answer.headers
    (request_id,) = answer.headers.get_list("x-request-id")
    assert _REQUEST_ID.fullmatch(request_id), request_id
    return request_id


def check_rate_headers(answer: httpx.Response, limit: int | None = None, burst: int = 0) -> None:
    """All three headers, once each, whole numbers that can be true."""
    told = []
    for name in RATE_NAMES:
        (value,) = answer.headers.get_list(name)
        assert value.isdigit(), (name, value)
        told.append(int(value))
    if limit is not None:
        assert told[0] == limit
        assert 0 <= told[1] <= limit + burst
    # Seconds since the epoch; far looser than any window, since machines stand still at times.
    assert abs(told[2] - time.time()) < 3_700


def check_flat(
    answer: httpx.Response, status: int, code: str, *, known: bool = True, **context: Any
) -> None:
    """Trace's flat shape: exactly `error`, `message` and the context, in this order.

    `known`: the credential was good, so that the rate limit is told.
    """
    _check_trace(answer, status, known=known)
    body = json.loads(answer.content)
    message = BODIES[code]["message"] if code in BODIES else body["message"]
    assert isinstance(message, str)
    assert message
    assert answer.content == compact({"error": code, "message": message, **context})


def check_nested(
    answer: httpx.Response,
    status: int,
    code: str,
    *,
    known: bool = True,
    message: str | None = None,
) -> None:
    """Trace's nested shape: `error` with exactly `code` and `message`."""
    _check_trace(answer, status, known=known)
    told = message or json.loads(answer.content)["error"]["message"]
    assert isinstance(told, str)
    assert told
    assert answer.content == compact({"error": {"code": code, "message": told}})


def check_body(answer: httpx.Response, status: int, body: Any, *, known: bool = True) -> None:
    """An answer of Trace with exactly this body."""
    _check_trace(answer, status, known=known)
    assert answer.content == compact(body)


def check_validation(answer: httpx.Response, loc: Sequence[str | int], kind: str) -> None:
    """FastAPI's standard body: `detail` with `type`, `loc`, `msg` and `input` for each problem."""
    _check_trace(answer, 422, known=True)
    body = json.loads(answer.content)
    assert list(body) == ["detail"]
    for problem in body["detail"]:
        assert {"type", "loc", "msg", "input"} <= set(problem) <= {
            "type", "loc", "msg", "input", "ctx", "url"
        }  # fmt: skip
        assert isinstance(problem["msg"], str)
    assert (list(loc), kind) in [(one["loc"], one["type"]) for one in body["detail"]]


def _check_trace(answer: httpx.Response, status: int, *, known: bool) -> None:
    assert answer.status_code == status, answer.text
    assert answer.headers["content-type"] == "application/json"
    check_request_id(answer)
    if known:
        check_rate_headers(answer)
    else:
        assert not set(RATE_NAMES) & set(answer.headers)
    assert ("retry-after" in answer.headers) == (status == 429)


def check_envelope(
    answer: httpx.Response,
    status: int,
    code: str,
    *fields: str,
    message: str | None = None,
    rates: bool = True,
) -> list[str]:
    """Intrace's envelope: exactly these keys in this order, `details` about exactly `fields`.

    Returns the issues.
    """
    assert answer.status_code == status, answer.text
    assert answer.headers["content-type"] == "application/json"
    request_id = check_request_id(answer)
    if rates:
        check_rate_headers(answer)
    assert ("retry-after" in answer.headers) == (status == 429)
    body = json.loads(answer.content)
    assert body["error"]["code"] == code, answer.text
    told = message or body["error"]["message"]
    assert isinstance(told, str)
    assert told
    issues = [detail["issue"] for detail in body["error"]["details"]]
    assert all(isinstance(issue, str) and issue for issue in issues)
    details = [
        {"field": field, "issue": issue} for field, issue in zip(fields, issues, strict=True)
    ]
    error = {"code": code, "message": told, "details": details}
    assert answer.content == compact({"error": error, "request_id": request_id})
    return issues
