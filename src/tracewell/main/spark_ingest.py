"""Archives observed on Apache Spark: paths are distributed, fingerprints broadcast, rows written
to Parquet by the executors. Loading them into the database is `intake`'s.

Needs the extra `spark` and a Java runtime; nothing of Spark is imported before it is asked for.
"""

from __future__ import annotations

import functools
import os
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor, wait
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

import pyarrow as pa

from tracewell.detection import FingerprintSet
from tracewell.main.archive_results import ensure_results, find_finished, observe_archive
from tracewell.trace.ingest import Inspector, make_inspector
from tracewell.trace.ingest.rows import SCHEMA, iter_batches

if TYPE_CHECKING:
    from pyspark import Broadcast, SparkContext
    from pyspark.sql import SparkSession

OnArchives = Callable[[int, int], None]
"""Called with how many archives are done, of how many."""

POLL_S = 0.5

_DEFAULTS = {
    # A task's one file is moved to its place when the task ends, not when all have: what is there
    # when a run is broken off need not be done again.
    "spark.hadoop.mapreduce.fileoutputcommitter.algorithm.version": "2",
    "spark.sql.parquet.compression.codec": "zstd",
    "spark.ui.showConsoleProgress": "false",
}

_inspectors: dict[int, Inspector] = {}


class SparkFailed(Exception):  # noqa: N818
    """Spark is not there, cannot be reached or gave up; the text says which."""


@dataclass(frozen=True, slots=True)
class SparkJob:
    """Where an ingest runs: the master (None: as `spark-submit` says), Spark's own properties, and
    the folder of results, which driver and executors see under the same path; `anonymous` asks S3
    without credentials."""

    results: Path
    master: str | None = None
    conf: Mapping[str, str] = field(default_factory=dict)
    anonymous: bool = False


def observe_on_spark(
    fingerprints: FingerprintSet, archives: Sequence[str], job: SparkJob, on_archives: OnArchives
) -> None:
    """Observes the archives of which `job.results` has no whole file yet, one task for each.

    An executor that dies costs its tasks, which others do again. Raises SparkFailed,
    ResultsRefused, OSError.
    """
    ensure_results(job.results, fingerprints)
    finished = find_finished(job.results)
    pending = [archive for archive in dict.fromkeys(archives) if archive not in finished]
    on_archives(len(archives) - len(pending), len(archives))
    if not pending:
        return
    try:
        from py4j.protocol import Py4JError
        from pyspark.errors import PySparkException
    except ImportError as error:
        raise SparkFailed("Spark is not installed: pip install 'tracewell[spark]'") from error
    try:
        session = _open_session(job)
        try:
            _run(session, fingerprints, pending, job, len(archives), on_archives)
        finally:
            session.stop()
    except (PySparkException, Py4JError, OSError) as error:
        raise SparkFailed(_first_line(error)) from error


def _open_session(job: SparkJob) -> SparkSession:
    from pyspark.sql import SparkSession

    # Spark would take whatever `python3` is; on one machine it is this one.
    os.environ.setdefault("PYSPARK_PYTHON", sys.executable)
    builder = SparkSession.builder.appName("tracewell ingest")
    if job.master is not None:
        builder = builder.master(job.master)
    for name, value in {**_DEFAULTS, **job.conf}.items():
        builder = builder.config(name, value)
    session = builder.getOrCreate()
    session.sparkContext.setLogLevel("ERROR")
    return session


def _run(
    session: SparkSession,
    fingerprints: FingerprintSet,
    pending: Sequence[str],
    job: SparkJob,
    total: int,
    on_archives: OnArchives,
) -> None:
    """Writes the files, and tells how far it is; the calling thread stays open to Ctrl-C."""
    context = session.sparkContext
    with ThreadPoolExecutor(1, "spark-job") as pool:
        broadcast = context.broadcast(fingerprints)
        future = pool.submit(_write, session, broadcast, pending, job)
        try:
            while not wait([future], POLL_S).done:
                on_archives(total - len(pending) + _count_finished(context), total)
        except BaseException:
            context.cancelAllJobs()
            raise
        future.result()
    on_archives(total, total)


def _write(
    session: SparkSession,
    fingerprints: Broadcast[FingerprintSet],
    archives: Sequence[str],
    job: SparkJob,
) -> None:
    from pyspark.sql.pandas.types import from_arrow_schema

    # A partition for each archive, so that a task is an archive and writes one file.
    paths = session.sparkContext.parallelize([(path,) for path in archives], len(archives))
    frame = session.createDataFrame(paths, "archive string")
    rows = frame.mapInArrow(
        functools.partial(_observe_partition, fingerprints=fingerprints, anonymous=job.anonymous),
        from_arrow_schema(SCHEMA),
    )
    rows.write.mode("append").parquet(job.results.resolve().as_uri())


def _observe_partition(
    batches: Iterator[pa.RecordBatch], fingerprints: Broadcast[FingerprintSet], *, anonymous: bool
) -> Iterator[pa.RecordBatch]:
    """Runs in the executors: paths in, rows out."""
    inspector = _inspector_of(fingerprints)
    for batch in batches:
        for archive in batch.column(0).to_pylist():
            told = observe_archive(archive, inspector, anonymous=anonymous)
            yield from iter_batches(archive, told)


def _inspector_of(fingerprints: Broadcast[FingerprintSet]) -> Inspector:
    """Made once in each worker process, which Spark uses for many tasks."""
    value = fingerprints.value
    if id(value) not in _inspectors:
        _inspectors.clear()
        _inspectors[id(value)] = make_inspector(value)  # holds the value, so that the id stays its
    return _inspectors[id(value)]


def _count_finished(context: SparkContext) -> int:
    tracker = context.statusTracker()
    stages = (tracker.getStageInfo(stage) for stage in tracker.getActiveStageIds())
    return sum(stage.numCompletedTasks for stage in stages if stage is not None)


def _first_line(error: Exception) -> str:
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    return f"Spark gave up: {lines[0][:500] if lines else type(error).__name__}"
