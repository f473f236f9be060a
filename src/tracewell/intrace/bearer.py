"""From a bearer token of the organisation's identity provider to the principal of a call."""

from __future__ import annotations

from dataclasses import dataclass, field

from tracewell.intrace.access import AccessBook
from tracewell.kernel.identity.model import Principal
from tracewell.kernel.oidc import OidcVerifier


@dataclass(frozen=True, slots=True)
class OidcBearer:
    """Verifies tokens and names their principal: the roles are those of its groups."""

    verifier: OidcVerifier
    access: AccessBook = field(default_factory=AccessBook)

    async def authenticate(self, token: str) -> Principal:
        """Raises TokenExpired, TokenInvalid and IdentityProviderUnavailable."""
        claims = await self.verifier.verify(token)
        return Principal(
            kind="bearer",
            # One issuer for each deployment: the subject alone names the person.
            limit_id=f"sub:{claims.subject}",
            roles=self.access.roles_of(claims.groups),
            subject=claims.subject,
            email=claims.email,
            idp_session_id=claims.session_id,
        )
