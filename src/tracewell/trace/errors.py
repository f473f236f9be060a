"""Every error that Trace tells, once. The first rows are the contract's error page."""

from __future__ import annotations

from dataclasses import replace

from tracewell.kernel.errors import Catalogue, ErrorKind

AUTHENTICATION_REQUIRED = ErrorKind(
    "authentication_required",
    401,
    "No credential was supplied. Send your API key in the X-API-Key header.",
    "No credential was supplied.",
    "Send the key in the X-API-Key header.",
    "flat",
)
INVALID_API_KEY = ErrorKind(
    "invalid_api_key",
    401,
    "Invalid or revoked API key",
    "The API key is invalid, revoked, or expired.",
    "Use a key that is valid; ask the operator for a new one.",
    "flat",
)
USER_CREDENTIAL_REQUIRED = ErrorKind(
    "user_credential_required",
    403,
    "This endpoint operates on user-scoped resources and requires a user-bound credential. "
    "Org-level and admin API keys cannot access it. Use a user-scoped API key (trace_…) or "
    "authenticate via the app.",
    "This endpoint needs a user-scoped key; an org key was used.",
    "Use a user's key or sign in.",
    "flat",
)
KEY_MISSING_ORG_ASSOCIATION = ErrorKind(
    "key_missing_org_association",
    403,
    "This API key has no organization. Re-mint it from account settings.",
    "The key has no org. Re-mint it from account settings.",
    "Mint the key again for a user of an org.",
    "flat",
)
EMAIL_VERIFICATION_REQUIRED = ErrorKind(
    "email_verification_required",
    403,
    "Verify your email before using the API.",
    "Verify your email before using the API.",
    "Follow the link that was sent to the address.",
    "flat",
)
CREDIT_EXHAUSTED = ErrorKind(
    "credit_exhausted",
    402,
    "Insufficient credits to complete this request.",
    "Out of credits.",
    "Ask for less, or wait for the next grant; nothing was charged.",
    "flat",
)
RATE_LIMIT_EXCEEDED = ErrorKind(
    "operational_rate_limit_exceeded",
    429,
    "Too many requests. Please wait before retrying.",
    "Too many requests.",
    "Wait as long as Retry-After says.",
    "flat",
)
COMPANY_NOT_FOUND = ErrorKind(
    "company_not_found",
    404,
    "No company found.",
    "No company matches the identifier.",
    "Check the domain or slug.",
    "nested",
)
FLAGGED_COMPANY_NOT_FOUND = replace(
    COMPANY_NOT_FOUND, message="No company was found for that identifier.", shape="detail"
)
"""The same error in the words and the shape of the one endpoint that takes flags."""
TECHNOLOGY_NOT_FOUND = ErrorKind(
    "technology_not_found",
    404,
    "No technology found.",
    "No technology has this slug.",
    "Check the slug; GET /v1/technologies lists them.",
    "nested",
)
PARTNER_NOT_FOUND = ErrorKind(
    "partner_not_found",
    404,
    "No partner found.",
    "No company has the domain or slug, and no page of a company names it.",
    "Check the domain or slug.",
    "nested",
)
VENDOR_NOT_FOUND = ErrorKind(
    "vendor_not_found",
    404,
    "No vendor found.",
    "No vendor has this slug.",
    "Check the slug; GET /v1/vendors lists them.",
    "nested",
)
CATEGORY_NOT_FOUND = ErrorKind(
    "category_not_found",
    404,
    "No category found.",
    "No category has this slug.",
    "Check the slug; GET /v1/categories lists them.",
    "nested",
)
BATCH_TOO_LARGE = ErrorKind(
    "batch_too_large",
    400,
    "A batch has at most 100 domains.",
    "More domains than a batch may have.",
    "Split the batch.",
    "nested",
)
JOB_NOT_FOUND = ErrorKind(
    "job_not_found",
    404,
    "No such job.",
    "The org has made no job of this id.",
    "Check the id.",
    "nested",
)
FLAG_NOT_FOUND = ErrorKind(
    "flag_not_found",
    404,
    "No such flag.",
    "The org has put no flag of this id.",
    "Check the id.",
    "nested",
)
LIST_NOT_FOUND = ErrorKind(
    "list_not_found",
    404,
    "No such list.",
    "The org has no list of this id.",
    "Check the id.",
    "nested",
)
LIST_PERMISSION_DENIED = ErrorKind(
    "list_permission_denied",
    403,
    "Your access to this list does not allow this.",
    "The list is a colleague's, who shares it for reading.",
    "Ask the list's owner.",
    "nested",
)
DEFINITION_NOT_FOUND = ErrorKind(
    "definition_not_found",
    404,
    "The list has no such version of its definition.",
    "No version of the list's definition has this number.",
    "GET /v1/lists/{list_id}/definition/versions lists them.",
    "nested",
)
INVALID_DEFINITION = ErrorKind(
    "invalid_definition",
    400,
    "The definition is not valid; `problems` tells each wrong node by its path.",
    "A node of the filter tree is none that the field registry knows.",
    "Correct the nodes that `problems` names; GET /v1/lists/filter-fields lists what there is.",
    "nested",
)
STALE_REGISTRY_VERSION = ErrorKind(
    "stale_registry_version",
    400,
    "The definition is stamped with another version of the field registry.",
    "The registry has changed since the definition was written.",
    "Read GET /v1/lists/filter-fields again and send the definition with its version.",
    "nested",
)
DEFINITION_CONFLICT = ErrorKind(
    "definition_conflict",
    409,
    "The definition has been changed meanwhile.",
    "`base_version` is not the list's current version: a colleague was quicker.",
    "Read the definition again, and repeat the change on it.",
    "nested",
)
LIST_TOO_LARGE = ErrorKind(
    "list_too_large",
    400,
    "The list is too large for this; `limit` tells the bound.",
    "More domains added by hand, or more members in one export, than the bound.",
    "Export by tier, or split the list.",
    "nested",
)
MEMBERS_NOT_KEPT = ErrorKind(
    "members_not_kept",
    409,
    "The members that this walk began with are not kept any more.",
    "They were computed anew since, more than an hour ago or many times.",
    "Begin with the first page again, without `as_of`; companies that were told are free.",
    "nested",
)
USER_NOT_FOUND = ErrorKind(
    "user_not_found",
    404,
    "No colleague to share the list with is found.",
    "The org has no such user besides the list's owner, or the user was granted nothing.",
    "Check the address, or GET /v1/lists/{list_id}/shares.",
    "nested",
)
IDEMPOTENCY_KEY_IN_USE = ErrorKind(
    "idempotency_key_in_use",
    409,
    "The first request with this Idempotency-Key is being answered at this moment.",
    "Two requests with one key at once.",
    "Repeat it after the seconds of Retry-After: it gets the first one's answer.",
    "nested",
)
IDEMPOTENCY_KEY_REUSED = ErrorKind(
    "idempotency_key_reused",
    422,
    "This Idempotency-Key was sent before with another request.",
    "Another path, query or body under a key that was used already.",
    "Send a new key with each new request, and the same bytes when you repeat one.",
    "framework",
)
ANSWER_TOO_LARGE_TO_KEEP = ErrorKind(
    "answer_too_large_to_keep",
    400,
    "The answer is too large to be kept for its Idempotency-Key; nothing was done or charged.",
    "An answer over 4 MiB to a request with an Idempotency-Key.",
    "Ask for less at once, or send the request without a key.",
    "nested",
)
SIGN_IN_REFUSED = ErrorKind(
    "sign_in_refused",
    401,
    "The e-mail address or the password is wrong.",
    "Wrong address or wrong password, or no password was ever set.",
    "Check both; a first password is set by the link in the mail.",
    "flat",
)
LINK_INVALID = ErrorKind(
    "link_invalid",
    400,
    "This link is not valid any more.",
    "The e-mail link is not ours, has expired, or was used for a first password already.",
    "Ask the operator for a new link.",
    "flat",
)
ROUTE_NOT_FOUND = ErrorKind(
    "route_not_found",
    404,
    "There is no such endpoint.",
    "The path is none of the API's.",
    "See the API reference.",
    "nested",
)
METHOD_NOT_ALLOWED = ErrorKind(
    "method_not_allowed",
    405,
    "This endpoint does not take that method.",
    "The path exists, the method does not.",
    "Use one of the methods in the Allow header.",
    "nested",
)
BAD_REQUEST = ErrorKind(
    "bad_request",
    400,
    "The request could not be read.",
    "The bytes are not a request that parameter validation could look at.",
    "Send well-formed HTTP and JSON.",
    "nested",
)
REQUEST_TIMEOUT = ErrorKind(
    "request_timeout",
    408,
    "The body did not arrive in time.",
    "The body was announced but not sent.",
    "Send the body at once.",
    "nested",
)
REQUEST_TOO_LARGE = ErrorKind(
    "request_too_large",
    413,
    "The request body is too large.",
    "The body is over the bound.",
    "Split the request.",
    "nested",
)
UNSUPPORTED_MEDIA_TYPE = ErrorKind(
    "unsupported_media_type",
    415,
    "The body must be JSON, with the content type application/json.",
    "The body's content type is not JSON.",
    "Send Content-Type: application/json.",
    "nested",
)
HEADERS_TOO_LARGE = ErrorKind(
    "headers_too_large",
    431,
    "The request's headers are too large.",
    "Request line and headers are over the bound.",
    "Send fewer or shorter headers.",
    "nested",
)
VALIDATION_FAILED = ErrorKind(
    "validation_failed",
    422,
    "A query or path parameter failed validation.",
    "Wrong type, out of range, etc.: FastAPI's standard validation error.",
    "See `detail`: each entry names the place and the reason.",
    "framework",
)
INTERNAL_ERROR = ErrorKind(
    "internal_error",
    500,
    "Internal server error",
    "An unexpected error on Trace's side.",
    "Safe to retry after a short delay.",
    "minimal",
)

