"""What an HTTP answer means to a connector: found, not there, refused, to be tried again. Pure."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from email.utils import parsedate_to_datetime
from typing import Any, Final

import orjson

from tracewell.intrace.connectors.failures import (
    ConnectorError,
    RateLimitedError,
    SourceFailedError,
)

JSON_TYPES: Final = frozenset({"application/json", "text/json"})
TRIED_AGAIN: Final = frozenset({500, 502, 503, 504})
PAUSE_S_MAX: Final = 3600.0
_BOM: Final = b"\xef\xbb\xbf"


def media_type_of(headers: Mapping[str, str]) -> str:
    """The bare media type in lower case; empty where none is told."""
    return headers.get("content-type", "").partition(";")[0].strip().lower()


def is_wanted(media_type: str, wanted: Collection[str]) -> bool:
    """Whether an answer's type is among those that the source gives; none named: any."""
    if not wanted or media_type in wanted:
        return True
    return media_type.endswith("+json") and not JSON_TYPES.isdisjoint(wanted)


def is_rate_limit(status: int, headers: Mapping[str, str]) -> bool:
    """429, or a refusal that says that the allowance is used up (GitHub answers 403)."""
    if status == 429:
        return True
    return status in (403, 503) and headers.get("x-ratelimit-remaining", "").strip() == "0"


def find_pause_s(headers: Mapping[str, str], now_ms: int) -> float | None:
    """How long the source wants to be left alone (RFC 9110, 10.2.3), at most an hour."""
    told = headers.get("retry-after", "").strip()
    if told.isascii() and told.isdigit():
        return min(PAUSE_S_MAX, float(told[:9]))
    at_s: float | None = None
    if told:
        try:
            at_s = parsedate_to_datetime(told).timestamp()
        except (ValueError, OverflowError):
            at_s = None
    reset = headers.get("x-ratelimit-reset", "").strip()
    if at_s is None and reset.isascii() and reset.isdigit():
        at_s = float(reset[:12])
    if at_s is None:
        return None
    return min(PAUSE_S_MAX, max(0.0, at_s - now_ms / 1000))


def error_of(status: int, headers: Mapping[str, str]) -> ConnectorError:
    """The failure that a status means which is neither an answer nor "not found"."""
    if is_rate_limit(status, headers):
        return RateLimitedError(f"the source allows no more questions now (status {status})")
    if status in (401, 403, 407):
        return SourceFailedError(f"the source refuses us (status {status})")
    if 300 <= status < 400:
        return SourceFailedError(f"the source redirects to nowhere (status {status})")
    if status == 404:
        return SourceFailedError("there is no such service at the source's address (status 404)")
    if status >= 500:
        return SourceFailedError(f"the source failed (status {status})")
    return SourceFailedError(f"the source answered with status {status}")


def parse_json(body: bytes) -> Any:
    """The JSON value of a body. Raises `SourceFailedError`, without the body's text."""
    try:
        return orjson.loads(body.removeprefix(_BOM))
    except orjson.JSONDecodeError:
        is_page = body.lstrip()[:1] == b"<"
        what = "a web page instead of JSON" if is_page else "what is not JSON"
        raise SourceFailedError(f"the source answered {what}") from None
