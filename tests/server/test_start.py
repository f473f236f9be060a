"""A server that cannot start says why in one line and ends with the code 3."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
from pathlib import Path

import pytest

COMMAND = str(Path(sys.executable).with_name("tracewell"))


def assert_told(told: str, *arguments: str, **settings: str) -> str:
    """Runs a server that is not to start; its one line holds `told`."""
    environment = {"PATH": os.environ["PATH"], **settings}
    done = subprocess.run(
        [COMMAND, "serve", *arguments], env=environment, capture_output=True, text=True, timeout=60
    )
    assert done.returncode == 3, done
    (line,) = done.stderr.splitlines()
    assert line.startswith("tracewell: ")
    assert told in line
    assert done.stdout == ""
    return line


def test_a_port_in_use_is_told(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = str(taken.getsockname()[1])
        line = assert_told(port, "--port", port, "--data", str(tmp_path / "data"))
    assert "in use" in line


def test_an_address_that_is_not_ours_is_told(tmp_path: Path) -> None:
    address = "203.0.113.7"
    assert_told(address, "--host", address, "--port", "0", "--data", str(tmp_path / "data"))


def test_a_data_folder_that_cannot_be_made_is_told(tmp_path: Path) -> None:
    file = tmp_path / "file"
    file.touch()
    assert_told(f"{file / 'data'}", "--port", "0", "--data", str(file / "data"))


@pytest.mark.skipif(not Path("/sys/kernel").is_dir(), reason="a folder that root cannot write to")
def test_a_data_folder_that_cannot_be_written_is_told() -> None:
    assert_told("/sys/kernel", "--port", "0", "--data", "/sys/kernel")


@pytest.mark.parametrize("workers", ["1", "2"])
def test_an_unreachable_postgresql_is_told_without_its_password(
    tmp_path: Path, workers: str
) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
    line = assert_told(
        "PostgreSQL", "--port", "0", "--data", str(tmp_path), "--workers", workers,
        DATABASE_URL=f"postgresql://ann:very-secret@127.0.0.1:{port}/db",
    )  # fmt: skip
    assert "very-secret" not in line


def test_a_database_file_that_is_none_is_told(tmp_path: Path) -> None:
    (tmp_path / "tracewell.db").write_bytes(b"no database" * 1000)
    assert_told("SQLite", "--port", "0", "--data", str(tmp_path))
