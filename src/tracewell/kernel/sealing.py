"""Bytes at rest under AES-256-GCM (NIST SP 800-38D), with the key's id in front; keys rotate.

A sealed value: `TWS1`, 8 bytes of key id, 12 of nonce, ciphertext and tag.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import secrets
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Final

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

KEY_BYTES: Final = 32
_MARK: Final = b"TWS1"
_ID_BYTES: Final = 8
_NONCE_BYTES: Final = 12
_HEAD_BYTES: Final = len(_MARK) + _ID_BYTES + _NONCE_BYTES


class SealBroken(Exception):  # noqa: N818 - a sentence: "the seal is broken"
    """Bytes that cannot be opened: their key is not configured, or they were changed."""


@dataclass(frozen=True, slots=True)
class SealKey:
    """A key; its id is told openly and tells nothing of it."""

    secret: bytes = field(repr=False)

    @property
    def key_id(self) -> str:
        """16 hexadecimal digits."""
        return hashlib.sha256(b"tracewell seal key\x00" + self.secret).hexdigest()[: 2 * _ID_BYTES]


def parse_keys(text: str) -> tuple[SealKey, ...]:
    """Keys parted by commas or lines, each 32 bytes in hexadecimal or base64. Raises ValueError.

    Lines that open with # are left out. No error holds anything of a key.
    """
    lines = [line for line in text.splitlines() if not line.lstrip().startswith("#")]
    entries = [entry.strip() for line in lines for entry in line.split(",") if entry.strip()]
    return tuple(SealKey(_parse_secret(entry)) for entry in entries)


def _parse_secret(entry: str) -> bytes:
    try:
        is_hex = len(entry) == 2 * KEY_BYTES
        secret = bytes.fromhex(entry) if is_hex else base64.b64decode(entry, validate=True)
    except (ValueError, binascii.Error):
        secret = b""
    if len(secret) != KEY_BYTES:
        raise ValueError("a key is 32 bytes, in hexadecimal or base64")
    return secret


class Sealer:
    """Seals with the first key, opens with any; without keys it leaves bytes as they are.

    Bytes that were never sealed are given back as they are: their readers verify signatures.
    """

    def __init__(
        self,
        keys: Sequence[SealKey] = (),
        random_bytes: Callable[[int], bytes] = secrets.token_bytes,
    ) -> None:
        self._ciphers = {key.key_id: AESGCM(key.secret) for key in keys}
        self._random_bytes = random_bytes
        self.key_id = keys[0].key_id if keys else None
        """The key that seals."""

    @property
    def key_ids(self) -> frozenset[str]:
        """All keys that open."""
        return frozenset(self._ciphers)

    def seal(self, value: bytes, place: str) -> bytes:
        """Bound to its place: sealed bytes that are moved to another row do not open there."""
        if self.key_id is None:
            return value
        head = _MARK + bytes.fromhex(self.key_id) + self._random_bytes(_NONCE_BYTES)
        nonce = head[-_NONCE_BYTES:]
        return head + self._ciphers[self.key_id].encrypt(nonce, value, head + place.encode())

    def open(self, stored: bytes, place: str) -> bytes:
        """Raises SealBroken."""
        key_id = find_key_id(stored)
        if key_id is None:
            return stored
        cipher = self._ciphers.get(key_id)
        if cipher is None:
            raise SealBroken(f"sealed with key {key_id}, which is not configured")
        head = stored[:_HEAD_BYTES]
        try:
            return cipher.decrypt(head[-_NONCE_BYTES:], stored[_HEAD_BYTES:], head + place.encode())
        except InvalidTag:
            raise SealBroken(f"changed since it was sealed with key {key_id}") from None

    def is_current(self, stored: bytes) -> bool:
        """Whether the bytes are as this sealer would leave them."""
        return find_key_id(stored) == self.key_id


def find_key_id(stored: bytes) -> str | None:
    """The key that bytes are sealed with; None where they are not sealed."""
    if not stored.startswith(_MARK) or len(stored) < _HEAD_BYTES:
        return None
    return stored[len(_MARK) : len(_MARK) + _ID_BYTES].hex()


OPEN: Final = Sealer()
"""Seals nothing: for a deployment without a key."""
