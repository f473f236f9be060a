"""Both limiters against the plainest limiter there is: a list of the admissions."""

from __future__ import annotations

import asyncio
import itertools
import tempfile
from collections.abc import Callable, Coroutine, Iterator, Sequence
from pathlib import Path
from typing import Any, ClassVar, TypeVar

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)

from tracewell.kernel.limits import Decision, Limiter, Quota
from tracewell.kernel.limits.shared_file import SharedFileLimiter
from tracewell.kernel.limits.shared_redis import RedisLimiter

T = TypeVar("T")
MS_NS = 1_000_000
EPOCH_MS = 1_790_000_000_123
WINDOW_MS = 5_000

moments_ms = st.one_of(
    st.integers(0, 40),
    st.integers(0, WINDOW_MS),
    st.sampled_from([0, 1, WINDOW_MS - 1, WINDOW_MS, WINDOW_MS + 1, 3 * WINDOW_MS]),
)
quotas = st.sampled_from([Quota(0), Quota(1), Quota(3, 2), Quota(7), Quota(15, 2), Quota(40)]).map(
    lambda quota: Quota(quota.limit, quota.burst, window_s=WINDOW_MS // 1000)
)


class PlainLimiter:
    """Keeps every admission, looks at all of them each time."""

    def __init__(self) -> None:
        self.admissions: list[int] = []

    def admit(self, now_ms: int, quota: Quota) -> tuple[bool, int, int, int]:
        window_ms, capacity = quota.window_s * 1000, quota.limit + quota.burst
        inside = [moment for moment in self.admissions if moment > now_ms - window_ms]
        admitted = len(inside) < capacity
        retry_after_s = 0
        if admitted:
            self.admissions.append(now_ms)
            inside.append(now_ms)
        else:
            while capacity and not self._has_room(now_ms + retry_after_s * 1000, quota):
                retry_after_s += 1
            retry_after_s = retry_after_s or quota.window_s
        leaves_ms = (inside[0] if inside else now_ms) + window_ms
        reset_at = -(-(EPOCH_MS + leaves_ms) // 1000)
        return admitted, max(0, capacity - len(inside)), retry_after_s, reset_at

    def _has_room(self, at_ms: int, quota: Quota) -> bool:
        inside = [moment for moment in self.admissions if moment > at_ms - quota.window_s * 1000]
        return len(inside) < quota.limit + quota.burst


class LimiterMachine(RuleBasedStateMachine):
    """Arrivals, changes of the quota, withdrawals and restarts, through two doors of one place."""

    names: ClassVar[Iterator[int]] = itertools.count()

    def __init__(self) -> None:
        super().__init__()
        self.loop = asyncio.new_event_loop()
        self.now_ms = 10_000_000
        self.principal = f"principal {next(self.names)}"
        self.plain = PlainLimiter()
        self.withdrawable: list[tuple[int, Decision]] = []
        self.kept: list[int] = []
        self.capacity_max = 0
        self.quota = Quota(3, 2, window_s=WINDOW_MS // 1000)
        self.doors = self.open_doors(lambda: self.now_ms)

    def open_doors(self, now_ms: Callable[[], int]) -> tuple[Limiter, Limiter]:
        raise NotImplementedError

    def run(self, work: Coroutine[Any, Any, T]) -> T:
        return self.loop.run_until_complete(work)

    @initialize(quota=quotas)
    def begin(self, quota: Quota) -> None:
        self.quota = quota

    @rule(quota=quotas)
    def change_quota(self, quota: Quota) -> None:
        self.quota = quota

    @rule(wait_ms=moments_ms)
    def wait(self, wait_ms: int) -> None:
        self.now_ms += wait_ms

    @rule(door=st.integers(0, 1), requests=st.integers(1, 25))
    def arrive(self, door: int, requests: int) -> None:
        quota = self.quota
        for _ in range(requests):
            said = self.run(self.doors[door].admit(self.principal, quota))
            expected = self.plain.admit(self.now_ms, quota)
            assert expected == (said.admitted, said.remaining, said.retry_after_s, said.reset_at)
            assert said.limit == quota.limit
            if said.admitted:
                self.capacity_max = max(self.capacity_max, quota.limit + quota.burst)
                self.kept.append(self.now_ms)
                self.withdrawable.append((self.now_ms, said))

    @precondition(lambda self: self.withdrawable)
    @rule(door=st.integers(0, 1), data=st.data())
    def withdraw(self, door: int, data: st.DataObject) -> None:
        which = data.draw(st.integers(0, len(self.withdrawable) - 1))
        at_ms, decision = self.withdrawable.pop(which)
        self.run(self.doors[door].withdraw(self.principal, self.quota, decision))
        self.plain.admissions.remove(at_ms)
        self.kept.remove(at_ms)

    @rule(door=st.integers(0, 1))
    def restart(self, door: int) -> None:
        self.run(self.doors[door].close())

    @invariant()
    def no_rolling_window_holds_more_than_the_quota(self) -> None:
        kept = self.kept
        for first, last in zip(kept, kept[self.capacity_max :], strict=False):
            assert last - first >= WINDOW_MS

    def teardown(self) -> None:
        for door in self.doors:
            self.run(door.close())
        self.loop.close()


MODEL_SETTINGS = settings(
    deadline=None, stateful_step_count=40, suppress_health_check=list(HealthCheck)
)


def test_shared_files_agree_with_a_plain_list() -> None:
    with tempfile.TemporaryDirectory() as place:

        def open_file(now_ms: Callable[[], int]) -> SharedFileLimiter:
            return SharedFileLimiter(
                Path(place), lambda: now_ms() * MS_NS, lambda: EPOCH_MS + now_ms(), mappings_max=2
            )

        class Machine(LimiterMachine):
            def open_doors(self, now_ms: Callable[[], int]) -> tuple[Limiter, Limiter]:
                return open_file(now_ms), open_file(now_ms)

        run_state_machine_as_test(Machine, settings=settings(MODEL_SETTINGS, max_examples=100))


def test_redis_agrees_with_a_plain_list(redis_url: str) -> None:
    def open_redis(now_ms: Callable[[], int]) -> RedisLimiter:
        return RedisLimiter(redis_url, "model:", clock_us=lambda: (EPOCH_MS + now_ms()) * 1000)

    class Machine(LimiterMachine):
        def open_doors(self, now_ms: Callable[[], int]) -> tuple[Limiter, Limiter]:
            return open_redis(now_ms), open_redis(now_ms)

    run_state_machine_as_test(Machine, settings=settings(MODEL_SETTINGS, max_examples=60))


@pytest.fixture(params=["files", "redis"])
def limiter_at(
    request: pytest.FixtureRequest, tmp_path: Path
) -> Callable[[Callable[[], int]], Limiter]:
    """Opens either limiter on a clock of milliseconds."""

    def open_at(now_ms: Callable[[], int]) -> Limiter:
        if request.param == "files":
            return SharedFileLimiter(
                tmp_path, lambda: now_ms() * MS_NS, lambda: EPOCH_MS + now_ms()
            )
        url = request.getfixturevalue("redis_url")
        return RedisLimiter(url, f"{tmp_path.name}:", clock_us=lambda: (EPOCH_MS + now_ms()) * 1000)

    return open_at


OpenAt = Callable[[Callable[[], int]], Limiter]


async def _admit_times(limiter: Limiter, quota: Quota, times: int) -> Sequence[Decision]:
    return [await limiter.admit("somebody", quota) for _ in range(times)]


@pytest.mark.parametrize("quota", [Quota(600), Quota(60, 10), Quota(10)])
def test_remaining_goes_down_by_exactly_one_and_then_comes_the_refusal(
    limiter_at: OpenAt, quota: Quota
) -> None:
    async def scenario() -> None:
        limiter = limiter_at(lambda: 1_000)
        capacity = quota.limit + quota.burst
        said = await _admit_times(limiter, quota, capacity)
        assert [one.remaining for one in said] == list(range(capacity - 1, -1, -1))
        assert all(one.admitted and one.retry_after_s == 0 for one in said)
        refused = await limiter.admit("somebody", quota)
        assert (refused.admitted, refused.remaining, refused.retry_after_s) == (False, 0, 60)
        other = await limiter.admit("somebody else", quota)
        assert other.remaining == capacity - 1
        await limiter.close()

    asyncio.run(scenario())


@pytest.mark.parametrize("first_ms, refused_ms", [(0, 0), (0, 1), (7, 59_999), (1, 30_500)])
def test_a_request_at_retry_after_succeeds_and_one_second_earlier_fails(
    limiter_at: OpenAt, first_ms: int, refused_ms: int
) -> None:
    async def scenario() -> None:
        now_ms = start_ms = 5_000_000 + first_ms
        limiter = limiter_at(lambda: now_ms)
        quota = Quota(5)
        await _admit_times(limiter, quota, 1)
        now_ms = max(now_ms, start_ms - first_ms + refused_ms)
        await _admit_times(limiter, quota, 4)
        refused = await limiter.admit("somebody", quota)
        assert not refused.admitted
        assert 1 <= refused.retry_after_s <= 60
        refused_at_ms = now_ms
        now_ms = refused_at_ms + (refused.retry_after_s - 1) * 1000
        assert not (await limiter.admit("somebody", quota)).admitted
        now_ms = refused_at_ms + refused.retry_after_s * 1000
        assert (await limiter.admit("somebody", quota)).admitted
        await limiter.close()

    asyncio.run(scenario())


def test_refusals_are_not_counted(limiter_at: OpenAt) -> None:
    async def scenario() -> None:
        now_ms = 0
        limiter = limiter_at(lambda: now_ms)
        await _admit_times(limiter, Quota(2), 50)
        now_ms = 60_000
        again = await _admit_times(limiter, Quota(2), 3)
        assert [one.admitted for one in again] == [True, True, False]
        await limiter.close()

    asyncio.run(scenario())


def test_a_withdrawn_admission_makes_room_for_exactly_one(limiter_at: OpenAt) -> None:
    async def scenario() -> None:
        limiter = limiter_at(lambda: 1_000)
        quota = Quota(3)
        first = (await _admit_times(limiter, quota, 3))[0]
        await limiter.withdraw("somebody", quota, first)
        again = await _admit_times(limiter, quota, 2)
        assert [one.admitted for one in again] == [True, False]
        await limiter.withdraw("somebody", quota, again[1])
        assert not (await limiter.admit("somebody", quota)).admitted
        await limiter.close()

    asyncio.run(scenario())


def test_a_clock_set_back_neither_forgets_nor_locks_out(limiter_at: OpenAt) -> None:
    async def scenario() -> None:
        now_ms = 9_000_000
        limiter = limiter_at(lambda: now_ms)
        quota = Quota(4)
        await _admit_times(limiter, quota, 2)
        now_ms += 20_000
        await _admit_times(limiter, quota, 2)
        now_ms = 3_000
        refused = await limiter.admit("somebody", quota)
        assert (refused.admitted, refused.retry_after_s) == (False, 40)
        now_ms += 40_000
        after = await _admit_times(limiter, quota, 3)
        assert [one.admitted for one in after] == [True, True, False]
        await limiter.close()

    asyncio.run(scenario())


def test_a_quota_out_of_bounds_is_refused() -> None:
    for bad in ((-1, 0, 60), (1, -1, 60), (1, 0, 0), (1, 0, 86_401), (1 << 20, 1, 60)):
        with pytest.raises(ValueError):
            Quota(*bad)
