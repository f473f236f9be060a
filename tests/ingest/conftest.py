"""Archives of invented pages, and a real Spark cluster: a master and two workers."""

from __future__ import annotations

import os
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from tests.cli.conftest import console, make_archive

__all__ = ["Cluster", "cluster", "console", "make_site"]

START_TIMEOUT_S = 60
POLL_S = 0.1
_MASTER = "org.apache.spark.deploy.master.Master"
_WORKER = "org.apache.spark.deploy.worker.Worker"
_EXECUTOR = "CoarseGrainedExecutorBackend"


def make_site(number: int) -> dict[str, str]:
    """Pages of two companies; every second archive shows the first company again."""
    shared, own = "https://www.shared.example", f"https://company{number}.example"
    filler = "".join(f"<p>Paragraph {line} of many.</p>" for line in range(400))
    pages = {
        f"{own}/": f'<meta name="generator" content="WordPress 6.{number % 4}">'
        f'<script type="application/ld+json">{{"@context": "https://schema.org", "@type":'
        f' "Organization", "name": "Company {number}", "url": "{own}/"}}</script>',
        f"{own}/partners": '<h1>Our partners</h1><ul><li><a href="https://www.shared.example/">'
        "Shared Ltd</a></li></ul>",
        f"{shared}/page{number}": '<script src="/jquery-3.7.1.min.js"></script>',
    }
    return pages | {f"{own}/more{page}": f"<p>{page}</p>{filler}" for page in range(12)}


@dataclass(frozen=True)
class Cluster:
    """A standalone cluster; `url` is its master's."""

    url: str
    folder: Path
    workers: tuple[subprocess.Popen[bytes], ...]

    def find_executors(self) -> list[int]:
        """The process ids of the executors that run now."""
        found = []
        for worker in self.workers:
            children = Path(f"/proc/{worker.pid}/task")
            for thread in children.iterdir():
                for child in (thread / "children").read_text().split():
                    if _EXECUTOR.encode() in Path(f"/proc/{child}/cmdline").read_bytes():
                        found.append(int(child))
        return found

    def count_started(self, application: str) -> int:
        """How many executors an application ever had: each has a folder."""
        return len(list(self.folder.glob(f"work-*/{application}/*/stderr")))

    def list_applications(self) -> list[str]:
        """Their folders' names, in the order of their starts."""
        return sorted({path.name for path in self.folder.glob("work-*/app-*")})


@pytest.fixture(scope="session")
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cluster]:
    pyspark = pytest.importorskip("pyspark", reason="pyspark is not installed (extra `spark`)")
    if shutil.which("java") is None:
        pytest.skip("no Java runtime (Debian: default-jre-headless)")
    if not Path("/proc/self/task").is_dir():
        pytest.skip("executors are found through /proc")
    folder = tmp_path_factory.mktemp("spark")
    command = str(Path(pyspark.__file__).parent / "bin" / "spark-class")
    port = free_port()
    url = f"spark://127.0.0.1:{port}"
    environment = {
        "PATH": os.environ["PATH"],
        "PYTHONPATH": os.environ.get("PYTHONPATH", ""),
        "SPARK_LOCAL_IP": "127.0.0.1",
        "SPARK_DAEMON_MEMORY": "256m",
        "PYSPARK_PYTHON": sys.executable,
    }
    started: list[subprocess.Popen[bytes]] = []

    def start(name: str, *arguments: str) -> Path:
        log = folder / f"{name}.log"
        with log.open("wb") as file:
            started.append(
                subprocess.Popen(
                    [command, *arguments], env=environment, cwd=folder, stdout=file, stderr=file
                )
            )
        return log

    listen = ("--host", "127.0.0.1", "--webui-port", "0")
    try:
        wait_for(start("master", _MASTER, *listen, "--port", str(port)), "elected leader", started)
        logs = [
            start(f"worker{number}", _WORKER, *listen, "--cores", "1", "--memory", "1g",
                  "--work-dir", str(folder / f"work-{number}"), url)
            for number in range(2)
        ]  # fmt: skip
        for log in logs:
            wait_for(log, "Successfully registered with master", started)
        yield Cluster(url, folder, tuple(started[1:]))
    finally:
        for process in reversed(started):
            process.send_signal(signal.SIGTERM)
        for process in started:
            process.wait(START_TIMEOUT_S)


def wait_for(log: Path, words: str, processes: list[subprocess.Popen[bytes]]) -> None:
    until = time.monotonic() + START_TIMEOUT_S
    while words not in (text := log.read_text("utf-8", "replace")):
        assert time.monotonic() < until, text
        assert all(process.poll() is None for process in processes), text
        time.sleep(POLL_S)


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


@pytest.fixture
def archives(tmp_path: Path) -> Path:
    """A folder of eight archives, one of them with a broken record."""
    folder = tmp_path / "archives"
    folder.mkdir()
    for number in range(8):
        make_archive(folder / f"crawl-{number}.warc.gz", make_site(number))
    broken = folder / "crawl-3.warc.gz"
    data = bytearray(broken.read_bytes())
    data[40:60] = b"\0" * 20
    broken.write_bytes(data)
    return folder
