"""`tracewell detect` while it runs: rows at once, Ctrl-C, readers that leave, a terminal."""

from __future__ import annotations

import json
import os
import pty
import signal
import subprocess
from pathlib import Path
from typing import Any

import pytest
from tests.cli.conftest import SCRIPT, Console, make_archive

WORDPRESS = "<meta name=generator content='WordPress 6.4.2'>"


def many_pages(detect: Console) -> Path:
    body = WORDPRESS + "<p>word</p>" * 20_000
    pages = {f"https://{number}.example/": f"{body}{number}" for number in range(40)}
    file = detect.folder / "many.warc"
    make_archive(file, pages, compress=False)
    return file


def start(detect: Console, *arguments: str, **streams: Any) -> subprocess.Popen[bytes]:
    environment = {"PATH": os.environ["PATH"], "TERM": "xterm", **detect.environment}
    environment |= {"PYTHONPATH": os.environ.get("PYTHONPATH", ""), "LC_ALL": "C.UTF-8"}
    environment["TRACEWELL_DATA"] = str(detect.data)
    command: list[str] = [str(SCRIPT), "detect", *arguments]
    # A test run in the background of a shell has SIGINT ignored, and its children would have.
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        return subprocess.Popen(command, cwd=detect.folder, env=environment, **streams)
    finally:
        signal.signal(signal.SIGINT, before)


@pytest.mark.parametrize("jobs", ["1", "2"])
def test_rows_come_while_more_is_read_and_ctrl_c_ends_it_plainly(
    detect: Console, jobs: str
) -> None:
    many = many_pages(detect)
    listed = detect.folder / "list"
    listed.write_text(f"{many}\n" * 50)
    process = start(
        detect, "--from", str(listed), "--jobs", jobs, "--format", "jsonl",
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, start_new_session=True,
    )  # fmt: skip
    assert process.stdout is not None
    assert json.loads(process.stdout.readline())["url"] == "https://0.example/"
    os.killpg(process.pid, signal.SIGINT)  # as a terminal does: every process of the group
    out, err = process.communicate(timeout=60)
    assert process.returncode == 130
    assert err.decode() == "tracewell: stopped\n"
    assert not out or out.endswith(b"\n")
    assert len(out.splitlines()) < 1_999


@pytest.mark.parametrize("jobs", ["1", "2"])
def test_a_reader_that_has_enough_ends_it_in_silence(detect: Console, jobs: str) -> None:
    process = start(
        detect, str(many_pages(detect)), "--jobs", jobs,
        stdout=subprocess.PIPE, stderr=subprocess.PIPE,
    )  # fmt: skip
    assert process.stdout is not None
    process.stdout.readline()
    process.stdout.close()
    assert process.stderr is not None
    assert process.stderr.read() == b""
    assert process.wait(60) == 0


def test_worker_processes_end_with_a_command_that_is_killed(detect: Console) -> None:
    listed = detect.folder / "list"
    listed.write_text(f"{many_pages(detect)}\n" * 50)
    process = start(
        detect, "--from", str(listed), "--jobs", "2",
        stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, start_new_session=True,
    )  # fmt: skip
    assert process.stdout is not None
    process.stdout.readline()
    process.kill()
    process.wait()
    process.stdout.read()  # ends when the last process that holds the pipe has ended
    process.stdout.close()


def test_a_terminal_sees_progress_and_the_file_only_rows(detect: Console) -> None:
    many = many_pages(detect)
    ours, theirs = pty.openpty()
    with (detect.folder / "rows").open("wb") as rows:
        process = start(detect, str(many), "--format", "jsonl", stdout=rows, stderr=theirs)
    os.close(theirs)
    told = read_terminal(ours)
    assert process.wait(60) == 0
    assert "detect" in told
    assert "40 pages; 0 records that are no pages; 0 skipped" in told
    lines = (detect.folder / "rows").read_text().splitlines()
    assert [json.loads(line)["url"] for line in lines] == [
        f"https://{number}.example/" for number in range(40)
    ]


def read_terminal(ours: int) -> str:
    parts: list[bytes] = []
    while True:
        try:
            part = os.read(ours, 65_536)
        except OSError:  # the other side is closed
            break
        if not part:
            break
        parts.append(part)
    os.close(ours)
    return b"".join(parts).decode()
