"""Keys, canonical JSON, detached signatures and the bundle: whatever makes an answer provable.

What is signed, when, and where the signature is stored is decided by the products.
"""

from tracewell.kernel.signing.bundle import (
    BUNDLE_BYTES_MAX,
    Bundle,
    VerifiedBundle,
    build_bundle,
    hash_payload,
    parse_bundle,
    sign_payload,
    verify_bundle,
    verify_payload,
)
from tracewell.kernel.signing.canonical import canonical_json
from tracewell.kernel.signing.detached import Verified, sign_detached, verify_detached
from tracewell.kernel.signing.errors import (
    CanonicalJsonError,
    FailureReason,
    JwksError,
    NotVerified,
    SigningFailed,
    SigningFailure,
)
from tracewell.kernel.signing.evidence import Logged, LogProof, TimestampMissing
from tracewell.kernel.signing.key_file import SigningKeyFile, ensure_signing_key
from tracewell.kernel.signing.keyring import Keyring, PublicKeyDirectory
from tracewell.kernel.signing.keys import (
    SigningKey,
    VerificationKeys,
    parse_jwks,
    parse_public_key,
    parse_signing_key,
    thumbprint,
)
from tracewell.kernel.signing.notes import (
    Checkpoint,
    NoteInvalid,
    SignedCheckpoint,
    note_verifier_key,
    parse_checkpoint,
    sign_note,
    verify_checkpoint,
    verify_note,
)
from tracewell.kernel.signing.revocation import Revocation, RevocationReason
from tracewell.kernel.signing.timestamps import Timestamp

__all__ = [
    "BUNDLE_BYTES_MAX",
    "Bundle",
    "CanonicalJsonError",
    "Checkpoint",
    "FailureReason",
    "JwksError",
    "Keyring",
    "LogProof",
    "Logged",
    "NotVerified",
    "NoteInvalid",
    "PublicKeyDirectory",
    "Revocation",
    "RevocationReason",
    "SignedCheckpoint",
    "SigningFailed",
    "SigningFailure",
    "SigningKey",
    "SigningKeyFile",
    "Timestamp",
    "TimestampMissing",
    "VerificationKeys",
    "Verified",
    "VerifiedBundle",
    "build_bundle",
    "canonical_json",
    "ensure_signing_key",
    "hash_payload",
    "note_verifier_key",
    "parse_bundle",
    "parse_checkpoint",
    "parse_jwks",
    "parse_public_key",
    "parse_signing_key",
    "sign_detached",
    "sign_note",
    "sign_payload",
    "thumbprint",
    "verify_bundle",
    "verify_checkpoint",
    "verify_detached",
    "verify_note",
    "verify_payload",
]
