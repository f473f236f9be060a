"""The identity provider's fixtures for the tests of this directory."""

from .provider import oidc_provider, other_oidc_provider

__all__ = ["oidc_provider", "other_oidc_provider"]
