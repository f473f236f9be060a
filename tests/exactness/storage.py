"""Storage that refuses: a SQLite VFS over the system's, whose next write or sync of a log fails."""

from __future__ import annotations

import itertools
from typing import Any, Literal

import apsw

Refusal = Literal["write", "sync"]
_BASE = str(apsw.vfs_details()[0]["zName"])
_NUMBERS = itertools.count(1)


class FailingStorage(apsw.VFS):
    """While it lives, it is the default of every connection that this process opens."""

    def __init__(self) -> None:
        name = f"failing-{next(_NUMBERS)}"

        super().__init__(name, _BASE, makedefault=True)
        self._armed: set[Refusal] = set()
        self.refusals = 0

    def fail_next(self, what: Refusal) -> None:
        """The next write to (or sync of) a write-ahead log fails: no space, or an I/O error."""
        self._armed.add(what)

    def relent(self) -> None:
        """Nothing fails from here on."""
        self._armed.clear()

    def refuses(self, what: Refusal) -> bool:
        """Whether this one is to fail; it does so once."""
        if what not in self._armed:
            return False
        self._armed.discard(what)
        self.refusals += 1
        return True

    def xOpen(self, name: Any, flags: Any) -> Any:  # noqa: N802 - SQLite's name
        """Opens a file; logs are watched."""
        return _File(self, _BASE, name, flags)


class _File(apsw.VFSFile):
    def __init__(self, storage: FailingStorage, base: str, name: Any, flags: Any) -> None:
        super().__init__(base, name, flags)
        self._storage = storage
        self._is_log = bool(flags[0] & apsw.SQLITE_OPEN_WAL)

    def xWrite(self, data: bytes, offset: int) -> None:  # noqa: N802
        if self._is_log and self._storage.refuses("write"):
            raise apsw.FullError("no space left")
        super().xWrite(data, offset)

    def xSync(self, flags: int) -> None:  # noqa: N802
        if self._is_log and self._storage.refuses("sync"):
            raise apsw.IOError("the disk does not answer")
        super().xSync(flags)
