"""`tracewell results`: results at rest."""

from __future__ import annotations

import asyncio
import sys
from pathlib import Path

import click

from tracewell.cli.options import data_option, json_option, show
from tracewell.main.sealing import open_sealer, reseal
from tracewell.main.settings import Settings, load_settings


@click.group()
def results() -> None:
    """Lookup results and analyses at rest.

    \b
    Example:
      tracewell results reencrypt --dry-run
    """


@results.command()
@click.option("--dry-run", is_flag=True, help="Say what would be done, and do nothing.")
@data_option
@json_option
def reencrypt(dry_run: bool, data: Path | None, as_json: bool) -> None:
    """Encrypts every stored result with the first key of RESULT_ENCRYPTION_KEY.

    For a new key, and for results from before there was one. The old keys stand behind the new one
    until this is done; servers that run meanwhile have all of them. It may be broken off and begun
    again.

    \b
    Examples:
      RESULT_ENCRYPTION_KEY=$NEW,$OLD tracewell results reencrypt --dry-run
      RESULT_ENCRYPTION_KEY=$NEW,$OLD tracewell results reencrypt --data /var/lib/tracewell
    """
    settings = load_settings(data=data)
    read, changed = asyncio.run(_run(settings, dry_run=dry_run))
    told = {
        "key_id": open_sealer(settings).key_id,
        "results_read": read,
        "reencrypted": changed,
        "dry_run": dry_run,
    }
    show(told, as_json=as_json)


async def _run(settings: Settings, *, dry_run: bool) -> tuple[int, int]:
    read, changed = 0, 0
    terminal = sys.stderr.isatty()
    async for read, changed in reseal(settings, dry_run=dry_run):
        if terminal:
            click.echo(f"\r{read} results read, {changed} encrypted anew", nl=False, err=True)
    if terminal:
        click.echo(err=True)
    return read, changed
