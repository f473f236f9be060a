"""Pages that somebody saved: a bare body, or a response with its head as `curl -i` prints it."""

from __future__ import annotations

from dataclasses import replace

from tracewell.values import Capture
from tracewell.web.codings import BodyError, decode_chunked
from tracewell.web.exchange import (
    BodyLimits,
    Exchange,
    RawHeaders,
    build_capture,
    find_header,
)
from tracewell.web.record_reading import (
    HEAD_END,
    HTTP_HEADER_BYTES_MAX,
    STATUS_LINE,
    parse_headers,
)

HEADS_MAX = 20  # a saved chain of redirects has a head for each
SAVED_LIMITS = BodyLimits(wire_bytes_max=32 << 20, body_bytes_max=32 << 20)


def read_saved_page(
    data: bytes, url: str, captured_at: int, limits: BodyLimits = SAVED_LIMITS
) -> Capture:
    """The page in the bytes, at the address that the caller knows (or makes up).

    What opens with a status line is a response: of several heads (`curl -iL`) the last one counts.
    Codings that its headers name are undone where the body still has them, for tools save bodies
    decoded under the headers that came. Never raises on account of the bytes.
    """
    data = data[: limits.wire_bytes_max]
    head: tuple[int, RawHeaders] | None = None
    at = 0
    for _ in range(HEADS_MAX):
        found = _read_head(data, at)
        if found is None:
            break
        status, headers, at = found
        head = status, headers
    if head is None:
        return Capture(url, 200, (), data, captured_at)
    status, headers = head
    body = data[at:]
    if "chunked" in (find_header(headers, "transfer-encoding") or "").lower():
        body = decode_chunked(body)
    exchange = Exchange(
        url=url,
        request_headers=(),
        http_version="HTTP/1.1",
        status=status,
        reason="",
        response_headers=headers,
        wire_body=body,
        fetched_at=captured_at,
    )
    try:
        return build_capture(exchange, limits)
    except BodyError:
        kept = tuple(one for one in headers if one[0].lower() != b"content-encoding")
        return build_capture(replace(exchange, response_headers=kept), limits)


def _read_head(data: bytes, at: int) -> tuple[int, RawHeaders, int] | None:
    """Status, headers and end of the response head that starts there, or None."""
    status_line = STATUS_LINE.match(data, at)
    if status_line is None:
        return None
    end = HEAD_END.search(data, status_line.end() - 2, at + HTTP_HEADER_BYTES_MAX)
    if end is None:
        return None
    return int(status_line[2]), parse_headers(data[status_line.end() : end.start()]), end.end()
