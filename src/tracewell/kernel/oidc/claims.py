"""The claims of a token whose signature is already checked: rules as data, one pure function.

Sources: RFC 7519 (JWT), RFC 9068 (access tokens), OpenID Connect Core 1.0 section 2 (ID tokens).
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from tracewell.kernel.oidc.errors import TokenExpired, TokenFault, TokenInvalid

SUBJECT_CHARACTERS_MAX = 255
EMAIL_CHARACTERS_MAX = 320
SESSION_CHARACTERS_MAX = 255
GROUP_CHARACTERS_MAX = 256
GROUPS_MAX = 1_000

_LAST_SECOND = 253_402_300_799  # 9999-12-31T23:59:59Z


@dataclass(frozen=True, slots=True)
class ClaimRules:
    """What is expected of a token.

    `future_skew_ms` forgives an issuer whose clock runs ahead (`nbf`, `iat`). Nothing forgives
    an expiry: a token is refused from the millisecond of its `exp`.
    `groups_claims` are looked up as they are written, then as a dotted path.
    """

    issuer: str
    audience: str
    groups_claims: tuple[str, ...]
    future_skew_ms: int


@dataclass(frozen=True, slots=True)
class TokenClaims:
    """Who presents the token. `session_id` is `sid`, or `jti` where there is no `sid`."""

    issuer: str
    subject: str
    email: str
    session_id: str | None
    groups: tuple[str, ...]
    expires_at_ms: int


def parse_claims(claims: Mapping[str, Any], rules: ClaimRules, now_ms: int) -> TokenClaims:
    """Judge claims in the order: kind, issuer, audience, time, person.

    Raises TokenInvalid, and TokenExpired only for a token that was meant for us.
    """
    if "events" in claims:
        # A security event (RFC 8417), such as a back-channel logout token: signed by the same
        # keys for the same audience, but not a proof that anybody signed in.
        raise TokenInvalid(TokenFault.TYPE)
    if claims.get("iss") != rules.issuer:
        raise TokenInvalid(TokenFault.ISSUER)
    if rules.audience not in _parse_audience(claims.get("aud")):
        raise TokenInvalid(TokenFault.AUDIENCE)
    if "cnf" in claims:
        raise TokenInvalid(TokenFault.SENDER_CONSTRAINED)
    expires_at_ms = _parse_time(claims.get("exp"))
    if now_ms >= expires_at_ms:
        raise TokenExpired
    for name in ("nbf", "iat"):
        if name in claims and _parse_time(claims[name]) > now_ms + rules.future_skew_ms:
            raise TokenInvalid(TokenFault.NOT_YET_VALID)
    return TokenClaims(
        issuer=rules.issuer,
        subject=_parse_text(claims.get("sub"), SUBJECT_CHARACTERS_MAX, TokenFault.SUBJECT),
        email=_parse_email(claims.get("email")),
        session_id=_find_session_id(claims),
        groups=_parse_groups(claims, rules.groups_claims),
        expires_at_ms=expires_at_ms,
    )


def _parse_audience(value: Any) -> list[str]:
    if isinstance(value, str):
        return [value]
    if isinstance(value, list) and all(isinstance(item, str) for item in value):
        return value
    raise TokenInvalid(TokenFault.AUDIENCE)


def _parse_time(value: Any) -> int:
    """A NumericDate in milliseconds; a bool, a NaN and a text are not one."""
    if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
        raise TokenInvalid(TokenFault.CLAIMS)
    if not 0 <= value <= _LAST_SECOND:
        raise TokenInvalid(TokenFault.CLAIMS)
    return int(value * 1000)


def _parse_text(value: Any, characters_max: int, fault: TokenFault) -> str:
    if not isinstance(value, str) or not value.strip() or len(value) > characters_max:
        raise TokenInvalid(fault)
    if not value.isprintable():
        # These texts go into the audit record and onto people's screens.
        raise TokenInvalid(fault)
    return value


def _parse_email(value: Any) -> str:
    email = _parse_text(value, EMAIL_CHARACTERS_MAX, TokenFault.EMAIL)
    local, at, domain = email.rpartition("@")
    if not local or not at or not domain or " " in email:
        raise TokenInvalid(TokenFault.EMAIL)
    return email


def _find_session_id(claims: Mapping[str, Any]) -> str | None:
    for name in ("sid", "jti"):
        if claims.get(name) is not None:
            return _parse_text(claims[name], SESSION_CHARACTERS_MAX, TokenFault.CLAIMS)
    return None


def _parse_groups(claims: Mapping[str, Any], names: tuple[str, ...]) -> tuple[str, ...]:
    """The groups of all the named claims, each once, in the token's order."""
    groups: dict[str, None] = {}
    for name in names:
        for group in _iter_groups(_find_claim(claims, name)):
            groups[_parse_text(group, GROUP_CHARACTERS_MAX, TokenFault.CLAIMS)] = None
            if len(groups) > GROUPS_MAX:
                raise TokenInvalid(TokenFault.CLAIMS)
    return tuple(groups)


def _find_claim(claims: Mapping[str, Any], name: str) -> Any:
    """`groups`, `https://example.com/groups`, or a path such as `realm_access.roles`."""
    if name in claims:
        return claims[name]
    value: Any = claims
    for part in name.split("."):
        if not isinstance(value, Mapping):
            return None
        value = value.get(part)
    return value


def _iter_groups(value: Any) -> Iterator[Any]:
    """One text, a list of texts, or a list of objects with a `value` (RFC 9068, 2.2.3.1)."""
    if value is None:
        return
    for item in value if isinstance(value, list) else [value]:
        yield item.get("value") if isinstance(item, dict) else item
