"""What goes into a resolution and what comes out of it. The rules live in the other modules."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum

from tracewell.values import Observation


class Kind(StrEnum):
    """What an entity is; `unknown` holds identifiers that no name came with."""

    PERSON = "person"
    ORGANIZATION = "organization"
    UNKNOWN = "unknown"


class Status(StrEnum):
    """The contract's answers to "was the subject of the lookup found?"."""

    RESOLVED = "resolved"
    AMBIGUOUS = "ambiguous"
    NO_MATCH = "no_match"


@dataclass(frozen=True, slots=True)
class SourcedObservation:
    """An observation with its provenance.

    `origin` names who stands behind the statement: two statements of one origin are one witness.
    `is_reference` marks statements about an identifier itself (a numbering plan, a mail provider
    list): they describe, they do not attest that anybody exists.
    """

    observation: Observation
    source_id: str
    origin: str
    is_reference: bool = False


@dataclass(frozen=True, slots=True)
class QueriedIdentifier:
    """What was asked: one of the ten types and the normal form to compare with."""

    type: str
    value: str


@dataclass(frozen=True, slots=True)
class Reason:
    """One piece of evidence and what it changed: the effects of a confidence add up to it."""

    evidence: str
    effect: float


@dataclass(frozen=True, slots=True)
class Item:
    """One data point of a profile, 0..1 confident, with every source that states it.

    `details` are further fields of the item (the carrier of a phone number).
    """

    value: str
    confidence: float
    sources: tuple[str, ...]
    explanation: tuple[Reason, ...]
    details: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class PossibleMatch:
    """Another entity that may be the same one: told, never merged."""

    entity_id: str
    probability: float
    explanation: tuple[Reason, ...]


@dataclass(frozen=True, slots=True)
class Entity:
    """One person or organisation: its items per predicate, best first, contradictions included."""

    entity_id: str
    kind: Kind
    confidence: float
    explanation: tuple[Reason, ...]
    items: Mapping[str, tuple[Item, ...]]
    records: tuple[str, ...]
    independent_sources: int
    possibly_same_as: tuple[PossibleMatch, ...]


@dataclass(frozen=True, slots=True)
class Fact:
    """One thing that reference data tells of an identifier."""

    name: str
    value: str
    confidence: float
    sources: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class IdentifierFacts:
    """What reference data tells of one queried identifier, whoever holds it."""

    identifier: QueriedIdentifier
    facts: tuple[Fact, ...]


@dataclass(frozen=True, slots=True)
class Resolution:
    """The answer: entities best first, and how sure it is that they are what was asked for."""

    status: Status
    confidence: float
    explanation: tuple[Reason, ...]
    entities: tuple[Entity, ...]
    facts: tuple[IdentifierFacts, ...]