CATALOGUE = Catalogue(
    AUTHENTICATION_REQUIRED,
    INVALID_API_KEY,
    USER_CREDENTIAL_REQUIRED,
    KEY_MISSING_ORG_ASSOCIATION,
    EMAIL_VERIFICATION_REQUIRED,
    CREDIT_EXHAUSTED,
    RATE_LIMIT_EXCEEDED,
    COMPANY_NOT_FOUND,
    PARTNER_NOT_FOUND,
    TECHNOLOGY_NOT_FOUND,
    VENDOR_NOT_FOUND,
    CATEGORY_NOT_FOUND,
    BATCH_TOO_LARGE,
    JOB_NOT_FOUND,
    FLAG_NOT_FOUND,
    LIST_NOT_FOUND,
    LIST_PERMISSION_DENIED,
    DEFINITION_NOT_FOUND,
    INVALID_DEFINITION,
    STALE_REGISTRY_VERSION,
    DEFINITION_CONFLICT,
    LIST_TOO_LARGE,
    MEMBERS_NOT_KEPT,
    USER_NOT_FOUND,
    IDEMPOTENCY_KEY_IN_USE,
    IDEMPOTENCY_KEY_REUSED,
    ANSWER_TOO_LARGE_TO_KEEP,
    SIGN_IN_REFUSED,
    LINK_INVALID,
    ROUTE_NOT_FOUND,
    METHOD_NOT_ALLOWED,
    BAD_REQUEST,
    REQUEST_TIMEOUT,
    REQUEST_TOO_LARGE,
    UNSUPPORTED_MEDIA_TYPE,
    HEADERS_TOO_LARGE,
    VALIDATION_FAILED,
    INTERNAL_ERROR,
)

USUAL = (
    BAD_REQUEST,
    AUTHENTICATION_REQUIRED,
    INVALID_API_KEY,
    KEY_MISSING_ORG_ASSOCIATION,
    EMAIL_VERIFICATION_REQUIRED,
    VALIDATION_FAILED,
    RATE_LIMIT_EXCEEDED,
    METHOD_NOT_ALLOWED,
    HEADERS_TOO_LARGE,
    INTERNAL_ERROR,
)
"""What any endpoint may answer."""

WITH_BODY = (REQUEST_TIMEOUT, REQUEST_TOO_LARGE, UNSUPPORTED_MEDIA_TYPE)
"""What an endpoint that takes a body may answer besides."""

WITH_PATH = (ROUTE_NOT_FOUND,)
"""What an endpoint with parameters in its path may answer besides: an empty one leads nowhere."""

WITH_KEY = (IDEMPOTENCY_KEY_IN_USE, IDEMPOTENCY_KEY_REUSED, ANSWER_TOO_LARGE_TO_KEEP)
"""What an endpoint that takes an Idempotency-Key may answer besides."""
