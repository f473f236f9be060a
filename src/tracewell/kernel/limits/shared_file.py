"""The limiter of one machine: processes that are given the same directory share the windows."""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import os
import resource
import threading
import time
import weakref
from collections import OrderedDict
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

from tracewell.kernel.clock import Clock, system_clock
from tracewell.kernel.limits.log_file import LIVE, LogFile
from tracewell.kernel.limits.model import Decision, LimiterUnavailable, Quota
from tracewell.kernel.limits.window_log import SHAPE, STATE

SECOND_NS = 1_000_000_000
LOCK_WAIT_S = 2.0
"""A lock is held for microseconds; one held for so long belongs to a stopped process."""
LOCK_SPINS = 40
LOCK_PAUSE_S = 0.000_5
REOPENINGS_MAX = 8
SWEEP_EVERY_NS = SECOND_NS
SWEEP_AT_A_TIME = 16
SWEEP_PER_NEW_FILE = 4
"""More than one, so that files are looked at faster than they come into being."""
SUFFIX = ".log"

T = TypeVar("T")

_limiters: weakref.WeakSet[SharedFileLimiter] = weakref.WeakSet()


class SharedFileLimiter:
    """An exact sliding log per principal, each in one file of `directory` (local disk, ours alone).

    `clock_ns` is one clock for all processes that share the directory and never goes back but when
    the machine starts; `wall_clock` only tells `reset_at`. `mappings_max` files are kept open (two
    descriptors each; default: an eighth of the descriptors the process may have). A file whose last
    admission has left its window is removed in passing, so there are about as many as there were
    principals within a window.
    """

    def __init__(
        self,
        directory: Path,
        clock_ns: Callable[[], int] = time.monotonic_ns,
        wall_clock: Clock = system_clock,
        mappings_max: int | None = None,
        lock_wait_s: float = LOCK_WAIT_S,
    ) -> None:
        _ensure_directory(directory)
        self._directory = directory
        self._clock_ns = clock_ns
        self._wall_clock = wall_clock
        self._mappings_max = _mappings_max_default() if mappings_max is None else mappings_max
        self._lock_wait_s = lock_wait_s
        self._files: OrderedDict[str, LogFile] = OrderedDict()
        self._guard = threading.Lock()
        self._sweep: os._ScandirIterator[str] | None = None
        self._sweep_due_ns = clock_ns()
        _limiters.add(self)

    async def admit(self, principal: str, quota: Quota) -> Decision:
        """See `Limiter.admit`. Gives way to the event loop only if another process has the lock."""
        decision = self._try_admit(principal, quota)
        if decision is not None:
            return decision
        return await _until_answered(lambda: self._try_admit(principal, quota), self._lock_wait_s)

    async def withdraw(self, principal: str, quota: Quota, decision: Decision) -> None:
        """See `Limiter.withdraw`."""
        if decision.admitted:
            stamp = decision.admitted_at
            await _until_answered(lambda: self._try_withdraw(principal, stamp), self._lock_wait_s)

    async def close(self) -> None:
        """Unmaps every log. The limiter can be used again: it opens what it needs."""
        with self._guard:
            self._close_files()

    def _try_admit(self, principal: str, quota: Quota) -> Decision | None:
        """None if another process holds the lock now."""
        limit = quota.limit
        capacity = limit + quota.burst
        with self._guard:
            file = self._find_locked(principal)
            if file is None:
                return None
            try:
                if file.log.ring_capacity < capacity:
                    _grow(file, capacity)
                # Read under the lock, so that the log is in the order of time.
                clock_ns = self._clock_ns()
                admitted, counted, oldest_left_ns, wait_ns, stamp = file.log.admit(
                    clock_ns, capacity, quota.window_s * SECOND_NS
                )
            finally:
                file.unlock()
            if clock_ns >= self._sweep_due_ns:
                self._tidy(clock_ns)
        return Decision(
            admitted,
            limit,
            capacity - counted if counted < capacity else 0,
            -(-(self._wall_clock() * 1_000_000 + oldest_left_ns) // SECOND_NS),
            -(-wait_ns // SECOND_NS),
            stamp,
        )

    def _try_withdraw(self, principal: str, stamp: int) -> bool | None:
        with self._guard:
            file = self._find_locked(principal)
            if file is None:
                return None
            try:
                return file.log.withdraw(stamp)
            finally:
                file.unlock()

    def _find_locked(self, principal: str) -> LogFile | None:
        """The principal's log, locked and as it is now; None if another has its lock."""
        for _ in range(REOPENINGS_MAX):
            file = self._files.get(principal)
            if file is None:
                file = self._open(principal)
                if file is None:
                    return None
            else:
                self._files.move_to_end(principal)
                if not file.try_lock():
                    return None
            words = file.words
            if words[STATE] == LIVE and words[SHAPE] == file.log.shape:
                return file
            try:
                if file.ensure_usable():
                    return file
            except (OSError, ValueError) as error:  # ValueError: truncated by a stranger
                self._forget(principal)
                raise LimiterUnavailable("a log cannot be mapped") from error
            self._forget(principal)
        raise LimiterUnavailable("a log is removed each time it is opened")

    def _open(self, principal: str) -> LogFile | None:
        while len(self._files) >= self._mappings_max:
            self._files.popitem(last=False)[1].close()
        path = self._directory / file_name_of(principal)
        try:
            try:
                file = LogFile.open(path)
            except FileNotFoundError:  # somebody has cleaned up
                _ensure_directory(self._directory)
                file = LogFile.open(path)
        except OSError as error:
            raise LimiterUnavailable("a log cannot be opened") from error
        if file is not None:
            self._files[principal] = file
            if file.is_new:
                self._sweep_some(SWEEP_PER_NEW_FILE)
        return file

    def _tidy(self, clock_ns: int) -> None:
        self._sweep_due_ns = clock_ns + SWEEP_EVERY_NS
        for principal in [name for name, file in self._files.items() if file.is_removed()]:
            self._forget(principal)
        self._sweep_some(SWEEP_AT_A_TIME)

    def _sweep_some(self, count: int) -> None:
        """Looks at the next `count` files of the directory and removes those that are stale."""
        # Tidying is nobody's request: what cannot be tidied now is left for a later round.
        with contextlib.suppress(OSError):
            for _ in range(count):
                if self._sweep is None:
                    self._sweep = os.scandir(self._directory)
                entry = next(self._sweep, None)
                if entry is None:
                    self._end_sweep()
                    return
                if entry.name.endswith(SUFFIX):
                    _retire_if_stale(Path(entry.path), self._clock_ns)

    def _forget(self, principal: str) -> None:
        self._files.pop(principal).close()

    def _close_files(self) -> None:
        while self._files:
            self._files.popitem()[1].close()
        self._end_sweep()

    def _end_sweep(self) -> None:
        if self._sweep is not None:
            self._sweep.close()
            self._sweep = None

    def _after_fork(self) -> None:
        """A child has its parent's open files, and with them its parent's locks: it opens anew."""
        self._guard = threading.Lock()
        self._close_files()


def file_name_of(principal: str) -> str:
    """A name that tells nothing of the principal."""
    digest = hashlib.blake2b(principal.encode(), digest_size=16, person=b"tracewell.limits")
    return digest.hexdigest() + SUFFIX


async def _until_answered(attempt: Callable[[], T | None], wait_s: float) -> T:
    """Repeats what another process's lock forbids: at first at once, then in the loop's pauses."""
    for _ in range(LOCK_SPINS):
        if (answer := attempt()) is not None:
            return answer
    loop = asyncio.get_running_loop()
    deadline = loop.time() + wait_s
    while loop.time() < deadline:
        await asyncio.sleep(LOCK_PAUSE_S)
        if (answer := attempt()) is not None:
            return answer
    raise LimiterUnavailable(f"a log has been locked for {wait_s} s")


def _ensure_directory(directory: Path) -> None:
    directory.mkdir(mode=0o700, parents=True, exist_ok=True)


def _grow(file: LogFile, capacity: int) -> None:
    try:
        file.ensure_room(capacity)
    except OSError as error:
        raise LimiterUnavailable("no room for a log") from error


def _retire_if_stale(path: Path, clock_ns: Callable[[], int]) -> None:
    file = LogFile.open(path, create=False)
    if file is not None:
        try:
            file.retire(clock_ns)
        finally:
            file.close()


def _mappings_max_default() -> int:
    descriptors, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    if descriptors == resource.RLIM_INFINITY:
        return 1024
    return max(16, min(1024, descriptors // 8))


def _forget_after_fork() -> None:
    for limiter in list(_limiters):
        limiter._after_fork()


os.register_at_fork(after_in_child=_forget_after_fork)
