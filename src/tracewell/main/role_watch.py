"""Keeps the rules of access in step with the role file, without a restart.

A version that cannot be used changes nothing: the rules before it stay in force, and logs, metrics
and `/readyz` say so until it is mended.
"""

from __future__ import annotations

import asyncio
import logging
from dataclasses import dataclass
from pathlib import Path

from prometheus_client import Counter, Gauge

from tracewell.intrace.access import DEFAULT_ROLES, AccessBook, AccessRules
from tracewell.intrace.role_file import FILE_BYTES_MAX, RoleFileWrong, parse_role_file
from tracewell.kernel.http.metrics import REGISTRY
from tracewell.main.settings import Settings

LOOK_EVERY_S = 1.0

_log = logging.getLogger("tracewell.roles")
_usable = Gauge(
    "tracewell_role_file_usable",
    "1 while the role file on disk is the one in force, 0 while an older version is kept.",
    registry=REGISTRY,
    multiprocess_mode="min",
)
_loads = Counter(
    "tracewell_role_file_loads_total",
    "Versions of the role file that were met, by outcome.",
    ("outcome",),
    registry=REGISTRY,
)

_Print = tuple[int, int, int]


def load_role_file(path: Path) -> AccessRules:
    """Reads the file now. Raises RoleFileWrong, also where it cannot be read."""
    try:
        with path.open("rb") as file:
            return parse_role_file(file.read(FILE_BYTES_MAX + 1))
    except OSError as error:
        raise RoleFileWrong([f"{path} cannot be read: {error.strerror}"]) from error


def known_roles(settings: Settings) -> frozenset[str]:
    """The roles that a key may have. Raises RoleFileWrong."""
    path = settings.role_file
    return frozenset(DEFAULT_ROLES if path is None else load_role_file(path).roles)


@dataclass(slots=True)
class RoleWatch:
    """Watches one file for one book of rules. `problem`: why the file on disk is not in force."""

    path: Path
    book: AccessBook
    problem: str | None = None
    _seen: _Print | None = None

    def load(self) -> None:
        """The first reading, at the start. Raises RoleFileWrong: there are no older rules."""
        self._seen = _print_of(self.path)
        self.book.replace(load_role_file(self.path))
        _usable.set(1)
        _loads.labels("in force").inc()

    async def watch(self) -> None:
        """Looks for a new version until it is cancelled."""
        while True:
            await asyncio.sleep(LOOK_EVERY_S)
            await self.look()

    async def look(self) -> None:
        """Takes up a new version, if there is one that can be used."""
        seen = await asyncio.to_thread(_print_of, self.path)
        if seen == self._seen:
            return
        try:
            rules = await asyncio.to_thread(load_role_file, self.path)
        except RoleFileWrong as error:
            self.problem = error.problems[0]
            _usable.set(0)
            _loads.labels("refused").inc()
            told = "; ".join(error.problems)
            _log.error("ROLE_FILE: the new version is not in force, the old one stays: %s", told)
        else:
            self.book.replace(rules)
            self.problem = None
            _usable.set(1)
            _loads.labels("in force").inc()
            _log.info("ROLE_FILE: a new version is in force")
        self._seen = seen


def _print_of(path: Path) -> _Print | None:
    """Changes with every new version, also where a folder is exchanged under a link."""
    try:
        found = path.stat()
    except OSError:
        return None
    return found.st_mtime_ns, found.st_size, found.st_ino
