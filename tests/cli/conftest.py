"""The console script as an operator has it: a real process, its output, its exit code."""

from __future__ import annotations

import io
import json
import os
import subprocess
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from warcio.statusandheaders import StatusAndHeaders
from warcio.warcwriter import WARCWriter

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
                **{name: os.environ[name] for name in ("PYTHONPATH",) if name in os.environ},
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


PRINTS = {
    "Acme CMS": {"cats": [1], "html": "made-by-acme (\\d+)\\;version:\\1", "implies": "Acme Base"},
    "Acme Base": {"html": "never-there"},
    "Acme Sure": {"html": "made-by-acme\\;confidence:40", "headers": {"X-Acme": "yes"}},
    "Acme Robots": {"robots": "Disallow: /acme"},
}


@pytest.fixture(scope="session")
def cache(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where read fingerprints are kept between the tests."""
    return tmp_path_factory.mktemp("cache")


@pytest.fixture
def detect(console: Console, cache: Path) -> Console:
    """The command with a small collection of its own in the data folder."""
    prints = console.folder / "prints"
    prints.mkdir()
    (prints / "categories.json").write_text('{"1": {"name": "CMS"}}')
    (prints / "a.json").write_text(json.dumps(PRINTS))
    console.environment["XDG_CACHE_HOME"] = str(cache)
    return console


def make_archive(
    file: Path, pages: Mapping[str, str | bytes], *, kind: str = "response", compress: bool = True
) -> Path:
    with file.open("wb") as stream:
        writer = WARCWriter(stream, gzip=compress)
        for url, body in pages.items():
            payload = body.encode() if isinstance(body, str) else body
            head = StatusAndHeaders(
                "200 OK", [("Content-Type", "text/html; charset=utf-8")], protocol="HTTP/1.1"
            )
            record = writer.create_warc_record(
                url,
                kind,
                payload=io.BytesIO(payload),
                http_headers=head if kind == "response" else None,
                warc_content_type="text/html" if kind == "resource" else "",
            )
            writer.write_record(record)
    return file
