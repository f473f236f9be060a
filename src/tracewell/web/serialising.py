"""WARC records as bytes, through warcio: gzip per record, SHA-256 digests. No file is touched here.

Files, their rotation and the disk are in `archive_writer`; reading is in `archive`.
"""

from __future__ import annotations

import json
import uuid
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from io import BytesIO

from warcio.statusandheaders import StatusAndHeaders
from warcio.utils import Digester
from warcio.warcwriter import WARCWriter

from tracewell.values import Capture
from tracewell.web.exchange import Exchange, RawHeaders, find_header
from tracewell.web.product import PRODUCT, VERSION
from tracewell.web.record_reading import (
    ISSUER_FIELD,
    ORIGINAL_FIELD,
    PROFILE_IDENTICAL,
    PROFILE_NOT_MODIFIED,
    PROTOCOL_FIELD,
    RENDERING_TYPE,
    SET_ASIDE_PREFIX,
    build_rendered_capture,
)
from tracewell.web.records import DnsLookup
from tracewell.web.urls import target_of

FIELD_CHARS_MAX = 2_000


@dataclass(frozen=True, slots=True)
class Rendering:
    """What a browser made of a page: its DOM as HTML, globals, hosts that scripts asked, and
    by selector the properties that scripts hung on elements.

    `rendered_at` is milliseconds since the epoch. `page_capture_id` is the page's own record.
    """

    url: str
    html: bytes
    js: Mapping[str, str]
    xhr: tuple[str, ...]
    rendered_at: int
    page_capture_id: str = ""
    dom_properties: Mapping[str, Mapping[str, str]] = field(default_factory=dict)

    def capture(self, capture_id: str = "") -> Capture:
        """The rendering as detection sees it."""
        page = build_rendered_capture(self.url, self.html, self.rendered_at, capture_id)
        return replace(page, js=self.js, xhr=self.xhr, dom_properties=self.dom_properties)


class _ExactHead(StatusAndHeaders):  # type: ignore[misc]  # warcio is untyped
    """An HTTP head that is written byte for byte; warcio's own would percent-encode what it can."""

    def __init__(self, first_line: bytes, headers: RawHeaders) -> None:
        super().__init__(first_line.decode("latin-1"), [])
        lines = [first_line, *(name + b": " + value for name, value in headers)]
        self._exact = b"\r\n".join(lines) + b"\r\n\r\n"
        self.headers_buff = self._exact

    def compute_headers_buffer(self, header_filter: object = None) -> None:
        """Warcio's hook for serialising; there is nothing to compute."""
        self.headers_buff = self._exact


class _RecordWriter(WARCWriter):  # type: ignore[misc]
    """Warcio's writer with SHA-256 digests: evidence must not rest on a broken hash."""

    @staticmethod
    def _create_digester() -> Digester:
        return Digester("sha256")


