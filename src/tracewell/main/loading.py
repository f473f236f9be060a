"""From files of lists and registers to companies: one load over several files."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import orjson

from tracewell.kernel.clock import Clock
from tracewell.kernel.database import Database
from tracewell.trace.loading.checkpoints import Checkpoint, find_checkpoint
from tracewell.trace.loading.delimited import HeaderWrong
from tracewell.trace.loading.model import Counts
from tracewell.trace.loading.reading import OpenRows, Reading, open_rows
from tracewell.trace.loading.reports import FileReport, LinesFile
from tracewell.trace.loading.service import BATCH_ROWS, Item, Load
from tracewell.trace.loading.streams import STDIN, SourceUnreadable, fingerprint

OnProgress = Callable[[str, OpenRows, Counts], None]


@dataclass(frozen=True, slots=True)
class LoadPlan:
    """What is to be loaded, and how. `limit` counts rows from the beginning of the first file."""

    reading: Reading
    files: tuple[str, ...]
    rejects: Path | None = None
    undecided: Path | None = None
    limit: int | None = None
    is_dry: bool = False
    resumes: bool = True
    batch_rows: int = BATCH_ROWS


@dataclass(frozen=True, slots=True)
class LoadOutcome:
    """What a load did, earlier runs of it that were cut short included.

    `failure` says why a file could not be read on; what came before is in. `is_refused` tells that
    the file is none of its kind. `is_whole` tells that every row was read.
    """

    counts: Counts
    resumed_after: int
    is_whole: bool
    failure: str | None = None
    is_refused: bool = False


async def load_files(
    database: Database, clock: Clock, plan: LoadPlan, on_progress: OnProgress
) -> LoadOutcome:
    """Runs a load. Raises DatabaseFailed, OSError (of the report's files)."""
    try:
        begun = _begin(plan)
    except SourceUnreadable as error:
        return LoadOutcome(Counts(), 0, False, str(error), is_refused=True)
    found = None
    if plan.resumes and not plan.is_dry and STDIN not in plan.files:
        async with database.snapshot() as tx:
            found = await find_checkpoint(tx, begun)
    if found is not None and found.is_finished:
        if _tells_of(plan, found):
            return LoadOutcome(found.counts, found.counts.rows, is_whole=True)
        found = None
    checkpoint = found or begun
    resumed_after = checkpoint.counts.rows
    report = FileReport(
        _open_lines(plan.rejects, checkpoint.rejects_bytes),
        _open_lines(plan.undecided, checkpoint.undecided_bytes),
    )
    load = Load(database, clock, checkpoint, report, is_dry=plan.is_dry, batch_rows=plan.batch_rows)
    try:
        await _run(clock, plan, load, report, on_progress)
        is_whole = not _is_limited(plan, load)
        if is_whole:
            await load.finish()
    except (SourceUnreadable, HeaderWrong) as error:
        failure = f"{report.file}: {error}"
        is_refused = isinstance(error, HeaderWrong)
        return LoadOutcome(load.counts, resumed_after, False, failure, is_refused)
    finally:
        report.close()
    return LoadOutcome(load.counts, resumed_after, is_whole)


def _begin(plan: LoadPlan) -> Checkpoint:
    """The load's beginning; by its id it is known again while the files are the same."""
    known = [_known(file) for file in plan.files]
    said = [
        plan.reading.source, known, dict(plan.reading.columns or {}), plan.reading.as_of,
        plan.reading.encoding,
    ]  # fmt: skip
    digest = hashlib.blake2b(orjson.dumps(said), digest_size=16).hexdigest()
    names = tuple(Path(file).name if file != STDIN else file for file in plan.files)
    return Checkpoint(f"load_{digest}", plan.reading.source, names, 0, 0, Counts())


def _tells_of(plan: LoadPlan, finished: Checkpoint) -> bool:
    """Whether the files of rejected and undecided rows are those that the finished load left."""
    told = (plan.rejects, finished.rejects_bytes), (plan.undecided, finished.undecided_bytes)
    return all(
        path is None or (path.exists() and path.stat().st_size == length) for path, length in told
    )


def _known(file: str) -> str:
    try:
        return fingerprint(file) or STDIN
    except SourceUnreadable as error:
        raise SourceUnreadable(f"{file}: {error}") from error


def _open_lines(path: Path | None, resume_at: int | None) -> LinesFile | None:
    return None if path is None else LinesFile(path, resume_at)


def _is_limited(plan: LoadPlan, load: Load) -> bool:
    return plan.limit is not None and load.counts.rows >= plan.limit


async def _run(
    clock: Clock, plan: LoadPlan, load: Load, report: FileReport, on_progress: OnProgress
) -> None:
    """Reads file after file. Raises SourceUnreadable, HeaderWrong."""
    for file in plan.files[load.checkpoint.file_number :]:
        report.file = file if file == STDIN else Path(file).name
        with open_rows(file, plan.reading, clock()) as rows:
            load.on_progress = partial(on_progress, report.file, rows, load.counts)
            await load.take(_limited(rows.items, plan, load), rows.parse)
        if _is_limited(plan, load):
            return
        load.next_file()


def _limited(items: Iterator[Item], plan: LoadPlan, load: Load) -> Iterator[Item]:
    if plan.limit is None:
        return items
    before = load.counts.rows - load.checkpoint.rows_done
    return _first(items, plan.limit - before)


def _first(items: Iterator[Item], count: int) -> Iterator[Item]:
    for number, item in enumerate(items, start=1):
        if number > count:
            return
        yield item
