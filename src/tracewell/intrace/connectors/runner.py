"""Asks the applicable connectors at once and tells what became of each.

The one place that catches everything: whatever a connector does, its deadline holds, the others
are not touched, and its failure is told as a failure.
"""

from __future__ import annotations

import asyncio
import logging
from collections import Counter, defaultdict
from collections.abc import Awaitable, Callable, Collection, Sequence
from dataclasses import dataclass
from typing import Final, TypeVar

from tracewell.intrace.connectors.model import (
    AskContext,
    Clock,
    Condition,
    Connector,
    ConnectorError,
    Health,
    HealthStatus,
    Outcome,
    OutcomeStatus,
    SourceFailedError,
)
from tracewell.intrace.identifiers.model import Identifier
from tracewell.resolution import SourcedObservation
from tracewell.values import Observation

OBSERVATIONS_MAX: Final = 2_000
VALUE_CHARACTERS_MAX: Final = 4_096
CALLS_AT_ONCE: Final = 20

_log = logging.getLogger(__name__)

_T = TypeVar("_T")


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
class Plan:
    """Whether one connector would be asked, about which identifiers, and why not."""

    connector_id: str
    will_run: bool
    status: OutcomeStatus | None
    reason: str
    identifiers: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class RunResult:
    """What the sources said: coverage has one entry per connector, silent ones included."""

    coverage: tuple[Outcome, ...]
    observations: tuple[SourcedObservation, ...]
    sources: tuple[Source, ...]


@dataclass(frozen=True, slots=True)
class _Answer:
    """What became of one question."""

    status: OutcomeStatus
    reason: str
    observations: tuple[tuple[Observation, str], ...] = ()  # each with its origin
    retrieved_at: int = 0


def plan_run(
    connectors: Sequence[Connector],
    identifiers: Sequence[Identifier],
    *,
    enabled: Collection[str] | None = None,
    requested: Collection[str] | None = None,
) -> tuple[Plan, ...]:
    """The dry run: which connectors would be asked and which not, and why. Asks nobody.

    `enabled` is the deployment's choice, `requested` the caller's; None means all.
    """
    return tuple(
        _plan(connector, identifiers, enabled=enabled, requested=requested)
        for connector in connectors
    )


async def run_connectors(
    connectors: Sequence[Connector],
    identifiers: Sequence[Identifier],
    *,
    clock: Clock,
    new_source_id: Callable[[], str],
    timeout_s: float,
    enabled: Collection[str] | None = None,
    requested: Collection[str] | None = None,
) -> RunResult:
    """Asks every applicable connector about every identifier it accepts, all at once.

    Returns within `timeout_s` (or the longest of the connectors' own, when shorter), whatever the
    connectors do. `clock` gives times and latencies; source ids are made in the order of the
    result, which is that of `connectors` and `identifiers`.
    """
    plans = plan_run(connectors, identifiers, enabled=enabled, requested=requested)
    runs = await asyncio.gather(
        *(
            _run_one(connector, plan, identifiers, clock, timeout_s)
            for connector, plan in zip(connectors, plans, strict=True)
        )
    )
    observations: list[SourcedObservation] = []
    sources: dict[tuple[str, str, str, str], Source] = {}
    for connector, (_, answers) in zip(connectors, runs, strict=True):
        for answer in answers:
            for observation, origin in answer.observations:
                source = _source_of(connector, observation, answer, sources, new_source_id)
                observations.append(
                    SourcedObservation(
                        observation,
                        source.source_id,
                        origin,
                        connector.spec.is_reference,
                    )
                )
    return RunResult(
        coverage=tuple(outcome for outcome, _ in runs),
        observations=tuple(observations),
        sources=tuple(sources.values()),
    )


