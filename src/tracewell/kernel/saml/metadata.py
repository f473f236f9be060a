"""Metadata (SAML 2.0 metadata, 2.4): the provider's, read; ours, written."""

from __future__ import annotations

from base64 import b64decode
from dataclasses import dataclass

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from lxml import etree

from tracewell.kernel.idp.documents import require_safe_url
from tracewell.kernel.saml.errors import SamlRefused
from tracewell.kernel.saml.hardened_xml import METADATA_NS, PROTOCOL_NS, ds, md, parse_xml, text_of
from tracewell.kernel.saml.times import parse_time

REDIRECT = "urn:oasis:names:tc:SAML:2.0:bindings:HTTP-Redirect"
POST = "urn:oasis:names:tc:SAML:2.0:bindings:HTTP-POST"
CERTIFICATES_MAX = 20
RSA_BITS = range(2_048, 8_192 + 1)


@dataclass(frozen=True, slots=True)
class IdpMetadata:
    """What one identity provider publishes at one moment.

    The dates of a certificate say nothing here: a key is good as long as the metadata names it
    (SAML V2.0 Metadata Interoperability Profile, 2.6.1).
    """

    entity_id: str
    sign_in_url: str
    certificates: tuple[x509.Certificate, ...]
    wants_signed_requests: bool


def parse_idp_metadata(data: bytes, now_ms: int, *, loopback_allowed: bool) -> IdpMetadata:
    """Raises ValueError with a sentence that says what cannot be used."""
    try:
        root = parse_xml(data, comments_allowed=True)
    except SamlRefused as error:
        raise ValueError(f"the metadata cannot be read: {error.reason.value}") from error
    entity, idp = _find_idp(root)
    for element in (root, entity, idp):
        until = element.get("validUntil")
        if until is not None and parse_time(until) <= now_ms:
            raise ValueError("the metadata has expired (validUntil)")
    entity_id = entity.get("entityID", "")
    if not entity_id:
        raise ValueError("the metadata names no entityID")
    urls = [
        service.get("Location", "")
        for service in idp.iterfind(md("SingleSignOnService"))
        if service.get("Binding") == REDIRECT
    ]
    if not urls:
        raise ValueError("the provider offers no sign-in by HTTP-Redirect")
    require_safe_url(urls[0], loopback_allowed=loopback_allowed)
    certificates = tuple(
        _parse_certificate(text_of(node))
        for key in idp.iterfind(md("KeyDescriptor"))
        if key.get("use", "signing") == "signing"
        for node in key.iter(ds("X509Certificate"))
    )
    if not 1 <= len(certificates) <= CERTIFICATES_MAX:
        raise ValueError(f"the metadata needs 1 to {CERTIFICATES_MAX} signing certificates")
    wants = idp.get("WantAuthnRequestsSigned", "false") in ("true", "1")
    return IdpMetadata(entity_id, urls[0], certificates, wants)


def _find_idp(root: etree._Element) -> tuple[etree._Element, etree._Element]:
    entities = (
        [root] if root.tag == md("EntityDescriptor") else list(root.iter(md("EntityDescriptor")))
    )
    found = [
        (entity, idp)
        for entity in entities
        for idp in entity.iterfind(md("IDPSSODescriptor"))
        if PROTOCOL_NS in idp.get("protocolSupportEnumeration", "").split()
    ]
    if len(found) != 1:
        raise ValueError("the metadata must describe exactly one SAML 2.0 identity provider")
    return found[0]


def _parse_certificate(text: str) -> x509.Certificate:
    try:
        certificate = x509.load_der_x509_certificate(b64decode("".join(text.split())))
        key = certificate.public_key()
    except ValueError as error:
        raise ValueError("the metadata holds a certificate that cannot be read") from error
    if isinstance(key, rsa.RSAPublicKey) and key.key_size in RSA_BITS:
        return certificate
    if isinstance(key, ec.EllipticCurvePublicKey) and key.key_size >= 256:
        return certificate
    raise ValueError("a signing certificate needs RSA of 2048 to 8192 bits or EC of 256 and more")


def render_sp_metadata(entity_id: str, acs_url: str) -> bytes:
    """What the identity provider must know of this engine."""
    root = etree.Element(md("EntityDescriptor"), nsmap={"md": METADATA_NS})
    root.set("entityID", entity_id)
    service = etree.SubElement(root, md("SPSSODescriptor"))
    service.set("AuthnRequestsSigned", "false")
    service.set("WantAssertionsSigned", "true")
    service.set("protocolSupportEnumeration", PROTOCOL_NS)
    consumer = etree.SubElement(service, md("AssertionConsumerService"))
    consumer.set("Binding", POST)
    consumer.set("Location", acs_url)
    consumer.set("index", "0")
    consumer.set("isDefault", "true")
    return etree.tostring(root, xml_declaration=True, encoding="utf-8", pretty_print=True)
