"""Four processes and one window: never more than the limit, and all of it."""

from __future__ import annotations

import asyncio
import random
import subprocess
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Protocol

from tracewell.kernel.limits import Quota
from tracewell.kernel.limits.shared_file import SharedFileLimiter


class Hammers(Protocol):
    """Of conftest: processes that ask for admissions as fast as they can."""

    def start(self, *, seconds: float) -> subprocess.Popen[bytes]: ...

    def go(self) -> None: ...

    def admissions(self) -> list[tuple[int, int, int]]: ...


MakeHammers = Callable[..., Hammers]
WorstWindow = Callable[[Sequence[int], int], int]
LIMIT = 300
SECOND_NS = 1_000_000_000


def test_four_processes_share_the_window_of_one_directory(
    tmp_path: Path, hammers: MakeHammers, worst_window: WorstWindow
) -> None:
    group = hammers(str(tmp_path / "limits"), limit=LIMIT, window_s=1)
    processes = [group.start(seconds=2.3) for _ in range(4)]
    group.go()
    assert [process.wait(30) for process in processes] == [0, 0, 0, 0]
    admissions = group.admissions()
    # The stamps are told by the limiter; that they are true is told by the clock of the asker.
    assert all(before <= stamp <= after for before, stamp, after in admissions)
    stamps = [stamp for _, stamp, _ in admissions]
    assert worst_window(stamps, SECOND_NS) == LIMIT
    assert sum(stamp < stamps[0] + SECOND_NS for stamp in stamps) == LIMIT
    assert len(stamps) >= 2 * LIMIT


def test_four_processes_share_the_window_of_one_redis(
    redis_url: str, hammers: MakeHammers, worst_window: WorstWindow
) -> None:
    group = hammers(redis_url, limit=LIMIT, window_s=1)
    processes = [group.start(seconds=2.3) for _ in range(4)]
    group.go()
    assert [process.wait(30) for process in processes] == [0, 0, 0, 0]
    stamps = [stamp for _, stamp, _ in group.admissions()]
    assert worst_window(stamps, SECOND_NS // 1000) == LIMIT
    assert sum(stamp < stamps[0] + SECOND_NS // 1000 for stamp in stamps) == LIMIT
    assert len(stamps) >= 2 * LIMIT


def test_processes_killed_in_the_middle_leave_no_lock_and_no_extra_room(
    tmp_path: Path, hammers: MakeHammers, worst_window: WorstWindow
) -> None:
    limit, kills = 5_000, 12
    place = tmp_path / "limits"
    group = hammers(str(place), limit=limit, window_s=1)
    alive = [group.start(seconds=60) for _ in range(3)]
    group.go()
    moments = random.Random(11)
    for _ in range(kills):
        time.sleep(moments.uniform(0.05, 0.3))
        victim = alive.pop(0)
        victim.kill()
        assert victim.wait() == -9
        alive.append(group.start(seconds=60))
    deadline = time.monotonic() + 50
    while len(group.admissions()) <= limit:
        assert time.monotonic() < deadline
        time.sleep(0.3)
    for process in alive:
        process.kill()
        process.wait()
    stamps = [stamp for _, stamp, _ in group.admissions()]
    assert worst_window(stamps, SECOND_NS) <= limit

    async def fill_again() -> int:
        now = time.monotonic_ns() + SECOND_NS
        limiter = SharedFileLimiter(place, clock_ns=lambda: now)
        quota = Quota(limit, window_s=1)
        admitted = 0
        while (await limiter.admit("the hot one", quota)).admitted:
            admitted += 1
        await limiter.close()
        return admitted

    assert asyncio.run(fill_again()) == limit
