"""Signed notes and the checkpoints of a transparency log in them, Ed25519 alone.

The formats are https://c2sp.org/signed-note and https://c2sp.org/tlog-checkpoint.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from tracewell.kernel.signing.encoding import decode_base64, encode_base64
from tracewell.kernel.signing.keys import SigningKey, VerificationKeys

NOTE_BYTES_MAX = 64 << 10
SIGNATURES_MAX = 100
SIZE_MAX = (1 << 63) - 1

_ED25519 = b"\x01"
_MARK = "\u2014 "
_HASH_BYTES = 32
_ID_BYTES = 4


class NoteInvalid(ValueError):  # noqa: N818 - a sentence: "the note is invalid"
    """A note or checkpoint is malformed, or its signature does not hold."""


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """The head of a log: how many leaves it has and the root over them."""

    origin: str
    size: int
    root: bytes

    def to_text(self) -> str:
        """The text that is signed."""
        return f"{self.origin}\n{self.size}\n{encode_base64(self.root)}\n"


@dataclass(frozen=True, slots=True)
class SignedCheckpoint:
    """A head whose signature holds, and by which key (its RFC 7638 thumbprint)."""

    checkpoint: Checkpoint
    kid: str


def note_key_id(name: str, key: Ed25519PublicKey) -> bytes:
    """The four bytes by which a signature line names its key."""
    return hashlib.sha256(name.encode() + b"\n" + _ED25519 + _raw(key)).digest()[:_ID_BYTES]


def note_verifier_key(name: str, key: Ed25519PublicKey) -> str:
    """The text form of a verifier's key: `name+id+base64(algorithm || key)`."""
    return f"{name}+{note_key_id(name, key).hex()}+{encode_base64(_ED25519 + _raw(key))}"


def sign_note(text: str, name: str, key: SigningKey) -> str:
    """The note of a text that ends with a newline; ValueError for a text or name that has none."""
    if not text.endswith("\n") or not _is_text(text) or not is_note_name(name):
        raise ValueError("neither text nor name of a note")
    signature = note_key_id(name, key.public) + key.private.sign(text.encode())
    return f"{text}\n{_MARK}{name} {encode_base64(signature)}\n"


def is_note_name(name: str) -> bool:
    """Whether a key may be called so: not empty, no space, no plus."""
    return bool(name) and "+" not in name and name.isprintable() and not set(name) & _SPACES


def verify_note(note: str, name: str, keys: VerificationKeys) -> tuple[str, str]:
    """The text and the id of the key, of those given, whose signature under `name` holds.

    Signatures of others are passed over, a wrong one of ours is not. Raises NoteInvalid.
    """
    text, signatures = _parse_note(note)
    known = {note_key_id(name, key): (kid, key) for kid, key in keys.by_kid.items()}
    found = None
    for signer, signature in signatures:
        entry = known.get(signature[:_ID_BYTES]) if signer == name else None
        if entry is None:
            continue
        kid, key = entry
        try:
            key.verify(signature[_ID_BYTES:], text.encode())
        except InvalidSignature:
            raise NoteInvalid("the signature does not belong to this text") from None
        found = found or kid
    if found is None:
        raise NoteInvalid("not signed by any of the given keys")
    return text, found


def parse_checkpoint(note: str) -> Checkpoint:
    """The head that a note states, its signatures unchecked. Raises NoteInvalid."""
    return _parse_head(_parse_note(note)[0])


def verify_checkpoint(note: str, keys: VerificationKeys) -> SignedCheckpoint:
    """The head of a note that its own log signed with one of the keys. Raises NoteInvalid."""
    checkpoint = parse_checkpoint(note)
    _, kid = verify_note(note, checkpoint.origin, keys)
    return SignedCheckpoint(checkpoint, kid)


_SPACES = frozenset(" \t\n\r\x0b\x0c\x85\xa0\u2028\u2029\u3000")


def _raw(key: Ed25519PublicKey) -> bytes:
    return key.public_bytes(Encoding.Raw, PublicFormat.Raw)


def _is_text(text: str) -> bool:
    return not any(ord(c) < 0x20 and c != "\n" for c in text)


def _parse_note(note: str) -> tuple[str, list[tuple[str, bytes]]]:
    malformed = NoteInvalid("not a signed note")
    if len(note) > NOTE_BYTES_MAX or not _is_text(note) or not note.endswith("\n"):
        raise malformed
    text, blank, tail = note.rpartition("\n\n")
    lines = tail.removesuffix("\n").split("\n")
    if not blank or len(lines) > SIGNATURES_MAX:
        raise malformed
    signatures = []
    for line in lines:
        name, space, encoded = line.removeprefix(_MARK).partition(" ")
        try:
            signature = decode_base64(encoded)
        except ValueError:
            raise malformed from None
        if not line.startswith(_MARK) or not space or len(signature) <= _ID_BYTES:
            raise malformed
        signatures.append((name, signature))
    return text + "\n", signatures


def _parse_head(text: str) -> Checkpoint:
    origin, *rest = text.split("\n")
    malformed = NoteInvalid("not a checkpoint")
    if len(rest) < 3 or not is_note_name(origin):
        raise malformed
    size, encoded = rest[0], rest[1]
    # One text for one number: no sign, no leading zero, no other script's digits.
    if not (size.isascii() and size.isdigit()) or size != str(int(size[:20])):
        raise malformed
    try:
        root = decode_base64(encoded)
    except ValueError:
        raise malformed from None
    if len(root) != _HASH_BYTES or int(size) > SIZE_MAX:
        raise malformed
    return Checkpoint(origin, int(size), root)
