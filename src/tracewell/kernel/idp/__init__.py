"""What OIDC and SAML both need of an identity provider: bounded exchanges, and a cache in time."""

from tracewell.kernel.idp.cache import ProviderCache
from tracewell.kernel.idp.errors import IdentityProviderUnavailable

__all__ = ["IdentityProviderUnavailable", "ProviderCache"]
