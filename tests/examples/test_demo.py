"""The demo: run as a newcomer runs it, its calls pasted into a shell."""

from __future__ import annotations

import json
import os
import re
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]


@contextmanager
def running_demo(data: Path) -> Iterator[str]:
    """The demo while it runs; yields what it has printed once it is up."""
    out = data.parent / "demo.out"
    with out.open("w") as file:
        process = subprocess.Popen(
            [sys.executable, "-m", "examples.demo"],
            cwd=ROOT,
            env={**os.environ, "TRACEWELL_DEMO_DATA": str(data)},
            stdout=file,
            stderr=subprocess.STDOUT,
        )
    try:
        deadline = time.monotonic() + 120
        while "Ctrl-C ends it." not in out.read_text():
            assert process.poll() is None, out.read_text()
            assert time.monotonic() < deadline, out.read_text()
            time.sleep(0.2)
        yield out.read_text()
    finally:
        process.send_signal(signal.SIGINT)
        assert process.wait(60) == 0


def pasted(printed: str) -> list[dict[str, object]]:
    """The answers to the printed calls, run by a shell."""
    calls = re.findall(r"^curl .*$", printed, re.MULTILINE)
    assert len(calls) == 3
    return [
        json.loads(subprocess.run(call, shell=True, check=True, capture_output=True).stdout)
        for call in calls
    ]


@pytest.mark.skipif(shutil.which("curl") is None, reason="curl is not installed")
def test_the_demo_prints_three_calls_that_work_when_pasted_and_can_be_run_again(
    tmp_path: Path,
) -> None:
    data = tmp_path / "demo"
    for _ in range(2):
        with running_demo(data) as printed:
            profile, search, lookup = pasted(printed)
        assert profile["slug"] == "brightquay"
        assert profile["technology_count"] == 9
        assert isinstance(search["data"], list)
        assert "brightquay" in [row["slug"] for row in search["data"]]
        entities = lookup["entities"]
        assert isinstance(entities, list)
        assert entities[0]["kind"] == "person"
    assert len(list((data / "archive").glob("*.warc.gz"))) == 1
    assert (data / "demo-keys.json").stat().st_mode & 0o077 == 0
