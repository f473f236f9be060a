"""What the runner does for every connector: tries again, waits its turn, keeps, leaves alone."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.connectors.asking import ask, make_means, stated
from tests.connectors.upstream import Asked, Certificates, Upstream, Wire, serve

from tracewell.intrace.connectors.declared.connector import DeclaredConnector
from tracewell.intrace.connectors.declared.model import parse_manifest
from tracewell.intrace.connectors.means import Means
from tracewell.intrace.connectors.model import OutcomeStatus
from tracewell.intrace.connectors.network.pace import FAILURES_MAX, REST_S, Breaker, Pace
from tracewell.intrace.connectors.runner import RunResult

MANIFEST = """
id: example
name: Example
terms_url: https://source.example/terms
licence: CC0-1.0
cost_class: {cost}
timeout_s: 20
cache_s: {cache}
base_url: https://api.source.example
rate: {{requests: {requests}, per_s: {per_s}}}
requests:
  username: {{path: "users/{{value}}"}}
answer:
  found: id
  absent_status: [404]
  subject: id
  observations: [{{predicate: username.handle, value: id}}]
health: {{path: status}}
"""


def make(
    *, cost: str = "free", cache: int = 0, requests: int = 1000, per_s: float = 1.0
) -> DeclaredConnector:
    text = MANIFEST.format(cost=cost, cache=cache, requests=requests, per_s=per_s)
    return DeclaredConnector(parse_manifest(text))


def with_upstream(
    certificates: Certificates,
    handler: Callable[[Asked, Wire], Awaitable[None]],
    work: Callable[[Means, Upstream], Awaitable[RunResult]],
    *,
    with_memory: bool = False,
) -> tuple[RunResult, Upstream]:
    async def run() -> tuple[RunResult, Upstream]:
        async with serve(handler, certificates) as upstream:
            means = make_means(certificates, allow=upstream.allow, with_memory=with_memory)
            try:
                return await work(means, upstream), upstream
            finally:
                await means.close()

    return asyncio.run(run())


def failing_first(times: int, how: str) -> Callable[[Asked, Wire], Awaitable[None]]:
    left = times

    async def handler(asked: Asked, wire: Wire) -> None:
        nonlocal left
        left -= 1
        if left < 0:
            await wire.reply_json({"id": "ada"})
        elif how == "reset":
            wire.reset()
        elif how == "pause":
            await wire.reply_json({}, 429, **{"Retry-After": "0"})
        else:
            await wire.reply_json({}, int(how))

    return handler


@pytest.mark.parametrize("how", ["reset", "500", "502", "503", "504", "pause"])
def test_what_passes_is_asked_again(how: str, certificates: Certificates) -> None:
    result, upstream = with_upstream(
        certificates,
        failing_first(2, how),
        lambda means, _: ask(make(), means, ("username", "ada")),
    )
    assert result.coverage[0].status is OutcomeStatus.ANSWERED
    assert len(upstream.asked) == 3


@pytest.mark.parametrize(("how", "times"), [("reset", 1), ("500", 1), ("502", 1), ("503", 2)])
def test_a_metered_source_is_asked_again_only_where_it_charged_nothing(
    how: str, times: int, certificates: Certificates
) -> None:
    result, upstream = with_upstream(
        certificates,
        failing_first(1, how),
        lambda means, _: ask(make(cost="metered"), means, ("username", "ada")),
    )
    assert len(upstream.asked) == times
    answered = result.coverage[0].status is OutcomeStatus.ANSWERED
    assert answered == (times > 1)


def test_questions_wait_for_their_turn_and_do_not_fail(certificates: Certificates) -> None:
    times: list[float] = []

    async def handler(asked: Asked, wire: Wire) -> None:
        times.append(asyncio.get_running_loop().time())
        await wire.reply_json({"id": asked.target})

    names = [("username", f"user{n}") for n in range(6)]
    result, _ = with_upstream(
        certificates,
        handler,
        lambda means, _: ask(make(requests=2, per_s=0.3), means, *names, timeout_s=30),
    )
    assert result.coverage[0].status is OutcomeStatus.ANSWERED
    assert len(times) == 6
    # Arrivals are later than starts by the way there: two turns of slack for a busy machine.
    assert max(times) - min(times) > 0.3


def test_who_gets_no_turn_before_the_deadline_is_told_at_once(certificates: Certificates) -> None:
    async def handler(asked: Asked, wire: Wire) -> None:
        await wire.reply_json({"id": asked.target})

    names = [("username", f"user{n}") for n in range(5)]
    result, upstream = with_upstream(
        certificates,
        handler,
        lambda means, _: ask(make(requests=3, per_s=3600), means, *names, timeout_s=19),
    )
    outcome = result.coverage[0]
    assert outcome.status is OutcomeStatus.PARTIAL
    assert outcome.reason.startswith("2 of 5 questions: not asked: the pace of this source leaves")
    assert len(upstream.asked) == 3
    assert outcome.latency_ms < 15_000, "it waited for a turn that could not come"


def test_a_pause_that_the_source_asks_for_holds_for_later_questions(
    certificates: Certificates,
) -> None:
    async def handler(asked: Asked, wire: Wire) -> None:
        await wire.reply_json({}, 429, **{"Retry-After": "120"})

    async def work(means: Means, upstream: Upstream) -> RunResult:
        connector = make()
        await ask(connector, means, ("username", "ada"))
        return await ask(connector, means, ("username", "bob"))

    result, upstream = with_upstream(certificates, handler, work)
    assert result.coverage[0].status is OutcomeStatus.RATE_LIMITED
    assert len(upstream.asked) == 1, "asked although the source wanted a pause"


def test_an_answer_is_kept_and_its_age_told(certificates: Certificates) -> None:
    async def handler(asked: Asked, wire: Wire) -> None:
        if asked.target == "/users/nobody":
            await wire.reply_json({}, 404)
        else:
            await wire.reply_json({"id": "ada"})

    async def work(means: Means, upstream: Upstream) -> RunResult:
        connector = make(cache=60)
        names = (("username", "ada"), ("username", "nobody"))
        first = await ask(connector, means, *names)
        second = await ask(connector, means, *names)
        assert stated(first) == stated(second)
        assert second.sources[0].retrieved_at == first.sources[0].retrieved_at
        return second

    result, upstream = with_upstream(certificates, handler, work, with_memory=True)
    assert len(upstream.asked) == 2
    assert result.coverage[0].reason.startswith("the source answered (2 of 2 answers kept for")


def test_a_failure_is_not_kept(certificates: Certificates) -> None:
    async def work(means: Means, upstream: Upstream) -> RunResult:
        connector = make(cache=60, cost="metered")
        first = await ask(connector, means, ("username", "ada"))
        assert first.coverage[0].status is OutcomeStatus.FAILED
        return await ask(connector, means, ("username", "ada"))

    result, _ = with_upstream(certificates, failing_first(1, "500"), work, with_memory=True)
    assert result.coverage[0].status is OutcomeStatus.ANSWERED


def test_a_host_that_keeps_failing_is_left_alone(certificates: Certificates) -> None:
    async def handler(asked: Asked, wire: Wire) -> None:
        await wire.reply_json({}, 500)

    async def work(means: Means, upstream: Upstream) -> RunResult:
        connector = make(cost="metered")
        for n in range(FAILURES_MAX):
            await ask(connector, means, ("username", f"user{n}"))
        return await ask(connector, means, ("username", "ada"))

    result, upstream = with_upstream(certificates, handler, work)
    outcome = result.coverage[0]
    assert outcome.status is OutcomeStatus.FAILED
    assert outcome.reason.startswith(f"not asked: it failed {FAILURES_MAX} times in a row")
    assert len(upstream.asked) == FAILURES_MAX


def test_a_breaker_lets_one_try_after_each_rest() -> None:
    breaker = Breaker()
    for _ in range(FAILURES_MAX):
        assert breaker.find_rest(0.0) is None
        breaker.fail(0.0)
    assert breaker.find_rest(1.0) == REST_S - 1.0
    assert breaker.find_rest(REST_S) is None, "the one that tries"
    assert breaker.find_rest(REST_S) is not None, "the others wait for it"
    breaker.fail(REST_S)
    assert breaker.find_rest(REST_S * 2) == REST_S, "twice as long"
    assert breaker.find_rest(REST_S * 3) is None
    breaker.succeed()
    assert breaker.find_rest(REST_S * 3) is None


@given(
    st.integers(1, 5),
    st.floats(0.1, 10),
    st.lists(st.floats(0, 3), min_size=1, max_size=40),
)
def test_no_window_holds_more_starts_than_the_pace_allows(
    requests: int, per_s: float, gaps: list[float]
) -> None:
    pace = Pace(requests, per_s)
    now, starts = 0.0, []
    for gap in gaps:
        now += gap
        start = pace.reserve(now, now + 30)
        if start is not None:
            assert start >= now
            starts.append(start)
    for first, later in zip(starts, starts[requests:], strict=False):
        assert later - first >= per_s - 1e-6


def test_a_source_that_hangs_does_not_hold_up_the_others(certificates: Certificates) -> None:
    async def handler(asked: Asked, wire: Wire) -> None:
        if asked.target == "/users/slow":
            await asyncio.sleep(60)
        await wire.reply_json({"id": "ada"})

    result, _ = with_upstream(
        certificates,
        handler,
        lambda means, _: ask(
            make(), means, ("username", "slow"), ("username", "ada"), timeout_s=1.0
        ),
    )
    assert result.coverage[0].status is OutcomeStatus.PARTIAL
    assert result.coverage[0].reason == "1 of 2 questions: the source did not answer in time"
    assert stated(result) == [("username.handle", "ada")]
