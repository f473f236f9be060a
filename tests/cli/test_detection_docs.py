"""The page on detection is true: its commands and its programs run, its output is what comes."""

from __future__ import annotations

import os
import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest
from tests.cli.conftest import Console, make_archive

PAGE = (Path(__file__).parents[2] / "docs" / "detection.md").read_text("utf-8")
HTML = "<meta name=generator content='WordPress 6.4.2'><p>Grüße</p>"
NEEDS_A_NETWORK = {"tracewell fingerprints install wappalyzer-mit"}


def blocks(language: str) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```", PAGE, re.MULTILINE | re.DOTALL)


@pytest.fixture
def reader(console: Console) -> Console:
    """A folder that holds what the page speaks of."""
    (console.folder / "shop.html").write_text(HTML)
    pages = {"https://shop.example/": HTML, "https://other.example/": "<p class=wp-block-x>"}
    make_archive(console.folder / "crawl.warc.gz", pages)
    prints = console.folder / "my-fingerprints"
    prints.mkdir()
    (prints / "acme.json").write_text(*blocks("json"))
    return console


def run_program(reader: Console, program: str) -> str:
    done = subprocess.run(
        [sys.executable, "-c", program],
        cwd=reader.folder,
        env={**os.environ, "LC_ALL": "C.UTF-8"},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_every_command_of_the_page_does_what_it_shows(reader: Console) -> None:
    ran = 0
    for block in blocks("console"):
        command, *shown = block.splitlines() if block.count("$ ") == 1 else [block]
        for line in command.splitlines():
            line = line.removeprefix("$ ")
            if line in NEEDS_A_NETWORK:
                continue
            ran += 1
            out = reader(*shlex.split(line)[1:]).out
            assert not shown or out.splitlines() == shown
    assert ran >= 5


def test_the_programs_of_the_page_run(reader: Console) -> None:
    rows = reader("detect", "crawl.warc.gz", "--format", "jsonl").out
    (reader.folder / "rows.jsonl").write_text(rows)
    checking, library = blocks("python")
    told = run_program(reader, checking)
    assert int(told.split()[0]) >= 2
    assert "stand where the rows say" in told
    lines = run_program(reader, library).splitlines()
    assert lines == ["Acme CMS 4.1 100 ['yes', \"<meta name=generator content='Acme CMS 4.1'>\"]",
                     "PHP None 100 ['Acme CMS implies PHP']"]  # fmt: skip
