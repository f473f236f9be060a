"""From one WARC record to the capture that it holds. Which bytes those are is found in `archive`.

Nothing here judges what a page means, and no file is opened.
"""

from __future__ import annotations

import json
import re
from dataclasses import replace
from datetime import UTC, datetime

from fastwarc.warc import WarcRecord, WarcRecordType

from tracewell.values import Capture
from tracewell.web.codings import decode_chunked
from tracewell.web.exchange import (
    BodyLimits,
    Exchange,
    Original,
    RawHeaders,
    build_capture,
    decode_header_text,
    find_header,
    freshen,
)
from tracewell.web.records import build_dns_capture
from tracewell.web.urls import BadUrlError, parse_url

HTTP_HEADER_BYTES_MAX = 256 << 10
# A field of ours beside the standard ones: the organisation that signed the server's certificate.
ISSUER_FIELD = "X-Certificate-Issuer"
# And where the original of a revisit lies, as a capture id: the standard names only its record.
ORIGINAL_FIELD = "X-Refers-To-Capture"
# IIPC's proposal for telling the protocol; the heads themselves are in HTTP/1.1's form.
PROTOCOL_FIELD = "WARC-Protocol"
PROFILE_NOT_MODIFIED = "http://netpreserve.org/warc/1.1/revisit/server-not-modified"
PROFILE_IDENTICAL = "http://netpreserve.org/warc/1.1/revisit/identical-payload-digest"
RENDERING_TYPE = "application/vnd.tracewell.rendering+json"
# Common Crawl's way to keep headers that no longer describe the bytes stored under them.
SET_ASIDE_PREFIX = b"X-Crawler-"
JS_VALUES_MAX = 10_000

_SET_ASIDE_NAMES = (b"transfer-encoding", b"content-encoding", b"content-length")
STATUS_LINE = re.compile(rb"(HTTP/\d(?:\.\d)?) (\d{3})(?: ([^\r\n]*))?\r?\n")
HEAD_END = re.compile(rb"\r?\n\r?\n")


class ArchiveError(ValueError):
    """A place in an archive that holds no capture, or one that cannot be read."""


def holds_capture(record: WarcRecord) -> bool:
    """Whether the record is one that a capture is made of."""
    content_type = (record.headers.get("Content-Type") or "").partition(";")[0].strip().lower()
    match record.record_type:
        case WarcRecordType.response:
            return bool(record.is_http)
        case WarcRecordType.revisit:
            return bool(record.headers.get(ORIGINAL_FIELD))
        case WarcRecordType.resource:
            return content_type == "text/dns"
        case WarcRecordType.conversion:
            # A browser's DOM; or the plain text of a page, all that a WET file has of it.
            return content_type in {"text/html", "text/plain"}
    return False


def describes_rendering(record: WarcRecord) -> bool:
    """Whether the record belongs to the conversion before it."""
    kind = record.record_type == WarcRecordType.metadata
    return bool(kind and record.headers.get("Content-Type") == RENDERING_TYPE)


def is_web_resource(record: WarcRecord) -> bool:
    """Whether the record holds what a web address stands for, without the HTTP around it."""
    uri = (record.headers.get("WARC-Target-URI") or "").strip("<> ").lower()
    return record.record_type == WarcRecordType.resource and uri.startswith(("http:", "https:"))


def find_original_id(record: WarcRecord) -> str | None:
    """The capture id that a revisit of ours leads to, else None."""
    if record.record_type != WarcRecordType.revisit:
        return None
    return record.headers.get(ORIGINAL_FIELD) or None


def build_record_capture(
    record: WarcRecord,
    block: bytes,
    capture_id: str,
    limits: BodyLimits,
    original: Capture | None = None,
) -> Capture:
    """The capture in a record; a revisit's with its `original`.

    Raises `ArchiveError`, `BodyError`.
    """
    if is_web_resource(record):
        return _resource(record, block, capture_id, limits)
    if record.record_type == WarcRecordType.resource:
        uri = record.headers.get("WARC-Target-URI") or ""
        return build_dns_capture(uri[:1_000], block, _date_of(record), capture_id)
    if record.record_type == WarcRecordType.conversion:
        if (record.headers.get("Content-Type") or "").strip().lower().startswith("text/plain"):
            headers = (("Content-Type", "text/plain; charset=utf-8"),)
            return Capture(_url_of(record), 200, headers, block, _date_of(record), capture_id)
        return build_rendered_capture(_url_of(record), block, _date_of(record), capture_id)
    capture = _read_http(record, block, capture_id, limits)
    if original is None:
        return capture
    if capture.status == 304:
        return freshen(
            original,
            capture.headers,
            capture.captured_at,
            capture_id,
            capture.certificate_issuer,
        )
    return replace(capture, body=original.body, robots_txt=original.robots_txt)


def build_original(record: WarcRecord, capture: Capture) -> Original:
    """The record as something that a later response may repeat."""
    named = {name.lower(): value for name, value in record.headers.items()}
    return Original(
        capture,
        named.get("warc-record-id", ""),
        named.get("warc-date", ""),
        named.get("warc-payload-digest"),
    )


