"""WARC files on the disk: appended to, rotated, synced, and only as far as the disk's budget goes.

What stands in a record is in `serialising`, reading in `archive`. One writer serves one process;
several processes may share a directory.
"""

from __future__ import annotations

import os
import threading
import uuid
from collections import OrderedDict
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from io import FileIO
from pathlib import Path
from types import MappingProxyType, TracebackType
from typing import Self

from tracewell.web.disk import DiskBudget
from tracewell.web.exchange import Exchange
from tracewell.web.records import DnsLookup
from tracewell.web.serialising import RecordMaker, Rendering

FILE_BYTES_MAX = 1 << 30
_RECORD_IDS_MAX = 10_000
_NOTHING: Mapping[str, str] = MappingProxyType({})


class ArchiveWriter:
    """Writes records; every `write` is on its way to the disk when it returns.

    Files are named `<prefix>-<time>-<process>-<token>-<serial>.warc.gz`, so that writers of several
    processes never meet; a new file is begun above `file_bytes_max` (compressed). Safe to call from
    several threads. A write that fails (a full disk) raises OSError and leaves the file whole;
    beyond the `budget` it raises `ArchiveFullError`, which is one.
    """

    def __init__(
        self,
        directory: str | os.PathLike[str],
        clock: Callable[[], int],
        *,
        operator: str = "",
        prefix: str = "tracewell",
        file_bytes_max: int = FILE_BYTES_MAX,
        budget: DiskBudget | None = None,
        new_id: Callable[[], uuid.UUID] = uuid.uuid4,
    ) -> None:
        self.directory = Path(directory)
        self._clock = clock
        self._operator = operator
        self._prefix = prefix
        self._file_bytes_max = file_bytes_max
        self._budget = budget
        self._maker = RecordMaker(new_id)
        self._token = new_id().hex[:12]
        self._serial = 0
        self._file: FileIO | None = None
        self._name = ""
        self._size = 0
        self._lock = threading.Lock()
        self._record_ids: OrderedDict[str, str] = OrderedDict()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def write(self, exchange: Exchange, about: Mapping[str, str] = _NOTHING) -> str:
        """Keep one exchange, and what there is to tell `about` it; returns the response's id.

        Raises OSError.
        """
        data, record_id = self._maker.make_exchange(exchange, about)
        capture_id = self._keep(data)
        self._record_ids[capture_id] = record_id
        while len(self._record_ids) > _RECORD_IDS_MAX:
            self._record_ids.popitem(last=False)
        return capture_id

    def write_lookup(self, lookup: DnsLookup) -> str:
        """Keep one DNS lookup; returns its capture id. Raises OSError."""
        return self._keep(self._maker.make_lookup(lookup))

    def write_rendering(self, rendering: Rendering) -> str:
        """Keep what a browser made of a page; returns its capture id. Raises OSError."""
        page = self._record_ids.get(rendering.page_capture_id)
        return self._keep(self._maker.make_rendering(rendering, page))

    def sync(self) -> None:
        """Bring to the disk what was written so far. Raises OSError."""
        with self._lock:
            if self._file is not None:
                os.fsync(self._file.fileno())
                _sync_directory(self.directory)

    def close(self) -> None:
        """Bring everything to the disk and close; a later `write` begins a new file."""
        with self._lock:
            self._close_file()

    def _keep(self, data: bytes) -> str:
        with self._lock:
            if self._budget is not None:
                self._budget.take(len(data))
            if self._file is None or self._size >= self._file_bytes_max:
                self._close_file()
                self._open_file()
            offset = self._size
            self._append(data)
            return f"{self._name}:{offset}"

    def _open_file(self) -> None:
        self.directory.mkdir(parents=True, exist_ok=True)
        now = self._clock()
        stamp = datetime.fromtimestamp(now / 1000, UTC).strftime("%Y%m%d%H%M%S")
        self._serial += 1
        process = os.getpid()
        self._name = f"{self._prefix}-{stamp}-{process}-{self._token}-{self._serial:05d}.warc.gz"
        # Unbuffered and never over an existing file: what is written can be read at once.
        self._file = FileIO(self.directory / self._name, "xb")
        self._size = 0
        self._append(self._maker.make_info(self._name, self._operator, now))

    def _close_file(self) -> None:
        if self._file is None:
            return
        file, self._file = self._file, None
        try:
            os.fsync(file.fileno())
        finally:
            file.close()
        _sync_directory(self.directory)

    def _append(self, data: bytes) -> None:
        assert self._file is not None
        rest = memoryview(data)
        try:
            while rest:
                rest = rest[self._file.write(rest) :]
        except OSError:
            self._file.truncate(self._size)
            self._file.seek(self._size)
            raise
        self._size += len(data)


def _sync_directory(path: Path) -> None:
    directory = os.open(path, os.O_RDONLY)
    try:
        os.fsync(directory)
    finally:
        os.close(directory)
