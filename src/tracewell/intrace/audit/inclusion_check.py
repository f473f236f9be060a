"""Checks a stored answer of `/v1/audit/{request_id}/inclusion` with public keys alone."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from tracewell.kernel.merkle_proofs import ProofInvalid, parse_inclusion_proof
from tracewell.kernel.signing import SignedCheckpoint, VerificationKeys, canonical_json
from tracewell.kernel.signing.encoding import parse_json_object

INCLUSION_BYTES_MAX = 1 << 20


@dataclass(frozen=True, slots=True)
class CheckedInclusion:
    """What was proven: the leaves of a request and the head that covers them."""

    request_id: str
    signed: SignedCheckpoint
    record_leaf: int
    completion_leaf: int | None
    report_hash: str | None
    failure: str | None


def check_inclusion(data: bytes, keys: VerificationKeys) -> CheckedInclusion:
    """What the file proves. Raises ProofInvalid."""
    try:
        members = parse_json_object(data)
        request_id, record, completion = (
            members[name] for name in ("request_id", "record", "completion")
        )
        signed, record_leaf = _check_leaf(record, keys)
        if record["entry"]["request_id"] != request_id:
            raise ProofInvalid("the record is that of another request")
        if completion is None:
            return CheckedInclusion(request_id, signed, record_leaf, None, None, None)
        _, completion_leaf = _check_leaf(completion, keys)
        done = completion["entry"]["completion"]
        if done["request_id"] != request_id:
            raise ProofInvalid("the completion is that of another request")
        hashed, failure = done["report_hash"], done["failure"]
    except ProofInvalid:
        raise
    except (ValueError, KeyError, TypeError, AttributeError):
        raise ProofInvalid("not a proof that a server gave") from None
    return CheckedInclusion(request_id, signed, record_leaf, completion_leaf, hashed, failure)


def _check_leaf(leaf: Any, keys: VerificationKeys) -> tuple[SignedCheckpoint, int]:
    proof = parse_inclusion_proof(leaf["proof"])
    if leaf["entry"] is None:
        raise ProofInvalid("the record was purged: its content is not there to be proven")
    if leaf["leaf_index"] != proof.leaf:
        raise ProofInvalid("the number of a leaf is not that of its proof")
    return proof.verify(canonical_json(leaf["entry"]), keys), proof.leaf
