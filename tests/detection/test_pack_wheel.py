"""The built wheel holds our own fingerprints and nothing of a copyleft collection."""

from __future__ import annotations

import re
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

from tracewell.detection import FingerprintSet, Pattern, load_fingerprints

ROOT = Path(__file__).resolve().parents[2]
HELD = "tracewell/_data/fingerprints/"

# An expression or selector with fewer characters than this, apart from syntax, says no more than a
# product's or a header's own word: it cannot be said otherwise and is nobody's.
TOKEN_CHARS = 12

# Expressions that the public copyleft set has too, each with the reason why ours cannot differ.
EXCEPTIONS: dict[str, str] = {}


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A wheel of this checkout, built without the network."""
    folder = tmp_path_factory.mktemp("wheel")
    command = [sys.executable, "-m", "pip", "wheel", str(ROOT), "--no-deps"]
    command += ["--no-build-isolation", "--no-index", "--quiet", "--wheel-dir", str(folder)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 0, done.stderr
    (built,) = folder.glob("tracewell-*.whl")
    return built


@pytest.fixture(scope="module")
def shipped(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The fingerprints of the wheel, unpacked."""
    folder = tmp_path_factory.mktemp("shipped")
    with zipfile.ZipFile(wheel) as archive:
        archive.extractall(folder, [name for name in archive.namelist() if name.startswith(HELD)])
    return folder / HELD


def test_the_wheel_holds_the_packs_files_byte_for_byte_and_no_other(shipped: Path) -> None:
    def contents(folder: Path) -> dict[str, bytes]:
        files = (file for file in folder.rglob("*") if file.is_file())
        return {str(file.relative_to(folder)): file.read_bytes() for file in files}

    assert contents(shipped) == contents(ROOT / "fingerprints")


def test_the_wheel_holds_no_data_elsewhere(wheel: Path) -> None:
    with zipfile.ZipFile(wheel) as archive:
        names = [name for name in archive.namelist() if name.endswith(".json")]
    assert [name for name in names if "fingerprint" in name and not name.startswith(HELD)] == []
    assert [name for name in names if "technologies" in name and not name.startswith(HELD)] == []


def sayings(pattern: Pattern) -> list[str]:
    """What of a pattern is somebody's wording: its expression, and a CSS selector."""
    return [pattern.expression, pattern.name] if pattern.kind == "dom" else [pattern.expression]


def wording(fingerprints: FingerprintSet) -> set[str]:
    patterns = [p for f in fingerprints.technologies.values() for p in f.patterns]
    return {text for pattern in patterns for text in sayings(pattern) if text}


def is_token(text: str) -> bool:
    return len(re.sub(r"\\.|\W", "", text)) < TOKEN_CHARS


def test_no_expression_of_the_copyleft_set_is_in_the_wheel(
    shipped: Path, shared_data: Path
) -> None:
    ours = wording(load_fingerprints(shipped))
    public = wording(load_fingerprints(shared_data / "fingerprints" / "webappanalyzer"))
    free = wording(load_fingerprints(shared_data / "fingerprints" / "wappalyzer-mit"))
    same = {text for text in ours & public - free if not is_token(text)}
    assert same == set(EXCEPTIONS)


def test_no_description_of_another_set_is_in_the_wheel(shipped: Path, shared_data: Path) -> None:
    def descriptions(folder: Path) -> set[str]:
        technologies = load_fingerprints(folder).technologies.values()
        return {(f.description or "").strip().lower() for f in technologies} - {""}

    ours = descriptions(shipped)
    for name in ("webappanalyzer", "wappalyzer-mit"):
        assert ours & descriptions(shared_data / "fingerprints" / name) == set()
