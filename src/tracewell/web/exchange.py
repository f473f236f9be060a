"""What one request to the web can come to: an exchange, a followed fetch, or a typed failure.

Plain frozen values and their way to a `Capture`; no I/O.
"""

from __future__ import annotations

from collections.abc import Iterable
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
    "asked_to_wait",
    "render_failed",
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
class Original:
    """An archived response that a later one may be a repetition of.

    `record_id`, `date` and `payload_digest` are as the WARC record has them.
    """

    capture: Capture
    record_id: str
    date: str
    payload_digest: str | None


@dataclass(frozen=True, slots=True)
class Exchange:
    """One request and its response as they crossed the wire.

    `wire_body` still has its content coding; a chunked transfer coding is undone. Header names and
    values are bytes as sent, in order. `fetched_at` is milliseconds since the epoch, when the
    response was complete. `remote_address` is the address that was connected to, `tls` the version
    spoken (`TLSv1.3`), `certificate` the server's own in DER. `http_version` is `HTTP/1.0`,
    `HTTP/1.1` or `HTTP/2`. `original` is what an earlier crawl kept under this URL, if anything.
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
    tls: str | None = None
    certificate: bytes | None = None
    original: Original | None = None


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


class FetchError(Exception):
    """A failure on its way out of one hop."""

    def __init__(self, code: FailureCode, message: str) -> None:
        super().__init__(message)
        self.code: FailureCode = code


class RenderUnavailableError(Exception):
    """There is no browser to render with; the text says what to install."""


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
    it has a capture to lead back to. 304 gives the original, with the headers brought up to date.
    """
    if exchange.status == 304 and exchange.original is not None:
        headers = _decode_headers(exchange.response_headers)
        return freshen(
            exchange.original.capture,
            headers,
            exchange.fetched_at,
            capture_id,
            exchange.certificate_issuer,
        )
    body = decode_body(
        exchange.wire_body,
        find_header(exchange.response_headers, "content-encoding"),
        body_bytes_max=limits.body_bytes_max,
        ratio_max=limits.ratio_max,
    )
    capture = Capture(
        url=exchange.url,
        status=exchange.status,
        headers=_decode_headers(exchange.response_headers),
        body=body,
        captured_at=exchange.fetched_at,
        capture_id=capture_id,
        certificate_issuer=exchange.certificate_issuer,
    )
    if exchange.status == 200 and exchange.url.endswith("/robots.txt") and _is_robots(exchange.url):
        text = body[:ROBOTS_BYTES_MAX].decode("utf-8", "replace")
        return replace(capture, robots_txt=text)
    return capture


# What describes the message and not the page: the original's own stays (RFC 9111, 3.2).
_OF_THE_MESSAGE = frozenset(
    {"connection", "content-encoding", "content-length", "content-range", "content-type",
     "keep-alive", "transfer-encoding", "x-crawler-transfer-encoding"}
)  # fmt: skip


def freshen(
    original: Capture,
    headers: Iterable[tuple[str, str]],
    captured_at: int,
    capture_id: str,
    certificate_issuer: str | None,
) -> Capture:
    """The original as a 304 answer with these headers confirms it (RFC 9111, 4.3.4)."""
    news = [(name, value) for name, value in headers if name.lower() not in _OF_THE_MESSAGE]
    renewed = {name.lower() for name, _ in news}
    kept = [(name, value) for name, value in original.headers if name.lower() not in renewed]
    return replace(
        original,
        headers=(*kept, *news),
        captured_at=captured_at,
        capture_id=capture_id,
        certificate_issuer=certificate_issuer,
    )


def _decode_headers(headers: RawHeaders) -> tuple[tuple[str, str], ...]:
    return tuple((decode_header_text(name), decode_header_text(value)) for name, value in headers)


def _is_robots(url: str) -> bool:
    try:
        return path_of(parse_url(url)) == "/robots.txt"
    except BadUrlError:
        return False
