"""All keys of an installation: the one that signs now, and every public key that ever signed."""

from __future__ import annotations

from pathlib import Path

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from tracewell.kernel.signing.bundle import sign_payload
from tracewell.kernel.signing.errors import SigningFailed, SigningFailure
from tracewell.kernel.signing.key_file import SigningKeyFile, link_new_file
from tracewell.kernel.signing.keys import (
    JWKS_KEYS_MAX,
    SigningKey,
    VerificationKeys,
    parse_public_key,
    render_public_key,
)

PUBLIC_KEY_SUFFIX = ".pub.pem"
_PUBLIC_KEY_BYTES_MAX = 64 << 10


class PublicKeyDirectory:
    """`*.pub.pem` files: public keys that signed in the past or sign now.

    Keys are added by the engine at their first signature, and by hand for keys of elsewhere.
    """

    def __init__(self, directory: Path) -> None:
        self._directory = directory

    def ensure_kept(self, key: SigningKey) -> None:
        """Keep the public half under its key id; raises SigningFailed."""
        path = self._directory / f"{key.kid}{PUBLIC_KEY_SUFFIX}"
        try:
            if not path.exists():
                self._directory.mkdir(parents=True, exist_ok=True)
                link_new_file(path, render_public_key(key.public), mode=0o644)
        except OSError as error:
            raise SigningFailed(SigningFailure.PUBLIC_KEY_NOT_WRITTEN) from error

    def list_keys(self) -> list[Ed25519PublicKey]:
        """All of them, by file name; none when the directory does not exist.

        Raises SigningFailed for a file that is no key: a key that silently drops out of the set
        would make honest reports look forged.
        """
        paths = sorted(self._directory.glob(f"*{PUBLIC_KEY_SUFFIX}"))
        if len(paths) >= JWKS_KEYS_MAX:
            raise SigningFailed(SigningFailure.TOO_MANY_PUBLIC_KEYS)
        return [_read_public_key(path) for path in paths]


class Keyring:
    """Signs with the current key and answers which public keys verify."""

    def __init__(self, key_file: SigningKeyFile, public_keys: PublicKeyDirectory) -> None:
        self._key_file = key_file
        self._public_keys = public_keys

    def sign(self, payload: bytes, *, signed_at_ms: int) -> tuple[str, str]:
        """The detached signature of a report's stored bytes, and the id of the key.

        The public half is kept before the signature leaves, so that replacing the key file is
        all that a rotation takes. Raises SigningFailed.
        """
        key = self._key_file.get_key()
        self._public_keys.ensure_kept(key)
        return sign_payload(payload, key, signed_at_ms=signed_at_ms), key.kid

    def verification_keys(self) -> VerificationKeys:
        """The current key first, then the kept ones. Raises SigningFailed for a broken kept one.

        A broken private key stops signing, not verifying: its public half was kept.
        """
        kept = self._public_keys.list_keys()
        try:
            return VerificationKeys.of([self._key_file.get_key().public, *kept])
        except SigningFailed:
            return VerificationKeys.of(kept)

    def jwks(self) -> bytes:
        """The body of `/.well-known/jwks.json`."""
        return self.verification_keys().to_jwks()


def _read_public_key(path: Path) -> Ed25519PublicKey:
    try:
        with path.open("rb") as file:
            return parse_public_key(file.read(_PUBLIC_KEY_BYTES_MAX))
    except (OSError, ValueError) as error:
        raise SigningFailed(SigningFailure.PUBLIC_KEY_UNUSABLE) from error
