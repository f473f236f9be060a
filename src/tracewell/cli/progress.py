"""Progress on a terminal, and nothing of it elsewhere."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path
from types import TracebackType
from typing import Self

import click
from rich.console import Console
from rich.progress import (
    BarColumn,
    DownloadColumn,
    MofNCompleteColumn,
    Progress,
    ProgressColumn,
    TextColumn,
    TimeRemainingColumn,
)

PROBLEMS_SHOWN_MAX = 20


class _Bar:
    """A bar on standard error."""

    _unit: ProgressColumn

    def __init__(self, title: str, total: int) -> None:
        console = Console(stderr=True)
        self.is_shown = console.is_terminal
        self._progress = Progress(
            TextColumn("{task.description}"),
            BarColumn(),
            self._unit,
            TimeRemainingColumn(),
            TextColumn("{task.fields[note]}"),
            console=console,
            redirect_stdout=False,  # what is printed there is for whoever reads it, not for people
            disable=not console.is_terminal,
        )
        self._task = self._progress.add_task(title, total=total, note="")

    def __enter__(self) -> Self:
        self._progress.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._progress.stop()

    def move(self, done: int) -> None:
        """Sets how much is done."""
        self._progress.update(self._task, completed=done)

    def move_of(self, done: int, total: int | None) -> None:
        """Sets how much of how much is done, where that is known only by then."""
        self._progress.update(self._task, completed=done, total=total)

    def say(self, note: str) -> None:
        """Sets the note behind the bar."""
        self._progress.update(self._task, note=note)


class BytesBar(_Bar):
    """Counts bytes."""

    _unit = DownloadColumn()


class CountBar(_Bar):
    """Counts pieces."""

    _unit = MofNCompleteColumn()


class RowWriter:
    """Writes lines to standard output as they come, above a bar on the same terminal."""

    def __init__(self, bar: _Bar) -> None:
        self._stream = sys.stdout.buffer
        shares = bar.is_shown and sys.stdout.isatty()
        self._lead = b"\r\x1b[2K" if shares else b""  # the bar draws itself again below

    def write(self, rows: Sequence[bytes]) -> None:
        """Whole lines, each with its end. Raises BrokenPipeError."""
        for row in rows:
            self._stream.write(self._lead + row)
        if rows:
            self._stream.flush()


class Problems:
    """Tells broken records on standard error, the first of them one by one."""

    def __init__(self) -> None:
        self.count = 0

    def tell(self, path: Path, offset: int, reason: str) -> None:
        """One record that was skipped."""
        self.tell_of(f"{path.name}:{offset}", reason)

    def tell_of(self, place: str, reason: str) -> None:
        """Anything that was skipped."""
        self.count += 1
        if self.count <= PROBLEMS_SHOWN_MAX:
            click.echo(f"{place}: skipped: {reason}", err=True)
        elif self.count == PROBLEMS_SHOWN_MAX + 1:
            click.echo("further ones are only counted", err=True)
