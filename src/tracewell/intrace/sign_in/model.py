"""Who signed in, and the session that this gives."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

ProviderKind = Literal["oidc", "saml"]


@dataclass(frozen=True, slots=True)
class SignedInPerson:
    """A person as the identity provider names them.

    `ends_at`: milliseconds since the epoch at which the provider's own session ends, if it said so.
    """

    provider: ProviderKind
    user_id: str
    user_email: str
    idp_session_id: str | None
    groups: tuple[str, ...]
    ends_at: int | None = None


@dataclass(frozen=True, slots=True)
class Session:
    """A sign-in as it is kept. Times are milliseconds since the epoch."""

    session_id: str
    person: SignedInPerson
    created_at: int
    expires_at: int


@dataclass(frozen=True, slots=True)
class IssuedSession:
    """A session and the text of its bearer token, which exists in this answer only."""

    token: str
    session: Session
