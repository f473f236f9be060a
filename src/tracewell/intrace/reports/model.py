"""A report at rest, its verification, and the answer that is made of it. No SQL, no HTTP."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Protocol

from tracewell.kernel.clock import SECOND_MS, format_utc
from tracewell.kernel.signing import VerificationKeys, canonical_json


class Signer(Protocol):
    """Signs with the current key, verifies with every key that ever signed."""

    def sign(self, payload: bytes, *, signed_at_ms: int) -> tuple[str, str]:
        """The detached signature and the key's id. Raises SigningFailed."""
        ...

    def sign_note(self, text: str, name: str) -> tuple[str, str]:
        """The signed note of a text and the key's id. Raises SigningFailed."""
        ...

    def verification_keys(self) -> VerificationKeys:
        """The current public key and the retired ones. Raises SigningFailed."""
        ...


@dataclass(frozen=True, slots=True)
class Report:
    """A report as it is stored; `payload` are the signed bytes. `signed_at`: whole seconds in ms.

    The payload is not in the `repr`: it holds personal data.
    """

    request_id: str
    owner: str
    payload: bytes = field(repr=False)
    signature: str
    key_id: str
    report_hash: str
    signed_at: int
    expires_at: int
    wants_timestamp: bool = False
    """Whether an authority is to be asked; of a new report only."""


class RecordMismatch(StrEnum):
    """What can be wrong besides the reasons of `kernel.signing.FailureReason`."""

    AUDIT = "audit_mismatch"
    """The audit log holds another hash, or none."""
    STORED = "stored_fields_mismatch"
    """The stored key id or time of signing are not those of the signature."""


@dataclass(frozen=True, slots=True)
class Verification:
    """Whether stored bytes are those that were signed. Times are milliseconds since the epoch."""

    request_id: str
    report_hash: str
    checked_at: int
    signed_at: int
    failure_reason: str | None

    def to_wire(self) -> dict[str, str | bool | None]:
        """The contract's fields, in its order."""
        return {
            "request_id": self.request_id,
            "verified": self.failure_reason is None,
            "report_hash": self.report_hash,
            "checked_at": format_utc(self.checked_at),
            "signed_at": format_utc(self.signed_at),
            "failure_reason": self.failure_reason,
        }


def render_result(report: Report) -> bytes:
    """The answer of the lookup: the payload's members and `report`, in canonical JSON.

    The same report gives the same bytes. A reader who takes `report` out again and writes the rest
    canonically has the signed payload.
    """
    members = json.loads(report.payload)
    members["report"] = {
        "hash": report.report_hash,
        "signed_at": format_utc(report.signed_at),
        "key_id": report.key_id,
    }
    return canonical_json(members)


def whole_second(at_ms: int) -> int:
    """The time as the signature has it."""
    return at_ms - at_ms % SECOND_MS
