"""The use cases of a sign-in, whatever the provider speaks: begin, finish, sign out."""

from __future__ import annotations

import logging
from dataclasses import dataclass
from typing import Protocol

from prometheus_client import Counter

from tracewell.intrace import errors
from tracewell.intrace.sign_in.model import IssuedSession, ProviderKind, SignedInPerson
from tracewell.intrace.sign_in.pending import Pending, Sealer
from tracewell.intrace.sign_in.sessions import Sessions
from tracewell.kernel.errors import ApiError
from tracewell.kernel.http.metrics import REGISTRY
from tracewell.kernel.oidc import (
    CodeFlow,
    IdentityProviderUnavailable,
    SignInFailed,
    TokenExpired,
    TokenInvalid,
)

_log = logging.getLogger("tracewell.sign_in")
_sign_ins = Counter(
    "tracewell_sign_ins_total",
    "Sign-ins by provider and outcome.",
    ("provider", "outcome"),
    registry=REGISTRY,
)


@dataclass(frozen=True, slots=True)
class Begun:
    """Where the browser goes, and what it must bring back."""

    url: str
    pending: Pending


class Provider(Protocol):
    """An identity provider that browsers are sent to."""

    @property
    def kind(self) -> ProviderKind:
        """What it speaks."""
        ...

    async def begin(self, return_to: str) -> Begun:
        """Raises IdentityProviderUnavailable."""
        ...


def refused(kind: ProviderKind, reason: str) -> ApiError:
    """The error of a sign-in that signs nobody in: counted, logged, told without values."""
    _sign_ins.labels(kind, "refused").inc()
    _log.warning("a sign-in (%s) was refused: %s", kind, reason)
    return ApiError(errors.SIGN_IN_REFUSED, details=[{"field": kind, "issue": reason}])


async def admit(sessions: Sessions, person: SignedInPerson) -> IssuedSession:
    """A session for who has signed in. Raises DatabaseFailed."""
    issued = await sessions.issue(person)
    _sign_ins.labels(person.provider, "signed in").inc()
    return issued


NOT_BEGUN_HERE = (
    "This browser has not begun the sign-in, began it more than 10 minutes ago, or has ended it."
)


@dataclass(frozen=True, slots=True)
class OidcSignIn:
    """The code flow, between a browser's two visits."""

    flow: CodeFlow
    sealer: Sealer
    kind: ProviderKind = "oidc"

    async def begin(self, return_to: str) -> Begun:
        """Raises IdentityProviderUnavailable."""
        begun = await self.flow.begin()
        pending = Pending(
            "oidc", begun.state, begun.nonce, begun.verifier, return_to, self.sealer.expiry()
        )
        return Begun(begun.url, pending)

    async def finish(self, pending: Pending, code: str, issuer: str | None) -> SignedInPerson:
        """Raises ApiError (`sign_in_refused`) and IdentityProviderUnavailable."""
        try:
            claims = await self.flow.finish(
                code, nonce=pending.nonce, verifier=pending.verifier, issuer=issuer
            )
        except SignInFailed as error:
            raise refused("oidc", error.reason.value) from error
        except TokenInvalid as error:
            raise refused("oidc", error.reason.value) from error
        except TokenExpired as error:
            raise refused("oidc", "The ID token has expired.") from error
        except IdentityProviderUnavailable as error:
            _sign_ins.labels("oidc", "provider unavailable").inc()
            _log.warning("a sign-in (oidc) could not be completed: %s", error)
            raise
        return SignedInPerson(
            "oidc", claims.subject, claims.email, claims.session_id, claims.groups
        )
