"""Progress on a terminal, and nothing of it elsewhere."""

from __future__ import annotations

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
        self._progress = Progress(
            TextColumn("{task.description}"),
            BarColumn(),
            self._unit,
            TimeRemainingColumn(),
            TextColumn("{task.fields[note]}"),
            console=console,
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

    def say(self, note: str) -> None:
        """Sets the note behind the bar."""
        self._progress.update(self._task, note=note)


class BytesBar(_Bar):
    """Counts bytes."""

    _unit = DownloadColumn()


class CountBar(_Bar):
    """Counts pieces."""

    _unit = MofNCompleteColumn()


class Problems:
    """Tells broken records on standard error, the first of them one by one."""

    def __init__(self) -> None:
        self.count = 0

    def tell(self, path: Path, offset: int, reason: str) -> None:
        """One record that was skipped."""
        self.count += 1
        if self.count <= PROBLEMS_SHOWN_MAX:
            click.echo(f"{path.name}:{offset}: skipped: {reason}", err=True)
        elif self.count == PROBLEMS_SHOWN_MAX + 1:
            click.echo("further broken records are only counted", err=True)
