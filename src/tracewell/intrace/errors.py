"""Every error that Intrace tells, once. The first rows are the contract's error page."""

from __future__ import annotations

from tracewell.kernel.errors import Catalogue, ErrorKind


def _kind(code: str, status: int, message: str, cause: str, remedy: str) -> ErrorKind:
    return ErrorKind(code, status, message, cause, remedy, "envelope")


REQUEST_MALFORMED = _kind(
    "request_malformed",
    400,
    "The request body is not valid JSON.",
    "The request body is not valid JSON.",
    "Fix the JSON syntax.",
)
FIELD_REQUIRED = _kind(
    "field_required",
    400,
    "A required field is missing.",
    "A required field is missing. details identifies the field.",
    "Add the missing field.",
)
FIELD_INVALID = _kind(
    "field_invalid",
    400,
    "A field value fails validation.",
    "A field value fails validation. details identifies the field and constraint.",
    "Correct the field value.",
)
CREDENTIALS_MISSING = _kind(
    "credentials_missing",
    401,
    "No credentials were provided.",
    "No Authorization header or X-API-Key header was provided.",
    "Include credentials in the request.",
)
TOKEN_EXPIRED = _kind(
    "token_expired",
    401,
    "The bearer token has expired.",
    "The Bearer JWT has expired.",
    "Obtain a new token from your IdP.",
)
TOKEN_INVALID = _kind(
    "token_invalid",
    401,
    "The bearer token's signature or claims are invalid.",
    "The Bearer JWT signature or claims are invalid.",
    "Check OIDC_ISSUER_URL and OIDC_AUDIENCE configuration.",
)
API_KEY_INVALID = _kind(
    "api_key_invalid",
    401,
    "The API key does not exist or has been revoked.",
    "The provided API key does not exist or has been revoked.",
    "Verify the key or request a new one from Intrace.",
)
SIGN_IN_REFUSED = _kind(
    "sign_in_refused",
    401,
    "The sign-in could not be completed.",
    "The answer of the identity provider signs nobody in: it was changed, is too old, was used "
    "before or belongs to another browser's sign-in. The log says which.",
    "Sign in again; if it persists, compare the settings with those at the identity provider.",
)
CROSS_SITE_REFUSED = _kind(
    "cross_site_refused",
    403,
    "Another site's page may not do this.",
    "The browser says that the request was caused by a page of another site.",
    "Do it from a page of PUBLIC_URL.",
)
INSUFFICIENT_SCOPE = _kind(
    "insufficient_scope",
    403,
    "The principal's role does not grant access to this endpoint.",
    "The principal’s role does not grant access to this endpoint.",
    "Contact your administrator to review role assignments.",
)
NOT_FOUND = _kind(
    "not_found",
    404,
    "The requested resource does not exist.",
    "The requested resource (lookup result, connector, audit record) does not exist.",
    "Verify the ID. If querying a past result, it may have exceeded the result retention period.",
)
METHOD_NOT_ALLOWED = _kind(
    "method_not_allowed",
    405,
    "This endpoint does not take that method.",
    "The path exists, the method does not.",
    "Use one of the methods in the Allow header.",
)
REQUEST_TIMEOUT = _kind(
    "request_timeout",
    408,
    "The body did not arrive in time.",
    "The body was announced but not sent.",
    "Send the body at once.",
)
REQUEST_TOO_LARGE = _kind(
    "request_too_large",
    413,
    "The request body is too large.",
    "The body is over the bound.",
    "Split the request.",
)
UNSUPPORTED_MEDIA_TYPE = _kind(
    "unsupported_media_type",
    415,
    "The body must be JSON, with the content type application/json.",
    "The body's content type is not JSON.",
    "Send Content-Type: application/json.",
)
INVALID_IDENTIFIER_TYPE = _kind(
    "invalid_identifier_type",
    422,
    "The identifier type is not recognized.",
    "The type field of an identifier is not recognized.",
    "Use a supported identifier type.",
)
IDENTIFIER_FORMAT_INVALID = _kind(
    "identifier_format_invalid",
    422,
    "The identifier value does not match the required format for its type.",
    "An identifier value does not match the required format for its type "
    "(e.g. a phone number not in E.164 format).",
    "Reformat the identifier.",
)
NO_IDENTIFIERS = _kind(
    "no_identifiers",
    422,
    "No identifiers were provided.",
    "The identifiers array is empty.",
    "Provide at least one identifier.",
)
TOO_MANY_IDENTIFIERS = _kind(
    "too_many_identifiers",
    422,
    "More than 20 identifiers were submitted in a single request.",
    "More than 20 identifiers were submitted in a single request.",
    "Split into multiple requests.",
)
RATE_LIMIT_EXCEEDED = _kind(
    "rate_limit_exceeded",
    429,
    "The per-minute request limit has been reached.",
    "The per-minute request limit for this principal has been reached.",
    "Wait for the duration indicated by the Retry-After response header before retrying.",
)
HEADERS_TOO_LARGE = _kind(
    "headers_too_large",
    431,
    "The request's headers are too large.",
    "Request line and headers are over the bound.",
    "Send fewer or shorter headers.",
)
INTERNAL_ERROR = _kind(
    "internal_error",
    500,
    "An unexpected error occurred in the engine.",
    "An unexpected error occurred in the engine.",
    "Retry the request. If the error persists, contact Intrace support with the request_id.",
)
SIGNING_FAILED = _kind(
    "signing_failed",
    500,
    "The engine could not sign the report.",
    "The engine could not sign the report.",
    "Check the SIGNING_PRIVATE_KEY_PATH configuration and key file permissions.",
)
DATABASE_ERROR = _kind(
    "database_error",
    500,
    "The engine could not write to its database.",
    "The engine could not write to its database.",
    "Check database connectivity and disk space.",
)
RESULT_UNREADABLE = _kind(
    "result_unreadable",
    500,
    "The stored result cannot be decrypted.",
    "The result is encrypted with a key that is not configured, or was changed since.",
    "Check RESULT_ENCRYPTION_KEY and RESULT_ENCRYPTION_KEY_PATH.",
)
IDENTITY_PROVIDER_UNAVAILABLE = _kind(
    "identity_provider_unavailable",
    503,
    "The identity provider could not be reached to verify the token.",
    "The issuer's discovery document or keys could not be fetched.",
    "Retry; if it persists, check OIDC_ISSUER_URL and the network between engine and issuer.",
)

