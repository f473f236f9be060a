"""`make demo`: crawls the sample web, serves both products, prints keys and calls to paste.

Everything stays in `.demo/`; a second run goes on from there. `--fresh` begins anew.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
DATA = Path(os.environ.get("TRACEWELL_DEMO_DATA", ROOT / ".demo"))
KEYS = DATA / "demo-keys.json"
COMPANIES = sorted(path.stem for path in (ROOT / "examples/web/companies").glob("*.yaml"))
PORTS = (8000, 8080, 8888)
START_S = 60
_TRACEWELL = [sys.executable, "-m", "tracewell"]


class DemoFailed(Exception):  # noqa: N818
    """A step of the demo failed; the text says which and why."""


def environment() -> dict[str, str]:
    """The settings of the demo, whatever the shell has set besides."""
    return {
        **os.environ,
        "TRACEWELL_DATA": str(DATA),
        "OWN_RECORDS_PATH": str(ROOT / "examples/records"),
        "AUTH_MODE": "api_key",
    }


def tracewell(*words: str, as_json: bool = False) -> Any:
    """Runs a command of the product; what it says goes to the terminal, or is read as JSON."""
    command = [*_TRACEWELL, *words, *(["--json"] if as_json else [])]
    done = subprocess.run(
        command,
        env=environment(),
        check=False,
        text=True,
        stdout=subprocess.PIPE if as_json else None,
    )
    if done.returncode:
        raise DemoFailed(f"`tracewell {' '.join(words[:3])}` ended with code {done.returncode}")
    return json.loads(done.stdout) if as_json else None


@contextlib.contextmanager
def sample_web() -> Iterator[int]:
    """The sample web on a free port of loopback."""
    server = ROOT / "examples/web/server.py"
    process = subprocess.Popen(
        [sys.executable, str(server), "--port", "0", "--print-port"],
        stdout=subprocess.PIPE,
        text=True,
    )
    try:
        assert process.stdout is not None
        line = process.stdout.readline().strip()
        if not line.isdigit():
            raise DemoFailed("the sample web did not start")
        yield int(line)
    finally:
        process.terminate()
        process.wait(15)


def crawl() -> None:
    """Crawls the sample web through the guarded fetcher, unless that was done before."""
    if any((DATA / "archive").glob("*.warc.gz")):
        print("The sample web was crawled before; `make demo FRESH=1` begins anew.")
        return
    print(f"Crawling the sample web: {len(COMPANIES)} invented companies ...", flush=True)
    with sample_web() as port:
        tracewell(
            "crawl", *COMPANIES, "--allow", f"*.example=127.0.0.1:{port}",
            "--pause", "0", "--crawl-delay-max", "0",
        )  # fmt: skip


def ensure_keys() -> dict[str, str]:
    """A user's Trace key and a service's Intrace key, the same in every run."""
    if KEYS.exists():
        found: dict[str, str] = json.loads(KEYS.read_text())
        return found
    tracewell("admin", "org", "create", "Demo", "--plan", "pro", as_json=True)
    mail = "demo@tracewell.example"
    tracewell("admin", "user", "create", mail, "--org", "Demo", "--verified", as_json=True)
    trace = tracewell("admin", "key", "create", "--user", mail, as_json=True)
    roles = "analyst,auditor"
    words = ("admin", "key", "create", "--service", "demo", "--roles", roles)
    intrace = tracewell(*words, as_json=True)
    keys = {"trace": trace["key"], "intrace": intrace["key"]}
    descriptor = os.open(KEYS, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "w") as file:
        json.dump(keys, file)
    return keys


def find_port(wanted: int | None) -> int:
    """The port that was asked for, else the first usual one that is free."""
    for port in (wanted,) if wanted is not None else (*PORTS, 0):
        with socket.socket() as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:
                continue
            return int(probe.getsockname()[1])
    raise DemoFailed(f"port {wanted} is in use")


def wait_until_ready(url: str, server: subprocess.Popen[bytes]) -> None:
    """Waits for /readyz."""
    deadline = time.monotonic() + START_S
    while time.monotonic() < deadline and server.poll() is None:
        try:
            with urllib.request.urlopen(f"{url}/readyz", timeout=5):
                return
        except (urllib.error.URLError, OSError):
            time.sleep(0.1)
    raise DemoFailed("the server did not start")


def calls(url: str, keys: dict[str, str]) -> list[str]:
    """Three calls that work when they are pasted."""
    lookup = '{"identifiers": [{"type": "email", "value": "aoife.brannigan@brightquay.example"}]}'
    trace, intrace = f"X-API-Key: {keys['trace']}", f"X-API-Key: {keys['intrace']}"
    return [
        f"curl -s -H '{trace}' {url}/trace/v1/companies/brightquay.example",
        f"curl -s -H '{trace}' '{url}/trace/v1/companies?technology=react&limit=5'",
        f"curl -s -H '{intrace}' -H 'Content-Type: application/json' -d '{lookup}' "
        f"{url}/intrace/v1/lookup",
    ]


def tell(url: str, keys: dict[str, str]) -> None:
    """Prints what a newcomer needs."""
    print(
        f"\nTracewell is running.\n\n"
        f"  Trace reference    {url}/trace/docs\n"
        f"  Intrace reference  {url}/intrace/docs\n\n"
        f"  Trace key          {keys['trace']}\n"
        f"  Intrace key        {keys['intrace']}\n\n"
        "Paste any of these:\n",
    )
    for call in calls(url, keys):
        print(f"{call}\n")
    print("Ctrl-C ends it.", flush=True)


def run(port: int | None, *, once: bool) -> None:
    """The whole demo."""
    DATA.mkdir(exist_ok=True)
    crawl()
    keys = ensure_keys()
    url = f"http://127.0.0.1:{find_port(port)}"
    log = (DATA / "server.log").open("ab")
    serve = [*_TRACEWELL, "serve", "--port", url.rpartition(":")[2]]
    server = subprocess.Popen(serve, env=environment(), stderr=log)
    over = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: over.set())
    try:
        wait_until_ready(url, server)
        tell(url, keys)
        while not once and not over.wait(0.5):
            if server.poll() is not None:
                raise DemoFailed(f"the server ended; its log is {log.name}")
    finally:
        if server.poll() is None:
            server.terminate()
        server.wait(60)
        log.close()


def main() -> int:
    """The command."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--port", type=int, help="the server's port [8000 or another that is free]")
    parser.add_argument("--fresh", action="store_true", help="remove what a former run has left")
    parser.add_argument("--once", action="store_true", help="end as soon as all is printed")
    given = parser.parse_args()
    if given.fresh:
        shutil.rmtree(DATA, ignore_errors=True)
    try:
        run(given.port, once=given.once)
    except DemoFailed as error:
        print(f"demo: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
