"""`tracewell redetect`: newer fingerprints over the captures that were kept."""

from __future__ import annotations

import asyncio
import dataclasses
from pathlib import Path
from typing import Any

import click

from tracewell.cli.errors import USAGE, fail
from tracewell.cli.fingerprint_options import fingerprints_option, jobs_option
from tracewell.cli.options import data_option, json_option, show
from tracewell.cli.progress import CountBar
from tracewell.main.ground import open_ground
from tracewell.main.redetecting import redetect_archive
from tracewell.main.settings import Settings, load_settings
from tracewell.trace.redetection import RedetectionSummary

TECHNOLOGIES_SHOWN_MAX = 20


@click.command()
@click.argument("archives", nargs=-1, type=click.Path(exists=True, path_type=Path))
@click.option("--dry-run", "is_dry", is_flag=True, help="Only say what would change.")
@fingerprints_option
@jobs_option
@data_option
@json_option
def redetect(
    archives: tuple[Path, ...],
    is_dry: bool,
    folders: tuple[Path, ...],
    jobs: int,
    data: Path | None,
    as_json: bool,
) -> None:
    """Reads the archive again and replaces what detection and extraction said of each company.

    ARCHIVES are WARC files or folders that were taken in from elsewhere; the deployment's own
    archive is always read. Dates stay those of the captures. What came from captures that are gone
    stays. When it is stopped, run it again: companies that were done with these fingerprints are
    left out. Restart workers first, so that new captures are looked into with the same ones.

    \b
    Examples:
      tracewell redetect --dry-run
      tracewell redetect --jobs 4
      tracewell redetect ./common-crawl/ --fingerprints ./my-fingerprints --json
    """
    settings = load_settings(data=data)
    try:
        summary = asyncio.run(_redetect(settings, archives, folders, jobs, is_dry))
    except OSError as error:
        fail(f"{error.filename}: {error.strerror}", USAGE)
    show(_told(summary, as_json=as_json), as_json=as_json)


async def _redetect(
    settings: Settings,
    archives: tuple[Path, ...],
    folders: tuple[Path, ...],
    jobs: int,
    is_dry: bool,
) -> RedetectionSummary:
    async with open_ground(settings) as ground:
        with CountBar("redetect", 1) as bar:

            def tell(now: RedetectionSummary) -> None:
                bar.move_of(now.companies_done, now.companies_total)
                bar.say(f"{now.companies_changed} changed")

            return await redetect_archive(
                ground, folders, archives, jobs=jobs, is_dry=is_dry, on_progress=tell
            )


def _told(summary: RedetectionSummary, *, as_json: bool) -> dict[str, Any]:
    names = [field.name for field in dataclasses.fields(summary)]
    told = {name: getattr(summary, name) for name in names if name not in ("gained", "lost")}
    if as_json:
        return {
            **told,
            "technologies_gained": dict(summary.gained),
            "technologies_lost": dict(summary.lost),
        }
    for name, counts in (("gained", summary.gained), ("lost", summary.lost)):
        shown = counts.most_common(TECHNOLOGIES_SHOWN_MAX)
        told[f"technologies_{name}"] = ", ".join(f"{one} ({count})" for one, count in shown) or "-"
    return told
