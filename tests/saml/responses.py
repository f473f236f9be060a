"""Genuine answers of the provider, changed ones, and how the service provider judges them."""

from __future__ import annotations

import copy
import time
from base64 import b64encode
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import pytest
from lxml import etree
from signxml.algorithms import (
    CanonicalizationMethod,
    DigestAlgorithm,
    SignatureConstructionMethod,
    SignatureMethod,
)
from signxml.signer import XMLSigner
from tests.saml.idp import Person, SamlIdp, decode

from tracewell.kernel.saml import (
    Assertion,
    Expectation,
    SamlFault,
    SamlRefused,
    ServiceProvider,
    parse_response,
)
from tracewell.kernel.saml.hardened_xml import ds, saml
from tracewell.kernel.saml.metadata import parse_idp_metadata

ACS_URL = "https://engine.example/auth/saml/acs"
ENTITY_ID = "https://engine.example/auth/saml/metadata"
REQUEST_ID = "_0123456789abcdef"
EXCLUSIVE = CanonicalizationMethod.EXCLUSIVE_XML_CANONICALIZATION_1_0

Element = etree._Element
Change = Callable[[Element], Any]


def now_ms() -> int:
    return int(time.time() * 1000)


@dataclass
class Responses:
    idp: SamlIdp
    _made: dict[bytes, bytes] = field(default_factory=dict)

    def genuine(self, **wanted: Any) -> bytes:
        """A response as the provider signs it."""
        key = None if wanted or self.idp.person != Person() else self.idp.metadata()
        if key is None or key not in self._made:
            given = {"acs_url": ACS_URL, "entity_id": ENTITY_ID, "request_id": REQUEST_ID}
            made = decode(self.idp.respond(**{**given, **wanted}))
            if key is None:
                return made
            self._made[key] = made
        return self._made[key]

    def tree(self, **wanted: Any) -> Element:
        return etree.fromstring(self.genuine(**wanted))

    def signed_after(self, change: Change, **signing: Any) -> bytes:
        """An assertion that was changed before the provider signed it with its own key."""
        root = self.tree(sign_assertion=False)
        assertion = root.find(saml("Assertion"))
        assert assertion is not None
        change(assertion)
        return self.sign(root, assertion, **signing)

    def sign(self, root: Element, element: Element, *, key: Any = None, **signing: Any) -> bytes:
        """Signs an element of a response, as SAML has it, in its place in the document."""
        cert = (self.idp.folder / "idp.pem").read_text()
        options = {
            "method": SignatureConstructionMethod.enveloped,
            "signature_algorithm": SignatureMethod.RSA_SHA256,
            "digest_algorithm": DigestAlgorithm.SHA256,
            "c14n_algorithm": EXCLUSIVE,
            **signing,
        }
        signer = XMLSigner(**options)
        reference = f"#{element.get('ID')}"
        signed = signer.sign(
            element,
            key=key or (self.idp.folder / "idp.key").read_bytes(),
            cert=cert,
            reference_uri=reference,
            id_attribute="ID",
        )
        parent = element.getparent()
        assert parent is not None
        parent.replace(element, signed)
        return etree.tostring(root)

    def expectation(self, **changes: Any) -> Expectation:
        metadata = parse_idp_metadata(self.idp.metadata(), now_ms(), loopback_allowed=True)
        given = {
            "provider": ServiceProvider(ENTITY_ID, ACS_URL, "groups"),
            "metadata": metadata,
            "request_id": REQUEST_ID,
            "now_ms": now_ms(),
            **changes,
        }
        return Expectation(**given)

    def accept(self, document: bytes, **changes: Any) -> Assertion:
        text = b64encode(document).decode()
        return parse_response(text, self.expectation(**changes))

    def refuse(self, document: bytes | Element, **changes: Any) -> SamlFault:
        """Why it is refused; a genuine answer gets in under the same expectation otherwise."""
        if not isinstance(document, bytes):
            document = etree.tostring(document)
        with pytest.raises(SamlRefused) as caught:
            self.accept(document, **changes)
        return caught.value.reason


def forged_from(assertion: Element, *, new_id: str | None = "_forged") -> Element:
    """A copy that names somebody else, unsigned."""
    forged = copy.deepcopy(assertion)
    forged.tail = None
    if new_id is not None:
        forged.set("ID", new_id)
    for signature in forged.findall(ds("Signature")):
        forged.remove(signature)
    name = next(forged.iter(saml("NameID")))
    name.text = "admin"
    return forged


def unsigned(assertion: Element) -> Element:
    """A copy without its signature."""
    plain = copy.deepcopy(assertion)
    for signature in plain.findall(ds("Signature")):
        plain.remove(signature)
    return plain
