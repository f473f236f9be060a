"""All keys of an installation: the one that signs now, and every public key that ever signed."""

from __future__ import annotations

import contextlib
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from tracewell.kernel.signing.bundle import sign_payload
from tracewell.kernel.signing.errors import SigningFailed, SigningFailure
from tracewell.kernel.signing.key_file import (
    SigningKeyFile,
    generate_key_pem,
    link_new_file,
    replace_key_file,
)
from tracewell.kernel.signing.keys import (
    JWKS_KEYS_MAX,
    SigningKey,
    VerificationKeys,
    parse_public_key,
    parse_signing_key,
    render_public_key,
)
from tracewell.kernel.signing.notes import sign_note
from tracewell.kernel.signing.revocation import (
    Revocation,
    parse_revocation_file,
    render_revocation_file,
)

PUBLIC_KEY_SUFFIX = ".pub.pem"
REVOCATION_SUFFIX = ".revoked.json"
_PUBLIC_KEY_BYTES_MAX = 64 << 10


class PublicKeyDirectory:
    """`*.pub.pem` files: public keys that signed in the past or sign now; `*.revoked.json` beside.

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

    def revoke(self, kid: str, revocation: Revocation) -> None:
        """Keep a revocation; one that is there already stays as it is. Raises SigningFailed."""
        path = self._directory / f"{kid}{REVOCATION_SUFFIX}"
        try:
            self._directory.mkdir(parents=True, exist_ok=True)
            link_new_file(path, render_revocation_file(kid, revocation), mode=0o644)
        except OSError as error:
            raise SigningFailed(SigningFailure.REVOCATION_NOT_WRITTEN) from error

    def is_revoked(self, kid: str) -> bool:
        """Whether a key may not sign any more."""
        return (self._directory / f"{kid}{REVOCATION_SUFFIX}").exists()

    def list_revocations(self) -> dict[str, Revocation]:
        """All of them by key id. Raises SigningFailed for a file that is none: one that silently
        dropped out would make a stolen key good again.
        """
        paths = sorted(self._directory.glob(f"*{REVOCATION_SUFFIX}"))
        return dict(map(_read_revocation, paths))


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
        key = self._signing_key()
        return sign_payload(payload, key, signed_at_ms=signed_at_ms), key.kid

    def sign_note(self, text: str, name: str) -> tuple[str, str]:
        """The signed note of a text under a name, and the id of the key. Raises SigningFailed."""
        key = self._signing_key()
        return sign_note(text, name, key), key.kid

    def _signing_key(self) -> SigningKey:
        key = self._key_file.get_key()
        if self._public_keys.is_revoked(key.kid):
            raise SigningFailed(SigningFailure.KEY_REVOKED)
        self._public_keys.ensure_kept(key)
        return key

    def verification_keys(self) -> VerificationKeys:
        """The current key first, then the kept ones. Raises SigningFailed for a broken kept one.

        A broken private key stops signing, not verifying: its public half was kept.
        """
        kept = self._public_keys.list_keys()
        revocations = self._public_keys.list_revocations()
        with contextlib.suppress(SigningFailed):  # told where something is to be signed
            kept = [self._key_file.get_key().public, *kept]
        return VerificationKeys.of(kept, revocations)

    def current_kid(self) -> str:
        """The id of the key that signs now. Raises SigningFailed."""
        return self._key_file.get_key().kid

    def revoke(self, kid: str, revocation: Revocation) -> None:
        """Revoke a key of the ring; a first revocation is never changed. Raises SigningFailed and
        KeyError.
        """
        if kid not in self.verification_keys().by_kid:
            raise KeyError(kid)
        self._public_keys.revoke(kid, revocation)

    def rotate(self, passphrase: bytes | None = None) -> tuple[str | None, str]:
        """Replace the key file by a new key; the ids of the old key and of the new one.

        Both public halves are kept before the file changes, so the new key is published before
        its first signature. The old id is None where the old file holds no usable key. Raises
        SigningFailed.
        """
        old: SigningKey | None = None
        with contextlib.suppress(SigningFailed):
            old = self._key_file.get_key()
        if old is not None:
            self._public_keys.ensure_kept(old)
        pem = generate_key_pem(passphrase)
        new = parse_signing_key(pem, passphrase)
        self._public_keys.ensure_kept(new)
        replace_key_file(self._key_file.path, pem)
        return None if old is None else old.kid, new.kid

    def jwks(self) -> bytes:
        """The body of `/.well-known/jwks.json`."""
        return self.verification_keys().to_jwks()


def _read_revocation(path: Path) -> tuple[str, Revocation]:
    try:
        with path.open("rb") as file:
            kid, revocation = parse_revocation_file(file.read(_PUBLIC_KEY_BYTES_MAX))
    except (OSError, ValueError) as error:
        raise SigningFailed(SigningFailure.REVOCATION_UNUSABLE) from error
    if path.name != f"{kid}{REVOCATION_SUFFIX}":
        raise SigningFailed(SigningFailure.REVOCATION_UNUSABLE)
    return kid, revocation


def _read_public_key(path: Path) -> Ed25519PublicKey:
    try:
        with path.open("rb") as file:
            return parse_public_key(file.read(_PUBLIC_KEY_BYTES_MAX))
    except (OSError, ValueError) as error:
        raise SigningFailed(SigningFailure.PUBLIC_KEY_UNUSABLE) from error
