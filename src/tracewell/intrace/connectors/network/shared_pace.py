"""Pace and breaker of a host, shared by all processes of one data folder: a small file for each.

The rules are those of `pace`; here they are read, applied and written back under a lock.
"""

from __future__ import annotations

import asyncio
import contextlib
import fcntl
import hashlib
import os
import struct
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Final, TypeVar

from tracewell.intrace.connectors.failures import SourceFailedError
from tracewell.intrace.connectors.model import Rate
from tracewell.intrace.connectors.network.pace import REST_S, Breaker, Rest, Turn

SUFFIX: Final = ".pace"
IDLE_S_MAX: Final = 7 * 86_400
"""A file that nobody has touched for so long is removed at the next start."""
_LOCK_WAIT_S: Final = 2.0
_LOCK_SPINS: Final = 40
_LOCK_PAUSE_S: Final = 0.000_5
# The boot that the times are of, held_until; failures, open_until, trying_until, rest_s; how many
# starts there were. Behind it a ring of the last starts, as many as the pace has requests.
_HEADER: Final = struct.Struct("<16sdqdddq")
_START: Final = struct.Struct("<d")
_BOOT_ID: Final = Path("/proc/sys/kernel/random/boot_id")

T = TypeVar("T")


class SharedPace:
    """The hosts of one directory (local disk, ours alone), as all its processes know them."""

    def __init__(self, directory: Path) -> None:
        self._directory = directory
        self._boot = _find_boot()
        self._is_swept = False

    def host(self, connector_id: str, origin: str, rate: Rate) -> SharedHost:
        """A host of a connector. Another rate is another file: its ring has another size."""
        if not self._is_swept:
            self._is_swept = True
            _sweep(self._directory)
        told = f"{connector_id}\n{origin}\n{rate.requests}\n{rate.per_s}"
        name = hashlib.blake2b(told.encode(), digest_size=16, person=b"tracewell.pace").hexdigest()
        return SharedHost(self._directory / (name + SUFFIX), rate, self._boot)


class SharedHost:
    """`pace.Host` in a file. A process that is killed leaves the file as it was, or as it meant."""

    def __init__(self, path: Path, rate: Rate, boot: bytes) -> None:
        self._path = path
        self._rate = rate
        self._boot = boot

    async def reserve(self, now: float, deadline: float) -> Turn:
        """As `pace.Host`; the file's lock is waited for as long as the question may wait."""

        def work(state: _State) -> Turn:
            start = state.next_start(now)
            if start >= deadline:
                return Turn(None, start - now)
            state.add_start(start)
            return Turn(start, start - now)

        return await self._change(work, deadline - now)

    async def hold(self, until: float) -> None:
        """As `pace.Host`."""

        def work(state: _State) -> None:
            state.held_until = max(state.held_until, until)

        await self._change(work)

    async def find_rest(self, now: float) -> Rest | None:
        """As `pace.Host`."""

        def work(state: _State) -> Rest | None:
            rest_s = state.breaker.find_rest(now)
            return None if rest_s is None else Rest(rest_s, state.breaker.failures)

        return await self._change(work)

    async def note(self, now: float, *, has_answered: bool) -> None:
        """As `pace.Host`. An answer is not given up because it could not be noted."""
        with contextlib.suppress(SourceFailedError):
            await self._change(lambda state: state.breaker.note(now, has_answered=has_answered))

    def release(self) -> None:
        """As `pace.Host`; where it does not succeed the try ends by its time."""
        with contextlib.suppress(OSError):
            self._try(lambda state: state.breaker.release())

    async def _change(self, work: Callable[[_State], T], wait_s: float = _LOCK_WAIT_S) -> T:
        """Repeats what another process's lock forbids: at first at once, then in pauses."""
        loop = asyncio.get_running_loop()
        until = loop.time() + wait_s
        tries = 0
        try:
            while True:
                done = self._try(work)
                if done is not None:
                    return done[0]
                tries += 1
                if tries > _LOCK_SPINS:
                    if loop.time() >= until:
                        raise SourceFailedError("not asked: its pace is locked")
                    await asyncio.sleep(_LOCK_PAUSE_S)
        except OSError as error:
            reason = f"not asked: its pace cannot be kept ({type(error).__name__})"
            raise SourceFailedError(reason) from None

    def _try(self, work: Callable[[_State], T]) -> tuple[T] | None:
        """What `work` made of the state; None if another process holds the lock now."""
        with _opened(self._path) as fd:
            try:
                fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                return None
            if os.fstat(fd).st_nlink == 0:
                return None  # swept away since it was opened
            state = _State(fd, self._rate, self._boot)
            answer = work(state)
            state.write()
            return (answer,)


class _State:
    """What a locked file says, changed and written back."""

    def __init__(self, fd: int, rate: Rate, boot: bytes) -> None:
        self._fd, self._rate, self._boot = fd, rate, boot
        self.held_until, self.breaker, self._count = 0.0, Breaker(), 0
        head = os.pread(fd, _HEADER.size, 0)
        if len(head) == _HEADER.size:
            written_in, held, failures, opened, trying, rest_s, count = _HEADER.unpack(head)
            # The monotonic clock begins anew with each boot: times of another say nothing.
            if written_in == boot:
                self.held_until, self._count = held, count
                self.breaker = Breaker(failures, opened, trying, rest_s or REST_S)

    def next_start(self, now: float) -> float:
        """When a request that came now might start."""
        start = max(now, self.held_until)
        if self._count >= self._rate.requests:
            oldest = os.pread(self._fd, _START.size, self._slot())
            if len(oldest) == _START.size:
                start = max(start, _START.unpack(oldest)[0] + self._rate.per_s)
        return start

    def add_start(self, start: float) -> None:
        """Puts a start in the place of the oldest that counts."""
        os.pwrite(self._fd, _START.pack(start), self._slot())
        self._count += 1

    def write(self) -> None:
        """All but the starts, in one call."""
        breaker = self.breaker
        head = _HEADER.pack(
            self._boot, self.held_until, breaker.failures, breaker.open_until,
            breaker.trying_until, breaker.rest_s, self._count,
        )  # fmt: skip
        os.pwrite(self._fd, head, 0)

    def _slot(self) -> int:
        return _HEADER.size + self._count % self._rate.requests * _START.size


@contextlib.contextmanager
def _opened(path: Path) -> Iterator[int]:
    flags = os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC
    try:
        fd = os.open(path, flags, 0o600)
    except FileNotFoundError:
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        fd = os.open(path, flags, 0o600)
    try:
        yield fd
    finally:
        os.close(fd)  # and with it the lock


def _find_boot() -> bytes:
    """What tells this start of the machine from others; nothing where the system does not say."""
    try:
        told = _BOOT_ID.read_bytes()
    except OSError:
        told = b""
    return hashlib.blake2b(told, digest_size=16).digest()


def _sweep(directory: Path) -> None:
    """Removes what nobody has touched for long, under its lock."""
    with contextlib.suppress(OSError):
        for path in directory.glob(f"*{SUFFIX}"):
            with _opened(path) as fd:
                fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
                if time.time() - os.fstat(fd).st_mtime > IDLE_S_MAX:
                    path.unlink()
