"""`tracewell archive`: how much the archive holds, and how it is kept small."""

from __future__ import annotations

import shutil
from pathlib import Path

import click

from tracewell.cli.errors import REFUSED, USAGE, fail
from tracewell.cli.options import data_option, json_option, show
from tracewell.kernel.clock import system_clock
from tracewell.main.crawling import archive_folder
from tracewell.main.settings import load_settings
from tracewell.web.disk import describe, iter_files, list_old
from tracewell.web.disk import prune as prune_files


@click.group()
def archive() -> None:
    """Looks after the WARC files of everything that was fetched.

    \b
    Examples:
      tracewell archive show
      tracewell archive prune --dry-run
    """


@archive.command("show")
@data_option
@json_option
def show_archive(data: Path | None, as_json: bool) -> None:
    """Tells how much the archive holds, and how much it may.

    \b
    Example:
      tracewell archive show --json
    """
    settings = load_settings(data=data)
    folder = archive_folder(settings.data)
    sizes = [path.stat().st_size for path in iter_files(folder)]
    disk = next(path for path in (folder, *folder.absolute().parents) if path.exists())
    told = {
        "folder": str(folder),
        "files": len(sizes),
        "bytes": sum(sizes),
        "bytes_max": settings.archive_bytes_max,
        "free_bytes": shutil.disk_usage(disk).free,
        "free_bytes_min": settings.archive_free_bytes_min,
        "retention_days": settings.archive_retention_days,
    }
    show(told, as_json=as_json)


@archive.command()
@click.option("--days", type=click.IntRange(1, 36500),
              help="Days to keep; ARCHIVE_RETENTION_DAYS if not given.")  # fmt: skip
@click.option("--dry-run", is_flag=True, help="Only tell what would go.")
@data_option
@json_option
def prune(days: int | None, dry_run: bool, data: Path | None, as_json: bool) -> None:
    """Deletes archive files that were last written longer ago than the retention.

    Claims keep their excerpt and address; the captures behind them can no longer be opened.

    \b
    Examples:
      tracewell archive prune --dry-run
      tracewell archive prune --days 365
    """
    settings = load_settings(data=data)
    kept_days = days or settings.archive_retention_days
    if kept_days is None:
        fail("say --days, or set ARCHIVE_RETENTION_DAYS", USAGE)
    folder, now = archive_folder(settings.data), system_clock()
    try:
        old = list_old(folder, now, kept_days) if dry_run else prune_files(folder, now, kept_days)
    except OSError as error:
        fail(f"{error.filename}: {error.strerror}", REFUSED)
    if not as_json:
        for file in old:
            click.echo(describe(file))
    told = {"files": len(old), "bytes": sum(file.size for file in old), "dry_run": dry_run}
    show(told, as_json=as_json)
