"""Observations grouped into source records with the features that resolution compares."""

from __future__ import annotations

import unicodedata
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cached_property

from tracewell.resolution.model import Kind, SourcedObservation
from tracewell.resolution.parsing import ParsedName, parse_name
from tracewell.resolution.vocabulary import DETAILS, PREDICATES, ROLE_ACCOUNTS, Link

_NAMES = ("person.name", "organization.name", "organization.legal_name")


@dataclass(frozen=True)
class Record:
    """One record of one origin: every value per predicate, with the sources that state it.

    `witnesses` are the hashes of the raw records: equal hashes are copies of one statement.
    """

    origin: str
    subject: str
    is_reference: bool
    values: Mapping[str, Mapping[str, tuple[str, ...]]]
    witnesses: frozenset[str]

    @cached_property
    def key(self) -> str:
        """Unique among the records of one resolution, and independent of their order."""
        return f"{self.origin}\n{self.subject}"

    @cached_property
    def kind(self) -> Kind:
        """A person when anything personal is stated, else an organisation, else unknown."""
        for prefix, kind in (("person.", Kind.PERSON), ("organization.", Kind.ORGANIZATION)):
            if any(predicate.startswith(prefix) for predicate in self.values):
                return kind
        return Kind.UNKNOWN

    @cached_property
    def names(self) -> frozenset[ParsedName]:
        """The folded names of whoever the record is about."""
        return frozenset(
            parse_name(text, self.kind) for predicate in _NAMES for text in self.get_all(predicate)
        )

    @cached_property
    def name_texts(self) -> tuple[str, ...]:
        """The names as stated, sorted."""
        return tuple(sorted({t for p in _NAMES for t in self.get_all(p)}))

    @cached_property
    def links(self) -> frozenset[tuple[str, str]]:
        """(predicate, comparable value) of everything that may be shared with another record."""
        return frozenset(
            (predicate, comparable(predicate, value))
            for predicate, row in PREDICATES.items()
            if row.link in (Link.REGISTRY, Link.STRONG, Link.WEAK)
            for value in self.get_all(predicate)
        )

    @cached_property
    def says_who(self) -> bool:
        """Whether the record holds anything by which somebody could be found."""
        return bool(self.links or self.names)

    def get_all(self, predicate: str) -> tuple[str, ...]:
        """The values of a predicate, none when it is not stated."""
        return tuple(self.values.get(predicate, ()))

    def details_of(self, predicate: str) -> Mapping[str, Mapping[str, tuple[str, ...]]]:
        """Detail predicates that describe this record's one value of `predicate`."""
        if len(self.get_all(predicate)) != 1:
            return {}
        return {name: v for name, v in self.values.items() if DETAILS.get(name) == predicate}


def comparable(predicate: str, value: str) -> str:
    """The form in which two values of a predicate are equal."""
    if predicate in ("person.name", "associate.name"):
        name = parse_name(value, Kind.PERSON)
        return f"{name.key} {name.generation}"
    if predicate in ("address.full", "company.name"):
        kind = Kind.ORGANIZATION if predicate == "company.name" else Kind.UNKNOWN
        return " ".join(parse_name(value, kind).words)
    return unicodedata.normalize("NFKC", value).casefold()


def is_role_account(email: str) -> bool:
    """Whether a mailbox belongs to a function (info@, sales@) and not to one person."""
    return email.partition("@")[0].partition("+")[0].casefold() in ROLE_ACCOUNTS


def group_records(observations: Iterable[SourcedObservation]) -> tuple[Record, ...]:
    """The records that observations come from, sorted by their key.

    Observations of one origin and subject are one record, however often it was fetched.
    """
    groups: dict[tuple[str, str], list[SourcedObservation]] = {}
    for sourced in observations:
        groups.setdefault((sourced.origin, sourced.observation.subject), []).append(sourced)
    records = [_build(origin, subject, group) for (origin, subject), group in groups.items()]
    return tuple(sorted(records, key=lambda record: record.key))


def _build(origin: str, subject: str, group: list[SourcedObservation]) -> Record:
    collected: dict[str, dict[str, set[str]]] = {}
    for sourced in group:
        observation = sourced.observation
        values = collected.setdefault(observation.predicate, {})
        values.setdefault(observation.value, set()).add(sourced.source_id)
    return Record(
        origin=origin,
        subject=subject,
        is_reference=all(sourced.is_reference for sourced in group),
        values={
            predicate: {value: tuple(sorted(values[value])) for value in sorted(values)}
            for predicate, values in sorted(collected.items())
        },
        witnesses=frozenset(sourced.observation.record_hash for sourced in group),
    )
