"""The key that signs PDF files: a private key with its certificate chain, in one PEM file.

Another key than the reports': docs/decisions/0149 says why readers of PDF need that.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Final

from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
    load_pem_private_key,
)
from cryptography.x509.oid import NameOID

from tracewell.kernel.signing.canonical import canonical_json
from tracewell.kernel.signing.encoding import decode_base64, encode_base64, encode_base64url
from tracewell.kernel.signing.errors import SigningFailed, SigningFailure
from tracewell.kernel.signing.key_file import link_new_file, read_key_file

DOCUMENT_KEY_NAME: Final = "document-key.pem"
CERTIFICATE_SUFFIX: Final = ".cert.pem"
_YEARS: Final = 10
_COMMON_NAME_CHARS_MAX: Final = 64  # RFC 5280, upper bounds
_RSA_BITS_MIN: Final = 2048
_DOCUMENT_SIGNING: Final = x509.ObjectIdentifier("1.3.6.1.5.5.7.3.36")  # RFC 9336
_CURVES: Final = {"secp256r1": ("P-256", "ES256"), "secp384r1": ("P-384", "ES384")}

PrivateKey = ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey


@dataclass(frozen=True, slots=True)
class DocumentKey:
    """A private key and its certificates, its own first."""

    private: PrivateKey
    chain: tuple[x509.Certificate, ...]

    @property
    def certificate_sha256(self) -> str:
        """The fingerprint that readers show, 64 hex digits."""
        return fingerprint(self.chain[0])


def fingerprint(certificate: x509.Certificate) -> str:
    """SHA-256 over the certificate's DER, 64 hex digits."""
    return certificate.fingerprint(hashes.SHA256()).hex()


def parse_document_key(pem: bytes) -> DocumentKey:
    """A private key (ECDSA P-256 or P-384, RSA from 2,048 bits) and its chain, in PEM.

    Raises SigningFailed.
    """
    try:
        private = load_pem_private_key(pem, None)
        chain = tuple(x509.load_pem_x509_certificates(pem))
    except (ValueError, TypeError, UnsupportedAlgorithm):
        raise SigningFailed(SigningFailure.DOCUMENT_KEY_NOT_PEM) from None
    if not isinstance(private, PrivateKey) or not _is_strong(private):
        raise SigningFailed(SigningFailure.DOCUMENT_KEY_KIND)
    if _public_bytes(private.public_key()) != _public_bytes(chain[0].public_key()):
        raise SigningFailed(SigningFailure.DOCUMENT_KEY_OF_ANOTHER)
    return DocumentKey(private, chain)


def read_document_key(path: Path) -> DocumentKey:
    """The key in a file. Raises SigningFailed."""
    return parse_document_key(read_key_file(path))


def _is_strong(private: PrivateKey) -> bool:
    if isinstance(private, rsa.RSAPrivateKey):
        return private.key_size >= _RSA_BITS_MIN
    return private.curve.name in _CURVES


def _public_bytes(key: Any) -> bytes:
    encoded: bytes = key.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    return encoded


def issue_document_key(owner: str, *, now_ms: int) -> bytes:
    """A new P-256 key with a certificate issued by itself, in PEM; good for ten years."""
    private = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name(
        [x509.NameAttribute(NameOID.COMMON_NAME, f"{owner} reports"[:_COMMON_NAME_CHARS_MAX])]
    )
    since = datetime.fromtimestamp(now_ms // 1000, UTC)
    usage = x509.KeyUsage(
        digital_signature=True, content_commitment=True, key_encipherment=False,
        data_encipherment=False, key_agreement=False, key_cert_sign=False, crl_sign=False,
        encipher_only=False, decipher_only=False,
    )  # fmt: skip
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(private.public_key())
        .serial_number(x509.random_serial_number())
        # Clocks differ: a certificate of this minute must be good on every machine.
        .not_valid_before(since - timedelta(days=1))
        .not_valid_after(since + timedelta(days=365 * _YEARS))
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(usage, critical=True)
        .add_extension(x509.ExtendedKeyUsage([_DOCUMENT_SIGNING]), critical=False)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(private.public_key()), False)
        .sign(private, hashes.SHA256())
    )
    pem = private.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    return pem + certificate.public_bytes(Encoding.PEM)


