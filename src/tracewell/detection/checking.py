"""Checks evidence against its capture again, without the fingerprints that it came from."""

from __future__ import annotations

from collections.abc import Iterable

from tracewell.detection.charset import sniff_encoding
from tracewell.detection.model import Limits
from tracewell.values import Capture, Evidence


def is_evident(capture: Capture, evidence: Evidence, limits: Limits | None = None) -> bool:
    """Whether the capture holds the excerpt where the evidence says.

    With offsets: whether these bytes of the body, in the encoding that browsers would take them
    for, are the excerpt. Without: whether what it was seen in (a header, a cookie, the address,
    robots.txt, a DNS record, ...) holds it. Of kind `implied` nothing is in the capture: True, for
    what implies it has evidence of its own.
    """
    if evidence.kind == "implied":
        return True
    if evidence.start is not None and evidence.end is not None:
        if not 0 <= evidence.start <= evidence.end <= len(capture.body):
            return False
        read = capture.body[: (limits or Limits()).body_bytes_max]
        encoding = sniff_encoding(read, capture.header("content-type"))
        piece = capture.body[evidence.start : evidence.end]
        return piece.decode(encoding, "replace") == evidence.excerpt
    return any(evidence.excerpt in text for text in _list_texts(capture, evidence))


def _list_texts(capture: Capture, evidence: Evidence) -> Iterable[str]:
    name = evidence.name.lower()
    match evidence.kind:
        case "header":
            return [value for key, value in capture.headers if key.lower() == name]
        case "cookie":
            cookies = [value for key, value in capture.headers if key.lower() == "set-cookie"]
            return [text for text in cookies if text.lstrip().lower().startswith(name)]
        case "dns":
            return [text for kind, found in capture.dns.items() if kind.lower() == name
                    for text in found]  # fmt: skip
        case "js":
            return [capture.js[evidence.name]] if evidence.name in capture.js else []
        case "url":
            return [capture.url]
        case "robots":
            return [capture.robots_txt or ""]
        case "cert_issuer":
            return [capture.certificate_issuer or ""]
        case "xhr":
            return capture.xhr
        case "script":
            return [capture.scripts[evidence.name]] if evidence.name in capture.scripts else []
        case "dom":
            return capture.dom_properties.get(evidence.name, {}).values()
        case _:
            return []
