"""The built wheel, installed into a folder of its own, is whole without the checkout."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest
from tests.laws.sources import ROOT

PIP = (sys.executable, "-m", "pip", "--disable-pip-version-check", "-q")
SHIPPED = ("src/tracewell", "fingerprints")


def run(*command: str | Path, cwd: Path, installed: Path | None = None) -> str:
    environment = {"PATH": os.environ["PATH"], "HOME": str(cwd), "LC_ALL": "C.UTF-8"}
    if installed is not None:
        environment["PYTHONPATH"] = str(installed)
    finished = subprocess.run(
        command, cwd=cwd, env=environment, capture_output=True, text=True, timeout=120, check=False
    )
    assert finished.returncode == 0, finished.stderr
    return finished.stdout


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The wheel of this checkout, built without the network."""
    folder = tmp_path_factory.mktemp("wheel")
    run(
        *PIP, "wheel", ROOT, "--no-deps", "--no-build-isolation", "--no-index", "-w", folder,
        cwd=folder,
    )  # fmt: skip
    (built,) = folder.glob("tracewell-*.whl")
    return built


def test_the_wheel_holds_code_types_tables_and_fingerprints_and_nothing_else(wheel: Path) -> None:
    names = set(zipfile.ZipFile(wheel).namelist())
    packed = {
        f"tracewell/{path.relative_to(ROOT / 'src/tracewell').as_posix()}"
        for path in (ROOT / "src/tracewell").rglob("*")
        if path.is_file() and "__pycache__" not in path.parts
    }
    packed |= {
        f"tracewell/_data/fingerprints/{path.relative_to(ROOT / 'fingerprints').as_posix()}"
        for path in (ROOT / "fingerprints").rglob("*.json")
    }
    assert {"tracewell/py.typed", "tracewell/kernel/migrations/0001_identity.sql"} <= packed
    assert packed <= names
    rest = {name for name in names - packed if not name.startswith("tracewell/_data/fingerprints/")}
    assert all(name.startswith("tracewell-") and ".dist-info/" in name for name in rest)
    assert any(name.endswith("/licenses/LICENSE") for name in rest)


def test_the_installed_wheel_runs_without_the_checkout(wheel: Path, tmp_path: Path) -> None:
    target = tmp_path / "installed"
    run(*PIP, "install", "--no-deps", "--no-index", "--target", target, wheel, cwd=tmp_path)
    script = target / "bin" / "tracewell"
    assert run(script, "--version", cwd=tmp_path, installed=target).startswith("tracewell, version")
    code = (
        "import json, tracewell.cli as cli\n"
        "from tracewell.detection.pack import default_fingerprints_directory as folder\n"
        "print(json.dumps([cli.__file__, str(folder())]))\n"
    )
    places = json.loads(run(sys.executable, "-c", code, cwd=tmp_path, installed=target))
    assert all(Path(place).is_relative_to(target) for place in places)
    org = run(
        script, "admin", "org", "create", "Acme", "--json", "--data", tmp_path / "data",
        cwd=tmp_path, installed=target,
    )  # fmt: skip
    assert json.loads(org)["name"] == "Acme"
