"""Inclusion proofs that stand on their own: leaf, path and the log's signed checkpoint in one text.

The format is https://c2sp.org/tlog-proof; the leaf's entry itself is not in it.
"""

from __future__ import annotations

from dataclasses import dataclass

from tracewell.kernel.merkle import HASH_BYTES, PROOF_HASHES_MAX, hash_leaf, verify_inclusion
from tracewell.kernel.signing.encoding import decode_base64, encode_base64
from tracewell.kernel.signing.keys import VerificationKeys
from tracewell.kernel.signing.notes import NoteInvalid, SignedCheckpoint, verify_checkpoint

_HEAD = "c2sp.org/tlog-proof@v1"
_INDEX = "index "


class ProofInvalid(ValueError):  # noqa: N818 - a sentence: "the proof is invalid"
    """The text is no proof, or it does not prove what it is said to prove."""


@dataclass(frozen=True, slots=True)
class InclusionProof:
    """A leaf's place (from 0), the hashes to the root, and the checkpoint (a signed note)."""

    leaf: int
    hashes: tuple[bytes, ...]
    checkpoint: str

    def to_text(self) -> str:
        """The proof's file."""
        lines = [_HEAD, f"{_INDEX}{self.leaf}", *map(encode_base64, self.hashes)]
        return "\n".join(lines) + "\n\n" + self.checkpoint

    def verify(self, entry: bytes, keys: VerificationKeys) -> SignedCheckpoint:
        """The checkpoint, once it is shown to be signed and to cover the entry.

        Raises ProofInvalid.
        """
        try:
            signed = verify_checkpoint(self.checkpoint, keys)
        except NoteInvalid as error:
            raise ProofInvalid(f"its checkpoint is {error}") from None
        head = signed.checkpoint
        if not verify_inclusion(hash_leaf(entry), self.leaf, head.size, self.hashes, head.root):
            raise ProofInvalid("its path does not lead from this entry to the checkpoint's root")
        return signed


def parse_inclusion_proof(text: str) -> InclusionProof:
    """Reads `to_text`, its checkpoint unread as yet. Raises ProofInvalid."""
    proof, blank, checkpoint = text.partition("\n\n")
    lines = proof.split("\n")
    if not blank or lines[0] != _HEAD or len(lines) > PROOF_HASHES_MAX + 3:
        raise ProofInvalid("not a proof of inclusion")
    # Extra data is for others; nothing here rests on it.
    rest = lines[2:] if lines[1:] and lines[1].startswith("extra ") else lines[1:]
    if not rest or not rest[0].startswith(_INDEX):
        raise ProofInvalid("it names no leaf")
    number = rest[0].removeprefix(_INDEX)
    if not number.isascii() or not number.isdigit() or number != str(int(number[:20])):
        raise ProofInvalid("its leaf is no number")
    try:
        hashes = tuple(map(decode_base64, rest[1:]))
    except ValueError:
        raise ProofInvalid("a hash of it is not base64") from None
    if any(len(found) != HASH_BYTES for found in hashes):
        raise ProofInvalid("a hash of it is not one of SHA-256")
    return InclusionProof(int(number), hashes, checkpoint)
