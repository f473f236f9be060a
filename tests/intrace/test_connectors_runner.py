"""The runner: whatever a connector does, the others answer and its failure is told as one."""

from __future__ import annotations

import asyncio
import itertools
import time
from collections.abc import Callable, Coroutine, Sequence
from typing import Any

import pytest

from tracewell.intrace.connectors.model import (
    AskContext,
    Condition,
    Connector,
    ConnectorSpec,
    CostClass,
    HealthStatus,
    NotApplicableError,
    PartialAnswerError,
    RateLimitedError,
    SourceFailedError,
    observe,
)
from tracewell.intrace.connectors.runner import (
    OBSERVATIONS_MAX,
    VALUE_CHARACTERS_MAX,
    RunResult,
    check_connector,
    plan_run,
    run_connectors,
)
from tracewell.intrace.connectors.threads import call_in_thread
from tracewell.intrace.identifiers import Identifier, IdentifierType, parse_identifiers
from tracewell.values import Observation

SECRET = "planted-value@example.com"
IDENTIFIERS = parse_identifiers([("email", SECRET), ("email", "b@example.com")])
Ask = Callable[[Identifier, AskContext], Coroutine[Any, Any, Sequence[Observation]]]


def says(identifier: Identifier, value: str = "Ada") -> tuple[Observation, ...]:
    return observe(
        f"row:{identifier.index}", [("person.name", value)], source_url="test:", observed_at=7
    )


class Scripted(Connector):
    """A connector that does as the test says."""

    def __init__(
        self,
        ask: Ask,
        *,
        id_: str = "scripted",
        timeout_s: float = 60.0,
        obstacle: str | None = None,
        health: Callable[[], Coroutine[Any, Any, Condition]] | None = None,
        accepts: IdentifierType = IdentifierType.EMAIL,
    ) -> None:
        self.spec = ConnectorSpec(  # type: ignore[misc]  # each test has its own
            id_, id_, frozenset({accepts}), ("person.name",), None, "CC0-1.0", CostClass.FREE,
            timeout_s,
        )  # fmt: skip
        self._ask = ask
        self._obstacle = obstacle
        self._health = health

    async def ask(self, identifier: Identifier, context: AskContext) -> Sequence[Observation]:
        return await self._ask(identifier, context)

    def find_obstacle(self) -> str | None:
        return self._obstacle

    async def check_health(self, context: AskContext) -> Condition:
        return await (self._health() if self._health else super().check_health(context))


async def answer(identifier: Identifier, context: AskContext) -> Sequence[Observation]:
    return says(identifier)


async def nothing(identifier: Identifier, context: AskContext) -> Sequence[Observation]:
    return ()


async def hang(identifier: Identifier, context: AskContext) -> Sequence[Observation]:
    await asyncio.Event().wait()
    raise AssertionError("never reached")


async def ignore_cancelling(identifier: Identifier, context: AskContext) -> Sequence[Observation]:
    try:
        await asyncio.sleep(60)
    except asyncio.CancelledError:
        await asyncio.sleep(60)  # ended only when the test's loop is torn down
    return says(identifier)


async def block(identifier: Identifier, context: AskContext) -> Sequence[Observation]:
    def work() -> Sequence[Observation]:
        time.sleep(1)
        return says(identifier)

    return await call_in_thread(work)


async def explode(identifier: Identifier, context: AskContext) -> Sequence[Observation]:
    raise RuntimeError(f"could not look up {identifier.value}")


async def give_up(identifier: Identifier, context: AskContext) -> Sequence[Observation]:
    raise asyncio.CancelledError


async def leave(identifier: Identifier, context: AskContext) -> Sequence[Observation]:
    raise SystemExit(3)


async def time_out(identifier: Identifier, context: AskContext) -> Sequence[Observation]:
    raise TimeoutError(identifier.value)


async def refuse(identifier: Identifier, context: AskContext) -> Sequence[Observation]:
    raise RateLimitedError("the source allows 10 questions a minute")


async def fail(identifier: Identifier, context: AskContext) -> Sequence[Observation]:
    raise SourceFailedError("the source answered with status 500")


async def malformed(identifier: Identifier, context: AskContext) -> Sequence[Observation]:
    return ["Ada"]  # type: ignore[list-item]


async def none(identifier: Identifier, context: AskContext) -> Sequence[Observation]:
    return None  # type: ignore[return-value]


async def partial(identifier: Identifier, context: AskContext) -> Sequence[Observation]:
    raise PartialAnswerError("page 2 of 3 could not be read", says(identifier))


async def not_applicable(identifier: Identifier, context: AskContext) -> Sequence[Observation]:
    raise NotApplicableError("free mail has no company")


