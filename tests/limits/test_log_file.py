"""Deaths between any two stores, files that come and go, locks that are held too long."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

import pytest

from tracewell.kernel.limits import LimiterUnavailable, Quota
from tracewell.kernel.limits.log_file import LogFile
from tracewell.kernel.limits.shared_file import SharedFileLimiter, file_name_of
from tracewell.kernel.limits.window_log import RING_AT, WindowLog

WINDOW_NS = 1_000
SECOND_NS = 1_000_000_000


class Killed(Exception):  # noqa: N818 - a death, not an error
    """What a kill -9 is to the words: the next store does not happen."""


class MortalWords:
    """Words that outlive a process which is killed before its store number `stores_left`."""

    def __init__(self, kept: list[int], stores_left: int) -> None:
        self.kept = kept
        self.stores_left = stores_left

    def __getitem__(self, index: int, /) -> int:
        return self.kept[index]

    def __setitem__(self, index: int, value: int, /) -> None:
        if self.stores_left == 0:
            raise Killed
        self.stores_left -= 1
        self.kept[index] = value


def _new_words() -> list[int]:
    words = [0] * 128
    WindowLog.lay_out(words, 16)
    return words


def _fill(words: list[int], moments: Sequence[int]) -> None:
    log = WindowLog(words)
    assert all(log.admit(moment, 16, WINDOW_NS).admitted for moment in moments)


def _admitted_by(words: list[int], moments: Sequence[int]) -> list[int]:
    log = WindowLog(words)
    return [moment for moment in moments if log.admit(moment, 16, WINDOW_NS).admitted]


def _most_in_a_window(stamps: Sequence[int]) -> int:
    return max(sum(first <= s < first + WINDOW_NS for s in stamps) for first in stamps)


@pytest.mark.parametrize("stores", range(5))
def test_killed_before_any_store_of_an_admission_the_log_counts_what_was_answered(
    stores: int,
) -> None:
    words = _new_words()
    moments = list(range(10, 26))
    _fill(words, moments)  # full: the admission below overwrites the slot of the oldest
    at = moments[3] + WINDOW_NS
    answered = list(moments)
    try:
        assert WindowLog(MortalWords(words, stores)).admit(at, 16, WINDOW_NS).admitted
        answered.append(at)
    except Killed:
        assert stores < 3
    else:
        assert stores >= 3
    # Four have left the window; what was not answered has not taken a place.
    later = [at] * 6
    admitted = _admitted_by(words, later)
    assert len(answered[4:]) + len(admitted) == 16
    assert _most_in_a_window(answered + admitted) == 16
    assert _admitted_by(words, [at + WINDOW_NS] * 20) == [at + WINDOW_NS] * 16


@pytest.mark.parametrize("stores", range(18))
@pytest.mark.parametrize("which", [0, 7, 14, 15])
def test_killed_before_any_store_of_a_withdrawal_the_log_never_counts_too_few(
    which: int, stores: int
) -> None:
    words = _new_words()
    moments = list(range(0, 160, 10))
    _fill(words, moments)
    remaining = [moment for moment in moments if moment != moments[which]]
    try:
        WindowLog(MortalWords(words, stores)).withdraw(moments[which])
        room = 1
    except Killed:
        room = 0
    assert len(_admitted_by(words, [200] * 3)) == room
    later = _admitted_by(words, range(WINDOW_NS - 50, 2 * WINDOW_NS, 5))
    assert _most_in_a_window(remaining + [200] * room + later) <= 16
    assert len(_admitted_by(words, [9 * WINDOW_NS] * 20)) == 16


@pytest.mark.parametrize("stores", range(20))
def test_killed_before_any_store_of_a_move_the_log_is_in_one_ring_or_the_other(stores: int) -> None:
    words = _new_words()
    moments = list(range(100, 116))
    _fill(words, moments)
    try:
        WindowLog(MortalWords(words, stores)).move(RING_AT + 16, 32)
        capacity = 32
    except Killed:
        capacity = 16
    log = WindowLog(words)
    assert log.ring_capacity == capacity
    assert log.admit(120, 16, WINDOW_NS).wait_ns == 100 + WINDOW_NS - 120
    assert sum(log.admit(120, capacity, WINDOW_NS).admitted for _ in range(40)) == capacity - 16


def _files(directory: Path) -> set[str]:
    return {entry.name for entry in directory.iterdir()}


def test_files_say_nothing_of_the_principal_and_are_for_the_owner_alone(tmp_path: Path) -> None:
    async def scenario() -> None:
        limiter = SharedFileLimiter(tmp_path / "limits")
        await limiter.admit("../../alice@example.com", Quota(5))
        await limiter.close()

    asyncio.run(scenario())
    (file,) = (tmp_path / "limits").iterdir()
    assert b"alice" not in file.read_bytes()
    assert "alice" not in file.name
    assert file.stat().st_mode & 0o777 == 0o600
    assert file.parent.stat().st_mode & 0o777 == 0o700


def test_stale_files_are_removed_and_live_ones_kept(tmp_path: Path) -> None:
    async def scenario() -> None:
        now_ns = 0
        limiter = SharedFileLimiter(tmp_path, lambda: now_ns, mappings_max=3)
        for number in range(100):
            await limiter.admit(f"early {number}", Quota(5))
        now_ns = 30 * SECOND_NS
        kept = await limiter.admit("kept", Quota(5))
        assert len(_files(tmp_path)) == 101
        now_ns = 61 * SECOND_NS
        for _ in range(20):
            now_ns += SECOND_NS
            await limiter.admit("busy", Quota(600))
        assert _files(tmp_path) == {file_name_of("kept"), file_name_of("busy")}
        assert (await limiter.admit("kept", Quota(5))).remaining == kept.remaining - 1
        await limiter.close()

    asyncio.run(scenario())


def test_a_file_retired_by_another_process_is_opened_anew(tmp_path: Path) -> None:
    async def scenario() -> None:
        now_ns = 0
        mine, other = (SharedFileLimiter(tmp_path, lambda: now_ns) for _ in range(2))
        quota = Quota(3)
        await mine.admit("somebody", quota)
        now_ns = 60 * SECOND_NS
        file = LogFile.open(tmp_path / file_name_of("somebody"), create=False)
        assert file is not None
        assert file.retire(lambda: now_ns)
        file.close()
        assert _files(tmp_path) == set()
        said = [await door.admit("somebody", quota) for door in (mine, other, mine, other)]
        assert [one.admitted for one in said] == [True, True, True, False]
        await mine.close()
        await other.close()

    asyncio.run(scenario())


def test_a_log_in_use_is_not_retired(tmp_path: Path) -> None:
    async def scenario() -> None:
        limiter = SharedFileLimiter(tmp_path, lambda: 0)
        await limiter.admit("somebody", Quota(3))
        file = LogFile.open(tmp_path / file_name_of("somebody"))
        assert file is not None
        assert not file.retire(lambda: 60 * SECOND_NS - 1)
        file.close()
        await limiter.close()

    asyncio.run(scenario())


def test_a_removed_directory_is_made_again_and_shared_again(tmp_path: Path) -> None:
    async def scenario() -> None:
        now_ns = 0
        doors = [SharedFileLimiter(tmp_path / "limits", lambda: now_ns) for _ in range(2)]
        for door in doors:
            await door.admit("somebody", Quota(9))
        for file in (tmp_path / "limits").iterdir():
            file.unlink()
        (tmp_path / "limits").rmdir()
        now_ns = 2 * SECOND_NS
        for door in doors:  # each finds out in passing
            await door.admit("somebody", Quota(9))
        said = [(await door.admit("somebody", Quota(9))).remaining for door in doors]
        assert said == [8, 7]
        for door in doors:
            await door.close()

    asyncio.run(scenario())


def test_a_damaged_file_is_begun_anew(tmp_path: Path) -> None:
    path = tmp_path / file_name_of("somebody")

    async def first_remaining() -> int:
        limiter = SharedFileLimiter(tmp_path)
        decision = await limiter.admit("somebody", Quota(5))
        await limiter.close()
        return decision.remaining

    assert asyncio.run(first_remaining()) == 4
    whole = path.read_bytes()
    for damaged in (b"", b"x", b"\xff" * len(whole), whole[:8] + b"\x7f" * 24 + whole[32:]):
        path.write_bytes(damaged)
        assert asyncio.run(first_remaining()) == 4


def test_no_more_files_are_open_than_allowed(tmp_path: Path) -> None:
    async def scenario() -> None:
        limiter = SharedFileLimiter(tmp_path, mappings_max=4)
        before = len(os.listdir("/dev/fd"))
        for _ in range(2):
            said = [await limiter.admit(f"somebody {n}", Quota(5)) for n in range(50)]
        assert {one.remaining for one in said} == {3}
        assert len(os.listdir("/dev/fd")) - before <= 2 * 4 + 1  # and a listing under way
        await limiter.close()
        assert len(os.listdir("/dev/fd")) == before

    asyncio.run(scenario())


HOLD = """
import sys, time
from pathlib import Path
from tracewell.kernel.limits.log_file import LogFile
held = LogFile.open(Path(sys.argv[1]))
print("held", flush=True)
time.sleep(600)
"""


def test_a_stopped_holder_makes_the_limiter_unavailable_until_it_is_killed(tmp_path: Path) -> None:
    path = tmp_path / file_name_of("somebody")
    holder = subprocess.Popen([sys.executable, "-c", HOLD, path], stdout=subprocess.PIPE)
    try:
        assert holder.stdout is not None
        assert holder.stdout.readline() == b"held\n"
        holder.send_signal(signal.SIGSTOP)

        async def scenario() -> None:
            limiter = SharedFileLimiter(tmp_path, lock_wait_s=0.05)
            with pytest.raises(LimiterUnavailable):
                await limiter.admit("somebody", Quota(5))
            assert (await limiter.admit("somebody else", Quota(5))).admitted
            holder.kill()
            holder.wait()
            assert (await limiter.admit("somebody", Quota(5))).remaining == 4
            await limiter.close()

        asyncio.run(scenario())
    finally:
        holder.kill()
        holder.wait()
        if holder.stdout is not None:
            holder.stdout.close()


def test_a_forked_child_counts_in_the_same_window_under_its_own_lock(tmp_path: Path) -> None:
    limiter = SharedFileLimiter(tmp_path, lambda: 0, lock_wait_s=0.05)
    quota = Quota(5)
    assert asyncio.run(limiter.admit("somebody", quota)).remaining == 4
    held = limiter._find_locked("somebody")  # through the very descriptor that the child inherits
    assert held is not None
    child = os.fork()
    if child == 0:  # the parent holds the lock: the child must not get in
        status = 1
        try:
            asyncio.run(limiter.admit("somebody", quota))
        except LimiterUnavailable:
            status = 0
        finally:
            os._exit(status)
    assert os.waitpid(child, 0)[1] == 0
    held.unlock()
    assert asyncio.run(limiter.admit("somebody", quota)).remaining == 3
    asyncio.run(limiter.close())


def test_a_place_that_cannot_be_written_makes_the_limiter_unavailable(tmp_path: Path) -> None:
    async def scenario() -> None:
        limiter = SharedFileLimiter(tmp_path)
        (tmp_path / file_name_of("somebody")).mkdir()
        with pytest.raises(LimiterUnavailable):
            await limiter.admit("somebody", Quota(5))
        await limiter.close()

    asyncio.run(scenario())
