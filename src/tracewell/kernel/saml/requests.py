"""The request that sends a browser to the identity provider (SAML core 3.4, bindings 3.4)."""

from __future__ import annotations

import secrets
import zlib
from base64 import b64encode
from collections.abc import Callable
from urllib.parse import urlencode, urlsplit, urlunsplit

from lxml import etree

from tracewell.kernel.saml.hardened_xml import ASSERTION_NS, PROTOCOL_NS, saml, samlp
from tracewell.kernel.saml.metadata import POST
from tracewell.kernel.saml.times import format_time


def new_request_id(choose: Callable[[int], str] = secrets.token_hex) -> str:
    """An xs:ID of 128 bits."""
    return f"_{choose(16)}"


def render_redirect(
    *,
    sign_in_url: str,
    entity_id: str,
    acs_url: str,
    request_id: str,
    relay_state: str,
    now_ms: int,
) -> str:
    """Where the browser goes: HTTP-Redirect binding, DEFLATE, unsigned."""
    request = etree.Element(
        samlp("AuthnRequest"), nsmap={"samlp": PROTOCOL_NS, "saml": ASSERTION_NS}
    )
    for name, value in (
        ("ID", request_id),
        ("Version", "2.0"),
        ("IssueInstant", format_time(now_ms)),
        ("Destination", sign_in_url),
        ("AssertionConsumerServiceURL", acs_url),
        ("ProtocolBinding", POST),
    ):
        request.set(name, value)
    etree.SubElement(request, saml("Issuer")).text = entity_id
    etree.SubElement(request, samlp("NameIDPolicy")).set("AllowCreate", "true")
    squeezed = zlib.compressobj(9, zlib.DEFLATED, -15)
    packed = squeezed.compress(etree.tostring(request)) + squeezed.flush()
    query = {"SAMLRequest": b64encode(packed).decode(), "RelayState": relay_state}
    parts = urlsplit(sign_in_url)
    joined = "&".join(filter(None, (parts.query, urlencode(query))))
    return urlunsplit(parts._replace(query=joined))
