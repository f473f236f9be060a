"""Why an answer of a SAML identity provider is not accepted. No error repeats a value of it."""

from __future__ import annotations

from enum import StrEnum


class SamlFault(StrEnum):
    """What is wrong with an answer; the value is a sentence for the operator's log."""

    TOO_LARGE = "The answer is too large."
    MALFORMED = "The answer is not a SAML 2.0 response in base64."
    DTD = "The answer declares a document type or entities."
    COMMENT = "The answer holds comments or processing instructions."
    STATUS = "The identity provider signed nobody in."
    ASSERTIONS = "The answer does not hold exactly one assertion, in its place."
    ENCRYPTED = "The assertion is encrypted, which is not supported: turn it off at the provider."
    IDS = "The answer uses an ID twice."
    UNSIGNED = "The assertion is not signed."
    SIGNATURES = "A signature stands where none belongs, or signs something else."
    ALGORITHM = "A signature uses an algorithm that is not accepted."
    SIGNATURE = "A signature does not match the identity provider's certificates."
    ISSUER = "The assertion was issued by somebody else."
    SUBJECT = "The assertion names no subject that can be used."
    TRANSIENT = "The subject's name is transient: the provider must name people durably."
    CONFIRMATION = "The assertion does not confirm its subject as a bearer."
    RECIPIENT = "The assertion was made for another address."
    IN_RESPONSE_TO = "The assertion answers another sign-in, or none that was begun here."
    EXPIRED = "The assertion has expired."
    NOT_YET_VALID = "The assertion is not valid yet."
    CONDITIONS = "The assertion has conditions that are missing or not understood."
    AUDIENCE = "The assertion was issued for somebody else."
    STATEMENT = "The assertion does not say that anybody signed in."
    EMAIL = "The assertion carries no e-mail address."
    ATTRIBUTES = "An attribute of the assertion has a form that is not accepted."
    REPLAYED = "The assertion was used before."


class SamlRefused(Exception):  # noqa: N818
    """The answer signs nobody in."""

    def __init__(self, reason: SamlFault) -> None:
        super().__init__(reason.value)
        self.reason = reason
