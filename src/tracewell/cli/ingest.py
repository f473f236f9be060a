"""`tracewell ingest`: web archives in, companies out."""

from __future__ import annotations

import asyncio
import dataclasses
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import click

from tracewell.cli.errors import REFUSED, USAGE, fail
from tracewell.cli.options import data_option, json_option, show
from tracewell.cli.progress import BytesBar, Problems
from tracewell.detection import FingerprintSet, Problem
from tracewell.main.ground import open_ground
from tracewell.main.intake import ingest_archives, list_archives, open_fingerprints
from tracewell.main.settings import Settings, load_settings
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
@data_option
@json_option
def ingest(
    files: tuple[Path, ...],
    folders: tuple[Path, ...],
    jobs: int,
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
    """
    try:
        archives = list_archives(files)
    except OSError as error:
        fail(f"{error.filename}: {error.strerror}", USAGE)
    if not archives:
        fail("there is no .warc or .warc.gz file", USAGE)
    settings = load_settings(data=data)
    fingerprints = load_told(folders, settings.data)
    summary, problems = asyncio.run(take_in(settings, fingerprints, archives, jobs))
    show(summarised(summary, problems), as_json=as_json)
    if not summary.captures_read and problems.count:
        fail("no capture could be read", REFUSED)


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
