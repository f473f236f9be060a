"""A real authoritative name server (Debian's Knot DNS) on loopback, with zones that may change."""

from __future__ import annotations

import shutil
import socket
import subprocess
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

START_TIMEOUT_S = 20


@dataclass
class NameServer:
    """A running server; `address` is `127.0.0.1:<port>`."""

    folder: Path
    port: int

    @property
    def address(self) -> str:
        return f"127.0.0.1:{self.port}"

    def set(self, zone: str, name: str, kind: str, value: str) -> None:
        """Replaces the records of that name and type, as a rebinding attacker would."""
        for step in (
            ("zone-begin", zone),
            ("zone-unset", zone, name, kind),
            ("zone-set", zone, name, "0", kind, value),
            ("zone-commit", zone),
        ):
            command = ["knotc", "-b", "-s", str(self.folder / "knot.sock"), *step]
            done = subprocess.run(command, capture_output=True, text=True, timeout=20)
            if done.returncode != 0 and step[0] != "zone-unset":
                raise AssertionError(f"{step}: {done.stderr}{done.stdout}")


def is_here() -> bool:
    """Whether Knot DNS is installed."""
    return shutil.which("knotd") is not None and shutil.which("knotc") is not None


@contextmanager
def serving(folder: Path, zones: Mapping[str, str]) -> Iterator[NameServer]:
    """Serves the zones: records in master-file form, without the SOA."""
    port = _free_port()
    lines = [
        "server:",
        f'    rundir: "{folder}"',
        f"    listen: 127.0.0.1@{port}",
        "    udp-workers: 1",
        "    tcp-workers: 1",
        "    background-workers: 1",
        "database:",
        f'    storage: "{folder}"',
        "template:",
        "  - id: default",
        f'    storage: "{folder}"',
        "    zonefile-sync: -1",
        "    semantic-checks: off",
        "zone:",
    ]
    for zone, records in zones.items():
        soa = f"@ 0 IN SOA ns.{zone}. hostmaster.{zone}. 1 3600 600 86400 0\n"
        text = f"$ORIGIN {zone}.\n$TTL 0\n{soa}{records}\n"
        (folder / f"{zone}.zone").write_text(text)
        lines.append(f"  - domain: {zone}")
    (folder / "knot.conf").write_text("\n".join(lines) + "\n")
    with (folder / "knot.log").open("wb") as log:
        process = subprocess.Popen(
            ["knotd", "-c", str(folder / "knot.conf"), "-s", str(folder / "knot.sock")],
            stdout=log,
            stderr=log,
        )
    server = NameServer(folder, port)
    try:
        _wait(server, process, folder / "knot.log", next(iter(zones)))
        yield server
    finally:
        process.terminate()
        process.wait(20)


def _wait(server: NameServer, process: subprocess.Popen[bytes], log: Path, zone: str) -> None:
    command = ["knotc", "-s", str(server.folder / "knot.sock"), "zone-read", zone, "@", "SOA"]
    deadline = time.monotonic() + START_TIMEOUT_S
    while time.monotonic() < deadline:
        if process.poll() is not None:
            raise AssertionError(f"the name server ended: {log.read_text()}")
        if subprocess.run(command, capture_output=True, check=False).returncode == 0:
            return
        time.sleep(0.05)
    raise AssertionError(f"the name server does not answer: {log.read_text()}")


def _free_port() -> int:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
