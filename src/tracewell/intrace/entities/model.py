"""What is known of an entity beyond one lookup. No SQL, no HTTP, no identifier's value."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final, Literal

from tracewell.kernel.clock import format_utc

EventKind = Literal["merge", "split"]
NAME: Final = "name"
"""The kind of keys that come of the words of names: they contradict, they do not identify."""
STRONG: Final = frozenset(
    {"person.registry_id", "organization.registry_id", "social.account", "email.address"}
)
"""Kinds of which one in common is enough; of the others it takes two."""


@dataclass(frozen=True, slots=True)
class Key:
    """An identifier of an entity as a keyed hash; `kind` is its predicate."""

    kind: str
    digest: str


@dataclass(frozen=True, slots=True)
class Found:
    """An entity of one lookup, under the id that its content gives it."""

    content_id: str
    keys: frozenset[Key]


@dataclass(frozen=True, slots=True)
class Known:
    """An entity of earlier lookups. `first_seen_at`: milliseconds since the epoch."""

    entity_id: str
    keys: frozenset[Key]
    first_seen_at: int


@dataclass(frozen=True, slots=True)
class Event:
    """A merge or a split, by what it was decided, and whether a person has undone it."""

    event_id: str
    kind: EventKind
    entity_id: str
    other_id: str
    request_id: str
    decided_by: str
    decided_at: int
    evidence: str
    undone_by: str | None = None
    undone_at: int | None = None

    @property
    def joins(self) -> bool:
        """Whether, as things stand, the two are one."""
        return (self.kind == "merge") == (self.undone_at is None)

    def to_wire(self) -> Mapping[str, Any]:
        """The answer's members."""
        return {
            "event_id": self.event_id,
            "kind": self.kind,
            "entity_id": self.entity_id,
            "other_entity_id": self.other_id,
            "request_id": self.request_id,
            "decided_by": self.decided_by,
            "decided_at": format_utc(self.decided_at),
            "evidence": self.evidence,
            "undone_by": self.undone_by,
            "undone_at": None if self.undone_at is None else format_utc(self.undone_at),
        }


@dataclass(frozen=True, slots=True)
class Decision:
    """A merge or split that a lookup makes."""

    kind: EventKind
    entity_id: str
    other_id: str
    evidence: str


@dataclass(frozen=True, slots=True)
class Assignment:
    """Content id to lasting id, and what was decided on the way."""

    ids: Mapping[str, str]
    decisions: tuple[Decision, ...]


@dataclass(frozen=True, slots=True)
class EntityHistory:
    """One entity: its lasting id, what else it was called, where the caller saw it, its events."""

    entity_id: str
    aliases: tuple[str, ...]
    sightings: tuple[tuple[str, int], ...]
    events: tuple[Event, ...]
