"""`tracewell entities`: merges and splits of entities over lookups, shown and undone."""

from __future__ import annotations

import asyncio
from pathlib import Path

import click

from tracewell.cli.options import data_option, json_option, show, show_all
from tracewell.main.entities import list_events, undo
from tracewell.main.settings import load_settings


@click.group()
def entities() -> None:
    """Merges and splits of entities over lookups.

    \b
    Examples:
      tracewell entities show ent_...
      tracewell entities undo evt_... --dry-run
    """


@entities.command("show")
@click.argument("entity_id")
@data_option
@json_option
def show_events(entity_id: str, data: Path | None, as_json: bool) -> None:
    """Lists the merges and splits of an entity: when, by which lookup, by what evidence.

    \b
    Example:
      tracewell entities show ent_... --json
    """
    events = asyncio.run(list_events(load_settings(data=data), entity_id))
    if not events:
        click.echo(f"No merge or split of {entity_id} is recorded.", err=True)
    show_all(events, as_json=as_json)


@entities.command("undo")
@click.argument("event_id")
@click.option("--dry-run", is_flag=True, help="Show it, and undo nothing.")
@data_option
@json_option
def undo_event(event_id: str, dry_run: bool, data: Path | None, as_json: bool) -> None:
    """Undoes a merge (later lookups keep the two apart) or a split (they are one).

    The audit log names your account on this machine. Stored results stay as they were signed.

    \b
    Examples:
      tracewell entities undo evt_... --dry-run
      tracewell entities undo evt_... --data /var/lib/tracewell
    """
    show(asyncio.run(undo(load_settings(data=data), event_id, dry_run=dry_run)), as_json=as_json)
