"""Bearer tokens of the organisation's identity provider: are they genuine, and who is it?

What the person may do is not decided here; the code flow for browsers is not here either.
"""

from tracewell.kernel.oidc.claims import TokenClaims
from tracewell.kernel.oidc.errors import (
    IdentityProviderUnavailable,
    TokenExpired,
    TokenFault,
    TokenInvalid,
)
from tracewell.kernel.oidc.verifier import OidcVerifier

__all__ = [
    "IdentityProviderUnavailable",
    "OidcVerifier",
    "TokenClaims",
    "TokenExpired",
    "TokenFault",
    "TokenInvalid",
]
