"""From web archives to companies: what `ingest` and `crawl` have in common."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

from tracewell.detection import FingerprintSet
from tracewell.main.archive_results import iter_outcomes
from tracewell.main.fingerprint_store import load_all
from tracewell.main.ground import Ground
from tracewell.trace.ingest import IngestSummary, OnProgress, ingest_captures, load_outcomes
from tracewell.trace.ingest.rows import ArchiveEnd, Problem
from tracewell.values import Capture
from tracewell.web.archive import iter_captures
from tracewell.web.disk import ENDINGS

OnProblem = Callable[[Path, int, str], None]
OnBytes = Callable[[int], None]


def list_archives(paths: Sequence[Path]) -> list[Path]:
    """The WARC files that are named, or lie in the folders that are named. Raises OSError."""
    found: list[Path] = []
    for path in paths:
        if path.is_dir():
            found += sorted(file for file in path.rglob("*") if file.name.endswith(ENDINGS))
        else:
            path.stat()
            found.append(path)
    return found


def open_fingerprints(directories: Sequence[Path], data: Path | None = None) -> FingerprintSet:
    """Our own pack, the collections of the data folder, and those of further folders."""
    return load_all(directories, data)


async def ingest_archives(
    ground: Ground,
    fingerprints: FingerprintSet,
    archives: Sequence[Path],
    *,
    jobs: int,
    on_problem: OnProblem,
    on_bytes: OnBytes,
    on_progress: OnProgress | None = None,
) -> IngestSummary:
    """Takes in all captures of the files. Raises OSError and DatabaseFailed."""

    def captures() -> Iterator[Capture]:
        before = 0
        for path in archives:

            def problem(offset: int, reason: str, path: Path = path) -> None:
                on_problem(path, offset, reason)

            def progress(done: int, total: int, before: int = before) -> None:
                on_bytes(before + done)

            yield from iter_captures(path, problem, on_progress=progress)
            before += path.stat().st_size

    return await ingest_captures(
        ground.database, fingerprints, captures(), jobs=jobs, on_progress=on_progress
    )


async def load_results(
    ground: Ground,
    fingerprints: FingerprintSet,
    results: Path,
    archives: Sequence[str],
    *,
    on_problem: Callable[[Problem], None],
    on_failed: Callable[[ArchiveEnd], None],
    on_progress: OnProgress | None = None,
) -> IngestSummary:
    """Loads what was observed in these archives. Raises OSError, ResultsRefused, DatabaseFailed."""
    return await load_outcomes(
        ground.database,
        fingerprints.technologies.values(),
        iter_outcomes(results, archives, on_problem, on_failed),
        on_progress=on_progress,
    )
