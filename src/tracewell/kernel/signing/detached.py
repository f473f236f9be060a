"""Detached JSON Web Signatures over unencoded bytes: RFC 7515, RFC 7797 and RFC 9864.

Written on `cryptography`: docs/decisions/0061 says why not on a JOSE library.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from cryptography.exceptions import InvalidSignature

from tracewell.kernel.signing.canonical import canonical_json
from tracewell.kernel.signing.encoding import (
    decode_base64url,
    encode_base64url,
    parse_json_object,
)
from tracewell.kernel.signing.errors import FailureReason, NotVerified
from tracewell.kernel.signing.keys import ALGORITHM, SigningKey, VerificationKeys

JWS_CHARACTERS_MAX = 4_096
"""Header and signature; the payload is beside it and has no ceiling here."""

_SIGNATURE_BYTES = 64
_LAST_SECOND = 253_402_300_799  # 9999-12-31T23:59:59Z


@dataclass(frozen=True, slots=True)
class Verified:
    """A signature that holds: by which key, and when the signer says it signed."""

    kid: str
    signed_at_ms: int


def sign_detached(payload: bytes, key: SigningKey, *, typ: str, signed_at_ms: int) -> str:
    """`header..signature` over the payload's bytes as they are (`b64` false), any size.

    `typ` says what the signature is for, so that one made for one purpose never passes for
    another (RFC 8725, 3.11). The time is kept in whole seconds as the protected `iat`.
    """
    header = {
        "alg": ALGORITHM,
        "b64": False,
        "crit": ["b64"],
        "iat": signed_at_ms // 1000,
        "kid": key.kid,
        "typ": typ,
    }
    protected = encode_base64url(canonical_json(header))
    signature = key.private.sign(_signing_input(protected, payload))
    return f"{protected}..{encode_base64url(signature)}"


def verify_detached(
    payload: bytes,
    jws: str,
    keys: VerificationKeys,
    *,
    typ: str,
    existed_at_ms: int | None = None,
) -> Verified:
    """Check a signature of `sign_detached`; raises NotVerified.

    The key comes from `keys` and from nowhere else: a `jwk`, `jku` or `x5u` in the header is
    never looked at. `existed_at_ms`: when the signature existed by the word of somebody else;
    it matters where the key is revoked (`Revocation.covers`).
    """
    protected, signature, header = _parse_jws(jws)
    if header.get("alg") != ALGORITHM or header.get("b64") is not False:
        raise NotVerified(FailureReason.ALGORITHM_UNSUPPORTED)
    if header.get("crit") != ["b64"]:
        raise NotVerified(FailureReason.ALGORITHM_UNSUPPORTED)
    if header.get("typ") != typ:
        raise NotVerified(FailureReason.PURPOSE_MISMATCH)
    kid, iat = header.get("kid"), header.get("iat")
    if not isinstance(kid, str) or type(iat) is not int or not 0 <= iat <= _LAST_SECOND:
        raise NotVerified(FailureReason.SIGNATURE_MALFORMED)
    key = keys.by_kid.get(kid)
    if key is None:
        raise NotVerified(FailureReason.KEY_UNKNOWN)
    try:
        key.verify(signature, _signing_input(protected, payload))
    except InvalidSignature:
        raise NotVerified(FailureReason.SIGNATURE_INVALID) from None
    revocation = keys.revocations.get(kid)
    if revocation is not None and revocation.covers(iat * 1000, existed_at_ms):
        raise NotVerified(FailureReason.KEY_REVOKED)
    return Verified(kid, iat * 1000)


def _signing_input(protected: str, payload: bytes) -> bytes:
    return protected.encode("ascii") + b"." + payload


def _parse_jws(jws: str) -> tuple[str, bytes, dict[str, Any]]:
    protected, dots, tail = jws.partition("..")
    if len(jws) > JWS_CHARACTERS_MAX or not dots:
        raise NotVerified(FailureReason.SIGNATURE_MALFORMED)
    try:
        header = parse_json_object(decode_base64url(protected))
        signature = decode_base64url(tail)
    except ValueError:
        raise NotVerified(FailureReason.SIGNATURE_MALFORMED) from None
    if len(signature) != _SIGNATURE_BYTES:
        raise NotVerified(FailureReason.SIGNATURE_MALFORMED)
    return protected, signature, header
