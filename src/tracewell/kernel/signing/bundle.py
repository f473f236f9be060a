"""The report bundle: the stored bytes, their hash and their signature in one file.

The format is written down in docs/decisions/0060; docs/verify.md shows how anyone checks it.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass

from tracewell.kernel.signing.canonical import canonical_json
from tracewell.kernel.signing.detached import Verified, sign_detached, verify_detached
from tracewell.kernel.signing.encoding import decode_base64, encode_base64, parse_json_object
from tracewell.kernel.signing.errors import FailureReason, NotVerified
from tracewell.kernel.signing.keys import SigningKey, VerificationKeys

FORMAT = "tracewell-report-bundle/1"
REPORT_TYPE = "tracewell-report+jws"
"""The `typ` of every report's signature."""

BUNDLE_BYTES_MAX = 64 << 20

_REQUIRED = frozenset({"format", "payload", "report_hash", "signature"})
_OPTIONAL = frozenset({"inclusion_proof", "timestamp", "tree_head"})


@dataclass(frozen=True, slots=True)
class Bundle:
    """A parsed bundle, nothing of it proven yet.

    `unchecked` names the members that this release carries along but does not verify.
    """

    payload: bytes
    report_hash: str
    signature: str
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


def build_bundle(payload: bytes, signature: str) -> bytes:
    """The bundle file, in canonical JSON: every byte of it matters to its verification."""
    return canonical_json(
        {
            "format": FORMAT,
            "payload": encode_base64(payload),
            "report_hash": hash_payload(payload),
            "signature": signature,
        }
    )


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
    payload, report_hash, signature = (
        members[name] for name in ("payload", "report_hash", "signature")
    )
    if not (
        isinstance(payload, str) and isinstance(report_hash, str) and isinstance(signature, str)
    ):
        raise malformed
    try:
        stored = decode_base64(payload)
    except ValueError:
        raise malformed from None
    return Bundle(stored, report_hash, signature, tuple(sorted(names - _REQUIRED)))


def verify_bundle(bundle: Bundle, keys: VerificationKeys) -> Verified:
    """Check hash and signature of a parsed bundle; raises NotVerified."""
    return verify_payload(bundle.payload, bundle.report_hash, bundle.signature, keys)
