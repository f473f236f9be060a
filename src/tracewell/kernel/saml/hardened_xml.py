"""XML from strangers: UTF-8, no document type, no entities, no comments; and the names of SAML.

What is refused here could make a small text large, read a file, or hide a part of a name.
"""

from __future__ import annotations

import re

from lxml import etree

from tracewell.kernel.saml.errors import SamlFault, SamlRefused

ASSERTION_NS = "urn:oasis:names:tc:SAML:2.0:assertion"
PROTOCOL_NS = "urn:oasis:names:tc:SAML:2.0:protocol"
METADATA_NS = "urn:oasis:names:tc:SAML:2.0:metadata"
SIGNATURE_NS = "http://www.w3.org/2000/09/xmldsig#"

_DECLARED = re.compile(rb"<!(?:DOCTYPE|ENTITY|ELEMENT|ATTLIST|NOTATION)", re.IGNORECASE)
_ENCODING = re.compile(rb"<\?xml[^>]*?encoding\s*=\s*[\"']([^\"']*)")


def parse_xml(data: bytes, *, comments_allowed: bool = False) -> etree._Element:
    """The root of a document. Raises SamlRefused (DTD, COMMENT, MALFORMED).

    `comments_allowed`: they are dropped; where names are read they must not be there at all.
    """
    encoding = _ENCODING.match(data.lstrip())
    try:
        data.decode("utf-8")
    except UnicodeDecodeError as error:
        raise SamlRefused(SamlFault.MALFORMED) from error
    if b"\x00" in data or (encoding is not None and encoding[1].lower() not in (b"utf-8", b"utf8")):
        raise SamlRefused(SamlFault.MALFORMED)
    if _DECLARED.search(data):
        raise SamlRefused(SamlFault.DTD)
    parser = etree.XMLParser(
        encoding="utf-8",
        resolve_entities=False,
        no_network=True,
        load_dtd=False,
        dtd_validation=False,
        huge_tree=False,
        remove_comments=comments_allowed,
        remove_pis=comments_allowed,
    )
    try:
        root = etree.fromstring(data, parser)
    except (etree.XMLSyntaxError, ValueError) as error:
        raise SamlRefused(SamlFault.MALFORMED) from error
    if root.getroottree().docinfo.internalDTD is not None:
        raise SamlRefused(SamlFault.DTD)
    if next(root.iter(etree.Entity), None) is not None:
        raise SamlRefused(SamlFault.DTD)
    if not comments_allowed:
        around = (root.getprevious(), root.getnext())
        inside = next(root.iter(etree.Comment, etree.ProcessingInstruction), None)
        if inside is not None or any(node is not None for node in around):
            raise SamlRefused(SamlFault.COMMENT)
    return root


def saml(name: str) -> str:
    """An element of assertions, by its local name."""
    return f"{{{ASSERTION_NS}}}{name}"


def samlp(name: str) -> str:
    """An element of the protocol."""
    return f"{{{PROTOCOL_NS}}}{name}"


def md(name: str) -> str:
    """An element of metadata."""
    return f"{{{METADATA_NS}}}{name}"


def ds(name: str) -> str:
    """An element of a signature."""
    return f"{{{SIGNATURE_NS}}}{name}"


def text_of(element: etree._Element) -> str:
    """The text of an element without children, stripped; empty where it has any."""
    return (element.text or "").strip() if len(element) == 0 else ""
