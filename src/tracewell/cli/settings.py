"""`tracewell settings`: every variable, its meaning, default and example; and whether they fit."""

from __future__ import annotations

import sys
from pathlib import Path

import click
import orjson

from tracewell.cli.errors import USAGE
from tracewell.cli.options import data_option, json_option
from tracewell.main.settings import Settings, SettingsWrong, load_settings, variable_name


@click.group(invoke_without_command=True)
@json_option
@click.pass_context
def settings(ctx: click.Context, as_json: bool) -> None:
    """Lists every setting of the system, or checks those of the environment.

    \b
    Examples:
      tracewell settings --json
      tracewell settings check
    """
    if ctx.invoked_subcommand is not None:
        return
    rows = [
        {
            "variable": variable_name(name),
            "default": None if field.default is None else str(field.default),
            "meaning": field.description,
            "example": (field.examples or [""])[0],
        }
        for name, field in Settings.model_fields.items()
    ]
    if as_json:
        click.echo(orjson.dumps(rows).decode())
        return
    for row in rows:
        click.echo(f"{row['variable']}  (default: {row['default']})")
        click.echo(f"    {row['meaning']}")
        click.echo(f"    for example {row['example']}\n")


@settings.command("check")
@click.option("--product", type=click.Choice(["trace", "intrace", "both"]), help="What to serve.")
@data_option
@json_option
def settings_check(product: str | None, data: Path | None, as_json: bool) -> None:
    """Tells whether a server would start with the environment's settings. Changes nothing.

    Files that settings name are read; nothing is asked over the network.

    Exit codes: 0 it would start, 2 it would not.

    \b
    Examples:
      tracewell settings check
      AUTH_MODE=saml tracewell settings check --product intrace --json
    """
    from tracewell.main.start_check import find_problems

    problems: tuple[str, ...]
    try:
        findings = find_problems(load_settings(data=data, product=product))
        problems, warnings = findings.problems, findings.warnings
    except SettingsWrong as error:
        problems, warnings = tuple(str(error).splitlines()), ()
    if as_json:
        told = {"usable": not problems, "problems": problems, "warnings": warnings}
        click.echo(orjson.dumps(told).decode())
    else:
        for problem in problems:
            click.echo(problem, err=True)
        for warning in warnings:
            click.echo(f"warning: {warning}", err=True)
        if not problems:
            click.echo("These settings can be used.")
    sys.exit(USAGE if problems else 0)
