"""`tracewell ingest`: web archives in, companies out."""

from __future__ import annotations

import asyncio
import contextlib
import dataclasses
import tempfile
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

import click

from tracewell.cli.errors import REFUSED, USAGE, fail
from tracewell.cli.options import data_option, json_option, show
from tracewell.cli.progress import BytesBar, CountBar, Problems
from tracewell.detection import FingerprintSet, Problem
from tracewell.main.archive_results import ResultsRefused
from tracewell.main.ground import open_ground
from tracewell.main.intake import (
    ingest_archives,
    list_archives,
    load_results,
    open_fingerprints,
)
from tracewell.main.settings import Settings, load_settings
from tracewell.main.spark_ingest import SparkFailed, SparkJob, observe_on_spark
from tracewell.trace.ingest import IngestSummary

fingerprints_option = click.option(
    "--fingerprints",
    "folders",
    multiple=True,
    type=click.Path(exists=True, file_okay=False, path_type=Path),
    help="A further collection in the Wappalyzer-style format; may be given again.",
)
jobs_option = click.option(
    "--jobs",
    type=click.IntRange(1, 64),
    default=1,
    show_default=True,
    help="Processes that detect.",
)


@click.command()
@click.argument("files", nargs=-1, required=True, type=click.Path(path_type=Path))
@fingerprints_option
@jobs_option
@click.option("--engine", type=click.Choice(["local", "spark"]), default="local",
              show_default=True, help="What looks into archives.")  # fmt: skip
@click.option("--master", metavar="URL", help="Spark's master, as spark://host:7077 or yarn.  "
              "[default: what spark-submit says, else local[*]]")  # fmt: skip
@click.option("--conf", "properties", multiple=True, metavar="NAME=VALUE",
              help="A property of Spark's; may be given again.")  # fmt: skip
@click.option("--results", type=click.Path(file_okay=False, path_type=Path),
              help="Keep what Spark found as Parquet in this folder, which all its machines see; "
              "archives that are in it already are not done again.  "
              "[default: a folder in the data folder, removed when loaded]")  # fmt: skip
@data_option
@json_option
def ingest(
    files: tuple[Path, ...],
    folders: tuple[Path, ...],
    jobs: int,
    engine: str,
    master: str | None,
    properties: tuple[str, ...],
    results: Path | None,
    data: Path | None,
    as_json: bool,
) -> None:
    """Reads WARC FILES (or folders of them), detects technologies, adds companies.

    A capture that was taken in before changes nothing, so an ingest that was stopped is simply run
    again. A broken record is told and skipped.

    \b
    Examples:
      tracewell ingest crawl.warc.gz
      tracewell ingest archive/ --jobs 2 --json
      tracewell ingest crawl.warc.gz --fingerprints ./my-fingerprints
      tracewell ingest archive/ --engine spark --master spark://host:7077 --results /mnt/results
    """
    if engine == "local" and (master or properties or results):
        raise click.UsageError("--master, --conf and --results go with --engine spark")
    conf = parse_conf(properties)
    try:
        archives = list_archives(files)
    except OSError as error:
        fail(f"{error.filename}: {error.strerror}", USAGE)
    if not archives:
        fail("there is no .warc or .warc.gz file", USAGE)
    settings = load_settings(data=data)
    fingerprints = load_told(folders, settings.data)
    if engine == "spark":
        with kept_results(results, settings.data) as folder:
            job = SparkJob(folder, master, conf)
            summary, problems = take_in_on_spark(settings, fingerprints, archives, job)
    else:
        summary, problems = asyncio.run(take_in(settings, fingerprints, archives, jobs))
    show(summarised(summary, problems), as_json=as_json)
    if not summary.captures_read and problems.count:
        fail("no capture could be read", REFUSED)


def parse_conf(properties: Sequence[str]) -> dict[str, str]:
    """Spark's properties by name."""
    pairs = [text.partition("=") for text in properties]
    for name, equals, _ in pairs:
        if not (name and equals):
            raise click.UsageError(f"--conf {name}: write NAME=VALUE")
    return {name: value for name, _, value in pairs}


def load_told(folders: Sequence[Path], data: Path) -> FingerprintSet:
    """The fingerprints; what could not be loaded of them is told."""
    fingerprints = open_fingerprints(folders, data)
    tell_problems(fingerprints.problems)
    return fingerprints


def tell_problems(problems: Iterable[Problem]) -> None:
    """Tells what of fingerprints could not be read: file, technology, kind of pattern, reason."""
    for problem in problems:
        place = f"{problem.file}: {problem.technology}: {problem.kind}"
        click.echo(f"fingerprint left out: {place}: {problem.reason}", err=True)


async def take_in(
    settings: Settings, fingerprints: FingerprintSet, archives: Sequence[Path], jobs: int
) -> tuple[IngestSummary, Problems]:
    """Runs an ingest with a progress bar on a terminal."""
    problems = Problems()
    async with open_ground(settings) as ground:
        with BytesBar("ingest", sum(path.stat().st_size for path in archives)) as bar:
            summary = await ingest_archives(
                ground,
                fingerprints,
                archives,
                jobs=jobs,
                on_problem=problems.tell,
                on_bytes=bar.move,
                on_progress=lambda now: bar.say(
                    f"{now.captures_read} captures, {now.companies_new} new companies"
                ),
            )
    return summary, problems


@contextlib.contextmanager
def kept_results(folder: Path | None, data: Path) -> Iterator[Path]:
    """The folder of results: the named one, else one that goes when all is loaded."""
    if folder is not None:
        yield folder.absolute()
        return
    data.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix="results-", dir=data.absolute()) as made:
        yield Path(made)


def take_in_on_spark(
    settings: Settings, fingerprints: FingerprintSet, archives: Sequence[Path], job: SparkJob
) -> tuple[IngestSummary, Problems]:
    """Observes on Spark, then loads; a progress bar for each on a terminal."""
    problems = Problems()
    names = [str(path.absolute()) for path in archives]
    try:
        with CountBar("observe", len(names)) as bar:
            observe_on_spark(fingerprints, names, job, bar.move_of)
        summary = asyncio.run(load(settings, fingerprints, names, job.results, problems))
    except (SparkFailed, ResultsRefused) as error:
        fail(str(error), REFUSED)
    return summary, problems


async def load(
    settings: Settings,
    fingerprints: FingerprintSet,
    archives: Sequence[str],
    results: Path,
    problems: Problems,
) -> IngestSummary:
    """Loads results with a progress bar on a terminal."""
    async with open_ground(settings) as ground:
        with CountBar("load", len(archives)) as bar:
            return await load_results(
                ground,
                fingerprints,
                results,
                archives,
                on_problem=lambda problem: problems.tell_of(problem.place, problem.reason),
                on_failed=lambda end: problems.tell_of(end.archive, end.reason or ""),
                on_progress=lambda now: bar.say(
                    f"{now.captures_read} captures, {now.companies_new} new companies"
                ),
            )


def summarised(summary: IngestSummary, problems: Problems) -> dict[str, Any]:
    """What is printed of an ingest."""
    values = dataclasses.asdict(summary)
    skipped = values.pop("captures_skipped")
    return {
        **values,
        "captures_skipped": sum(skipped.values()),
        **{f"skipped_{reason}": count for reason, count in skipped.items()},
        "records_broken": problems.count,
    }
