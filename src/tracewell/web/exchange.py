"""What one request to the web can come to: an exchange, a followed fetch, or a typed failure.

Plain frozen values and their way to a `Capture`; no I/O.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Literal, get_args

from tracewell.values import Capture
from tracewell.web.codings import decode_body
from tracewell.web.urls import BadUrlError, parse_url, path_of

FailureCode = Literal[
    "bad_url",
    "address_refused",
    "dns_failed",
    "connect_failed",
    "tls_failed",
    "timed_out",
    "connection_lost",
    "headers_too_large",
    "too_large",
    "bad_encoding",
    "bad_response",
    "too_many_redirects",
    "robots_disallowed",
]
FAILURE_CODES: tuple[str, ...] = get_args(FailureCode)
ROBOTS_BYTES_MAX = 500 << 10

RawHeaders = tuple[tuple[bytes, bytes], ...]


@dataclass(frozen=True, slots=True)
class BodyLimits:
    """Bounds of one body: bytes on the wire, bytes decoded, and decoded bytes per wire byte."""

    wire_bytes_max: int = 8 << 20
    body_bytes_max: int = 16 << 20
    ratio_max: int = 200


@dataclass(frozen=True, slots=True)
class Exchange:
    """One request and its response as they crossed the wire.

    `wire_body` still has its content coding; a chunked transfer coding is undone. Header names and
    values are bytes as sent, in order. `fetched_at` is milliseconds since the epoch, when the
    response was complete. `remote_address` is the address that was connected to.
    """

    url: str
    request_headers: RawHeaders
    http_version: str
    status: int
    reason: str
    response_headers: RawHeaders
    wire_body: bytes
    fetched_at: int
    remote_address: str | None = None
    certificate_issuer: str | None = None
    method: str = "GET"


@dataclass(frozen=True, slots=True)
class Fetched:
    """A fetch that ended in a response: every hop in order, and the last one as a capture."""

    exchanges: tuple[Exchange, ...]
    capture: Capture


@dataclass(frozen=True, slots=True)
class FetchFailure:
    """A fetch that did not end in a usable response, and the hops that were made before.

    `url` is the hop that failed. `message` is for people and names no address of ours.
    """

    code: FailureCode
    message: str
    url: str
    exchanges: tuple[Exchange, ...] = ()


FetchOutcome = Fetched | FetchFailure


def decode_header_text(raw: bytes) -> str:
    """A header name or value as text: UTF-8 where it is, else Latin-1, which never fails."""
    try:
        return raw.decode("utf-8")
    except UnicodeDecodeError:
        return raw.decode("latin-1")


def find_header(headers: RawHeaders, name: str) -> str | None:
    """The values of that header joined by commas (RFC 9110, 5.3), or None."""
    wanted = name.lower().encode("ascii")
    values = [decode_header_text(value) for key, value in headers if key.lower() == wanted]
    return ", ".join(values) if values else None


def build_capture(exchange: Exchange, limits: BodyLimits, capture_id: str = "") -> Capture:
    """The exchange as detection sees it. Raises `BodyError` where the body breaks its bounds.

    A successful `/robots.txt` carries its text in `robots_txt` as well, so that what is detected in
    it has a capture to lead back to.
    """
    body = decode_body(
        exchange.wire_body,
        find_header(exchange.response_headers, "content-encoding"),
        body_bytes_max=limits.body_bytes_max,
        ratio_max=limits.ratio_max,
    )
    capture = Capture(
        url=exchange.url,
        status=exchange.status,
        headers=tuple(
            (decode_header_text(name), decode_header_text(value))
            for name, value in exchange.response_headers
        ),
        body=body,
        captured_at=exchange.fetched_at,
        capture_id=capture_id,
        certificate_issuer=exchange.certificate_issuer,
    )
    if exchange.status == 200 and exchange.url.endswith("/robots.txt") and _is_robots(exchange.url):
        text = body[:ROBOTS_BYTES_MAX].decode("utf-8", "replace")
        return replace(capture, robots_txt=text)
    return capture


def _is_robots(url: str) -> bool:
    try:
        return path_of(parse_url(url)) == "/robots.txt"
    except BadUrlError:
        return False
