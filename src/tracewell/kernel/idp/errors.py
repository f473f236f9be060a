"""The one error that an identity provider causes whatever it speaks."""

from __future__ import annotations


class IdentityProviderUnavailable(Exception):  # noqa: N818
    """The provider's documents cannot be had: nothing can be judged. Says why, for the operator."""
