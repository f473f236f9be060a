"""`tracewell ingest`: web archives in, companies out."""

from __future__ import annotations

import asyncio
import contextlib
import dataclasses
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import click

from tracewell.cli.errors import REFUSED, USAGE, fail
from tracewell.cli.fingerprint_options import fingerprints_option, jobs_option, load_told
from tracewell.cli.options import data_option, json_option, show
from tracewell.cli.progress import BytesBar, CountBar, Problems
from tracewell.detection import FingerprintSet
from tracewell.main.archive_listing import ListingWrong, list_sources
from tracewell.main.archive_results import ResultsRefused, reason_of
from tracewell.main.ground import open_ground
from tracewell.main.intake import (
    ingest_archives,
    load_results,
)
from tracewell.main.settings import Settings, load_settings
from tracewell.main.spark_ingest import SparkFailed, SparkJob, observe_on_spark
from tracewell.trace.ingest import IngestSummary
from tracewell.trace.ingest.rows import ArchiveEnd


@click.command()
@click.argument("files", nargs=-1, required=True)
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
@click.option("--base", metavar="URL|FOLDER", help="Where the relative paths of lists lie.  "
              "[default: the list's server or bucket; of a local list Common Crawl]")  # fmt: skip
@click.option("--anonymous", is_flag=True, help="Ask S3 without credentials.")
@data_option
@json_option
def ingest(
    files: tuple[str, ...],
    folders: tuple[Path, ...],
    jobs: int,
    engine: str,
    master: str | None,
    properties: tuple[str, ...],
    results: Path | None,
    base: str | None,
    anonymous: bool,
    data: Path | None,
    as_json: bool,
) -> None:
    """Reads WARC FILES, detects technologies, adds companies.

    FILES are archives (.warc, .warc.gz), folders of them, addresses of archives (https://, s3://),
    and lists of paths such as Common Crawl's warc.paths.gz, on the disk or at an address.

    A capture that was taken in before changes nothing, so an ingest that was stopped is simply run
    again. A broken record is told and skipped. Exit codes: 0 done; 1 an archive could not be
    fetched or read to its end, the rest was done; 2 wrong usage.

    \b
    Examples:
      tracewell ingest crawl.warc.gz
      tracewell ingest archive/ --jobs 2 --json
      tracewell ingest crawl.warc.gz --fingerprints ./my-fingerprints
      tracewell ingest https://data.commoncrawl.org/crawl-data/CC-MAIN-2026-30/warc.paths.gz
      tracewell ingest archive/ --engine spark --master spark://host:7077 --results /mnt/results
    """
    if engine == "local" and (master or properties or results):
        raise click.UsageError("--master, --conf and --results go with --engine spark")
    conf = parse_conf(properties)
    try:
        archives = list_sources(files, base=base, anonymous=anonymous)
    except ListingWrong as error:
        fail(str(error), USAGE)
    except OSError as error:
        fail(f"{error.filename or ', '.join(files)}: {reason_of(error)}", USAGE)
    if not archives:
        fail("there is no .warc or .warc.gz file", USAGE)
    settings = load_settings(data=data)
    fingerprints = load_told(folders, settings.data)
    if engine == "spark":
        with kept_results(results, settings.data) as folder:
            job = SparkJob(folder, master, conf, anonymous)
            summary, troubles = take_in_on_spark(settings, fingerprints, archives, job)
    else:
        summary, troubles = asyncio.run(
            take_in(settings, fingerprints, archives, jobs, anonymous=anonymous)
        )
    show(summarised(summary, troubles), as_json=as_json)
    if troubles.archives:
        fail(f"{troubles.archives} of {len(archives)} archives could not be read", REFUSED)
    if not summary.captures_read and troubles.problems.count:
        fail("no capture could be read", REFUSED)


def parse_conf(properties: Sequence[str]) -> dict[str, str]:
    """Spark's properties by name."""
    pairs = [text.partition("=") for text in properties]
    for name, equals, _ in pairs:
        if not (name and equals):
            raise click.UsageError(f"--conf {name}: write NAME=VALUE")
    return {name: value for name, _, value in pairs}


@dataclasses.dataclass
class Troubles:
    """What could not be read: broken records, and how many whole archives."""

    problems: Problems = dataclasses.field(default_factory=Problems)
    archives: int = 0

    def tell_failed(self, end: ArchiveEnd) -> None:
        """An archive that could not be fetched or read to its end."""
        self.archives += 1
        click.echo(f"{end.archive}: {end.reason}", err=True)


async def take_in(
    settings: Settings,
    fingerprints: FingerprintSet,
    archives: Sequence[str],
    jobs: int,
    *,
    anonymous: bool = False,
) -> tuple[IngestSummary, Troubles]:
    """Runs an ingest with a progress bar on a terminal."""
    troubles = Troubles()
    async with open_ground(settings) as ground:
        with BytesBar("ingest", 0) as bar:
            summary = await ingest_archives(
                ground,
                fingerprints,
                archives,
                jobs=jobs,
                anonymous=anonymous,
                on_problem=troubles.problems.tell,
                on_failed=troubles.tell_failed,
                on_bytes=bar.move_of,
                on_progress=lambda now: bar.say(
                    f"{now.captures_read} captures, {now.companies_new} new companies"
                ),
            )
    return summary, troubles


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
    settings: Settings, fingerprints: FingerprintSet, archives: Sequence[str], job: SparkJob
) -> tuple[IngestSummary, Troubles]:
    """Observes on Spark, then loads; a progress bar for each on a terminal."""
    troubles = Troubles()
    try:
        with CountBar("observe", len(archives)) as bar:
            observe_on_spark(fingerprints, archives, job, bar.move_of)
        summary = asyncio.run(load(settings, fingerprints, archives, job.results, troubles))
    except (SparkFailed, ResultsRefused) as error:
        fail(str(error), REFUSED)
    return summary, troubles


async def load(
    settings: Settings,
    fingerprints: FingerprintSet,
    archives: Sequence[str],
    results: Path,
    troubles: Troubles,
) -> IngestSummary:
    """Loads results with a progress bar on a terminal."""
    async with open_ground(settings) as ground:
        with CountBar("load", len(archives)) as bar:
            return await load_results(
                ground,
                fingerprints,
                results,
                archives,
                on_problem=lambda problem: troubles.problems.tell_of(problem.place, problem.reason),
                on_failed=troubles.tell_failed,
                on_progress=lambda now: bar.say(
                    f"{now.captures_read} captures, {now.companies_new} new companies"
                ),
            )


def summarised(summary: IngestSummary, troubles: Troubles) -> dict[str, Any]:
    """What is printed of an ingest."""
    values = dataclasses.asdict(summary)
    skipped = values.pop("captures_skipped")
    return {
        **values,
        "captures_skipped": sum(skipped.values()),
        **{f"skipped_{reason}": count for reason, count in skipped.items()},
        "records_broken": troubles.problems.count,
        "archives_failed": troubles.archives,
    }
