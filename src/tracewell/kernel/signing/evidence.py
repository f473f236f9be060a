"""Whose word beside the key's own is in a bundle: the audit log's, a time-stamp authority's.

The log's tree is RFC 9162's, its head a signed note; the entry is the log's record that a lookup
ended with this report.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from cryptography.x509 import Certificate

from tracewell.kernel.clock import parse_utc
from tracewell.kernel.merkle import HASH_BYTES, PROOF_HASHES_MAX, hash_leaf, verify_inclusion
from tracewell.kernel.signing.encoding import decode_base64, encode_base64, parse_json_object
from tracewell.kernel.signing.errors import FailureReason, NotVerified
from tracewell.kernel.signing.keys import VerificationKeys
from tracewell.kernel.signing.notes import NoteInvalid, verify_checkpoint
from tracewell.kernel.signing.timestamps import Timestamp, TimestampInvalid, verify_timestamp


class TimestampMissing(StrEnum):
    """Why a bundle has no time stamp although an authority is configured."""

    PENDING = "pending"
    NOT_ANSWERED = "not_answered"
    REFUSED = "refused"
    INVALID = "invalid"


@dataclass(frozen=True, slots=True)
class LogProof:
    """That the log holds an entry: its bytes, its place, hashes to the root, the signed head."""

    entry: bytes
    leaf: int
    hashes: tuple[bytes, ...]
    head: str

    def to_members(self) -> dict[str, Any]:
        """The bundle's members `inclusion_proof` and `tree_head`."""
        return {
            "inclusion_proof": {
                "entry": encode_base64(self.entry),
                "hashes": [encode_base64(each) for each in self.hashes],
                "leaf_index": self.leaf,
            },
            "tree_head": self.head,
        }


@dataclass(frozen=True, slots=True)
class Logged:
    """The log's word: when the report was there, in which leaf, under a head of which size."""

    at_ms: int
    leaf: int
    tree_size: int
    origin: str
    kid: str
    independent: bool
    """Whether the head's key is not revoked: a thief of it could have written the log's word."""


def parse_log_proof(inclusion: Any, head: Any) -> LogProof:
    """Reads the two members; raises ValueError."""
    if not isinstance(inclusion, dict) or inclusion.keys() != {"entry", "hashes", "leaf_index"}:
        raise ValueError("not an inclusion proof")
    entry, hashes, leaf = (inclusion[name] for name in ("entry", "hashes", "leaf_index"))
    if type(leaf) is not int or leaf < 0 or not isinstance(head, str):
        raise ValueError("not an inclusion proof")
    if not isinstance(hashes, list) or len(hashes) > PROOF_HASHES_MAX:
        raise ValueError("not an inclusion proof")
    decoded = tuple(decode_base64(_text(each)) for each in hashes)
    if any(len(each) != HASH_BYTES for each in decoded):
        raise ValueError("not a hash of SHA-256")
    return LogProof(decode_base64(_text(entry)), leaf, decoded, head)


def verify_log_proof(proof: LogProof, report_hash: str, keys: VerificationKeys) -> Logged:
    """Check head, path and that the entry is about this report. Raises NotVerified."""
    try:
        signed = verify_checkpoint(proof.head, keys)
    except NoteInvalid:
        raise NotVerified(FailureReason.TREE_HEAD_INVALID) from None
    head = signed.checkpoint
    if not verify_inclusion(hash_leaf(proof.entry), proof.leaf, head.size, proof.hashes, head.root):
        raise NotVerified(FailureReason.INCLUSION_INVALID)
    try:
        completion = parse_json_object(proof.entry)["completion"]
        at_ms = parse_utc(completion["completed_at"])
        logged_hash = completion["report_hash"]
    except (ValueError, KeyError, TypeError):
        raise NotVerified(FailureReason.INCLUSION_INVALID) from None
    if logged_hash != report_hash:
        raise NotVerified(FailureReason.INCLUSION_INVALID)
    independent = signed.kid not in keys.revocations
    return Logged(at_ms, proof.leaf, head.size, head.origin, signed.kid, independent)


def parse_timestamp(member: Any) -> bytes | TimestampMissing:
    """Reads the member `timestamp`; raises ValueError."""
    if isinstance(member, dict) and member.keys() == {"response"}:
        return decode_base64(_text(member["response"]))
    if isinstance(member, dict) and member.keys() == {"missing"}:
        return TimestampMissing(_text(member["missing"]))
    raise ValueError("not a time stamp")


def render_timestamp(timestamp: bytes | TimestampMissing) -> dict[str, str]:
    """The member `timestamp`."""
    if isinstance(timestamp, TimestampMissing):
        return {"missing": str(timestamp)}
    return {"response": encode_base64(timestamp)}


def verify_signature_timestamp(
    response: bytes, signature: str, roots: Sequence[Certificate]
) -> Timestamp:
    """When a signature existed. Raises NotVerified."""
    try:
        return verify_timestamp(response, signature.encode("ascii"), roots)
    except (TimestampInvalid, UnicodeEncodeError):
        raise NotVerified(FailureReason.TIMESTAMP_INVALID) from None


def _text(value: Any) -> str:
    if not isinstance(value, str):
        raise ValueError("not text")
    return value
