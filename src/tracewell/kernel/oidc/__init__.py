"""Tokens of the organisation's identity provider: are they genuine, and who is it?

Bearer tokens of API calls, and the code flow for browsers. What the person may do is not decided
here.
"""

from tracewell.kernel.idp import IdentityProviderUnavailable
from tracewell.kernel.oidc.claims import TokenClaims
from tracewell.kernel.oidc.code_flow import CodeFlow, OidcClient, SignInFailed, SignInFault
from tracewell.kernel.oidc.discovery import ProviderSource
from tracewell.kernel.oidc.errors import (
    TokenExpired,
    TokenFault,
    TokenInvalid,
)
from tracewell.kernel.oidc.verifier import OidcVerifier

__all__ = [
    "CodeFlow",
    "IdentityProviderUnavailable",
    "OidcClient",
    "OidcVerifier",
    "ProviderSource",
    "SignInFailed",
    "SignInFault",
    "TokenClaims",
    "TokenExpired",
    "TokenFault",
    "TokenInvalid",
]
