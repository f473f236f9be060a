"""What a deep lookup asks about next, and how several rounds become one finding. Pure."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import replace
from types import MappingProxyType
from typing import Final

from tracewell.intrace.connectors.model import Outcome, OutcomeStatus
from tracewell.intrace.connectors.runner import RunResult, Source
from tracewell.intrace.identifiers import (
    Identifier,
    IdentifierError,
    IdentifierType,
    parse_identifier,
)
from tracewell.intrace.identifiers.platforms import PLATFORMS
from tracewell.intrace.lookups.model import Asked, Findings
from tracewell.resolution import OBSERVATIONS_MAX, Item, Resolution, SourcedObservation
from tracewell.resolution.model import Status

_CONFIDENCE_MIN: Final = 0.5
_AMBIGUOUS_ENTITIES_MAX: Final = 3

_FOLLOWED: Final[Mapping[str, IdentifierType]] = MappingProxyType(
    # Names, companies and addresses are shared by too many: following them finds strangers.
    {
        "email.address": IdentifierType.EMAIL,
        "phone.number": IdentifierType.PHONE,
        "social.account": IdentifierType.SOCIAL_URL,
        "domain.name": IdentifierType.DOMAIN,
        "username.handle": IdentifierType.USERNAME,
    }
)

_PAGES: Final[Mapping[str, str]] = MappingProxyType({p.id: p.canonical for p in PLATFORMS})


def find_leads(
    resolution: Resolution, asked: Sequence[Asked], count_max: int
) -> tuple[Identifier, ...]:
    """Identifiers of the entities that answer the query which nobody has been asked about yet.

    Only those of the entity that stands out, or of the few between which it is open.
    """
    known = {(a.identifier.type, a.identifier.key) for a in asked}
    next_index = max(a.identifier.index for a in asked) + 1
    leads: list[Identifier] = []
    for kind, value in _candidates(resolution):
        if len(leads) == count_max:
            break
        try:
            lead = parse_identifier(kind, value, index=next_index + len(leads))
        except IdentifierError:
            continue  # a source may state what is no identifier
        if (lead.type, lead.key) not in known:
            known.add((lead.type, lead.key))
            leads.append(lead)
    return tuple(leads)


def _candidates(resolution: Resolution) -> Iterator[tuple[IdentifierType, str]]:
    reach = 1 if resolution.status is Status.RESOLVED else _AMBIGUOUS_ENTITIES_MAX
    for entity in resolution.entities[:reach]:
        for predicate, kind in _FOLLOWED.items():
            for item in entity.items.get(predicate, ()):
                if item.confidence >= _CONFIDENCE_MIN:
                    yield kind, _asked_value(kind, item)


def _asked_value(kind: IdentifierType, item: Item) -> str:
    """The item as a caller would write it: a profile page by its address."""
    if kind is not IdentifierType.SOCIAL_URL:
        return item.value
    platform, _, handle = item.value.partition(":")
    return _PAGES.get(platform, "").format(handle=handle)


def findings_of(asked: Sequence[Asked], rounds: Sequence[RunResult]) -> Findings:
    """All rounds as one: a source record that was met twice is one source."""
    sources: dict[tuple[str, str, str], Source] = {}
    observations: list[SourcedObservation] = []
    for found in rounds:
        first_id = {}
        for source in found.sources:
            key = (source.connector_id, source.url, source.record_hash)
            first_id[source.source_id] = sources.setdefault(key, source).source_id
        observations += [
            replace(sourced, source_id=first_id[sourced.source_id])
            for sourced in found.observations
        ]
    coverage = zip(*(found.coverage for found in rounds), strict=True)
    return Findings(
        asked=tuple(asked),
        coverage=tuple(map(_combine, coverage)),
        observations=tuple(observations[:OBSERVATIONS_MAX]),
        sources=tuple(sources.values()),
        left_out=max(0, len(observations) - OBSERVATIONS_MAX),
    )


_TROUBLED: Final[Collection[OutcomeStatus]] = (
    OutcomeStatus.FAILED,
    OutcomeStatus.TIMED_OUT,
    OutcomeStatus.RATE_LIMITED,
    OutcomeStatus.PARTIAL,
)
_FINE: Final[Collection[OutcomeStatus]] = (
    OutcomeStatus.ANSWERED,
    OutcomeStatus.EMPTY,
    OutcomeStatus.NOT_CONFIGURED,
    OutcomeStatus.SKIPPED,
)


def _combine(rounds: Sequence[Outcome]) -> Outcome:
    """One connector over all rounds: any trouble shows, and what was answered as well."""
    if len(rounds) == 1:
        return rounds[0]
    latency_ms = sum(outcome.latency_ms for outcome in rounds)
    troubled = [o for status in _TROUBLED for o in rounds if o.status is status]
    if not troubled:
        best = next(o for status in _FINE for o in rounds if o.status is status)
        return replace(best, latency_ms=latency_ms)
    worst = troubled[0]
    told_anything = any(o.status in (OutcomeStatus.ANSWERED, OutcomeStatus.EMPTY) for o in rounds)
    status = OutcomeStatus.PARTIAL if told_anything else worst.status
    reasons = "; ".join(dict.fromkeys(outcome.reason for outcome in troubled))
    return Outcome(worst.connector_id, status, reasons, latency_ms)