async def check_connector(connector: Connector, *, clock: Clock, timeout_s: float) -> Health:
    """The live check of one connector, bounded in time; never raises."""
    started_at = clock()
    obstacle = _find_obstacle(connector)
    if obstacle is not None:
        condition = Condition(HealthStatus.UNREACHABLE, f"not configured: {obstacle}")
    else:
        condition = await _check(connector, min(timeout_s, connector.spec.timeout_s))
    return Health(
        id=connector.spec.id,
        status=condition.status,
        checked_at=started_at,
        latency_ms=max(0, clock() - started_at),
        error=condition.error,
    )


async def _check(connector: Connector, timeout_s: float) -> Condition:
    async def check() -> Condition:
        return await connector.check_health()

    done = await _settle([check], timeout_s)
    task = done[0]
    if task is None:
        return Condition(HealthStatus.UNREACHABLE, f"no answer within {timeout_s:g} s")
    if task.cancelled():
        return Condition(HealthStatus.UNREACHABLE, "the connector gave up its own check")
    error = task.exception()
    if error is None:
        return task.result()
    reason = error.reason if isinstance(error, ConnectorError) else type(error).__name__
    return Condition(HealthStatus.UNREACHABLE, reason)


def _plan(
    connector: Connector,
    identifiers: Sequence[Identifier],
    *,
    enabled: Collection[str] | None,
    requested: Collection[str] | None,
) -> Plan:
    spec = connector.spec
    fitting = tuple(i.index for i in identifiers if i.type in spec.accepts)

    def leave_out(status: OutcomeStatus, reason: str) -> Plan:
        return Plan(spec.id, False, status, reason, ())

    if enabled is not None and spec.id not in enabled:
        return leave_out(OutcomeStatus.NOT_CONFIGURED, "not enabled in this deployment")
    if requested is not None and spec.id not in requested:
        return leave_out(OutcomeStatus.SKIPPED, "not among the connectors of the request")
    obstacle = _find_obstacle(connector)
    if obstacle is not None:
        return leave_out(OutcomeStatus.NOT_CONFIGURED, obstacle)
    if not fitting:
        accepted = ", ".join(sorted(spec.accepts))
        return leave_out(OutcomeStatus.SKIPPED, f"no identifier of a type it accepts: {accepted}")
    return Plan(spec.id, True, None, f"accepts {len(fitting)} of the identifiers", fitting)


def _find_obstacle(connector: Connector) -> str | None:
    try:
        return connector.find_obstacle()
    except Exception as error:  # noqa: BLE001 -- the runner's edge: no connector fails a lookup
        return f"its configuration could not be read ({type(error).__name__})"


async def _run_one(
    connector: Connector,
    plan: Plan,
    identifiers: Sequence[Identifier],
    clock: Clock,
    timeout_s: float,
) -> tuple[Outcome, Sequence[_Answer]]:
    if not plan.will_run:
        assert plan.status is not None
        return Outcome(plan.connector_id, plan.status, plan.reason, 0), ()
    started_at = clock()
    allowed_s = min(timeout_s, connector.spec.timeout_s)
    context = AskContext(clock, started_at + int(allowed_s * 1000))
    places = asyncio.Semaphore(CALLS_AT_ONCE)

    def question(identifier: Identifier) -> Callable[[], Awaitable[_Answer]]:
        async def ask() -> _Answer:
            try:
                async with places:
                    observations: object = await connector.ask(identifier, context)
            except SystemExit:
                raise SourceFailedError("the connector tried to end the process") from None
            return _accept(connector, observations, clock())

        return ask

    asked = [identifier for identifier in identifiers if identifier.index in plan.identifiers]
    tasks = await _settle([question(identifier) for identifier in asked], allowed_s)
    answers = [_answer_of(connector, task, allowed_s, clock) for task in tasks]
    status, reason = _combine(answers)
    return Outcome(plan.connector_id, status, reason, max(0, clock() - started_at)), answers


