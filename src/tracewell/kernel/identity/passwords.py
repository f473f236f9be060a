"""Passwords: argon2id with the library's current parameters, never in the event loop."""

from __future__ import annotations

import asyncio
import functools

from argon2 import PasswordHasher
from argon2.exceptions import Argon2Error, InvalidHashError

PASSWORD_CHARS_MIN = 10
PASSWORD_CHARS_MAX = 256

_hasher = PasswordHasher()
# Each hashing takes 64 MiB and some 50 ms: a crowd of sign-ins queues instead of filling memory.
_slots = asyncio.Semaphore(2)


class PasswordRefused(ValueError):  # noqa: N818
    """The password is too short or too long."""


async def hash_password(password: str) -> str:
    """The argon2id hash. Raises PasswordRefused."""
    if not PASSWORD_CHARS_MIN <= len(password) <= PASSWORD_CHARS_MAX:
        raise PasswordRefused(
            f"a password has {PASSWORD_CHARS_MIN} to {PASSWORD_CHARS_MAX} characters"
        )
    async with _slots:
        return await asyncio.to_thread(_hasher.hash, password)


async def verify_password(stored: str | None, password: str) -> bool:
    """Whether the password fits; takes the same time where nothing is stored."""
    if len(password) > PASSWORD_CHARS_MAX:
        return False
    async with _slots:
        fits = await asyncio.to_thread(_fits, stored, password)
    return fits and stored is not None


@functools.cache
def _decoy() -> str:
    return _hasher.hash("no such user")


def _fits(stored: str | None, password: str) -> bool:
    # Verified against when there is no such user, so that both answers take as long; made on the
    # first sign-in, whoever's it is.
    decoy = _decoy()
    try:
        return _hasher.verify(decoy if stored is None else stored, password)
    except (Argon2Error, InvalidHashError):
        return False
