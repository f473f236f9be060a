"""Ed25519 keys as values: from PEM, to and from a JWK set, named by their RFC 7638 thumbprint."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    PublicFormat,
    load_pem_private_key,
    load_pem_public_key,
)

from tracewell.kernel.signing.canonical import canonical_json
from tracewell.kernel.signing.encoding import (
    decode_base64url,
    encode_base64url,
    parse_json_object,
)
from tracewell.kernel.signing.errors import JwksError, SigningFailed, SigningFailure
from tracewell.kernel.signing.revocation import Revocation, parse_revocation

ALGORITHM = "Ed25519"
"""The fully specified algorithm name of RFC 9864; `EdDSA` is deprecated."""

JWKS_BYTES_MAX = 1 << 20
JWKS_KEYS_MAX = 1_000


@dataclass(frozen=True, slots=True)
class SigningKey:
    """A private key and the id under which its public half is published."""

    private: Ed25519PrivateKey
    kid: str

    @property
    def public(self) -> Ed25519PublicKey:
        """The half that anybody may have."""
        return self.private.public_key()


@dataclass(frozen=True, slots=True)
class VerificationKeys:
    """The public keys that a verifier knows, by key id, the current one first.

    Those in `revocations` are among them: what they signed before may still be good.
    """

    by_kid: Mapping[str, Ed25519PublicKey]
    revocations: Mapping[str, Revocation] = field(default_factory=lambda: MappingProxyType({}))

    @classmethod
    def of(
        cls, keys: Iterable[Ed25519PublicKey], revocations: Mapping[str, Revocation] | None = None
    ) -> VerificationKeys:
        """Name each key by its thumbprint; a key given twice is one key."""
        by_kid = {thumbprint(key): key for key in keys}
        return cls(by_kid, {k: r for k, r in (revocations or {}).items() if k in by_kid})

    def to_jwks(self) -> bytes:
        """The JWK set (RFC 7517, RFC 8037) in canonical JSON.

        Revoked keys stand in a list of their own, which readers that do not know it ignore: to
        them such a key is unknown, never good.
        """
        valid = [self._jwk(kid) for kid in self.by_kid if kid not in self.revocations]
        revoked = [
            {**self._jwk(kid), "revoked": revocation.to_wire()}
            for kid, revocation in self.revocations.items()
        ]
        return canonical_json({"keys": valid} | ({"revoked_keys": revoked} if revoked else {}))

    def _jwk(self, kid: str) -> dict[str, str]:
        return {**_required_members(self.by_kid[kid]), "kid": kid, "use": "sig", "alg": ALGORITHM}


def thumbprint(key: Ed25519PublicKey) -> str:
    """The RFC 7638 SHA-256 thumbprint (with RFC 8037's members for OKP keys), base64url."""
    return encode_base64url(hashlib.sha256(canonical_json(_required_members(key))).digest())


def parse_signing_key(pem: bytes, passphrase: bytes | None = None) -> SigningKey:
    """A PKCS#8 PEM private key, encrypted exactly when a passphrase is given.

    Raises SigningFailed.
    """
    try:
        private = load_pem_private_key(pem, passphrase)
    except TypeError:
        # Encrypted without a passphrase, or a passphrase for a key that is not encrypted.
        raise SigningFailed(SigningFailure.PASSPHRASE) from None
    except (ValueError, UnsupportedAlgorithm):
        encrypted = b"ENCRYPTED" in pem
        raise SigningFailed(
            SigningFailure.PASSPHRASE if encrypted else SigningFailure.KEY_NOT_PEM
        ) from None
    if not isinstance(private, Ed25519PrivateKey):
        raise SigningFailed(SigningFailure.KEY_NOT_ED25519)
    return SigningKey(private, thumbprint(private.public_key()))


def parse_public_key(pem: bytes) -> Ed25519PublicKey:
    """A SubjectPublicKeyInfo PEM, as `openssl pkey -pubout` writes it; raises ValueError."""
    try:
        key = load_pem_public_key(pem)
    except UnsupportedAlgorithm as error:
        raise ValueError("not a public key of a known kind") from error
    if not isinstance(key, Ed25519PublicKey):
        raise ValueError("not an Ed25519 public key")
    return key


def render_public_key(key: Ed25519PublicKey) -> bytes:
    """The SubjectPublicKeyInfo PEM of a public key."""
    return key.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)


def parse_jwks(data: bytes) -> VerificationKeys:
    """The Ed25519 signature keys of a JWK set; keys of other kinds are passed over (RFC 7517, 5).

    A key is named by its computed thumbprint; a stated `kid` that differs is an error, so that no
    key can be passed off under the name of another. Raises JwksError.
    """
    if len(data) > JWKS_BYTES_MAX:
        raise JwksError("the key set is too large")
    try:
        members = parse_json_object(data)
    except ValueError as error:
        raise JwksError("the key set is not a JSON object") from error
    valid = _parse_jwk_list(members.get("keys"), "keys")
    revoked = _parse_jwk_list(members.get("revoked_keys", []), "revoked_keys")
    keys = [key for _, key in (*valid, *revoked)]
    if not keys:
        raise JwksError("the key set holds no Ed25519 signature key")
    try:
        # A key in both lists is revoked.
        revocations = {
            thumbprint(key): parse_revocation(jwk.get("revoked")) for jwk, key in revoked
        }
    except ValueError as error:
        raise JwksError('a key of "revoked_keys" does not say since when') from error
    return VerificationKeys.of(keys, revocations)


def _parse_jwk_list(value: Any, name: str) -> list[tuple[dict[str, Any], Ed25519PublicKey]]:
    if not isinstance(value, list) or len(value) > JWKS_KEYS_MAX:
        raise JwksError(f'the key set needs a list "{name}" of at most {JWKS_KEYS_MAX} keys')
    parsed = ((jwk, _parse_jwk(jwk)) for jwk in value)
    return [(jwk, key) for jwk, key in parsed if key is not None]


def _parse_jwk(jwk: Any) -> Ed25519PublicKey | None:
    if not isinstance(jwk, dict):
        raise JwksError("a key of the set is not an object")
    if jwk.get("kty") != "OKP" or jwk.get("crv") != "Ed25519" or jwk.get("use", "sig") != "sig":
        return None
    if jwk.get("alg", ALGORITHM) not in (ALGORITHM, "EdDSA"):
        return None
    x = jwk.get("x")
    try:
        if not isinstance(x, str):
            raise ValueError("x is not text")
        key = Ed25519PublicKey.from_public_bytes(decode_base64url(x))
    except ValueError as error:
        raise JwksError('the "x" of a key is not an Ed25519 public key') from error
    if "kid" in jwk and jwk["kid"] != thumbprint(key):
        raise JwksError('the "kid" of a key is not its RFC 7638 thumbprint')
    return key


def _required_members(key: Ed25519PublicKey) -> dict[str, str]:
    raw = key.public_bytes(Encoding.Raw, PublicFormat.Raw)
    return {"crv": "Ed25519", "kty": "OKP", "x": encode_base64url(raw)}
