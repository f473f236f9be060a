"""One principal's log in a small memory-mapped file that the processes of one machine share.

Opening, locking, growing and retiring it. What its words mean is in `window_log`.
"""

from __future__ import annotations

import fcntl
import mmap
import os
from collections.abc import Callable
from pathlib import Path

from tracewell.kernel.limits.window_log import RING_AT, STATE, WindowLog, ring_capacity_for

WORD_BYTES = 8
LIVE = 0x7472_6C6F_6731
"""STATE of a log in use. The number changes with the layout."""
RETIRED = 0x7472_6C6F_6730
"""STATE of a log whose file is about to be, or has been, removed."""
DAMAGED = 0
"""STATE of a log that cannot be read (a new file, a broken disk): it is begun anew."""


class LogFile:
    """An open, mapped log. All methods but `try_lock` and `close` want the lock held.

    The lock is flock(2): it belongs to the open file, so closing another descriptor of the same
    file does not drop it (POSIX record locks do that), it also excludes two limiters of one
    process, and the kernel frees it when its holder dies. macOS has it; open-file-description
    record locks (`F_OFD_SETLK`), the other cure, it has not in Python.
    """

    __slots__ = ("_fd", "_map", "_path", "is_new", "log", "words")

    log: WindowLog
    words: memoryview[int]
    _map: mmap.mmap | None

    def __init__(self, path: Path, fd: int, *, is_new: bool) -> None:
        self._path = path
        self._fd = fd
        self.is_new = is_new
        self._map = None
        self._map_whole()

    @classmethod
    def open(cls, path: Path, *, create: bool = True) -> LogFile | None:
        """The file, locked; None if another process holds its lock now. Raises OSError."""
        flags = os.O_RDWR | os.O_NOFOLLOW | os.O_CLOEXEC | (os.O_CREAT if create else 0)
        fd = os.open(path, flags, 0o600)
        try:
            if not _try_flock(fd):
                os.close(fd)
                return None
            # Bytes are written, not only promised by ftruncate: a store into a page for which a
            # full disk has no room would kill the process.
            first_bytes = (RING_AT + ring_capacity_for(0)) * WORD_BYTES
            is_new = os.fstat(fd).st_size < first_bytes
            if is_new:
                _write_zeros(fd, 0, first_bytes)
            return cls(path, fd, is_new=is_new)
        except BaseException:
            os.close(fd)
            raise

    def try_lock(self) -> bool:
        """Takes the lock unless another has it; never waits."""
        return _try_flock(self._fd)

    def unlock(self) -> None:
        """Lets others in."""
        fcntl.flock(self._fd, fcntl.LOCK_UN)

    def ensure_usable(self) -> bool:
        """Makes the words and `log` those of the file as it is now.

        False if the file is no longer the one at its path: another process has retired it, and
        whoever counts in it counts for nobody.
        """
        self._map_whole()
        state = self.words[STATE]
        if state != LIVE:
            if not self._is_at_path():
                return False
            if state != RETIRED or not self.log.fits(len(self.words)):
                WindowLog.lay_out(self.words, ring_capacity_for(0))
                self.log = WindowLog(self.words)
            self.words[STATE] = LIVE  # also revives one whose remover was killed half-way
        return True

    def ensure_room(self, capacity: int) -> None:
        """Makes the ring large enough for `capacity` admissions, keeping all it counts."""
        if self.log.ring_capacity >= capacity:
            return
        ring_capacity = ring_capacity_for(capacity)
        ring_at = -(-os.fstat(self._fd).st_size // WORD_BYTES)
        _write_zeros(self._fd, ring_at * WORD_BYTES, ring_capacity * WORD_BYTES)
        self._map_whole()
        self.log.move(ring_at, ring_capacity)

    def retire(self, clock_ns: Callable[[], int]) -> bool:
        """Removes the file if nothing in it counts any more.

        Marked first and removed under its lock, so that one who has it mapped sees the mark under
        the same lock and opens the path again. The clock is read under the lock too: an older
        reading, behind another process's admission, would pass for a restart of the clock.
        """
        state = self.words[STATE]
        if not self._is_at_path() or (state == LIVE and not self.log.is_stale(clock_ns())):
            return False
        self.words[STATE] = RETIRED
        os.unlink(self._path)
        return True

    def is_removed(self) -> bool:
        """Whether no path leads to the file any more, whoever removed it. Wants no lock."""
        return os.fstat(self._fd).st_nlink == 0

    def close(self) -> None:
        """Unmaps and closes; a lock that is held goes with it."""
        self._unmap()
        os.close(self._fd)

    def _is_at_path(self) -> bool:
        try:
            there = os.stat(self._path, follow_symlinks=False)
        except FileNotFoundError:
            return False
        return os.path.samestat(there, os.fstat(self._fd))

    def _map_whole(self) -> None:
        self._unmap()
        length = os.fstat(self._fd).st_size // WORD_BYTES * WORD_BYTES
        self._map = mmap.mmap(self._fd, length)
        self.words = memoryview(self._map).cast("q")
        self.log = WindowLog(self.words)
        if self.words[STATE] == LIVE and not self.log.fits(len(self.words)):
            self.words[STATE] = DAMAGED

    def _unmap(self) -> None:
        if self._map is not None:
            self.words.release()
            self._map.close()
            self._map = None


def _try_flock(fd: int) -> bool:
    try:
        fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def _write_zeros(fd: int, offset: int, length: int) -> None:
    """Raises OSError: no room. A short write is made good by the next opening."""
    written = os.pwrite(fd, bytes(length), offset)
    if written != length:
        raise OSError(f"{written} of {length} bytes were written")
