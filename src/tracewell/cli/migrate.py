"""`tracewell migrate`: the database's tables, up to this release or down again."""

from __future__ import annotations

import asyncio
from pathlib import Path

import click

from tracewell.cli.options import data_option, json_option, show
from tracewell.kernel.database import Migration, open_database
from tracewell.main.ground import ROOMS, all_migrations
from tracewell.main.settings import Settings, load_settings


@click.command()
@click.option("--down", "room", type=click.Choice(ROOMS), help="Undo this room's migrations ...")
@click.option("--to", "version", type=click.IntRange(0), help="... above this version.")
@click.option("--dry-run", is_flag=True, help="Only say what would be done.")
@click.option("--yes", is_flag=True, help="Do not ask before tables are dropped.")
@data_option
@json_option
def migrate(
    room: str | None,
    version: int | None,
    dry_run: bool,
    yes: bool,
    data: Path | None,
    as_json: bool,
) -> None:
    """Brings the database up to this release; `serve` does so by itself.

    \b
    Examples:
      tracewell migrate --dry-run
      tracewell migrate --down trace --to 0
    """
    if (room is None) != (version is None):
        raise click.UsageError("--down and --to go together")
    settings = load_settings(data=data)
    if room is not None and not dry_run and not yes:
        click.confirm(f"Drop the tables of {room} above version {version}?", abort=True)
    done = asyncio.run(_migrate(settings, room, version or 0, dry_run))
    names = [f"{step.room} {step.version:04} {step.name}" for step in done]
    show({"would_run" if dry_run else "ran": names}, as_json=as_json)


async def _migrate(
    settings: Settings, room: str | None, version: int, dry_run: bool
) -> list[Migration]:
    migrations = all_migrations()
    database = await open_database(settings.database)
    try:
        if dry_run:
            have = await migrations.applied(database)
            if room is None:
                return [s for s in migrations.steps if (s.room, s.version) not in have]
            return [
                step
                for step in reversed(migrations.steps)
                if step.room == room and step.version > version and (room, step.version) in have
            ]
        if room is None:
            return await migrations.up(database)
        return await migrations.down(database, room, version)
    finally:
        await database.close()
