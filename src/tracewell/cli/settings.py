"""`tracewell settings`: every variable, its meaning, default and example."""

from __future__ import annotations

import click
import orjson

from tracewell.cli.options import json_option
from tracewell.main.settings import Settings, variable_name


@click.command()
@json_option
def settings(as_json: bool) -> None:
    """Lists every setting of the system.

    \b
    Example:
      tracewell settings --json
    """
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
