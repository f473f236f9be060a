"""The sample web as a really started process, and a plain way to ask its hosts."""

from __future__ import annotations

import http.client
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT))  # `examples` is run from the checkout, it is not installed

from examples.web.model import Web  # noqa: E402
from examples.web.site import load_web  # noqa: E402

SERVER = ROOT / "examples" / "web" / "server.py"


@dataclass(frozen=True, slots=True)
class Answer:
    status: int
    headers: tuple[tuple[str, str], ...]
    body: bytes

    def header(self, name: str) -> str | None:
        return next((value for key, value in self.headers if key.lower() == name.lower()), None)


@dataclass(frozen=True, slots=True)
class SampleWeb:
    port: int

    def get(
        self, host: str, path: str = "/", *, method: str = "GET", accept_encoding: str = "identity"
    ) -> Answer:
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=10)
        try:
            connection.putrequest(method, path, skip_host=True, skip_accept_encoding=True)
            connection.putheader("Host", host)
            connection.putheader("Accept-Encoding", accept_encoding)
            connection.endheaders()
            response = connection.getresponse()
            return Answer(response.status, tuple(response.getheaders()), response.read())
        finally:
            connection.close()


def start_server(*options: str) -> tuple[subprocess.Popen[str], int]:
    process = subprocess.Popen(
        [sys.executable, str(SERVER), "--port", "0", "--print-port", *options],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        cwd=ROOT,
    )
    assert process.stdout is not None
    line = process.stdout.readline()
    if not line.strip():
        _, errors = process.communicate(timeout=10)
        pytest.fail(f"the sample web did not start: {errors}")
    return process, int(line)


@pytest.fixture(scope="session")
def served() -> Iterator[SampleWeb]:
    process, port = start_server("--slow-s", "0.01")
    try:
        yield SampleWeb(port)
    finally:
        process.terminate()
        process.communicate(timeout=10)


@pytest.fixture(scope="session")
def web() -> Web:
    return load_web()
