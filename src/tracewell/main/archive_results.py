"""What was observed in archives, kept as Parquet: one archive is one file, whole or not there.

Who writes the files is in `spark_ingest`; the columns are in `trace.ingest.rows`.
"""

from __future__ import annotations

import hashlib
import json
from collections import deque
from collections.abc import Callable, Collection, Iterable, Iterator
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from tracewell.detection import FingerprintSet
from tracewell.trace.ingest import Inspector, Outcome, observe
from tracewell.trace.ingest.rows import ArchiveEnd, Problem, Told, iter_told
from tracewell.web.archive import iter_captures
from tracewell.web.archive_sources import archive_name, fetched

FORM = 1  # of the files; to be raised whenever the columns, or what stands in them, change
_ABOUT = "_tracewell.json"  # readers of Parquet folders leave out names that begin so
_READ_ROWS = 100


class ResultsRefused(Exception):  # noqa: N818
    """A folder of results that cannot be used; the text says why and what to do."""


def observe_archive(
    archive: str, inspector: Inspector, *, anonymous: bool = False
) -> Iterator[Told]:
    """What one archive (a path or an address) tells, in its order, and its end. An archive that
    cannot be fetched, opened or read on ends with the reason: it raises nothing."""
    problems: deque[Problem] = deque()
    name = archive_name(archive)

    def note(offset: int, reason: str) -> None:
        problems.append(Problem(f"{name}:{offset}", reason))

    try:
        with fetched(archive, anonymous=anonymous) as path:
            for capture in iter_captures(path, note):
                while problems:
                    yield problems.popleft()
                yield observe(capture, inspector)
    except OSError as error:
        yield from problems
        yield ArchiveEnd(archive, reason_of(error))
        return
    yield from problems
    yield ArchiveEnd(archive)


def reason_of(error: OSError) -> str:
    """What is told of an archive that cannot be read."""
    return error.strerror or str(error) or type(error).__name__


def ensure_results(folder: Path, fingerprints: FingerprintSet) -> None:
    """Makes the folder, or checks that what it holds was observed with the same fingerprints.

    Raises ResultsRefused, OSError.
    """
    about = {"form": FORM, "fingerprints": digest_of(fingerprints)}
    place = folder / _ABOUT
    folder.mkdir(parents=True, exist_ok=True)
    if not place.exists():
        if any(folder.iterdir()):
            raise ResultsRefused(f"{folder} holds other files; name a new folder for the results")
        place.write_text(json.dumps(about) + "\n", encoding="utf-8")
        return
    try:
        held = json.loads(place.read_bytes())
    except ValueError:
        held = None
    if held != about:
        raise ResultsRefused(
            f"{folder} holds results of other fingerprints or of another version; "
            "name a new folder for the results"
        )


def digest_of(fingerprints: FingerprintSet) -> str:
    """A digest over everything that makes technologies be found."""
    digest = hashlib.sha256()
    for name in sorted(fingerprints.technologies):
        digest.update(repr(fingerprints.technologies[name]).encode("utf-8", "surrogatepass"))
    return digest.hexdigest()


def find_finished(folder: Path) -> set[str]:
    """The archives that were read to their end. Raises OSError, ResultsRefused."""
    return {end.archive for _, ends in _iter_ends(folder) for end in ends if end.reason is None}


def iter_outcomes(
    folder: Path,
    archives: Collection[str],
    on_problem: Callable[[Problem], None],
    on_failed: Callable[[ArchiveEnd], None],
) -> Iterator[Outcome]:
    """What the files of these archives tell. Each archive counts once, however often it was tried;
    broken records go to `on_problem`, archives that could not be read to their end to `on_failed`.

    Raises OSError, ResultsRefused.
    """
    wanted = set(archives)
    best: dict[str, tuple[Path, ArchiveEnd]] = {}
    for file, ends in _iter_ends(folder):
        for end in ends:
            if end.archive in wanted and (end.archive not in best or end.reason is None):
                best[end.archive] = (file, end)
    for archive in dict.fromkeys(archives):
        if archive not in best:
            on_failed(ArchiveEnd(archive, "no results"))
            continue
        for one in _iter_file(best[archive][0]):
            if isinstance(one, Problem):
                on_problem(one)
            elif isinstance(one, ArchiveEnd):
                if one.reason is not None:
                    on_failed(one)
            else:
                yield one


def _iter_file(file: Path) -> Iterator[Told]:
    try:
        with pq.ParquetFile(file) as parquet:
            for batch in parquet.iter_batches(batch_size=_READ_ROWS):
                yield from iter_told(batch)
    except (pa.ArrowException, ValueError) as error:
        raise ResultsRefused(f"{file} is damaged; remove it and run the ingest again") from error


def _iter_ends(folder: Path) -> Iterator[tuple[Path, Iterable[ArchiveEnd]]]:
    """The files in order of their names, and the archives that end in each."""
    for file in sorted(folder.glob("*.parquet")):
        if file.name.startswith(("_", ".")):
            continue
        try:
            rows = pq.read_table(
                file, columns=["kind", "archive", "reason"], filters=[("kind", "=", "archive")]
            )
        except (pa.ArrowException, ValueError) as error:
            raise ResultsRefused(f"{file} is damaged; remove it") from error
        yield file, [ArchiveEnd(row["archive"], row["reason"]) for row in rows.to_pylist()]
