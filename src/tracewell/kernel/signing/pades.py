"""Signatures inside PDF files: PAdES baseline B-B (ETSI EN 319 142-1), made and checked.

Not imported by the package: pyHanko takes half a second to load.
"""

from __future__ import annotations

import io
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC
from typing import Any, Final

from asn1crypto import cms
from asn1crypto import keys as asn1_keys
from asn1crypto import x509 as asn1_x509
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509 import Certificate
from pyhanko.pdf_utils.incremental_writer import IncrementalPdfFileWriter
from pyhanko.pdf_utils.misc import PdfError
from pyhanko.pdf_utils.reader import PdfFileReader
from pyhanko.sign import fields, signers
from pyhanko.sign.diff_analysis import ModificationLevel
from pyhanko.sign.general import SigningError
from pyhanko.sign.validation import SignatureCoverageLevel, validate_pdf_signature
from pyhanko.sign.validation.errors import SignatureValidationError
from pyhanko_certvalidator import ValidationContext
from pyhanko_certvalidator.errors import PathError
from pyhanko_certvalidator.registry import SimpleCertificateStore

from tracewell.kernel.clock import SECOND_MS
from tracewell.kernel.signing.document_key import DocumentKey
from tracewell.kernel.signing.errors import (
    FailureReason,
    NotVerified,
    SigningFailed,
    SigningFailure,
)

FIELD: Final = "Signature"
# What pyHanko raises over bytes that somebody has changed, its own errors being ValueErrors.
_UNREADABLE: Final = (
    ArithmeticError, AssertionError, AttributeError, LookupError, NotImplementedError, OSError,
    PathError, PdfError, RecursionError, SignatureValidationError, TypeError, ValueError,
)  # fmt: skip
_ATTACHED_BYTES_MAX: Final = 64 << 20


@dataclass(frozen=True, slots=True)
class VerifiedPdf:
    """A file whose every byte is signed. `signed_at_ms` is the signer's own word."""

    certificate_sha256: str
    signed_at_ms: int
    attachments: Mapping[str, bytes]


def sign_pdf(pdf: bytes, key: DocumentKey, *, reason: str) -> bytes:
    """The file with a certifying signature: whoever changes it afterwards breaks it.

    Some 30 ms of CPU. Raises SigningFailed. Runs an event loop of its own: call it in a thread.
    """
    private = asn1_keys.PrivateKeyInfo.load(
        key.private.private_bytes(Encoding.DER, PrivateFormat.PKCS8, NoEncryption())
    )
    chain = [_to_asn1(each) for each in key.chain]
    signer = signers.SimpleSigner(
        signing_cert=chain[0],
        signing_key=private,
        cert_registry=_store(chain[1:]),
    )
    described = signers.PdfSignatureMetadata(
        field_name=FIELD,
        md_algorithm="sha256",
        reason=reason,
        subfilter=fields.SigSeedSubFilter.PADES,
        certify=True,
        docmdp_permissions=fields.MDPPerm.NO_CHANGES,
    )
    try:
        signed = signers.PdfSigner(described, signer).sign_pdf(
            IncrementalPdfFileWriter(io.BytesIO(pdf))
        )
    except (SigningError, PdfError, ValueError) as error:
        raise SigningFailed(SigningFailure.DOCUMENT_NOT_SIGNED) from error
    return bytes(signed.getvalue())


