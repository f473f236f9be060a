"""docs/verify.md: every recipe on the page is taken from the page and run."""

from __future__ import annotations

import base64
import json
import re
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tracewell.kernel.signing import (
    Revocation,
    RevocationReason,
    VerificationKeys,
    build_bundle,
    canonical_json,
    parse_jwks,
    parse_signing_key,
    sign_payload,
)
from tracewell.kernel.signing.errors import EXPLANATIONS

from .conftest import new_pem
from .evidence import log_proof

PAGE = (Path(__file__).parents[2] / "docs" / "verify.md").read_text(encoding="utf-8")
RELEASE = Path(__file__).parent / "released" / "0.1.0"
Recipe = Callable[[Path], subprocess.CompletedProcess[bytes]]
LARGE_REPORT = b'{"report":"' + b"x" * (1 << 20) + b'"}'


def _recipe(name: str) -> str:
    found = re.search(rf"<!-- test: {name} -->\n```\w+\n(.*?)```", PAGE, re.DOTALL)
    assert found, f"the page has no recipe {name}"
    return found[1]


@pytest.fixture
def directory(tmp_path: Path) -> Path:
    """A directory with a genuine report over a megabyte, and its keys, made with the page's key."""
    subprocess.run(["sh", "-euc", _recipe("keygen")], check=True, cwd=tmp_path)
    assert (tmp_path / "signing-key.pem").stat().st_mode & 0o077 == 0
    key = parse_signing_key((tmp_path / "signing-key.pem").read_bytes())
    other = next(iter(parse_jwks((RELEASE / "jwks.json").read_bytes()).by_kid.values()))
    keys = VerificationKeys.of([other, key.public])
    signature = sign_payload(LARGE_REPORT, key, signed_at_ms=1_767_225_600_000)
    (tmp_path / "bundle.json").write_bytes(build_bundle(LARGE_REPORT, signature))
    (tmp_path / "jwks.json").write_bytes(keys.to_jwks())
    return tmp_path


def _run_python(directory: Path) -> subprocess.CompletedProcess[bytes]:
    (directory / "check.py").write_text(_recipe("python"), encoding="utf-8")
    return subprocess.run(
        [sys.executable, "-W", "ignore", "check.py", "bundle.json", "jwks.json"],
        cwd=directory,
        capture_output=True,
    )


def _run_openssl(directory: Path) -> subprocess.CompletedProcess[bytes]:
    return subprocess.run(["sh", "-c", _recipe("shell")], cwd=directory, capture_output=True)


def _flip(directory: Path, old: bytes, new: bytes) -> None:
    path = directory / "bundle.json"
    data = path.read_bytes()
    assert old in data
    path.write_bytes(data.replace(old, new, 1))


def test_the_python_script_verifies_a_genuine_report_and_prints_it(directory: Path) -> None:
    done = _run_python(directory)
    assert done.returncode == 0, done.stderr
    assert done.stdout == LARGE_REPORT


def test_the_openssl_recipe_verifies_a_genuine_report_and_extracts_it(directory: Path) -> None:
    done = _run_openssl(directory)
    assert done.returncode == 0, done.stderr
    assert b"Signature Verified Successfully" in done.stdout
    assert (directory / "report.json").read_bytes() == LARGE_REPORT


@pytest.mark.parametrize("run", [_run_python, _run_openssl])
@pytest.mark.parametrize(
    ("old", "new"),
    [(b"eHh4eHh4", b"eHh4eHh5"), (b'"signature":"ey', b'"signature":"fy')],
    ids=["report", "header"],
)
def test_the_recipes_refuse_an_altered_report(
    directory: Path,
    run: Recipe,
    old: bytes,
    new: bytes,
) -> None:
    _flip(directory, old, new)
    assert run(directory).returncode != 0


@pytest.mark.parametrize("run", [_run_python, _run_openssl])
def test_the_recipes_refuse_a_key_that_is_not_trusted(directory: Path, run: Recipe) -> None:
    stranger = parse_jwks((RELEASE / "jwks.json").read_bytes())
    (directory / "jwks.json").write_bytes(stranger.to_jwks())
    assert run(directory).returncode != 0


