"""What became of each question, and of all questions to a connector together. Pure."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Final

from tracewell.intrace.connectors.model import Connector, OutcomeStatus
from tracewell.intrace.connectors.network.secrecy import Redaction
from tracewell.values import Observation

OBSERVATIONS_MAX: Final = 2_000
VALUE_CHARACTERS_MAX: Final = 4_096


@dataclass(frozen=True, slots=True)
class Source:
    """One source record that was read, in the contract's fields; `retrieved_at` is ms, UTC."""

    source_id: str
    connector_id: str
    retrieved_at: int
    url: str
    record_hash: str
    licence: str


@dataclass(frozen=True, slots=True)
class Answer:
    """What became of one question; `age_s` is set where the answer is one that was kept."""

    status: OutcomeStatus
    reason: str
    observations: tuple[tuple[Observation, str], ...] = ()  # each with its origin
    retrieved_at: int = 0
    age_s: int | None = None


def accept(
    connector: Connector, observations: object, retrieved_at: int, redaction: Redaction
) -> Answer:
    """An answer within bounds and without secrets; a malformed one is a failure."""
    if not isinstance(observations, Sequence) or isinstance(observations, str | bytes):
        return Answer(OutcomeStatus.FAILED, "the connector gave a malformed answer")
    if not all(isinstance(observation, Observation) for observation in observations):
        return Answer(OutcomeStatus.FAILED, "the connector gave a malformed answer")
    kept = tuple(
        (_redacted(observation, redaction), connector.origin_of(observation))
        for observation in observations[:OBSERVATIONS_MAX]
        if len(observation.value) <= VALUE_CHARACTERS_MAX
    )
    if len(kept) < len(observations):
        reason = f"{len(observations) - len(kept)} statements above the bounds were left out"
        return Answer(OutcomeStatus.PARTIAL, reason, kept, retrieved_at)
    if not kept:
        return Answer(OutcomeStatus.EMPTY, "the source knows nothing of it", (), retrieved_at)
    return Answer(OutcomeStatus.ANSWERED, "the source answered", kept, retrieved_at)


def _redacted(observation: Observation, redaction: Redaction) -> Observation:
    value = redaction.redact(observation.value)
    source_url = redaction.redact(observation.source_url)
    if value == observation.value and source_url == observation.source_url:
        return observation
    return replace(observation, value=value, source_url=source_url)


_GRAVITY: Final = (
    OutcomeStatus.FAILED,
    OutcomeStatus.TIMED_OUT,
    OutcomeStatus.RATE_LIMITED,
    OutcomeStatus.PARTIAL,
)
_FINE: Final = (OutcomeStatus.ANSWERED, OutcomeStatus.EMPTY, OutcomeStatus.SKIPPED)


def combine(answers: Sequence[Answer]) -> tuple[OutcomeStatus, str]:
    """One outcome for all questions to a connector: any failure shows, none becomes "empty"."""
    by_status: dict[OutcomeStatus, list[str]] = defaultdict(list)
    for answer in answers:
        by_status[answer.status].append(answer.reason)
    troubled = [status for status in _GRAVITY if status in by_status]
    if not troubled:
        status = next(status for status in _FINE if status in by_status)
        return status, by_status[status][0] + _tell_age(answers)
    reasons = Counter(reason for status in troubled for reason in by_status[status])
    number = sum(reasons.values())
    told = "; ".join(reasons) + _tell_age(answers)
    if number < len(answers):
        return OutcomeStatus.PARTIAL, f"{number} of {len(answers)} questions: {told}"
    if any(answer.observations for answer in answers):
        return OutcomeStatus.PARTIAL, told
    return troubled[0], told


def _tell_age(answers: Sequence[Answer]) -> str:
    ages = [answer.age_s for answer in answers if answer.age_s is not None]
    if not ages:
        return ""
    what = "the answer" if len(answers) == 1 else f"{len(ages)} of {len(answers)} answers"
    return (
        f" ({what} kept for up to {max(ages)} s)"
        if len(ages) > 1
        else (f" ({what} kept for {ages[0]} s)")
    )


def source_of(
    connector: Connector,
    observation: Observation,
    answer: Answer,
    sources: dict[tuple[str, str, str, str], Source],
    new_source_id: Callable[[], str],
) -> Source:
    """The source record of an observation: one id per record, however many statements it holds."""
    key = (connector.spec.id, observation.subject, observation.source_url, observation.record_hash)
    if key not in sources:
        sources[key] = Source(
            source_id=new_source_id(),
            connector_id=connector.spec.id,
            retrieved_at=answer.retrieved_at,
            url=observation.source_url,
            record_hash=observation.record_hash,
            licence=connector.spec.licence,
        )
    return sources[key]