def build_rendered_capture(url: str, html: bytes, captured_at: int, capture_id: str) -> Capture:
    """The DOM that a browser made of a page, as a page."""
    headers = (("Content-Type", "text/html; charset=utf-8"),)
    return Capture(url, 200, headers, html, captured_at, capture_id)


def add_browser_findings(capture: Capture, block: bytes) -> Capture:
    """The rendered capture with its globals, hosts and properties of elements, which records of
    before have not. Raises `ArchiveError`."""
    try:
        found = json.loads(block)
        js = {str(name): str(text) for name, text in list(found["js"].items())[:JS_VALUES_MAX]}
        xhr = tuple(str(host) for host in found["xhr"][:JS_VALUES_MAX])
        properties = {
            str(selector): {
                str(name): str(text) for name, text in list(values.items())[:JS_VALUES_MAX]
            }
            for selector, values in list(found.get("dom_properties", {}).items())[:JS_VALUES_MAX]
        }
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise ArchiveError("the record tells no rendering") from error
    return replace(capture, js=js, xhr=xhr, dom_properties=properties)


def _resource(record: WarcRecord, block: bytes, capture_id: str, limits: BodyLimits) -> Capture:
    if len(block) > limits.body_bytes_max:
        raise ArchiveError(f"the resource has more than {limits.body_bytes_max} bytes")
    content_type = record.headers.get("Content-Type")
    headers = (("Content-Type", content_type),) if content_type else ()
    return Capture(_url_of(record), 200, headers, block, _date_of(record), capture_id)


def _url_of(record: WarcRecord) -> str:
    uri = record.headers.get("WARC-Target-URI") or ""
    try:
        return parse_url(uri.strip().removeprefix("<").removesuffix(">"))
    except BadUrlError as error:
        raise ArchiveError(f"no page: {error}") from error


def _date_of(record: WarcRecord) -> int:
    return _parse_date(record.headers.get("WARC-Date") or "")


def _read_http(record: WarcRecord, block: bytes, capture_id: str, limits: BodyLimits) -> Capture:
    """The capture in one HTTP response block. Raises `ArchiveError`, `BodyError`."""
    url = _url_of(record)
    status_line = STATUS_LINE.match(block)
    # From the end of the status line's text on, so that a response without headers ends too.
    head_from = status_line.end() - 2 if status_line else 0
    head_end = HEAD_END.search(block, max(head_from, 0), HTTP_HEADER_BYTES_MAX)
    if status_line is None or head_end is None:
        raise ArchiveError("the record holds no HTTP response")
    headers = parse_headers(block[status_line.end() : head_end.start()])
    body = block[head_end.end() :]
    if "chunked" in (find_header(headers, "transfer-encoding") or "").lower():
        body = decode_chunked(body)
    exchange = Exchange(
        url=url,
        request_headers=(),
        http_version=status_line[1].decode("ascii"),
        status=int(status_line[2]),
        reason=decode_header_text(status_line[3] or b""),
        response_headers=headers,
        wire_body=body,
        fetched_at=_date_of(record),
        certificate_issuer=record.headers.get(ISSUER_FIELD),
    )
    capture = build_capture(exchange, limits, capture_id)
    return replace(capture, headers=_restore(capture.headers))


def parse_headers(head: bytes) -> RawHeaders:
    """Names and values of the lines behind a status line; what is no header is left out."""
    headers: list[tuple[bytes, bytes]] = []
    for line in head.split(b"\n"):
        name, colon, value = line.rstrip(b"\r").partition(b":")
        if line[:1] in {b" ", b"\t"} and headers:
            # An old folded line belongs to the header before it (RFC 9112, 5.2).
            headers[-1] = (headers[-1][0], headers[-1][1] + b" " + line.strip())
        elif colon:
            headers.append((name.strip(), value.strip(b" \t")))
    return tuple(headers)


def _restore(headers: tuple[tuple[str, str], ...]) -> tuple[tuple[str, str], ...]:
    """The headers as the server sent them: names that a crawler set aside get their own again."""
    prefix = SET_ASIDE_PREFIX.decode().lower()
    names = {prefix + name.decode() for name in _SET_ASIDE_NAMES}
    replaced = {name.lower().removeprefix(prefix) for name, _ in headers if name.lower() in names}
    if not replaced:
        return headers
    return tuple(
        (name[len(prefix) :] if name.lower() in names else name, value)
        for name, value in headers
        if name.lower() not in replaced
    )


def _parse_date(text: str) -> int:
    """Milliseconds since the epoch of a WARC-Date. Raises `ArchiveError`."""
    try:
        moment = datetime.fromisoformat(text)
    except ValueError as error:
        raise ArchiveError(f"WARC-Date is no date: {text[:40]!r}") from error
    utc = moment if moment.tzinfo else moment.replace(tzinfo=UTC)
    return round(utc.timestamp() * 1000)
