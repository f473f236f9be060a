"""Which part of an answer is really signed: only that part is ever read.

Signature wrapping moves a genuine signed element elsewhere and puts a forged one in its place. So
the shape is judged first, and then names come from the very bytes whose digest was checked.
"""

from __future__ import annotations

from collections.abc import Sequence

from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm
from lxml import etree
from signxml.algorithms import DigestAlgorithm, SignatureMethod
from signxml.exceptions import SignXMLException
from signxml.verifier import SignatureConfiguration, XMLVerifier

from tracewell.kernel.saml.errors import SamlFault, SamlRefused
from tracewell.kernel.saml.hardened_xml import ASSERTION_NS, ds, saml, samlp

_EXCLUSIVE = "http://www.w3.org/2001/10/xml-exc-c14n#"
_TRANSFORMS = {"http://www.w3.org/2000/09/xmldsig#enveloped-signature", _EXCLUSIVE}
_METHODS = frozenset(
    {
        SignatureMethod.RSA_SHA256,
        SignatureMethod.RSA_SHA384,
        SignatureMethod.RSA_SHA512,
        SignatureMethod.SHA256_RSA_MGF1,
        SignatureMethod.SHA512_RSA_MGF1,
        SignatureMethod.ECDSA_SHA256,
        SignatureMethod.ECDSA_SHA384,
        SignatureMethod.ECDSA_SHA512,
    }
)
_DIGESTS = frozenset({DigestAlgorithm.SHA256, DigestAlgorithm.SHA384, DigestAlgorithm.SHA512})
_ID_ATTRIBUTES = ("ID", "Id", "id", "{http://www.w3.org/XML/1998/namespace}id")


def read_signed_assertion(
    response: etree._Element, certificates: Sequence[x509.Certificate]
) -> etree._Element:
    """The response's one assertion, as it was signed. Raises SamlRefused."""
    assertion = _find_assertion(response)
    _require_shape(response, assertion)
    if response.find(ds("Signature")) is not None:
        _read_signed(response, certificates)
    if assertion.find(ds("Signature")) is None:
        raise SamlRefused(SamlFault.UNSIGNED)
    return _read_signed(assertion, certificates)


def _find_assertion(response: etree._Element) -> etree._Element:
    if next(response.iter(saml("EncryptedAssertion")), None) is not None:
        raise SamlRefused(SamlFault.ENCRYPTED)
    everywhere = [
        element for element in response.iter("{*}Assertion") if isinstance(element.tag, str)
    ]
    if len(everywhere) != 1 or everywhere[0].getparent() is not response:
        raise SamlRefused(SamlFault.ASSERTIONS)
    if everywhere[0].tag != saml("Assertion"):
        raise SamlRefused(SamlFault.ASSERTIONS)
    return everywhere[0]


def _require_shape(response: etree._Element, assertion: etree._Element) -> None:
    """Every ID once; signatures as direct children of what they sign, and of nothing else."""
    seen = set()
    for element in response.iter():
        for name in _ID_ATTRIBUTES:
            value = element.get(name)
            if value is not None and value in seen:
                raise SamlRefused(SamlFault.IDS)
            seen.add(value)
    for name in ("Response", "Extensions"):
        # A second response inside, or a place that schemas leave open for anything.
        if any(element is not response for element in response.iter(samlp(name))):
            raise SamlRefused(SamlFault.SIGNATURES)
    counts = {response: 0, assertion: 0}
    for signature in response.iter(ds("Signature")):
        parent = signature.getparent()
        if parent is None or parent not in counts or counts[parent]:
            raise SamlRefused(SamlFault.SIGNATURES)
        counts[parent] += 1
        _require_plain(signature, parent)


def _require_plain(signature: etree._Element, signed: etree._Element) -> None:
    """One reference, to the parent, through nothing but the two transforms (SAML core, 5.4)."""
    if next(signature.iter(ds("Object")), None) is not None:
        raise SamlRefused(SamlFault.SIGNATURES)
    if any(True for _ in signature.iter(f"{{{ASSERTION_NS}}}*")):
        raise SamlRefused(SamlFault.SIGNATURES)
    references = list(signature.iter(ds("Reference")))
    own_id = signed.get("ID")
    if not own_id or [reference.get("URI") for reference in references] != [f"#{own_id}"]:
        raise SamlRefused(SamlFault.SIGNATURES)
    methods = [element.get("Algorithm") for element in signature.iter(ds("CanonicalizationMethod"))]
    transforms = [element.get("Algorithm") for element in signature.iter(ds("Transform"))]
    if methods != [_EXCLUSIVE] or not _TRANSFORMS.issuperset(map(str, transforms)):
        raise SamlRefused(SamlFault.ALGORITHM)
    if len(transforms) != len(_TRANSFORMS) or len(set(transforms)) != len(_TRANSFORMS):
        raise SamlRefused(SamlFault.ALGORITHM)


def _read_signed(
    element: etree._Element, certificates: Sequence[x509.Certificate]
) -> etree._Element:
    """What the signature of `element` covers, parsed anew from the bytes that were digested."""
    algorithms = [node.get("Algorithm") for node in element.iterfind(f"{ds('Signature')}//*")]
    known = {method.value for method in _METHODS} | {digest.value for digest in _DIGESTS}
    known |= _TRANSFORMS
    if any(name is not None and name not in known for name in algorithms):
        raise SamlRefused(SamlFault.ALGORITHM)
    for certificate in certificates:
        signed = _find_signed(element, certificate)
        if signed is not None:
            if signed.tag != element.tag or signed.get("ID") != element.get("ID"):
                raise SamlRefused(SamlFault.SIGNATURES)
            return signed
    raise SamlRefused(SamlFault.SIGNATURE)


def _find_signed(element: etree._Element, certificate: x509.Certificate) -> etree._Element | None:
    configuration = SignatureConfiguration(
        location="./",
        expect_references=1,
        signature_methods=_METHODS,
        digest_algorithms=_DIGESTS,
        # The certificate is the metadata's; whatever key the answer brings along is not looked at.
        ignore_ambiguous_key_info=True,
        verification_time=certificate.not_valid_before_utc,
    )
    try:
        found = XMLVerifier().verify(
            element, x509_cert=certificate, expect_config=configuration, id_attribute="ID"
        )
    except (
        SignXMLException,
        UnsupportedAlgorithm,
        etree.LxmlError,
        ValueError,
        TypeError,
        KeyError,
    ):
        return None
    assert not isinstance(found, list), "exactly one reference was asked for"
    return found.signed_xml
