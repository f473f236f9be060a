"""What a sign-in that has begun must remember until the browser comes back: a sealed cookie.

It binds the second step to the browser of the first, which is what defeats a forged callback. It is
kept by the browser and not by us, so that strangers cannot fill a table.
"""

from __future__ import annotations

import hashlib
import secrets
from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Callable
from dataclasses import asdict, dataclass

import orjson
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from tracewell.intrace.sign_in.model import ProviderKind
from tracewell.kernel.clock import MINUTE_MS, Clock

LIFETIME_MS = 10 * MINUTE_MS
SEALED_CHARACTERS_MAX = 3_000
_NONCE_BYTES = 12


@dataclass(frozen=True, slots=True)
class Pending:
    """`state` comes back in the answer; `nonce` and `verifier` are the code flow's (RFC 7636).

    For SAML `state` is the RelayState and `nonce` the id of the request.
    """

    kind: ProviderKind
    state: str
    nonce: str
    verifier: str
    return_to: str
    expires_at: int

    @property
    def name(self) -> str:
        """Names the cookie, so that sign-ins in several tabs do not end each other."""
        return pending_name(self.state)


def pending_name(state: str) -> str:
    """What a sign-in's cookie is called, by the state that the answer brings back."""
    return hashlib.sha256(state.encode("utf-8", "replace")).hexdigest()[:12]


class Sealer:
    """Encrypts and authenticates (AES-256-GCM) with a key derived from the deployment's secret."""

    def __init__(
        self,
        secret: bytes,
        clock: Clock,
        choose: Callable[[int], bytes] = secrets.token_bytes,
    ) -> None:
        derived = hashlib.blake2b(b"intrace sign-in", key=secret, digest_size=32).digest()
        self._cipher = AESGCM(derived)
        self._clock = clock
        self._choose = choose

    def expiry(self) -> int:
        """When a sign-in that begins now is given up."""
        return self._clock() + LIFETIME_MS

    def seal(self, pending: Pending) -> str:
        """The value of the cookie."""
        nonce = self._choose(_NONCE_BYTES)
        sealed = self._cipher.encrypt(nonce, orjson.dumps(asdict(pending)), None)
        return urlsafe_b64encode(nonce + sealed).rstrip(b"=").decode()

    def find(self, kind: ProviderKind, state: str, value: str | None) -> Pending | None:
        """What was sealed, if it was by us, for this answer, and not too long ago."""
        if value is None or len(value) > SEALED_CHARACTERS_MAX:
            return None
        try:
            raw = urlsafe_b64decode(value + "=" * (-len(value) % 4))
            opened = self._cipher.decrypt(raw[:_NONCE_BYTES], raw[_NONCE_BYTES:], None)
        except (ValueError, InvalidTag):
            return None
        pending = Pending(**orjson.loads(opened))
        fits = pending.kind == kind and secrets.compare_digest(
            pending.state.encode(), state.encode("utf-8", "replace")
        )
        return pending if fits and self._clock() < pending.expires_at else None