async def only_first_fails(identifier: Identifier, context: AskContext) -> Sequence[Observation]:
    if identifier.index == 0:
        raise SourceFailedError("the source answered with status 500")
    return ()


FAULTS: list[tuple[Ask, str, str]] = [
    (hang, "timed_out", "no answer within 0.2 s"),
    (ignore_cancelling, "timed_out", "no answer within 0.2 s"),
    (block, "timed_out", "no answer within 0.2 s"),
    (explode, "failed", "the connector raised RuntimeError"),
    (give_up, "failed", "the connector gave up its own question"),
    (leave, "failed", "the connector tried to end the process"),
    (time_out, "timed_out", "the source did not answer in time"),
    (refuse, "rate_limited", "the source allows 10 questions a minute"),
    (fail, "failed", "the source answered with status 500"),
    (malformed, "failed", "the connector gave a malformed answer"),
    (none, "failed", "the connector gave a malformed answer"),
    (partial, "partial", "page 2 of 3 could not be read"),
    (only_first_fails, "partial", "1 of 2 questions: the source answered with status 500"),
    (not_applicable, "skipped", "free mail has no company"),
    (nothing, "empty", "the source knows nothing of it"),
    (answer, "answered", "the source answered"),
]


def run(*connectors: Connector, timeout_s: float = 0.2, **choice: Any) -> RunResult:
    numbers = itertools.count()
    return asyncio.run(
        run_connectors(
            connectors,
            IDENTIFIERS,
            clock=itertools.count(1_000, 5).__next__,
            new_source_id=lambda: f"src_{next(numbers)}",
            timeout_s=timeout_s,
            **choice,
        )
    )


@pytest.mark.parametrize("ask, status, reason", FAULTS, ids=[f.__name__ for f, _, _ in FAULTS])
def test_every_fault_has_its_own_outcome_and_touches_no_other(
    ask: Ask, status: str, reason: str
) -> None:
    result = run(
        Scripted(answer, id_="before"), Scripted(ask, id_="faulty"), Scripted(answer, id_="after")
    )
    outcomes = {outcome.connector_id: outcome for outcome in result.coverage}
    assert [*outcomes] == ["before", "faulty", "after"]
    assert (outcomes["faulty"].status, outcomes["faulty"].reason) == (status, reason)
    assert outcomes["before"].status == outcomes["after"].status == "answered"
    assert {o.origin for o in result.observations} >= {"before", "after"}
    assert all(outcome.latency_ms > 0 for outcome in result.coverage)


@pytest.mark.parametrize("ask", [f for f, _, _ in FAULTS], ids=[f.__name__ for f, _, _ in FAULTS])
def test_no_value_is_told_in_reasons_or_logs(ask: Ask, caplog: pytest.LogCaptureFixture) -> None:
    result = run(Scripted(ask))
    assert SECRET not in repr(result.coverage)
    assert SECRET not in caplog.text


def test_a_connectors_own_deadline_holds_when_it_is_shorter() -> None:
    result = run(Scripted(hang, timeout_s=0.05), timeout_s=30)
    assert result.coverage[0].reason == "no answer within 0.05 s"


def test_what_arrived_before_the_deadline_is_kept_as_partial() -> None:
    async def second_hangs(identifier: Identifier, context: AskContext) -> Sequence[Observation]:
        return says(identifier) if identifier.index == 0 else await hang(identifier, context)

    result = run(Scripted(second_hangs))
    assert result.coverage[0].status == "partial"
    assert "no answer within 0.2 s" in result.coverage[0].reason
    assert len(result.observations) == 1


def test_a_cancelled_lookup_cancels_its_questions() -> None:
    cancelled = []

    async def watched(identifier: Identifier, context: AskContext) -> Sequence[Observation]:
        try:
            return await hang(identifier, context)
        except asyncio.CancelledError:
            cancelled.append(identifier.index)
            raise

    async def lookup() -> None:
        task = asyncio.create_task(
            run_connectors(
                [Scripted(watched)], IDENTIFIERS, clock=lambda: 0, new_source_id=str, timeout_s=60
            )
        )
        await asyncio.sleep(0.05)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        await asyncio.sleep(0)

    asyncio.run(lookup())
    assert cancelled == [0, 1]


def test_statements_above_the_bounds_are_left_out_and_told() -> None:
    async def flood(identifier: Identifier, context: AskContext) -> Sequence[Observation]:
        return says(identifier, "x" * (VALUE_CHARACTERS_MAX + 1)) + says(identifier) * (
            OBSERVATIONS_MAX + 5
        )

    result = run(Scripted(flood))
    assert result.coverage[0].status == "partial"
    assert len(result.observations) == 2 * (OBSERVATIONS_MAX - 1)