class DocumentKeyFile:
    """The key's file, made where none is configured; and the certificates that are published."""

    def __init__(self, folder: Path, configured: Path | None, owner: str) -> None:
        self._path = configured or folder / DOCUMENT_KEY_NAME
        self._configured = configured is not None
        self._certificates = folder / "certificates"
        self._owner = owner

    def get_key(self, *, now_ms: int) -> DocumentKey:
        """The key as it is on disk now, its certificates published. Raises SigningFailed."""
        try:
            if not self._configured and not self._path.exists():
                self._path.parent.mkdir(parents=True, exist_ok=True)
                link_new_file(
                    self._path, issue_document_key(self._owner, now_ms=now_ms), mode=0o600
                )
        except OSError as error:
            raise SigningFailed(SigningFailure.KEY_NOT_WRITTEN) from error
        key = read_document_key(self._path)
        self._ensure_published(key)
        return key

    def _ensure_published(self, key: DocumentKey) -> None:
        path = self._certificates / f"{key.certificate_sha256}{CERTIFICATE_SUFFIX}"
        try:
            if not path.exists():
                self._certificates.mkdir(parents=True, exist_ok=True)
                pem = b"".join(each.public_bytes(Encoding.PEM) for each in key.chain)
                link_new_file(path, pem, mode=0o644)
        except OSError as error:
            raise SigningFailed(SigningFailure.PUBLIC_KEY_NOT_WRITTEN) from error

    def list_jwks(self) -> list[dict[str, Any]]:
        """Every certificate that signed a file, as JWKs with `x5c`. Raises SigningFailed."""
        jwks = []
        for path in sorted(self._certificates.glob(f"*{CERTIFICATE_SUFFIX}")):
            try:
                jwks.append(to_jwk(x509.load_pem_x509_certificates(path.read_bytes())))
            except (OSError, ValueError) as error:
                raise SigningFailed(SigningFailure.PUBLIC_KEY_UNUSABLE) from error
        return jwks


def to_jwk(chain: Sequence[x509.Certificate]) -> dict[str, Any]:
    """The JWK (RFC 7517) of a certificate's key, with the chain. Raises ValueError."""
    public = chain[0].public_key()
    if isinstance(public, ec.EllipticCurvePublicKey) and public.curve.name in _CURVES:
        curve, algorithm = _CURVES[public.curve.name]
        size, point = (public.curve.key_size + 7) // 8, public.public_numbers()
        required = {
            "crv": curve,
            "kty": "EC",
            "x": _number(point.x, size),
            "y": _number(point.y, size),
        }
    elif isinstance(public, rsa.RSAPublicKey):
        numbers, algorithm = public.public_numbers(), "RS256"
        required = {"e": _number(numbers.e), "kty": "RSA", "n": _number(numbers.n)}
    else:
        raise ValueError("not a certificate of a document key")
    return {
        **required,
        "alg": algorithm,
        "kid": encode_base64url(hashlib.sha256(canonical_json(required)).digest()),
        "use": "sig",
        "x5c": [encode_base64(each.public_bytes(Encoding.DER)) for each in chain],
        "x5t#S256": encode_base64url(chain[0].fingerprint(hashes.SHA256())),
    }


def parse_certificates(jwks: dict[str, Any]) -> dict[str, tuple[x509.Certificate, ...]]:
    """The certificate chains of a JWK set by fingerprint; keys without one are passed over.

    Raises ValueError.
    """
    chains = {}
    for jwk in jwks.get("keys", ()):
        encoded = jwk.get("x5c") if isinstance(jwk, dict) else None
        if isinstance(encoded, list) and encoded:
            chain = tuple(x509.load_der_x509_certificate(decode_base64(c)) for c in encoded)
            chains[fingerprint(chain[0])] = chain
    return chains


def _number(value: int, size: int | None = None) -> str:
    return encode_base64url(value.to_bytes(size or (value.bit_length() + 7) // 8, "big"))
