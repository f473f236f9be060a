"""Who calls, what a record of it looks like, and what became of it. No SQL, no HTTP."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from tracewell.kernel.clock import SECOND_MS, format_utc
from tracewell.kernel.signing import canonical_json


@dataclass(frozen=True, slots=True)
class AuditPrincipal:
    """The principal as the log names it: a person of the identity provider or a service account."""

    user_id: str | None = None
    user_email: str | None = None
    idp_session_id: str | None = None
    api_key_id: str | None = None
    service_account_name: str | None = None

    def to_wire(self) -> dict[str, str | None]:
        """The contract's fields; those of the other kind are null."""
        return {
            "type": "user" if self.user_id is not None else "service_account",
            "user_id": self.user_id,
            "user_email": self.user_email,
            "idp_session_id": self.idp_session_id,
            "api_key_id": self.api_key_id,
            "service_account_name": self.service_account_name,
        }


@dataclass(frozen=True, slots=True)
class Caller:
    """One request's caller. `owner` names whose lookups are whose, across keys and sessions.

    `reads_others`: the caller may see what belongs to others, and each time leaves a record.
    """

    request_id: str
    owner: str
    principal: AuditPrincipal
    source_ip: str | None
    reads_others: bool = False


class Resource(StrEnum):
    """What was read of somebody else's, or changed."""

    LOOKUP = "lookup"
    REPORT = "report"
    ANALYSIS = "analysis"
    ENTITY = "entity"


@dataclass(frozen=True, slots=True)
class Access:
    """The reading of another principal's lookup or analysis."""

    resource: Resource
    request_id: str


class Action(StrEnum):
    """What was done to something that was stored."""

    ERASED = "erased"
    UNDONE = "undone"


@dataclass(frozen=True, slots=True)
class Change:
    """An erasure, or the undoing of a decision, of what has this id."""

    action: Action
    resource: Resource
    id: str


@dataclass(frozen=True, slots=True)
class AuditRecord:
    """One line of the log. `logged_at`: milliseconds since the epoch, in whole seconds."""

    caller: Caller
    organization_id: str
    requester_reference: str | None
    identifiers_queried: int
    logged_at: int
    accessed: Access | None = None
    changed: Change | None = None

    def to_wire(self) -> dict[str, Any]:
        """The contract's fields; `accessed` and `changed` stand only in records of such."""
        wire: dict[str, Any] = {
            "request_id": self.caller.request_id,
            "principal": self.caller.principal.to_wire(),
            "organization_id": self.organization_id,
            "source_ip": self.caller.source_ip,
            "requester_reference": self.requester_reference,
            "identifiers_queried": self.identifiers_queried,
            "logged_at": format_utc(self.logged_at),
        }
        if self.accessed is not None:
            wire["accessed"] = {
                "resource": str(self.accessed.resource),
                "request_id": self.accessed.request_id,
            }
        if self.changed is not None:
            wire["changed"] = {
                "action": str(self.changed.action),
                "resource": str(self.changed.resource),
                "id": self.changed.id,
            }
        return wire


MakeRecord = Callable[[int], AuditRecord]
"""Makes the record once its time is known: under the log's lock, so that it is in order."""


def whole_second(at_ms: int) -> int:
    """The time as the log tells it."""
    return at_ms - at_ms % SECOND_MS


def encode_record(record: AuditRecord) -> bytes:
    """The bytes that are kept: canonical JSON (RFC 8785)."""
    return canonical_json(record.to_wire())


@dataclass(frozen=True, slots=True)
class Completion:
    """What became of a lookup: a report with this hash, or the code of a failure.

    `completed_at`: milliseconds since the epoch, in whole seconds.
    """

    completed_at: int
    failure: str | None = None
    report_hash: str | None = None


@dataclass(frozen=True, slots=True)
class Purge:
    """That the records up to a place of the log have lost their content, and how many did.

    `purged_at`: milliseconds since the epoch, in whole seconds.
    """

    purged_at: int
    through_seq: int
    record_count: int


def encode_completion(request_id: str, completion: Completion) -> bytes:
    """The entry of a completion's leaf: canonical JSON of all that its row holds."""
    wire: dict[str, str | None] = {
        "request_id": request_id,
        "completed_at": format_utc(completion.completed_at),
        "failure": completion.failure,
        "report_hash": completion.report_hash,
    }
    return canonical_json({"completion": wire})


def encode_purge(purge: Purge) -> bytes:
    """The entry of a purge's leaf: canonical JSON of all that its row holds."""
    wire: dict[str, str | int] = {
        "purged_at": format_utc(purge.purged_at),
        "through_seq": purge.through_seq,
        "record_count": purge.record_count,
    }
    return canonical_json({"purge": wire})


@dataclass(frozen=True, slots=True)
class AuditFilter:
    """Bounds are inclusive, in milliseconds since the epoch; None: unbounded."""

    from_ms: int | None = None
    to_ms: int | None = None
    user_id: str | None = None


@dataclass(frozen=True, slots=True)
class AuditPage:
    """Records as they are kept, the newest first; `total` counts all that match the filter."""

    records: tuple[bytes, ...]
    total: int
    next_cursor: str | None