@pytest.mark.parametrize("run", [_run_python, _run_openssl])
def test_the_recipes_verify_the_bundle_of_every_release(tmp_path: Path, run: Recipe) -> None:
    for release in RELEASE.parent.iterdir():
        _take(release, tmp_path)
        done = run(tmp_path)
        assert done.returncode == 0, done.stderr


def _take(release: Path, directory: Path) -> None:
    for name in ("bundle.json", "jwks.json"):
        shutil.copy(release / name, directory)
    if (release / "timestamp-roots.pem").exists():
        shutil.copy(release / "timestamp-roots.pem", directory / "tsa.pem")


def _alter_head(members: dict[str, Any]) -> None:
    members["tree_head"] = members["tree_head"].replace("\n3\n", "\n4\n", 1)


def _alter_place(members: dict[str, Any]) -> None:
    members["inclusion_proof"]["leaf_index"] = 0


def _alter_path(members: dict[str, Any]) -> None:
    members["inclusion_proof"]["hashes"].reverse()


def _alter_entry(members: dict[str, Any]) -> None:
    entry = base64.b64decode(members["inclusion_proof"]["entry"]).replace(b"2026", b"2025")
    members["inclusion_proof"]["entry"] = base64.b64encode(entry).decode()


def _alter_timestamp(members: dict[str, Any]) -> None:
    response = bytearray(base64.b64decode(members["timestamp"]["response"]))
    response[len(response) // 2] ^= 1
    members["timestamp"]["response"] = base64.b64encode(response).decode()


@pytest.mark.parametrize(
    ("run", "alter", "told"),
    [
        (_run_python, _alter_head, "the signature does not belong to the log's head"),
        (_run_python, _alter_place, "the proof does not lead to the log's head"),
        (_run_python, _alter_path, "the proof does not lead to the log's head"),
        (_run_python, _alter_entry, "the proof does not lead to the log's head"),
        (_run_openssl, _alter_timestamp, ""),
    ],
    ids=["head", "place", "path", "entry", "time stamp"],
)
def test_the_recipes_refuse_altered_evidence(
    tmp_path: Path, run: Recipe, alter: Callable[[dict[str, Any]], None], told: str
) -> None:
    _take(RELEASE.with_name("0.1.0-evidence"), tmp_path)
    path = tmp_path / "bundle.json"
    members = json.loads(path.read_text())
    alter(members)
    path.write_bytes(canonical_json(members))
    done = run(tmp_path)
    assert done.returncode != 0
    assert told in done.stderr.decode()


def test_the_script_believes_the_log_and_not_the_key_once_that_is_revoked(tmp_path: Path) -> None:
    key, other = (parse_signing_key(new_pem()) for _ in range(2))
    signed_at = 1_780_324_320_000
    signature = sign_payload(b"{}", key, signed_at_ms=signed_at)
    stolen = Revocation(signed_at + 60_000, RevocationReason.COMPROMISED)
    keys = VerificationKeys.of([key.public, other.public], {key.kid: stolen})
    (tmp_path / "jwks.json").write_bytes(keys.to_jwks())
    for signer, logged_at, good in (
        (other, signed_at, True),
        (other, signed_at + 60_000, False),
        (key, signed_at, False),
    ):
        proof = log_proof(b"{}", signer, logged_at)
        (tmp_path / "bundle.json").write_bytes(build_bundle(b"{}", signature, proof))
        done = _run_python(tmp_path)
        assert (done.returncode == 0) is good, done.stderr
        assert good or b"revoked" in done.stderr
    (tmp_path / "bundle.json").write_bytes(build_bundle(b"{}", signature))
    assert b"revoked" in _run_python(tmp_path).stderr


def test_the_page_lists_every_reason_with_its_sentence() -> None:
    for reason, sentence in EXPLANATIONS.items():
        assert f"| `{reason}` | {sentence} |" in PAGE


def test_the_python_script_is_short() -> None:
    assert len(_recipe("python").splitlines()) <= 100
