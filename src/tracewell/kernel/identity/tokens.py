"""Signed tokens of our own: a user's session and the link that proves an e-mail address.

Both are JWTs (RFC 7519) under HMAC-SHA-256 with a secret of the deployment: only we verify them.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from joserfc import jwt
from joserfc.errors import JoseError
from joserfc.jwk import OctKey

from tracewell.kernel.clock import Clock

Purpose = Literal["session", "email"]

SESSION_S = 15 * 60
EMAIL_LINK_S = 3 * 24 * 3600
TOKEN_CHARS_MAX = 4_096
_ALGORITHM = "HS256"


class TokenRefused(Exception):  # noqa: N818
    """The token is not ours, has expired or is for another purpose."""


@dataclass(frozen=True, slots=True)
class SignedToken:
    """The text and its end in milliseconds since the epoch."""

    text: str
    expires_at: int


class TokenSigner:
    """Makes and reads our tokens."""

    def __init__(self, secret: bytes, clock: Clock) -> None:
        self._key = OctKey.import_key(secret)
        self._clock = clock

    def sign(self, purpose: Purpose, user_id: int, stamp: str, lifetime_s: int) -> SignedToken:
        """A token for a user. `stamp` binds it to a state of the user, which makes it stale."""
        now_s = self._clock() // 1000
        claims = {
            "sub": str(user_id),
            "aud": purpose,
            "stamp": stamp,
            "iat": now_s,
            "exp": now_s + lifetime_s,
        }
        text = jwt.encode({"alg": _ALGORITHM}, claims, self._key)
        return SignedToken(text, (now_s + lifetime_s) * 1000)

    def read(self, purpose: Purpose, text: str) -> tuple[int, str]:
        """The user's id and the stamp. Raises TokenRefused."""
        if len(text) > TOKEN_CHARS_MAX:
            raise TokenRefused
        try:
            claims = jwt.decode(text, self._key, algorithms=[_ALGORITHM]).claims
            user_id, stamp = int(claims["sub"]), str(claims["stamp"])
            valid = claims["aud"] == purpose and self._clock() // 1000 < int(claims["exp"])
        except (JoseError, ValueError, KeyError, TypeError) as error:
            raise TokenRefused from error
        if not valid:
            raise TokenRefused
        return user_id, stamp