class RecordMaker:
    """Makes records; the first of what is returned is the one that a capture id names."""

    def __init__(self, new_id: Callable[[], uuid.UUID]) -> None:
        self._new_id = new_id

    def make_info(self, file_name: str, operator: str, moment_ms: int) -> bytes:
        """The record that a file opens with."""
        told = {
            "software": f"{PRODUCT}/{VERSION}",
            "operator": operator,
            "format": "WARC File Format 1.1",
            "conformsTo": "http://iipc.github.io/warc-specifications/specifications/warc-format/warc-1.1/",
        }
        fields = self._fields(moment_ms) | {"WARC-Filename": file_name}
        return self._make("warcinfo", "", _text_fields(told), fields)

    def make_exchange(self, exchange: Exchange, about: Mapping[str, str]) -> tuple[bytes, str]:
        """Response (or revisit) and request, and a metadata record for what is told `about` it.

        Returns their bytes and the first one's record id.
        """
        out = BytesIO()
        writer = _RecordWriter(out, gzip=True, warc_version="1.1")
        fields = self._fields(exchange.fetched_at)
        if exchange.remote_address is not None:
            fields["WARC-IP-Address"] = exchange.remote_address
        if exchange.certificate_issuer is not None:
            fields[ISSUER_FIELD] = " ".join(exchange.certificate_issuer.split())
        # HTTP/2 has no form of its own in WARC: heads are kept in that of 1.1, as tools expect.
        version = exchange.http_version
        if version == "HTTP/2":
            version, fields[PROTOCOL_FIELD] = "HTTP/1.1", "h2"
        head = _ExactHead(
            f"{version} {exchange.status} {exchange.reason}".encode("utf-8", "replace"),
            _set_aside(exchange.response_headers),
        )
        revisit = find_revisit(exchange)
        response = writer.create_warc_record(
            exchange.url,
            "response" if revisit is None else "revisit",
            payload=BytesIO(exchange.wire_body if revisit is None else b""),
            length=len(exchange.wire_body) if revisit is None else 0,
            warc_headers_dict=fields | (revisit or {}),
            http_headers=head,
        )
        line = f"{exchange.method} {target_of(exchange.url)} {version}"
        request = writer.create_warc_record(
            exchange.url,
            "request",
            payload=BytesIO(),
            length=0,
            warc_headers_dict=self._fields(exchange.fetched_at),
            http_headers=_ExactHead(line.encode("ascii"), exchange.request_headers),
        )
        writer.write_request_response_pair(request, response)
        record_id = fields["WARC-Record-ID"]
        if about:
            more = self._fields(exchange.fetched_at) | {"WARC-Concurrent-To": record_id}
            out.write(self._make("metadata", exchange.url, _text_fields(about), more))
        return out.getvalue(), record_id

    def make_lookup(self, lookup: DnsLookup) -> bytes:
        """A DNS lookup (ISO 28500, 6.4: the `dns` scheme)."""
        fields = self._fields(lookup.looked_up_at)
        return self._make("resource", lookup.url, lookup.text, fields, "text/dns")

    def make_rendering(self, rendering: Rendering, page_record_id: str | None) -> bytes:
        """The DOM as a conversion of the page, and behind it what the browser saw beside."""
        fields = self._fields(rendering.rendered_at)
        refers = {"WARC-Refers-To": page_record_id} if page_record_id else {}
        dom = self._make("conversion", rendering.url, rendering.html, fields | refers, "text/html")
        seen = {
            "js": dict(rendering.js),
            "xhr": list(rendering.xhr),
            "dom_properties": {
                selector: dict(values) for selector, values in rendering.dom_properties.items()
            },
        }
        more = self._fields(rendering.rendered_at) | {"WARC-Refers-To": fields["WARC-Record-ID"]}
        text = json.dumps(seen, ensure_ascii=True).encode("ascii")
        return dom + self._make("metadata", rendering.url, text, more, RENDERING_TYPE)

    def _make(
        self, kind: str, url: str, block: bytes, fields: dict[str, str], content_type: str = ""
    ) -> bytes:
        out = BytesIO()
        writer = _RecordWriter(out, gzip=True, warc_version="1.1")
        writer.write_record(
            writer.create_warc_record(
                url,
                kind,
                payload=BytesIO(block),
                length=len(block),
                warc_content_type=content_type,
                warc_headers_dict=fields,
            )
        )
        return out.getvalue()

    def _fields(self, moment_ms: int) -> dict[str, str]:
        return {
            "WARC-Record-ID": f"<urn:uuid:{self._new_id()}>",
            "WARC-Date": format_date(moment_ms),
        }


def format_date(moment_ms: int) -> str:
    """Milliseconds since the epoch as a WARC-Date."""
    moment = datetime.fromtimestamp(moment_ms / 1000, UTC)
    return f"{moment:%Y-%m-%dT%H:%M:%S}.{moment_ms % 1000:03d}Z"


def _text_fields(told: Mapping[str, str]) -> bytes:
    lines = (
        f"{name}: {' '.join(value.split())[:FIELD_CHARS_MAX]}\r\n"
        for name, value in told.items()
        if value
    )
    return "".join(lines).encode("utf-8", "replace")


def find_revisit(exchange: Exchange) -> dict[str, str] | None:
    """Fields of a revisit record where the response repeats the original, else None."""
    original = exchange.original
    if original is None:
        return None
    refers = {
        "WARC-Refers-To": original.record_id,
        "WARC-Refers-To-Target-URI": original.capture.url,
        "WARC-Refers-To-Date": original.date,
        ORIGINAL_FIELD: original.capture.capture_id,
    }
    if exchange.status == 304:
        return refers | {"WARC-Profile": PROFILE_NOT_MODIFIED}
    coding = find_header(exchange.response_headers, "content-encoding")
    if exchange.status != original.capture.status or coding != original.capture.header(
        "content-encoding"
    ):
        return None
    digester = Digester("sha256")
    digester.update(exchange.wire_body)
    digest = str(digester)
    if digest != original.payload_digest or not exchange.wire_body:
        return None
    return refers | {"WARC-Profile": PROFILE_IDENTICAL, "WARC-Payload-Digest": digest}


def _set_aside(headers: RawHeaders) -> RawHeaders:
    """Headers for a body whose transfer coding is undone: the header keeps its value, not its name.

    A reader would otherwise look for chunks that are no longer there.
    """
    return tuple(
        (SET_ASIDE_PREFIX + name if name.lower() == b"transfer-encoding" else name, value)
        for name, value in headers
    )
