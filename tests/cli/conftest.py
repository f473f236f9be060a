"""The console script as an operator has it: a real process, its output, its exit code."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

SCRIPT = Path(sys.executable).with_name("tracewell")


@dataclass(frozen=True)
class Outcome:
    """What a finished command left."""

    code: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        return json.loads(self.out)


@dataclass
class Console:
    """Runs `tracewell` in a folder of its own, with no setting but those of `environment`."""

    folder: Path
    environment: dict[str, str] = field(default_factory=dict)

    @property
    def data(self) -> Path:
        return self.folder / "data"

    def __call__(self, *arguments: str, code: int = 0, stdin: bytes = b"") -> Outcome:
        finished = subprocess.run(
            [SCRIPT, *arguments],
            cwd=self.folder,
            env={
                "PATH": os.environ["PATH"],
                "LC_ALL": "C.UTF-8",
                "TRACEWELL_DATA": str(self.data),
                # Where the package is taken from a checkout beside the installed one.
                "PYTHONPATH": os.environ.get("PYTHONPATH", ""),
                **self.environment,
            },
            input=stdin,
            capture_output=True,
            timeout=60,
            check=False,
        )
        outcome = Outcome(
            finished.returncode,
            finished.stdout.decode(),
            finished.stderr.decode("utf-8", "replace"),
        )
        assert "Traceback" not in outcome.err, outcome.err
        assert outcome.code == code, (arguments, outcome)
        return outcome

    def admin(self, *arguments: str) -> Any:
        """The JSON that an admin command prints."""
        return self("admin", *arguments, "--json").json


MakeConsole = Callable[..., Console]


@pytest.fixture
def console(tmp_path: Path) -> Console:
    """The console script over an embedded database."""
    return Console(tmp_path)


@pytest.fixture
def console_on(tmp_path: Path, empty_database_url: str) -> Console:
    """The console script over each database in turn."""
    return Console(tmp_path, {"DATABASE_URL": empty_database_url})
