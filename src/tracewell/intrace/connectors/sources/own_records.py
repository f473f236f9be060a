"""Connector `own_records`: the organisation's CSV and Parquet files, by identifier or near name.

The files stay where they are; a file that changed is read again. What a column means stands in the
manifest (`record_manifest`); reading and indexing live in `record_index`.
"""

from __future__ import annotations

import asyncio
import logging
import threading
from collections.abc import Sequence
from concurrent.futures import Future
from dataclasses import dataclass
from functools import partial
from itertools import islice
from pathlib import Path
from typing import Final
from urllib.parse import quote

from tracewell.intrace.connectors.model import (
    AskContext,
    Clock,
    Condition,
    Connector,
    ConnectorSpec,
    CostClass,
    HealthStatus,
    PartialAnswerError,
    SourceFailedError,
    observe,
)
from tracewell.intrace.connectors.sources.record_cells import Row, statements_of
from tracewell.intrace.connectors.sources.record_index import (
    ROWS_MAX,
    LoadReport,
    RecordIndex,
    load_records,
)
from tracewell.intrace.connectors.sources.record_manifest import (
    INDEXED,
    MANIFEST_NAME,
    ManifestError,
    RecordFile,
    read_manifest,
)
from tracewell.intrace.connectors.threads import call_in_thread, start_in_thread
from tracewell.intrace.identifiers.model import Identifier
from tracewell.resolution.vocabulary import DETAILS, PREDICATES
from tracewell.values import Observation

RECORDS_PER_ANSWER_MAX: Final = 100
RECHECK_MS: Final = 1_000

_log = logging.getLogger(__name__)

_Stamp = tuple[int, int, int] | None


@dataclass(frozen=True, slots=True)
class _Loaded:
    """What was read: per file its stamp (when it changes, it is read again) and its index."""

    manifest_stamp: _Stamp
    files: tuple[tuple[RecordFile, _Stamp, RecordIndex], ...]