def verify_pdf(data: bytes, certificates: Mapping[str, tuple[Certificate, ...]]) -> VerifiedPdf:
    """Check that every byte of a file is what was signed, by a certificate of the given ones.

    The certificate must have been good at the time that the signature states. Raises NotVerified.
    """
    try:
        reader = PdfFileReader(io.BytesIO(data), strict=True)
        signatures = reader.embedded_signatures
    except _UNREADABLE:
        raise NotVerified(FailureReason.DOCUMENT_MALFORMED) from None
    if len(signatures) != 1:
        raise NotVerified(FailureReason.DOCUMENT_NOT_SIGNED)
    (signature,) = signatures
    try:
        _check_frame(data, signature)
        chain = certificates.get(fingerprint_of(signature.signer_cert))
        signed_at = signature.self_reported_timestamp
        if chain is None:
            raise NotVerified(FailureReason.CERTIFICATE_UNKNOWN)
        _check_unsigned_parts(signature, chain)
        if signed_at is None:
            raise NotVerified(FailureReason.DOCUMENT_ALTERED)
        context = ValidationContext(
            trust_roots=[_to_asn1(chain[-1])],
            other_certs=[_to_asn1(each) for each in chain],
            moment=signed_at,
            allow_fetching=False,
        )
        status = validate_pdf_signature(signature, context)
        attachments = _read_attachments(reader) if status.bottom_line else {}
    except _UNREADABLE:
        raise NotVerified(FailureReason.DOCUMENT_ALTERED) from None
    if (
        not status.bottom_line
        or status.coverage is not SignatureCoverageLevel.ENTIRE_FILE
        or status.modification_level is not ModificationLevel.NONE
    ):
        raise NotVerified(FailureReason.DOCUMENT_ALTERED)
    at_ms = int(signed_at.astimezone(UTC).timestamp()) * SECOND_MS
    return VerifiedPdf(fingerprint_of(signature.signer_cert), at_ms, attachments)


def _check_frame(data: bytes, signature: Any) -> None:
    """The one stretch that the signature does not cover is the signature, in one spelling.

    Without it the case of a hex digit and the padding behind the signature could be changed.
    """
    start, end_of_first, start_of_second, length = signature.byte_range
    hole = data[end_of_first:start_of_second]
    contents: bytes = signature.pkcs7_content
    if start != 0 or start_of_second + length != len(data):
        raise ValueError("the signature does not cover the file")
    # Reads one value; what follows it is padding.
    der = len(cms.ContentInfo.load(contents).dump())
    if hole != b"<" + contents.hex().upper().encode() + b">" or any(contents[der:]):
        raise ValueError("there is something else beside the signature")


def _check_unsigned_parts(signature: Any, chain: tuple[Certificate, ...]) -> None:
    """What the signature does not cover says nothing but what follows from the rest."""
    signer = signature.signer_info
    algorithms = [each.dump() for each in signature.signed_data["digest_algorithms"]]
    if (signature.signed_data["version"].native, signer["version"].native) != ("v1", "v1"):
        raise ValueError("not the version of the format that is made here")
    if algorithms != [signer["digest_algorithm"].dump()] or signer["unsigned_attrs"].native:
        raise ValueError("there is something that nobody checks")
    carried = [bytes(each.chosen.dump()) for each in signature.signed_data["certificates"]]
    published = {each.public_bytes(Encoding.DER) for each in chain}
    if not published >= set(carried) or len(set(carried)) != len(carried):
        raise ValueError("there is a certificate that nobody checks")


def _store(certificates: list[asn1_x509.Certificate]) -> SimpleCertificateStore:
    store = SimpleCertificateStore()  # type: ignore[no-untyped-call]
    store.register_multiple(certificates)
    return store


def fingerprint_of(certificate: asn1_x509.Certificate) -> str:
    """As `document_key.fingerprint`."""
    return bytes(certificate.sha256).hex()


def _to_asn1(certificate: Certificate) -> asn1_x509.Certificate:
    return asn1_x509.Certificate.load(certificate.public_bytes(Encoding.DER))


def _read_attachments(reader: PdfFileReader) -> dict[str, bytes]:
    try:
        tree = reader.root["/Names"]["/EmbeddedFiles"]
    except KeyError:
        return {}
    found: dict[str, bytes] = {}
    pending = [tree]
    while pending:
        node = pending.pop()
        pending += list(node.get("/Kids", ()))
        names = list(node.get("/Names", ()))
        for name, place in zip(names[::2], names[1::2], strict=True):
            content = bytes(place.get_object()["/EF"]["/F"].data)
            if len(content) > _ATTACHED_BYTES_MAX:
                raise ValueError("an attached file is too large")
            found[str(name)] = content
    return found
