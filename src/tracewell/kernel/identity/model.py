"""Orgs, users, keys and the principal of a call. No SQL, no HTTP."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import Enum
from typing import Literal

KeyKind = Literal["user", "org", "service"]
PrincipalKind = Literal["user_key", "org_key", "service_key", "session", "bearer"]


@dataclass(frozen=True, slots=True)
class Org:
    """A customer of the deployment; `plan` names an entry of the plans."""

    org_id: int
    name: str
    plan: str
    created_at: int


@dataclass(frozen=True, slots=True)
class User:
    """A person of an org (None: of none any more). `verified_at` None: the e-mail is unproven."""

    user_id: int
    email: str
    org_id: int | None
    verified_at: int | None
    created_at: int


@dataclass(frozen=True, slots=True)
class ApiKey:
    """A key as it may be shown: everything but the key."""

    key_id: str
    prefix: str
    kind: KeyKind
    user_id: int | None
    org_id: int | None
    service_name: str | None
    roles: tuple[str, ...]
    requests_per_minute: int | None
    created_at: int
    expires_at: int | None
    revoked_at: int | None
    successor_id: str | None


@dataclass(frozen=True, slots=True)
class Principal:
    """Who makes a call.

    `limit_id` names the principal to the limiter, `plan` is its org's. `org_id` is None for a key
    without an org and for a bearer of an identity provider; `email_verified` is True where no user
    stands behind it.
    """

    kind: PrincipalKind
    limit_id: str
    key_id: str | None = None
    org_id: int | None = None
    user_id: int | None = None
    email_verified: bool = True
    service_name: str | None = None
    roles: tuple[str, ...] = ()
    requests_per_minute: int | None = None
    plan: str | None = None
    subject: str | None = None
    email: str | None = None
    idp_session_id: str | None = None
    scopes: frozenset[str] = field(default=frozenset())

    @property
    def is_user(self) -> bool:
        """Whether a user stands behind the call."""
        return self.kind in ("user_key", "session")


class Refusal(Enum):
    """Why a credential is not accepted."""

    MISSING = "missing"
    UNKNOWN = "unknown"
    EXPIRED = "expired"
    REVOKED = "revoked"


class CredentialRefused(Exception):  # noqa: N818
    """The credential of a call is not accepted; the reason is for the product's wire shape."""

    def __init__(self, refusal: Refusal) -> None:
        super().__init__(refusal.value)
        self.refusal = refusal