class OwnRecords(Connector):
    """Records of the organisation itself, found by e-mail, phone, name, company, domain, ..."""

    spec = ConnectorSpec(
        id="own_records",
        name="The organisation's own records",
        accepts=frozenset(INDEXED.values()),
        yields=(*PREDICATES, *(name for name in DETAILS if name.startswith("phone."))),
        terms_url=None,
        licence="the organisation's own data",
        cost_class=CostClass.LOCAL,
        timeout_s=10.0,
    )

    def __init__(self, directory: Path | None, *, clock: Clock, rows_max: int = ROWS_MAX) -> None:
        self._directory = directory
        self._clock = clock
        self._rows_max = rows_max
        self._lock = threading.Lock()
        self._refresh: Future[_Loaded] | None = None
        self._loaded: _Loaded | None = None
        self._checked_at = 0

    def find_obstacle(self) -> str | None:
        """No directory, or none with a manifest in it."""
        if self._directory is None:
            return "no directory of own records is configured"
        if not (self._directory / MANIFEST_NAME).is_file():
            return f"the configured directory holds no {MANIFEST_NAME}"
        return None

    async def ask(self, identifier: Identifier, context: AskContext) -> Sequence[Observation]:
        """Every row that holds the identifier or a near name; partial when rows may be missing."""
        loaded = await self._fresh()
        observations: list[Observation] = []
        records = 0
        for entry, stamp, index in loaded.files:
            for number, row in await _rows_of(index, identifier):
                records += 1
                if records > RECORDS_PER_ANSWER_MAX:
                    raise PartialAnswerError(
                        f"only the first {RECORDS_PER_ANSWER_MAX} matching records are shown",
                        observations,
                    )
                place = row.get(entry.id_column or "", "") or f"row-{number + 1}"
                observations += observe(
                    f"{entry.origin or entry.file}/{entry.file}#{place}",
                    statements_of(entry, row),
                    source_url=f"own-records:{quote(entry.file)}#{quote(place, safe='')}",
                    observed_at=stamp[0] // 1_000_000 if stamp else context.clock(),
                    record=dict(row),
                )
        incomplete = [index.report for _, _, index in loaded.files if not index.report.is_complete]
        if incomplete:
            told = "; ".join(report.describe() or "" for report in incomplete)
            raise PartialAnswerError(f"not everything could be read: {told}", observations)
        return observations

    async def check_health(self, context: AskContext) -> Condition:
        """Whether every file is there and was read without loss."""
        reports = await self.load_reports()
        troubles = [told for report in reports if (told := report.describe())]
        if all(report.problem for report in reports):
            return Condition(HealthStatus.UNREACHABLE, "; ".join(troubles))
        if troubles:
            return Condition(HealthStatus.DEGRADED, "; ".join(troubles))
        return Condition(HealthStatus.REACHABLE)

    async def load_reports(self) -> tuple[LoadReport, ...]:
        """Per file what loading it met, after looking for changes."""
        loaded = await self._fresh()
        return tuple(index.report for _, _, index in loaded.files)

    def origin_of(self, observation: Observation) -> str:
        """The system that a file comes from, as the manifest says."""
        return f"{self.spec.id}:{observation.subject.partition('/')[0]}"

    async def _fresh(self) -> _Loaded:
        """What the files hold now: looks for changes once a second and reads what changed."""
        with self._lock:
            now = self._clock()
            is_fresh = 0 <= now - self._checked_at < RECHECK_MS
            if self._loaded is not None and self._refresh is None and is_fresh:
                return self._loaded
            if self._refresh is None:
                self._refresh = start_in_thread(self._reload)
                self._checked_at = now
            refresh = self._refresh
        # All questions that arrive meanwhile wait for the one reading; who runs out of time is told
        # so, and the reading goes on for those who come after.
        return await asyncio.wrap_future(refresh)

    def _reload(self) -> _Loaded:
        try:
            loaded = self._read(self._loaded)
        except ManifestError as error:
            with self._lock:
                self._loaded, self._refresh = None, None
            raise SourceFailedError(f"{MANIFEST_NAME} cannot be used: {error}") from None
        except BaseException:
            with self._lock:
                self._loaded, self._refresh = None, None
            raise
        with self._lock:
            self._loaded, self._refresh = loaded, None
        return loaded

    def _read(self, before: _Loaded | None) -> _Loaded:
        assert self._directory is not None
        manifest_stamp = _stamp(self._directory / MANIFEST_NAME)
        if before is not None and before.manifest_stamp == manifest_stamp:
            entries = [entry for entry, _, _ in before.files]
        else:
            entries = read_manifest(self._directory).files
        known = {loaded[0].file: loaded for loaded in before.files} if before else {}
        files: list[tuple[RecordFile, _Stamp, RecordIndex]] = []
        for entry in entries:
            stamp = _stamp(self._directory / entry.file)
            if (
                stamp is not None
                and entry.file in known
                and known[entry.file][:2] == (entry, stamp)
            ):
                files.append(known[entry.file])
                continue
            index = load_records(self._directory, entry, rows_max=self._rows_max)
            if told := index.report.describe():
                _log.warning("own records: %s", told)
            files.append((entry, stamp, index))
        return _Loaded(manifest_stamp, tuple(files))


async def _rows_of(index: RecordIndex, identifier: Identifier) -> list[tuple[int, Row]]:
    """The rows that hold the identifier, and after them those with a name that is near."""
    exact = index.iter_rows(identifier.type, identifier.key)
    rows = dict(islice(exact, RECORDS_PER_ANSWER_MAX + 1))
    if index.has_names(identifier.type):
        # Milliseconds of comparing: beside the loop.
        near = partial(index.list_near_rows, identifier.type, identifier.value)
        for number, row in await call_in_thread(near):
            rows.setdefault(number, row)
    return list(rows.items())


def _stamp(path: Path) -> _Stamp:
    """What changes when a file does; None when it is not there."""
    try:
        status = path.stat()
    except OSError:
        return None
    return status.st_mtime_ns, status.st_size, status.st_ino
