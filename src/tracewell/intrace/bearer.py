"""From a bearer token to the principal of a call: the identity provider's tokens and our own."""

from __future__ import annotations

from dataclasses import dataclass, field

from tracewell.intrace.access import AccessBook
from tracewell.intrace.sign_in.sessions import Sessions, is_session_token
from tracewell.kernel.identity.model import Principal
from tracewell.kernel.oidc import OidcVerifier, TokenFault, TokenInvalid


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


@dataclass(frozen=True, slots=True)
class Bearers:
    """Every kind of bearer token that this deployment accepts.

    Which kind it claims to be only decides who judges it: each has keys of its own, ours symmetric
    and secret, the provider's asymmetric, so that no token is good in the other's place.
    """

    sessions: Sessions | None
    oidc: OidcBearer | None

    async def authenticate(self, token: str) -> Principal:
        """Raises TokenExpired, TokenInvalid, IdentityProviderUnavailable and DatabaseFailed."""
        if self.sessions is not None and is_session_token(token):
            return await self.sessions.authenticate(token)
        if self.oidc is not None:
            return await self.oidc.authenticate(token)
        raise TokenInvalid(TokenFault.TYPE)
