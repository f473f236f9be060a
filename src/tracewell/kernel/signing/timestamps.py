"""RFC 3161 time stamps over a report's signature: asked for, and checked against an authority.

What is stamped is the text of the JWS, so that the stamp dates the signature (as in CAdES-T).
Nothing here talks to an authority.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC
from typing import Any, ClassVar, Final

from asn1crypto import algos, core, tsp
from cryptography import x509
from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from rfc3161_client import VerificationError, VerifierBuilder, decode_timestamp_response

RESPONSE_BYTES_MAX: Final = 256 << 10
_GRANTED: Final = ("granted", "granted_with_mods")
SECOND_MS: Final = 1000


class _Response(core.Sequence):  # type: ignore[misc]
    """A response whose token may be absent, as in a refusal."""

    _fields: ClassVar = [
        ("status", tsp.PKIStatusInfo),
        ("time_stamp_token", tsp.ContentInfo, {"optional": True}),
    ]


class TimestampInvalid(ValueError):  # noqa: N818 - a sentence: "the time stamp is invalid"
    """The stamp is malformed, of something else, or not of a trusted authority."""


class TimestampRefused(Exception):  # noqa: N818
    """The authority answered that it does not stamp this."""


@dataclass(frozen=True, slots=True)
class Timestamp:
    """`at_ms`: when the stamped data existed, whole seconds. `proven`: by a trusted authority."""

    at_ms: int
    proven: bool


def build_timestamp_request(data: bytes, nonce: int) -> bytes:
    """The DER of a request for a stamp over SHA-256 of the data, with the certificate."""
    imprint = {
        "hash_algorithm": {"algorithm": "sha256"},
        "hashed_message": hashlib.sha256(data).digest(),
    }
    request = tsp.TimeStampReq(
        {"version": "v1", "message_imprint": imprint, "nonce": nonce, "cert_req": True}
    )
    return bytes(request.dump())


def accept_response(
    response: bytes, data: bytes, nonce: int, roots: Sequence[x509.Certificate]
) -> bytes:
    """The response in the one form that is kept: granted, the token, nothing unsigned beside.

    Raises TimestampRefused and TimestampInvalid.
    """
    try:
        parsed = _Response.load(response, strict=True)
        status = parsed["status"]["status"].native
        if status not in _GRANTED:
            raise TimestampRefused(str(status))
        # Written anew, sets are in the order of DER, which OpenSSL's own responses are not.
        token = parsed["time_stamp_token"].copy()
        signed = token["content"]
        signed["crls"] = None
        for signer in signed["signer_infos"]:
            signer["unsigned_attrs"] = None
            signer["signature_algorithm"] = _named_alike(signer)
        kept = _in_one_form(token.dump(force=True))
        stated = signed["encap_content_info"]["content"].parsed["nonce"].native
    except (ValueError, TypeError, KeyError, AttributeError) as error:
        raise TimestampInvalid("not a response of RFC 3161") from error
    if stated != nonce:
        raise TimestampInvalid("the stamp answers another request")
    verify_timestamp(kept, data, roots)
    return kept


def verify_timestamp(response: bytes, data: bytes, roots: Sequence[x509.Certificate]) -> Timestamp:
    """When the data existed at the latest, by the word of an authority under one of the roots.

    Without roots only that the stamp is one over this data: `proven` is False. The authority's
    certificates must have been good at the time that it states. Raises TimestampInvalid.
    """
    try:
        decoded = decode_timestamp_response(response)
        _check_form(response)
        imprint = decoded.tst_info.message_imprint
        at = decoded.tst_info.gen_time.replace(tzinfo=UTC)
    except (ValueError, TypeError, KeyError, AttributeError) as error:
        raise TimestampInvalid("not a time stamp in the form that is kept") from error
    if imprint.message != hashlib.sha256(data).digest():
        raise TimestampInvalid("the stamp is over something else")
    if roots:
        try:
            VerifierBuilder(roots=list(roots)).build().verify_message(decoded, data)
            _check_certificates(decoded.signed_data.certificates, roots)
        except (VerificationError, UnsupportedAlgorithm, ValueError, TypeError) as error:
            raise TimestampInvalid("the stamp is not by a trusted authority") from error
    return Timestamp(int(at.timestamp()) * SECOND_MS, proven=bool(roots))


def _named_alike(signer: Any) -> Any:
    """The algorithm of the signature under the one name that is kept: it is not signed itself."""
    digest, named = signer["digest_algorithm"]["algorithm"].native, signer["signature_algorithm"]
    algorithm = named["algorithm"].native
    if algorithm in ("rsassa_pkcs1v15", f"{digest}_rsa"):
        plain = {"algorithm": "rsassa_pkcs1v15", "parameters": core.Null()}
        return algos.SignedDigestAlgorithm(plain)
    if algorithm == f"{digest}_ecdsa":
        return algos.SignedDigestAlgorithm({"algorithm": algorithm})
    if algorithm in ("rsassa_pss", "ed25519"):
        return named
    raise ValueError("a signature of an unknown kind")


def _in_one_form(token: bytes) -> bytes:
    response = tsp.TimeStampResp(
        {"status": {"status": "granted"}, "time_stamp_token": tsp.ContentInfo.load(token)}
    )
    return bytes(response.dump())


def _check_form(response: bytes) -> None:
    """What the authority's signature does not cover says nothing but what follows from it."""
    token = tsp.TimeStampResp.load(response, strict=True)["time_stamp_token"]
    signed = token["content"]
    (signer,) = signed["signer_infos"]
    algorithms = [each.dump() for each in signed["digest_algorithms"]]
    if (
        _in_one_form(token.dump()) != response
        or algorithms != [signer["digest_algorithm"].dump()]
        or signed["version"].native != "v3"
        or signer["version"].native != "v1"
        or signed["crls"].native
        or signer["unsigned_attrs"].native
        or signer["signature_algorithm"].dump() != _named_alike(signer).dump()
    ):
        raise ValueError("there is something that nobody checks")


def _check_certificates(carried: set[bytes], roots: Sequence[x509.Certificate]) -> None:
    """Each certificate in the stamp is issued by another or by a root: none is for show."""
    loaded = [x509.load_der_x509_certificate(each) for each in carried]
    for certificate in loaded:
        if not any(_is_issued_by(certificate, issuer) for issuer in (*loaded, *roots)):
            raise ValueError("there is a certificate that nobody checks")


def _is_issued_by(certificate: x509.Certificate, issuer: x509.Certificate) -> bool:
    try:
        certificate.verify_directly_issued_by(issuer)
    except (InvalidSignature, UnsupportedAlgorithm, ValueError, TypeError):
        return False
    return True


def parse_roots(pem: bytes) -> list[x509.Certificate]:
    """The certificates of authorities, in PEM. Raises ValueError."""
    return x509.load_pem_x509_certificates(pem)
