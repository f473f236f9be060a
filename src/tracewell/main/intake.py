"""From web archives to companies: what `ingest` and `crawl` have in common."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

from tracewell.detection import FingerprintSet
from tracewell.main.archive_results import iter_outcomes, reason_of
from tracewell.main.fingerprint_store import load_all
from tracewell.main.ground import Ground
from tracewell.trace.ingest import IngestSummary, OnProgress, ingest_captures, load_outcomes
from tracewell.trace.ingest.rows import ArchiveEnd, Problem
from tracewell.values import Capture
from tracewell.web.archive import iter_captures
from tracewell.web.archive_sources import archive_name, fetched, is_remote
from tracewell.web.disk import ENDINGS

OnProblem = Callable[[Path, int, str], None]
OnBytes = Callable[[int, int], None]


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
    archives: Sequence[str],
    *,
    jobs: int,
    anonymous: bool = False,
    on_problem: OnProblem,
    on_failed: Callable[[ArchiveEnd], None],
    on_bytes: OnBytes,
    on_progress: OnProgress | None = None,
) -> IngestSummary:
    """Takes in all captures of the archives, which are paths or addresses.

    An archive that cannot be fetched or read on goes to `on_failed`, and the next one is taken.
    Raises DatabaseFailed.
    """

    def captures() -> Iterator[Capture]:
        # Of a remote archive the size is known only when it is here.
        totals = [sum(size_of(one) for one in archives if not is_remote(one))]
        before = 0
        for archive in archives:

            def problem(offset: int, reason: str, name: str = archive_name(archive)) -> None:
                on_problem(Path(name), offset, reason)

            def progress(done: int, _: int, before: int = before) -> None:
                on_bytes(before + done, totals[0])

            try:
                with fetched(archive, anonymous=anonymous) as path:
                    size = size_of(str(path))
                    totals[0] += size if is_remote(archive) else 0
                    yield from iter_captures(path, problem, on_progress=progress)
                    before += size
            except OSError as error:
                on_failed(ArchiveEnd(archive, reason_of(error)))

    return await ingest_captures(
        ground.database, fingerprints, captures(), jobs=jobs, on_progress=on_progress
    )


def size_of(path: str) -> int:
    """The file's size in bytes, 0 where it is not there (any more)."""
    try:
        return Path(path).stat().st_size
    except OSError:
        return 0


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
