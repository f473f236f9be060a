"""What commands that detect have in common: which fingerprints, how many processes."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path

import click

from tracewell.detection import FingerprintSet, Problem
from tracewell.main.fingerprint_store import load_all

fingerprints_option = click.option(
    "--fingerprints",
    "folders",
    multiple=True,
    type=click.Path(exists=True, file_okay=False, path_type=Path),
    help="A further collection in the Wappalyzer-style format; may be given again.",
)
jobs_option = click.option(
    "--jobs",
    type=click.IntRange(1, 64),
    default=1,
    show_default=True,
    help="Processes that detect.",
)


def load_told(folders: Sequence[Path], data: Path) -> FingerprintSet:
    """The fingerprints; what could not be loaded of them is told."""
    fingerprints = load_all(folders, data)
    tell_problems(fingerprints.problems)
    return fingerprints


def tell_problems(problems: Iterable[Problem]) -> None:
    """Tells what of fingerprints could not be read: file, technology, kind of pattern, reason."""
    for problem in problems:
        place = f"{problem.file}: {problem.technology}: {problem.kind}"
        click.echo(f"fingerprint left out: {place}: {problem.reason}", err=True)
