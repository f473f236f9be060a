"""Sign-in, verified addresses and first passwords, with a bound on guessing."""

from __future__ import annotations

import hashlib

from tracewell.kernel.errors import ApiError
from tracewell.kernel.identity.model import User
from tracewell.kernel.identity.service import Identity, SignInRefused
from tracewell.kernel.identity.tokens import SignedToken, TokenRefused
from tracewell.kernel.limits import Limiter, Quota
from tracewell.trace import errors

PER_ADDRESS = Quota(10, window_s=300)
"""Tries for one e-mail address, from wherever: far above what forgetting takes."""
PER_HOST = Quota(60, window_s=300)
"""Tries from one network address, for whomever; links count too."""


class Accounts:
    """What a person does outside of the API."""

    def __init__(self, identity: Identity, limiter: Limiter) -> None:
        self._identity = identity
        self._limiter = limiter

    async def sign_in(self, email: str, password: str, host: str) -> SignedToken:
        """A session token. Raises ApiError (sign_in_refused, operational_rate_limit_exceeded)."""
        await self._admit("host", host, PER_HOST)
        # Counted for addresses that are nobody's as well: the answer must not tell them apart.
        email = email.strip()
        await self._admit("address", email.casefold(), PER_ADDRESS)
        try:
            _, token = await self._identity.sign_in(email, password)
        except SignInRefused as error:
            raise ApiError(errors.SIGN_IN_REFUSED) from error
        return token

    async def verify_email(self, token: str, host: str) -> User:
        """Marks the address of a link as proven. Raises ApiError (link_invalid, ...)."""
        await self._admit("host", host, PER_HOST)
        try:
            return await self._identity.verify_email(token)
        except TokenRefused as error:
            raise ApiError(errors.LINK_INVALID) from error

    async def set_first_password(self, token: str, password: str, host: str) -> User:
        """Sets the password of a link's holder. Raises ApiError (link_invalid, ...)."""
        await self._admit("host", host, PER_HOST)
        try:
            return await self._identity.set_first_password(token, password)
        except TokenRefused as error:
            raise ApiError(errors.LINK_INVALID) from error

    async def _admit(self, what: str, text: str, quota: Quota) -> None:
        # Hashed: the limiter's place need not hold anybody's address.
        name = hashlib.blake2b(text.encode("utf-8", "replace"), digest_size=12).hexdigest()
        decision = await self._limiter.admit(f"sign-in:{what}:{name}", quota)
        if not decision.admitted:
            headers = {
                "Retry-After": str(decision.retry_after_s),
                "X-RateLimit-Limit": str(decision.limit),
                "X-RateLimit-Remaining": str(decision.remaining),
                "X-RateLimit-Reset": str(decision.reset_at),
            }
            raise ApiError(
                errors.RATE_LIMIT_EXCEEDED,
                headers=headers,
                retry_after_seconds=decision.retry_after_s,
            )