async def _settle(
    questions: Sequence[Callable[[], Awaitable[_T]]], timeout_s: float
) -> list[asyncio.Task[_T] | None]:
    """The finished tasks in order, None for those that were not done in time.

    Late tasks are cancelled and not waited for: a connector that ignores its cancellation must not
    hold up the lookup.
    """

    async def run(question: Callable[[], Awaitable[_T]]) -> _T:
        return await question()

    tasks = [asyncio.ensure_future(run(question)) for question in questions]
    try:
        done, pending = await asyncio.wait(tasks, timeout=timeout_s)
    except asyncio.CancelledError:
        for task in tasks:
            task.cancel()
        raise
    for task in pending:
        task.add_done_callback(_forget)
        task.cancel()
    return [task if task in done else None for task in tasks]


def _forget(task: asyncio.Task[_T]) -> None:
    """Takes the late task's exception, which nobody waits for any more."""
    if not task.cancelled():
        task.exception()


def _accept(connector: Connector, observations: object, retrieved_at: int) -> _Answer:
    """An answer within bounds; a malformed one is a failure."""
    if not isinstance(observations, Sequence) or isinstance(observations, str | bytes):
        return _Answer(OutcomeStatus.FAILED, "the connector gave a malformed answer")
    if not all(isinstance(observation, Observation) for observation in observations):
        return _Answer(OutcomeStatus.FAILED, "the connector gave a malformed answer")
    kept = tuple(
        (observation, connector.origin_of(observation))
        for observation in observations[:OBSERVATIONS_MAX]
        if len(observation.value) <= VALUE_CHARACTERS_MAX
    )
    if len(kept) < len(observations):
        reason = f"{len(observations) - len(kept)} statements above the bounds were left out"
        return _Answer(OutcomeStatus.PARTIAL, reason, kept, retrieved_at)
    if not kept:
        return _Answer(OutcomeStatus.EMPTY, "the source knows nothing of it", (), retrieved_at)
    return _Answer(OutcomeStatus.ANSWERED, "the source answered", kept, retrieved_at)


def _answer_of(
    connector: Connector, task: asyncio.Task[_Answer] | None, allowed_s: float, clock: Clock
) -> _Answer:
    if task is None:
        return _Answer(OutcomeStatus.TIMED_OUT, f"no answer within {allowed_s:g} s")
    if task.cancelled():
        return _Answer(OutcomeStatus.FAILED, "the connector gave up its own question")
    error = task.exception()
    if error is None:
        return task.result()
    if isinstance(error, ConnectorError):
        kept = _accept(connector, error.observations, clock()).observations
        return _Answer(error.status, error.reason, kept, clock())
    # The message of a foreign error may hold the identifier: only its kind is told.
    _log.warning("connector %s raised %s", connector.spec.id, type(error).__name__)
    if isinstance(error, TimeoutError):
        return _Answer(OutcomeStatus.TIMED_OUT, "the source did not answer in time")
    return _Answer(OutcomeStatus.FAILED, f"the connector raised {type(error).__name__}")


_GRAVITY: Final = (
    OutcomeStatus.FAILED,
    OutcomeStatus.TIMED_OUT,
    OutcomeStatus.RATE_LIMITED,
    OutcomeStatus.PARTIAL,
)
_FINE: Final = (OutcomeStatus.ANSWERED, OutcomeStatus.EMPTY, OutcomeStatus.SKIPPED)


def _combine(answers: Sequence[_Answer]) -> tuple[OutcomeStatus, str]:
    """One outcome for all questions to a connector: any failure shows, none becomes "empty"."""
    by_status: dict[OutcomeStatus, list[str]] = defaultdict(list)
    for answer in answers:
        by_status[answer.status].append(answer.reason)
    troubled = [status for status in _GRAVITY if status in by_status]
    if not troubled:
        status = next(status for status in _FINE if status in by_status)
        return status, by_status[status][0]
    reasons = Counter(reason for status in troubled for reason in by_status[status])
    number = sum(reasons.values())
    told = "; ".join(reasons)
    if number < len(answers):
        return OutcomeStatus.PARTIAL, f"{number} of {len(answers)} questions: {told}"
    if any(answer.observations for answer in answers):
        return OutcomeStatus.PARTIAL, told
    return troubled[0], told


def _source_of(
    connector: Connector,
    observation: Observation,
    answer: _Answer,
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
