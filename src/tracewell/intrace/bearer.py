"""From a bearer token of the organisation's identity provider to the principal of a call."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType

from tracewell.kernel.identity.model import Principal
from tracewell.kernel.oidc import OidcVerifier

_NONE: Mapping[str, str] = MappingProxyType({})


@dataclass(frozen=True, slots=True)
class OidcBearer:
    """Verifies tokens and names their principal.

    A group of the token is a role of the same name, or the one that `roles_of_groups` gives it; a
    role that is not known grants nothing.
    """

    verifier: OidcVerifier
    roles_of_groups: Mapping[str, str] = field(default_factory=lambda: _NONE)

    async def authenticate(self, token: str) -> Principal:
        """Raises TokenExpired, TokenInvalid and IdentityProviderUnavailable."""
        claims = await self.verifier.verify(token)
        return Principal(
            kind="bearer",
            # One issuer for each deployment: the subject alone names the person.
            limit_id=f"sub:{claims.subject}",
            roles=tuple(self.roles_of_groups.get(group, group) for group in claims.groups),
            subject=claims.subject,
            email=claims.email,
            idp_session_id=claims.session_id,
        )