CATALOGUE = Catalogue(
    REQUEST_MALFORMED,
    FIELD_REQUIRED,
    FIELD_INVALID,
    CREDENTIALS_MISSING,
    TOKEN_EXPIRED,
    TOKEN_INVALID,
    API_KEY_INVALID,
    INSUFFICIENT_SCOPE,
    NOT_FOUND,
    INVALID_IDENTIFIER_TYPE,
    IDENTIFIER_FORMAT_INVALID,
    NO_IDENTIFIERS,
    TOO_MANY_IDENTIFIERS,
    RATE_LIMIT_EXCEEDED,
    INTERNAL_ERROR,
    SIGNING_FAILED,
    DATABASE_ERROR,
    RESULT_UNREADABLE,
    METHOD_NOT_ALLOWED,
    REQUEST_TIMEOUT,
    REQUEST_TOO_LARGE,
    UNSUPPORTED_MEDIA_TYPE,
    HEADERS_TOO_LARGE,
    IDENTITY_PROVIDER_UNAVAILABLE,
    SIGN_IN_REFUSED,
    CROSS_SITE_REFUSED,
)

USUAL = (
    REQUEST_MALFORMED,
    FIELD_INVALID,
    CREDENTIALS_MISSING,
    TOKEN_EXPIRED,
    TOKEN_INVALID,
    API_KEY_INVALID,
    INSUFFICIENT_SCOPE,
    NOT_FOUND,
    METHOD_NOT_ALLOWED,
    RATE_LIMIT_EXCEEDED,
    HEADERS_TOO_LARGE,
    INTERNAL_ERROR,
    DATABASE_ERROR,
    IDENTITY_PROVIDER_UNAVAILABLE,
)
"""What any endpoint may answer."""

WITH_BODY = (FIELD_REQUIRED, REQUEST_TIMEOUT, REQUEST_TOO_LARGE, UNSUPPORTED_MEDIA_TYPE)
"""What an endpoint that takes a body may answer besides."""
