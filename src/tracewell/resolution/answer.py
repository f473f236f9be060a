"""How far the entities found answer what was asked; and the facts told of what was asked."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import Final

from tracewell.resolution.confidence import conclude, lowered, support, total
from tracewell.resolution.model import (
    Entity,
    Fact,
    IdentifierFacts,
    Kind,
    QueriedIdentifier,
    Reason,
    Status,
)
from tracewell.resolution.names import compare_names
from tracewell.resolution.records import Record, comparable
from tracewell.resolution.vocabulary import DETAILS, PREDICATES, Link

_IDENTIFYING: Final[Mapping[str, float]] = MappingProxyType(
    # How far one identifier of that type tells one subject from all others, 0..1.
    {
        "email": 0.95,
        "phone": 0.9,
        "social_url": 0.95,
        "domain": 0.9,
        "username": 0.6,
        "company_name": 0.6,
        "name": 0.5,
        "address": 0.4,
        "url": 0.3,
        "ip": 0.2,
    }
)
_MAIL_DOMAIN: Final = 0.25
_FOLLOWED: Final = 0.05
_COMPETES: Final = 0.75
_NAME_CONTRADICTS: Final = 0.5
_NAME_HOLDS: Final = 0.3
_PERSONAL: Final = frozenset({"email", "phone", "username", "name", "social_url", "address"})

Judgement = tuple[Status, float, tuple[Reason, ...], tuple[Entity, ...]]


def judge(entities: Sequence[Entity], asked: Sequence[QueriedIdentifier]) -> Judgement:
    """Status, confidence, its reasons, and the entities with the best answer first.

    Resolved: one entity stands out. Ambiguous: several answer (nearly) as well. `asked` is sorted.
    """
    fits = {entity.entity_id: _fit(entity, asked) for entity in entities}
    ranked = tuple(
        sorted(
            entities,
            key=lambda e: (-round(fits[e.entity_id][0], 6), -e.confidence, e.entity_id),
        )
    )
    if not ranked:
        return Status.NO_MATCH, 0.0, (), ()
    wanted = _subject_kinds(ranked, fits, asked)
    subjects = [entity for entity in ranked if entity.kind in wanted]
    first = subjects[0]
    best, evidence = fits[first.entity_id]
    competing = [e for e in subjects if fits[e.entity_id][0] >= best * _COMPETES]
    reasons = lowered(
        [Reason("confidence of the best entity", first.confidence)],
        best,
        f"found by {evidence}",
    )
    if len(competing) > 1:
        share = best / sum(fits[e.entity_id][0] for e in competing)
        reasons = lowered(reasons, share, f"{len(competing)} entities answer as well")
    confidence, explanation = conclude(reasons, first.independent_sources)
    ordered = (*subjects, *(entity for entity in ranked if entity.kind not in wanted))
    status = Status.RESOLVED if len(competing) == 1 else Status.AMBIGUOUS
    return status, confidence, explanation, ordered


def collect_facts(
    asked: Sequence[QueriedIdentifier], references: Sequence[Record]
) -> tuple[IdentifierFacts, ...]:
    """What reference records say about each identifier that was asked for."""
    found = []
    for queried in asked:
        facts: dict[tuple[str, str], set[str]] = {}
        for predicate in _answering(queried.type):
            wanted = comparable(predicate, queried.value)
            for record in references:
                if all(comparable(predicate, v) != wanted for v in record.get_all(predicate)):
                    continue
                for name, values in record.values.items():
                    if DETAILS.get(name) == predicate:
                        for value, sources in values.items():
                            facts.setdefault((name, value), set()).update(sources)
        confidence = round(total(support(1)), 3)
        told = tuple(
            Fact(name, value, confidence, tuple(sorted(facts[name, value])))
            for name, value in sorted(facts)
        )
        if told:
            found.append(IdentifierFacts(queried, told))
    return tuple(found)


def _answering(query_type: str) -> list[str]:
    return [name for name, row in PREDICATES.items() if query_type in row.answers]


def _fit(entity: Entity, asked: Sequence[QueriedIdentifier]) -> tuple[float, str]:
    """How surely this entity is what was asked for (0..1), and by what it was found."""
    doubt = 1.0
    found: list[str] = []
    contradicted = False
    for queried in asked:
        weight, contradicts = _held(entity, queried)
        if weight:
            doubt *= 1.0 - weight
            found.append(queried.type)
        contradicted = contradicted or contradicts
    fit = 1.0 - doubt
    if not found:
        if _runs_mail_of(entity, asked):
            return _MAIL_DOMAIN, "the domain of an e-mail address"
        return _FOLLOWED, "following what the sources said"
    if contradicted:
        return fit * _NAME_CONTRADICTS, " and ".join(found) + ", but the name differs"
    return fit, " and ".join(found)


def _held(entity: Entity, queried: QueriedIdentifier) -> tuple[float, bool]:
    """The weight with which the entity holds the identifier, and whether it contradicts it."""
    weight = _IDENTIFYING.get(queried.type, 0.0)
    agreements = []
    for predicate in _answering(queried.type):
        values = [item.value for item in entity.items.get(predicate, ())]
        if PREDICATES[predicate].link is Link.NAME:
            kind = Kind.ORGANIZATION if predicate.startswith("organization.") else Kind.PERSON
            agreements += [compare_names(value, queried.value, kind) for value in values]
        elif predicate == "company.name":
            names = [compare_names(v, queried.value, Kind.ORGANIZATION) for v in values]
            if max(names, default=0.0) >= 0.5:
                return weight / 4, False  # an employee answers a question for the company weakly
        elif any(comparable(predicate, v) == comparable(predicate, queried.value) for v in values):
            return weight, False
    if queried.type == "username" and _holds_handle(entity, queried.value):
        return weight, False
    best = max(agreements, default=None)
    if best is not None and best >= _NAME_HOLDS:
        return weight * best, False
    contradicts = queried.type == "name" and entity.kind is Kind.PERSON
    return 0.0, contradicts and best is not None


def _holds_handle(entity: Entity, handle: str) -> bool:
    wanted = comparable("username.handle", handle)
    accounts = (item.value for item in entity.items.get("social.account", ()))
    return any(account.partition(":")[2].casefold() == wanted for account in accounts)


def _runs_mail_of(entity: Entity, asked: Sequence[QueriedIdentifier]) -> bool:
    domains = {item.value.casefold() for item in entity.items.get("domain.name", ())}
    mail = [q.value.rpartition("@")[2].casefold() for q in asked if q.type == "email"]
    return any(m == d or m.endswith(f".{d}") for m in mail for d in domains)


def _subject_kinds(
    ranked: Sequence[Entity],
    fits: Mapping[str, tuple[float, str]],
    asked: Sequence[QueriedIdentifier],
) -> frozenset[Kind]:
    """Whether the question was for a person or an organisation: by what the best answers are.

    A person and the company behind the person's mail domain are two answers to two questions, not
    an ambiguity.
    """
    people = frozenset({Kind.PERSON, Kind.UNKNOWN})
    best_of_people = max((fits[e.entity_id][0] for e in ranked if e.kind in people), default=0.0)
    best_of_others = max(
        (fits[e.entity_id][0] for e in ranked if e.kind is Kind.ORGANIZATION), default=0.0
    )
    if best_of_people == best_of_others:
        personal = any(queried.type in _PERSONAL for queried in asked)
        return people if personal else frozenset({Kind.ORGANIZATION})
    return people if best_of_people > best_of_others else frozenset({Kind.ORGANIZATION})
