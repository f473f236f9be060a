"""Options that several commands share, and how results are printed."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, TypeVar

import click
import orjson

from tracewell.kernel.clock import parse_utc, system_clock

Command = TypeVar("Command", bound=Callable[..., Any])

_SPAN = re.compile(r"(\d{1,6})(s|m|h|d)")
_UNITS_MS = {"s": 1_000, "m": 60_000, "h": 3_600_000, "d": 86_400_000}

data_option = click.option(
    "--data",
    type=click.Path(file_okay=False, path_type=Path),
    help="Data folder (TRACEWELL_DATA).  [default: ./tracewell-data]",
)
json_option = click.option("--json", "as_json", is_flag=True, help="Print JSON for programs.")


class Span(click.ParamType[int]):
    """A length of time: `90s`, `15m`, `12h`, `30d`; a value in milliseconds."""

    name = "span"

    def convert(self, value: Any, param: Any, ctx: Any) -> int:
        """Milliseconds."""
        match = _SPAN.fullmatch(str(value))
        if match is None:
            self.fail(f"{value!r} is not a length of time like 90s, 15m, 12h or 30d", param, ctx)
        return int(match.group(1)) * _UNITS_MS[match.group(2)]


class Moment(click.ParamType[int]):
    """A moment: an ISO 8601 time, or a length of time from now; in milliseconds since the epoch."""

    name = "moment"

    def convert(self, value: Any, param: Any, ctx: Any) -> int:
        """Milliseconds since the epoch."""
        if isinstance(value, int):
            return value
        if _SPAN.fullmatch(value):
            return system_clock() + Span().convert(value, param, ctx)
        try:
            return parse_utc(value)
        except ValueError:
            example = datetime.now(UTC).strftime("%Y-12-31T00:00:00Z")
            self.fail(f"{value!r} is neither a time like {example} nor a span like 30d", param, ctx)


def show(values: dict[str, Any], *, as_json: bool) -> None:
    """Prints one result: JSON on one line, or a line for each value."""
    if as_json:
        click.echo(orjson.dumps(values).decode())
        return
    width = max(map(len, values), default=0)
    for name, value in values.items():
        if value is not None:
            text = ", ".join(map(str, value)) if isinstance(value, list | tuple) else value
            click.echo(f"{name.replace('_', ' '):<{width}}  {text}")


def show_all(rows: list[dict[str, Any]], *, as_json: bool) -> None:
    """Prints several results: a JSON array, or blocks parted by a blank line."""
    if as_json:
        click.echo(orjson.dumps(rows).decode())
        return
    for place, row in enumerate(rows):
        if place:
            click.echo()
        show(row, as_json=False)
