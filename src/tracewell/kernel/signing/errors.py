"""What can go wrong with keys and signatures, as closed lists. No message names a path."""

from __future__ import annotations

from enum import StrEnum


class SigningFailure(StrEnum):
    """Why nothing could be signed; the value is a sentence for the operator's log."""

    KEY_MISSING = "The signing key file does not exist."
    KEY_UNREADABLE = "The signing key file cannot be read."
    KEY_NOT_A_FILE = "The signing key path is not a regular file."
    KEY_TOO_LARGE = "The signing key file is too large to be a key."
    KEY_NOT_PEM = "The signing key file holds no PEM private key."
    KEY_NOT_ED25519 = "The signing key is not an Ed25519 key."
    PASSPHRASE = "The passphrase of the signing key is missing, wrong, or not needed."  # noqa: S105
    KEY_NOT_WRITTEN = "A new signing key could not be written."
    PUBLIC_KEY_NOT_WRITTEN = "The public half of the signing key could not be kept."
    PUBLIC_KEY_UNUSABLE = "A file among the public keys is not an Ed25519 public key."
    TOO_MANY_PUBLIC_KEYS = "There are more public keys than can be published."
    KEY_REVOKED = "The signing key has been revoked: rotate it."
    KEY_IS_A_LINK = "The signing key path is a link: replace the file that it points to."
    DOCUMENT_KEY_NOT_PEM = "The document key file holds no PEM private key and certificate."
    DOCUMENT_KEY_KIND = "The document key is neither ECDSA P-256 or P-384 nor RSA from 2,048 bits."
    DOCUMENT_KEY_OF_ANOTHER = "The first certificate of the document key is that of another key."
    DOCUMENT_NOT_SIGNED = "The document could not be signed."
    REVOCATION_NOT_WRITTEN = "The revocation could not be kept."
    REVOCATION_UNUSABLE = "A file among the revocations is not one."


class SigningFailed(Exception):  # noqa: N818
    """The engine cannot sign, or cannot say with which keys it signed."""

    def __init__(self, failure: SigningFailure) -> None:
        super().__init__(failure.value)
        self.failure = failure


class CanonicalJsonError(ValueError):
    """The value has no RFC 8785 form: NaN, an integer beyond 2**53, a lone surrogate, not JSON."""


class JwksError(ValueError):
    """The text is not a JWK set that this release can verify with."""


class FailureReason(StrEnum):
    """Why something is not verified. These words are part of the API and of `tracewell verify`."""

    BUNDLE_MALFORMED = "bundle_malformed"
    SIGNATURE_MALFORMED = "signature_malformed"
    ALGORITHM_UNSUPPORTED = "algorithm_unsupported"
    PURPOSE_MISMATCH = "purpose_mismatch"
    KEY_UNKNOWN = "key_unknown"
    KEY_REVOKED = "key_revoked"
    SIGNATURE_INVALID = "signature_invalid"
    HASH_MISMATCH = "hash_mismatch"
    INCLUSION_INVALID = "inclusion_invalid"
    TREE_HEAD_INVALID = "tree_head_invalid"
    TIMESTAMP_INVALID = "timestamp_invalid"
    DOCUMENT_MALFORMED = "document_malformed"
    DOCUMENT_NOT_SIGNED = "document_not_signed"
    DOCUMENT_ALTERED = "document_altered"
    CERTIFICATE_UNKNOWN = "certificate_unknown"


EXPLANATIONS: dict[FailureReason, str] = {
    FailureReason.BUNDLE_MALFORMED: "The file is not a report bundle of a known format.",
    FailureReason.SIGNATURE_MALFORMED: "The signature is not a detached JWS.",
    FailureReason.ALGORITHM_UNSUPPORTED: "The signature is not Ed25519 over the unencoded bytes.",
    FailureReason.PURPOSE_MISMATCH: "The signature was made for something else than a report.",
    FailureReason.KEY_UNKNOWN: "The key that signed is not among the given public keys.",
    FailureReason.KEY_REVOKED: "The key is revoked, and nothing but its own word dates the "
    "signature before that.",
    FailureReason.SIGNATURE_INVALID: "The signature does not belong to these bytes.",
    FailureReason.HASH_MISMATCH: "The stated hash is not the hash of these bytes.",
    FailureReason.INCLUSION_INVALID: "The proof does not lead from this report to the tree head.",
    FailureReason.TREE_HEAD_INVALID: "The tree head is not signed by any of the given keys.",
    FailureReason.TIMESTAMP_INVALID: "The time stamp is not one over this signature by a trusted "
    "authority.",
    FailureReason.DOCUMENT_MALFORMED: "The file is not a PDF that can be read.",
    FailureReason.DOCUMENT_NOT_SIGNED: "The PDF does not carry exactly one signature.",
    FailureReason.DOCUMENT_ALTERED: "The PDF is not what was signed.",
    FailureReason.CERTIFICATE_UNKNOWN: "The certificate is not among the given keys.",
}


class NotVerified(Exception):  # noqa: N818
    """The bytes are not proven; `reason` is one of a closed list."""

    def __init__(self, reason: FailureReason) -> None:
        super().__init__(EXPLANATIONS[reason])
        self.reason = reason
