"""The text of a key: `<prefix><30 random characters><6 of checksum>`, and its hash at rest.

The checksum (CRC-32 in base 62, as GitHub's tokens have it) lets a mistyped or cut key be refused
without a read and lets secret scanners recognise one. It is no secret and proves nothing.
"""

from __future__ import annotations

import hashlib
import re
import secrets
import zlib
from collections.abc import Callable

from tracewell.kernel.identity.model import KeyKind

PREFIXES: dict[KeyKind, str] = {
    "user": "trace_",
    "org": "trace_org_",
    "service": "intrace_",
}
"""What each kind of key begins with; the body holds no underscore, so none hides in another."""

_ALPHABET = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
_RANDOM_LENGTH = 30
_CHECK_LENGTH = 6
_SHOWN = 6
_KEY = re.compile(
    r"(trace_org_|trace_|intrace_)"
    rf"([0-9A-Za-z]{{{_RANDOM_LENGTH}}})([0-9A-Za-z]{{{_CHECK_LENGTH}}})"
)

Choice = Callable[[str], str]


def _checksum(text: str) -> str:
    number = zlib.crc32(text.encode())
    digits = ""
    for _ in range(_CHECK_LENGTH):
        number, rest = divmod(number, 62)
        digits = _ALPHABET[rest] + digits
    return digits


def new_key(kind: KeyKind, choose: Choice = secrets.choice) -> str:
    """A key with 178 bits of chance."""
    body = "".join(choose(_ALPHABET) for _ in range(_RANDOM_LENGTH))
    return f"{PREFIXES[kind]}{body}{_checksum(PREFIXES[kind] + body)}"


def is_well_formed(key: str) -> bool:
    """Whether prefix, length and checksum fit: no key that was ever made fails this."""
    match = _KEY.fullmatch(key)
    return match is not None and _checksum(match.group(1) + match.group(2)) == match.group(3)


def shown_prefix(key: str) -> str:
    """What may be shown of a key: its prefix and a few characters."""
    match = _KEY.fullmatch(key)
    if match is None:
        raise ValueError("not a key")
    return match.group(1) + match.group(2)[:_SHOWN]


class KeyHasher:
    """The keyed hash (BLAKE2b) under which keys are stored and looked up.

    A lookup by keyed hash compares nothing that a caller could steer byte by byte: without the
    secret, no timing of the index tells anything about a stored key.
    """

    __slots__ = ("_secret",)

    def __init__(self, secret: bytes) -> None:
        if not 16 <= len(secret) <= 64:
            raise ValueError("the hash secret must have 16 to 64 bytes")
        self._secret = secret

    def __call__(self, key: str) -> bytes:
        """32 bytes."""
        return hashlib.blake2b(key.encode(), digest_size=32, key=self._secret).digest()

    def print(self) -> str:
        """A print of the secret itself, to tell a wrong secret from an unknown key."""
        return hashlib.blake2b(b"print", digest_size=16, key=self._secret).hexdigest()