def test_each_record_is_one_source_with_its_provenance() -> None:
    async def two_statements(identifier: Identifier, context: AskContext) -> Sequence[Observation]:
        return observe(
            f"row:{identifier.index}",
            [("person.name", "Ada"), ("email.address", identifier.value)],
            source_url=f"https://source.example/{identifier.index}",
            observed_at=7,
            record={"name": "Ada"},
        )

    result = run(Scripted(two_statements))
    assert [s.source_id for s in result.sources] == ["src_0", "src_1"]
    assert [o.source_id for o in result.observations] == ["src_0", "src_0", "src_1", "src_1"]
    first = result.sources[0]
    assert (first.connector_id, first.url) == ("scripted", "https://source.example/0")
    assert first.licence == "CC0-1.0"
    assert first.retrieved_at > 0
    # sha256 of {"name":"Ada"}
    assert first.record_hash == (
        "sha256:88bab6d8f6dc68a877064d584cbb5b6c50e74f617ea50d81d3a53c2ee6ffbc4f"
    )


def test_the_dry_run_tells_who_would_be_asked_and_why_not() -> None:
    asked = []

    async def counted(identifier: Identifier, context: AskContext) -> Sequence[Observation]:
        asked.append(identifier)
        return ()

    connectors = [
        Scripted(counted, id_="ready"),
        Scripted(counted, id_="phones", accepts=IdentifierType.PHONE),
        Scripted(counted, id_="keyless", obstacle="no key is configured"),
        Scripted(counted, id_="unwanted"),
        Scripted(counted, id_="disabled"),
    ]
    choice: dict[str, Any] = {
        "enabled": {"ready", "phones", "keyless", "unwanted"},
        "requested": {"ready", "phones", "keyless", "disabled"},
    }
    plans = plan_run(connectors, IDENTIFIERS, **choice)
    assert asked == []
    assert [(p.connector_id, p.will_run, p.status, p.reason) for p in plans] == [
        ("ready", True, None, "accepts 2 of the identifiers"),
        ("phones", False, "skipped", "no identifier of a type it accepts: phone"),
        ("keyless", False, "not_configured", "no key is configured"),
        ("unwanted", False, "skipped", "not among the connectors of the request"),
        ("disabled", False, "not_configured", "not enabled in this deployment"),
    ]
    result = run(*connectors, **choice)
    assert [(c.status, c.reason) for c in result.coverage[1:]] == [
        (p.status, p.reason) for p in plans[1:]
    ]
    assert len(asked) == 2


def test_a_connector_whose_configuration_raises_is_told_as_not_configured() -> None:
    class Broken(Scripted):
        def find_obstacle(self) -> str | None:
            raise PermissionError("/secret/place")

    result = run(Broken(answer, id_="broken"), Scripted(answer))
    assert [c.status for c in result.coverage] == ["not_configured", "answered"]
    assert "/secret" not in result.coverage[0].reason


def test_nobody_to_ask_is_an_empty_coverage() -> None:
    assert run() == RunResult((), (), ())


async def _reachable() -> Condition:
    return Condition(HealthStatus.REACHABLE)


async def _hanging() -> Condition:
    await asyncio.Event().wait()
    return Condition(HealthStatus.REACHABLE)


async def _exploding() -> Condition:
    raise ValueError(SECRET)


async def _failing() -> Condition:
    raise SourceFailedError("status 503")


@pytest.mark.parametrize(
    "health, status, error",
    [
        (_reachable, "reachable", None),
        (_hanging, "unreachable", "no answer within 0.1 s"),
        (_exploding, "unreachable", "ValueError"),
        (_failing, "unreachable", "status 503"),
        (None, "unknown", "this connector has no check of its own"),
    ],
)
def test_a_health_check_always_ends_with_a_state(
    health: Callable[[], Coroutine[Any, Any, Condition]] | None, status: str, error: str | None
) -> None:
    clock = itertools.count(1_000, 5).__next__
    checked = asyncio.run(
        check_connector(Scripted(answer, health=health), clock=clock, timeout_s=0.1)
    )
    assert (checked.id, checked.status, checked.error) == ("scripted", status, error)
    assert (checked.checked_at, checked.latency_ms) == (1_000, 5)


def test_the_health_of_an_unconfigured_connector_says_so() -> None:
    connector = Scripted(answer, obstacle="no key is configured", health=_reachable)
    checked = asyncio.run(check_connector(connector, clock=lambda: 0, timeout_s=1))
    assert checked.status == "unreachable"
    assert checked.error == "not configured: no key is configured"
