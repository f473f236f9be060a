"""Asks the applicable connectors at once and tells what became of each.

The one place that catches everything: whatever a connector does, its deadline holds, the others
are not touched, and its failure is told as a failure.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Collection, Sequence
from dataclasses import dataclass
from typing import Final, TypeVar

from tracewell.intrace.connectors.means import NO_MEANS, Means
from tracewell.intrace.connectors.memory import Remembered
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
from tracewell.intrace.connectors.outcomes import (
    OBSERVATIONS_MAX,
    VALUE_CHARACTERS_MAX,
    Answer,
    Source,
    accept,
    combine,
    source_of,
)
from tracewell.intrace.connectors.planning import Plan, find_obstacle, plan_run
from tracewell.intrace.identifiers.model import Identifier
from tracewell.resolution import SourcedObservation

__all__ = [
    "OBSERVATIONS_MAX",
    "VALUE_CHARACTERS_MAX",
    "Plan",
    "RunResult",
    "Source",
    "check_connector",
    "plan_run",
    "run_connectors",
]

CALLS_AT_ONCE: Final = 20

_log = logging.getLogger(__name__)

_T = TypeVar("_T")


@dataclass(frozen=True, slots=True)
class RunResult:
    """What the sources said: coverage has one entry per connector, silent ones included."""

    coverage: tuple[Outcome, ...]
    observations: tuple[SourcedObservation, ...]
    sources: tuple[Source, ...]


async def run_connectors(
    connectors: Sequence[Connector],
    identifiers: Sequence[Identifier],
    *,
    clock: Clock,
    new_source_id: Callable[[], str],
    timeout_s: float,
    enabled: Collection[str] | None = None,
    requested: Collection[str] | None = None,
    means: Means = NO_MEANS,
) -> RunResult:
    """Asks every applicable connector about every identifier it accepts, all at once.

    Returns within `timeout_s` (or the longest of the connectors' own, when shorter), whatever the
    connectors do. `clock` gives times and latencies; source ids are made in the order of the
    result, which is that of `connectors` and `identifiers`.
    """
    plans = plan_run(connectors, identifiers, enabled=enabled, requested=requested, means=means)
    runs = await asyncio.gather(
        *(
            _run_one(connector, plan, identifiers, clock, timeout_s, means)
            for connector, plan in zip(connectors, plans, strict=True)
        )
    )
    observations: list[SourcedObservation] = []
    sources: dict[tuple[str, str, str, str], Source] = {}
    for connector, (_, answers) in zip(connectors, runs, strict=True):
        for answer in answers:
            for observation, origin in answer.observations:
                source = source_of(connector, observation, answer, sources, new_source_id)
                observations.append(
                    SourcedObservation(
                        observation, source.source_id, origin, connector.spec.is_reference
                    )
                )
    return RunResult(
        coverage=tuple(outcome for outcome, _ in runs),
        observations=tuple(observations),
        sources=tuple(sources.values()),
    )


async def check_connector(
    connector: Connector, *, clock: Clock, timeout_s: float, means: Means = NO_MEANS
) -> Health:
    """The live check of one connector, bounded in time; never raises."""
    started_at = clock()
    obstacle = find_obstacle(connector, enabled=(connector.spec.id,), means=means)
    if obstacle is not None:
        condition = Condition(HealthStatus.UNREACHABLE, f"not configured: {obstacle}")
    else:
        condition = await _check(connector, clock, started_at, timeout_s, means)
    error = condition.error and means.redaction.redact(condition.error)
    return Health(
        id=connector.spec.id,
        status=condition.status,
        checked_at=started_at,
        latency_ms=max(0, clock() - started_at),
        error=error,
    )


async def _check(
    connector: Connector, clock: Clock, started_at: int, timeout_s: float, means: Means
) -> Condition:
    allowed_s = min(timeout_s, connector.spec.timeout_s)

    async def check() -> Condition:
        context = means.lend(connector.spec, clock, started_at, allowed_s)
        return await connector.check_health(context)

    done = await _settle([check], allowed_s)
    task = done[0]
    if task is None:
        return Condition(HealthStatus.UNREACHABLE, f"no answer within {allowed_s:g} s")
    if task.cancelled():
        return Condition(HealthStatus.UNREACHABLE, "the connector gave up its own check")
    error = task.exception()
    if error is None:
        return task.result()
    if isinstance(error, ConnectorError):
        is_slowed = error.status is OutcomeStatus.RATE_LIMITED
        status = HealthStatus.DEGRADED if is_slowed else HealthStatus.UNREACHABLE
        return Condition(status, error.reason)
    return Condition(HealthStatus.UNREACHABLE, type(error).__name__)


async def _run_one(
    connector: Connector,
    plan: Plan,
    identifiers: Sequence[Identifier],
    clock: Clock,
    timeout_s: float,
    means: Means,
) -> tuple[Outcome, Sequence[Answer]]:
    if not plan.will_run:
        assert plan.status is not None
        return Outcome(plan.connector_id, plan.status, plan.reason, 0), ()
    started_at = clock()
    allowed_s = min(timeout_s, connector.spec.timeout_s)
    context = means.lend(connector.spec, clock, started_at, allowed_s)
    places = asyncio.Semaphore(CALLS_AT_ONCE)

    def question(identifier: Identifier) -> Callable[[], Awaitable[Answer]]:
        async def ask() -> Answer:
            async with places:
                return await _ask(connector, identifier, context, means)

        return ask

    asked = [identifier for identifier in identifiers if identifier.index in plan.identifiers]
    tasks = await _settle([question(identifier) for identifier in asked], allowed_s)
    answers = [_answer_of(connector, task, allowed_s, clock, means) for task in tasks]
    status, reason = combine(answers)
    told = means.redaction.redact(reason)
    return Outcome(plan.connector_id, status, told, max(0, clock() - started_at)), answers


async def _ask(
    connector: Connector, identifier: Identifier, context: AskContext, means: Means
) -> Answer:
    """One answer: the one that was kept, or the source's own, which is kept when it is whole."""
    spec = connector.spec
    memory = means.memory if spec.cache_s else None
    now = context.clock()
    if memory and (kept := memory.find(spec.id, identifier, now=now, cache_s=spec.cache_s)):
        status = OutcomeStatus.ANSWERED if kept.observations else OutcomeStatus.EMPTY
        known = "the source answered" if kept.observations else "the source knows nothing of it"
        age_s = (now - kept.retrieved_at) // 1000
        return Answer(status, known, kept.observations, kept.retrieved_at, age_s)
    try:
        observations: object = await connector.ask(identifier, context)
    except SystemExit:
        raise SourceFailedError("the connector tried to end the process") from None
    answer = accept(connector, observations, context.clock(), means.redaction)
    if memory and answer.status in (OutcomeStatus.ANSWERED, OutcomeStatus.EMPTY):
        memory.keep(spec.id, identifier, Remembered(answer.observations, answer.retrieved_at))
    return answer


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


def _answer_of(
    connector: Connector,
    task: asyncio.Task[Answer] | None,
    allowed_s: float,
    clock: Clock,
    means: Means,
) -> Answer:
    if task is None:
        return Answer(OutcomeStatus.TIMED_OUT, f"no answer within {allowed_s:g} s")
    if task.cancelled():
        return Answer(OutcomeStatus.FAILED, "the connector gave up its own question")
    error = task.exception()
    if error is None:
        return task.result()
    if isinstance(error, ConnectorError):
        kept = accept(connector, error.observations, clock(), means.redaction)
        return Answer(error.status, error.reason, kept.observations, clock())
    # The message of a foreign error may hold the identifier: only its kind is told.
    _log.warning("connector %s raised %s", connector.spec.id, type(error).__name__)
    if isinstance(error, TimeoutError):
        return Answer(OutcomeStatus.TIMED_OUT, "the source did not answer in time")
    return Answer(OutcomeStatus.FAILED, f"the connector raised {type(error).__name__}")
