"""The report bundle: the stored bytes, their hash and their signature in one file.

The format is written down in docs/decisions/0060; docs/verify.md shows how anyone checks it.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from cryptography.x509 import Certificate

from tracewell.kernel.signing.canonical import canonical_json
from tracewell.kernel.signing.detached import Verified, sign_detached, verify_detached
from tracewell.kernel.signing.encoding import decode_base64, encode_base64, parse_json_object
from tracewell.kernel.signing.errors import FailureReason, NotVerified
from tracewell.kernel.signing.evidence import (
    Logged,
    LogProof,
    TimestampMissing,
    parse_log_proof,
    parse_timestamp,
    render_timestamp,
    verify_log_proof,
    verify_signature_timestamp,
)
from tracewell.kernel.signing.keys import SigningKey, VerificationKeys
from tracewell.kernel.signing.timestamps import Timestamp

FORMAT = "tracewell-report-bundle/1"
REPORT_TYPE = "tracewell-report+jws"
"""The `typ` of every report's signature."""

BUNDLE_BYTES_MAX = 64 << 20

_REQUIRED = frozenset({"format", "payload", "report_hash", "signature"})
_OPTIONAL = frozenset({"inclusion_proof", "timestamp", "tree_head"})


@dataclass(frozen=True, slots=True)
class Bundle:
    """A parsed bundle, nothing of it proven yet."""

    payload: bytes
    report_hash: str
    signature: str
    log_proof: LogProof | None = None
    timestamp: bytes | TimestampMissing | None = None


@dataclass(frozen=True, slots=True)
class VerifiedBundle:
    """A bundle that holds: who signed when, and what else dates it.

    `unchecked` names what is in the bundle and was not checked for lack of somebody to trust.
    """

    kid: str
    signed_at_ms: int
    logged: Logged | None = None
    timestamp: Timestamp | TimestampMissing | None = None
    unchecked: tuple[str, ...] = ()


def hash_payload(payload: bytes) -> str:
    """`sha256:` and 64 lower-case hex digits."""
    return "sha256:" + hashlib.sha256(payload).hexdigest()


def sign_payload(payload: bytes, key: SigningKey, *, signed_at_ms: int) -> str:
    """The detached signature of a report's stored bytes."""
    return sign_detached(payload, key, typ=REPORT_TYPE, signed_at_ms=signed_at_ms)


def verify_payload(
    payload: bytes,
    report_hash: str,
    signature: str,
    keys: VerificationKeys,
    *,
    existed_at_ms: int | None = None,
) -> Verified:
    """Check stored bytes against the hash and the signature of their making.

    `existed_at_ms` as in `verify_detached`. Raises NotVerified: `hash_mismatch` first, then
    whatever is wrong with the signature.
    """
    if hash_payload(payload) != report_hash:
        raise NotVerified(FailureReason.HASH_MISMATCH)
    return verify_detached(payload, signature, keys, typ=REPORT_TYPE, existed_at_ms=existed_at_ms)


def build_bundle(
    payload: bytes,
    signature: str,
    log_proof: LogProof | None = None,
    timestamp: bytes | TimestampMissing | None = None,
) -> bytes:
    """The bundle file, in canonical JSON: every byte of it matters to its verification."""
    members: dict[str, Any] = {
        "format": FORMAT,
        "payload": encode_base64(payload),
        "report_hash": hash_payload(payload),
        "signature": signature,
    }
    if log_proof is not None:
        members |= log_proof.to_members()
    if timestamp is not None:
        members["timestamp"] = render_timestamp(timestamp)
    return canonical_json(members)


def parse_bundle(data: bytes, *, bytes_max: int = BUNDLE_BYTES_MAX) -> Bundle:
    """Read a bundle; raises NotVerified(bundle_malformed).

    Members that no release has named are refused: a bundle says nothing that nobody checks.
    """
    malformed = NotVerified(FailureReason.BUNDLE_MALFORMED)
    if len(data) > bytes_max:
        raise malformed
    try:
        members = parse_json_object(data)
    except ValueError:
        raise malformed from None
    names = members.keys()
    if not names >= _REQUIRED or not names <= _REQUIRED | _OPTIONAL or members["format"] != FORMAT:
        raise malformed
    if ("inclusion_proof" in names) != ("tree_head" in names):
        raise malformed
    payload, report_hash, signature = (
        members[name] for name in ("payload", "report_hash", "signature")
    )
    if not (
        isinstance(payload, str) and isinstance(report_hash, str) and isinstance(signature, str)
    ):
        raise malformed
    try:
        return Bundle(
            decode_base64(payload),
            report_hash,
            signature,
            parse_log_proof(members["inclusion_proof"], members["tree_head"])
            if "tree_head" in names
            else None,
            parse_timestamp(members["timestamp"]) if "timestamp" in names else None,
        )
    except ValueError:
        raise malformed from None


def verify_bundle(
    bundle: Bundle, keys: VerificationKeys, authorities: Sequence[Certificate] = ()
) -> VerifiedBundle:
    """Check all that is in a parsed bundle; raises NotVerified.

    Hash and signature first, then the log's proof, then the time stamp: against the certificates
    of `authorities`, without which it proves nothing and is told as unchecked.
    """
    logged: Logged | None = None
    timestamp: Timestamp | TimestampMissing | None = None
    failure: NotVerified | None = None
    try:
        if bundle.log_proof is not None:
            logged = verify_log_proof(bundle.log_proof, bundle.report_hash, keys)
        if isinstance(bundle.timestamp, bytes):
            timestamp = verify_signature_timestamp(bundle.timestamp, bundle.signature, authorities)
        else:
            timestamp = bundle.timestamp
    except NotVerified as error:
        failure = error
    words = [logged.at_ms] if logged is not None and logged.independent else []
    if isinstance(timestamp, Timestamp) and timestamp.proven:
        words.append(timestamp.at_ms)
    verified = verify_payload(
        bundle.payload,
        bundle.report_hash,
        bundle.signature,
        keys,
        existed_at_ms=min(words, default=None),
    )
    if failure is not None:
        raise failure
    unproven = isinstance(timestamp, Timestamp) and not timestamp.proven
    return VerifiedBundle(
        verified.kid,
        verified.signed_at_ms,
        logged,
        timestamp,
        ("timestamp",) if unproven else (),
    )
