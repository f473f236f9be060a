"""How much disk the archive may take, and how long its files are kept.

What is in the files is for `archive` and `archive_writer`.
"""

from __future__ import annotations

import errno
import os
import shutil
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

ENDINGS = (".warc", ".warc.gz")
# The folder is counted again after so many bytes: other processes write into it too.
_RECOUNT_BYTES = 16 << 20


class ArchiveFullError(OSError):
    """The archive has used up its disk; nothing was written."""


@dataclass(frozen=True, slots=True)
class OldFile:
    """An archive file beyond its retention. `modified_at` is milliseconds since the epoch."""

    path: Path
    size: int
    modified_at: int


class DiskBudget:
    """Lets writes pass while the folder stays within `bytes_max` and `free_bytes_min` stay free.

    The disk is shared with the database: crawling has to end before serving does.
    """

    def __init__(self, folder: Path, *, bytes_max: int | None, free_bytes_min: int) -> None:
        self._folder = folder
        self._bytes_max = bytes_max
        self._free_bytes_min = free_bytes_min
        # At once, so that the first write counts.
        self._unseen = _RECOUNT_BYTES
        self._used = 0
        self._free = 0

    def take(self, size: int) -> None:
        """Claim room for `size` bytes. Raises `ArchiveFullError` when there is none."""
        self._unseen += size
        self._used += size
        self._free -= size
        if self._unseen >= _RECOUNT_BYTES or self._is_short():
            self._recount(size)
        if not self._is_short():
            return
        self._used -= size
        self._free += size
        if self._free < self._free_bytes_min + size:
            told = f"the disk of the archive has less than {self._free_bytes_min} bytes free"
        else:
            told = f"the archive holds its {self._bytes_max} bytes"
        raise ArchiveFullError(errno.ENOSPC, told)

    def _is_short(self) -> bool:
        too_much = self._bytes_max is not None and self._used > self._bytes_max
        return too_much or self._free < self._free_bytes_min

    def _recount(self, size: int) -> None:
        self._unseen = 0
        self._used = size
        for path in iter_files(self._folder):
            # Another process may prune meanwhile.
            with suppress(FileNotFoundError):
                self._used += path.stat().st_size
        self._free = shutil.disk_usage(_existing(self._folder)).free - size


def iter_files(folder: Path) -> Iterator[Path]:
    """The archive files of a folder, in the order of their names."""
    if folder.is_dir():
        yield from sorted(path for path in folder.iterdir() if path.name.endswith(ENDINGS))


def list_old(folder: Path, now_ms: int, retention_days: int) -> list[OldFile]:
    """The files of which every record is older than `retention_days`."""
    found = []
    for path in iter_files(folder):
        told = path.stat()
        modified_at = told.st_mtime_ns // 1_000_000
        if now_ms - modified_at > retention_days * 86_400_000:
            found.append(OldFile(path, told.st_size, modified_at))
    return found


def prune(folder: Path, now_ms: int, retention_days: int) -> list[OldFile]:
    """Delete what `list_old` finds; returns what was deleted. Raises OSError."""
    old = list_old(folder, now_ms, retention_days)
    for file in old:
        file.path.unlink(missing_ok=True)
    if old:
        directory = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(directory)
        finally:
            os.close(directory)
    return old


def describe(file: OldFile) -> str:
    """Name and day, for people."""
    day = datetime.fromtimestamp(file.modified_at / 1000, UTC).date()
    return f"{file.path.name} ({file.size} bytes, {day})"


def _existing(folder: Path) -> Path:
    return next(path for path in (folder, *folder.absolute().parents) if path.exists())
