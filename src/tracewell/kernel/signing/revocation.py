"""A key that is not to be trusted from a moment on, and what that means for what it signed.

The words are those of OpenID Federation 1.0, 8.7.2 (historical keys): `revoked_at`, `reason`.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Final

from tracewell.kernel.signing.canonical import canonical_json
from tracewell.kernel.signing.encoding import parse_json_object

_LAST_SECOND: Final = 253_402_300_799  # 9999-12-31T23:59:59Z


class RevocationReason(StrEnum):
    """Why a key is revoked. After `superseded` the key's own word on its past is still good."""

    UNSPECIFIED = "unspecified"
    COMPROMISED = "compromised"
    SUPERSEDED = "superseded"


@dataclass(frozen=True, slots=True)
class Revocation:
    """`revoked_at_ms`: whole seconds, milliseconds since the epoch; from then on it is no key."""

    revoked_at_ms: int
    reason: RevocationReason

    def covers(self, signed_at_ms: int, existed_at_ms: int | None) -> bool:
        """Whether a signature of the key is worthless.

        `signed_at_ms` is what the signature itself says. Who has stolen the key can write any time
        there, so `existed_at_ms` counts: when, by the word of somebody else (a time-stamp
        authority, an append-only log under another key), the signature existed at the latest.
        """
        if signed_at_ms >= self.revoked_at_ms:
            return True
        if self.reason is RevocationReason.SUPERSEDED:
            return False
        return existed_at_ms is None or existed_at_ms >= self.revoked_at_ms

    def to_wire(self) -> dict[str, int | str]:
        """The member `revoked` of a JWK."""
        return {"reason": str(self.reason), "revoked_at": self.revoked_at_ms // 1000}


def parse_revocation(members: Any) -> Revocation:
    """Undo `to_wire`; raises ValueError. A reason of another release counts as unspecified."""
    if not isinstance(members, dict) or type(members.get("revoked_at")) is not int:
        raise ValueError("a revocation needs revoked_at, in seconds")
    revoked_at, reason = members["revoked_at"], members.get("reason")
    if not 0 <= revoked_at <= _LAST_SECOND:
        raise ValueError("revoked_at is not a time")
    known = {str(each): each for each in RevocationReason}
    word = reason if isinstance(reason, str) else ""
    return Revocation(revoked_at * 1000, known.get(word, RevocationReason.UNSPECIFIED))


def render_revocation_file(kid: str, revocation: Revocation) -> bytes:
    """What stands beside the public keys."""
    return canonical_json({"kid": kid, "revoked": revocation.to_wire()})


def parse_revocation_file(data: bytes) -> tuple[str, Revocation]:
    """The key's id and its revocation; raises ValueError."""
    members = parse_json_object(data)
    kid = members.get("kid")
    if not isinstance(kid, str):
        raise ValueError("a revocation names its key by kid")
    return kid, parse_revocation(members.get("revoked"))
