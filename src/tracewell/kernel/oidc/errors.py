"""Why a bearer token is not accepted. No error repeats a token or a claim's value."""

from __future__ import annotations

from enum import StrEnum


class TokenFault(StrEnum):
    """What is wrong with a token; the value is a sentence for the operator's log."""

    TOO_LARGE = "The token is too large."
    MALFORMED = "The token is not a compact JWS with a JSON header and JSON claims."
    ALGORITHM = "The token's algorithm is not an asymmetric one that the key is for."
    CRITICAL_HEADER = "The token has a critical header that is not understood."
    TYPE = "The token is neither an access token nor an ID token."
    KEY_UNKNOWN = "The token's key is not among the keys of the identity provider."
    SIGNATURE = "The token's signature does not match."
    CLAIMS = "A claim of the token is missing or has the wrong form."
    ISSUER = "The token was issued by somebody else."
    AUDIENCE = "The token was issued for somebody else."
    NOT_YET_VALID = "The token is not valid yet."
    SENDER_CONSTRAINED = "The token is bound to a key and is not a bearer token."
    SUBJECT = "The token names no subject."
    SESSION_ENDED = "The session has been ended."
    EMAIL = "The token carries no e-mail address."


class TokenInvalid(Exception):  # noqa: N818
    """The token is refused for good: a new one of the same kind would be refused as well."""

    def __init__(self, reason: TokenFault) -> None:
        super().__init__(reason.value)
        self.reason = reason


class TokenExpired(Exception):  # noqa: N818
    """The token is genuine, was meant for us, and its time is over."""
