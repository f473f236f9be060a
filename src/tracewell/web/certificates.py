"""What a server's TLS certificate says: who signed it, for whom, for how long. Pure.

Whether it is to be trusted is decided at connect, by OpenSSL.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import lru_cache

from cryptography import x509
from cryptography.x509.oid import NameOID

NAMES_MAX = 100


@dataclass(frozen=True, slots=True)
class Certificate:
    """A leaf certificate: times are milliseconds since the epoch, `names` its DNS names.

    `issuer` is the signing organisation, else its common name; `subject` the same of the holder.
    `sha256` is the fingerprint of the DER form, in hex.
    """

    issuer: str | None
    subject: str | None
    names: tuple[str, ...]
    valid_from: int
    valid_until: int
    sha256: str


@lru_cache(maxsize=1_024)
def parse_certificate(der: bytes) -> Certificate:
    """The certificate in DER form. Raises ValueError."""
    parsed = x509.load_der_x509_certificate(der)
    try:
        alternative = parsed.extensions.get_extension_for_class(x509.SubjectAlternativeName)
        names = alternative.value.get_values_for_type(x509.DNSName)[:NAMES_MAX]
    except (x509.ExtensionNotFound, x509.DuplicateExtension):
        names = []
    return Certificate(
        issuer=_organisation(parsed.issuer),
        subject=_organisation(parsed.subject),
        names=tuple(names),
        valid_from=round(parsed.not_valid_before_utc.timestamp() * 1000),
        valid_until=round(parsed.not_valid_after_utc.timestamp() * 1000),
        sha256=hashlib.sha256(der).hexdigest(),
    )


def describe_certificate(certificate: Certificate) -> dict[str, str]:
    """The certificate in the named fields of a metadata record."""
    return {
        "certificate-issuer": certificate.issuer or "",
        "certificate-subject": certificate.subject or "",
        "certificate-names": " ".join(certificate.names),
        "certificate-valid-from": _day(certificate.valid_from),
        "certificate-valid-until": _day(certificate.valid_until),
        "certificate-sha256": certificate.sha256,
    }


def find_issuer(der: bytes | None) -> str | None:
    """The organisation that signed the certificate, else its common name, else None."""
    if der is None:
        return None
    try:
        return parse_certificate(der).issuer
    except ValueError:
        return None


def _day(moment_ms: int) -> str:
    return datetime.fromtimestamp(moment_ms / 1000, UTC).date().isoformat()


def _organisation(name: x509.Name) -> str | None:
    for of in (NameOID.ORGANIZATION_NAME, NameOID.COMMON_NAME):
        for attribute in name.get_attributes_for_oid(of):
            return " ".join(str(attribute.value).split())
    return None
