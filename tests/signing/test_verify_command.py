"""`tracewell verify`, run as a command of its own process where exit codes matter."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from tracewell.cli.verify import verify

RELEASE = Path(__file__).parent / "released" / "0.1.0"
EVIDENCED = RELEASE.with_name("0.1.0-evidence")
BUNDLE = RELEASE / "bundle.json"
JWKS = RELEASE / "jwks.json"


def _run(*arguments: str | Path, stdin: bytes | None = None) -> Result:
    return CliRunner().invoke(verify, [str(argument) for argument in arguments], input=stdin)


@pytest.fixture
def altered(tmp_path: Path) -> Path:
    path = tmp_path / "altered.json"
    members = json.loads(BUNDLE.read_text())
    path.write_text(json.dumps({**members, "report_hash": "sha256:" + "0" * 64}))
    return path


def test_a_genuine_report_is_verified_with_exit_code_0() -> None:
    result = _run(BUNDLE, "--jwks", JWKS)
    assert result.exit_code == 0
    assert result.output.startswith("VERIFIED")
    for shown in ("req_01JNQBC4X8Y2Z3A", "2026-06-01T14:32:00Z", "sha256:"):
        assert shown in result.output
    assert "unchecked" not in result.output


def test_the_outcome_as_json() -> None:
    outcome = json.loads(_run(BUNDLE, "--jwks", JWKS, "--json").output)
    assert outcome["verified"] is True
    assert outcome["failure_reason"] is None
    assert outcome["signed_at"] == "2026-06-01T14:32:00Z"
    assert outcome["report_hash"] == json.loads(BUNDLE.read_text())["report_hash"]
    assert outcome["unchecked"] == []


def test_a_bundle_from_standard_input_is_verified() -> None:
    assert _run("-", "--jwks", JWKS, stdin=BUNDLE.read_bytes()).exit_code == 0


def test_an_altered_report_is_not_verified_with_exit_code_1_and_the_reason(altered: Path) -> None:
    result = _run(altered, "--jwks", JWKS)
    assert result.exit_code == 1
    assert result.output.startswith("NOT VERIFIED (hash_mismatch)")
    result = _run(altered, "--jwks", JWKS, "--json")
    assert result.exit_code == 1
    outcome = json.loads(result.output)
    assert (outcome["verified"], outcome["failure_reason"]) == (False, "hash_mismatch")


def test_a_file_that_is_no_bundle_is_not_verified() -> None:
    result = _run(JWKS, "--jwks", JWKS)
    assert (result.exit_code, "bundle_malformed" in result.output) == (1, True)


def test_evidence_is_checked_and_told() -> None:
    files = (EVIDENCED / "bundle.json", "--jwks", EVIDENCED / "jwks.json")
    roots = ("--tsa", EVIDENCED / "timestamp-roots.pem")
    told = json.loads(_run(*files, *roots, "--json").output)
    assert told["verified"] is True
    assert told["audit_log"]["log"] == "tracewell-audit/org_self"
    assert told["timestamp"]["proven"] is True
    assert told["unchecked"] == []
    text = _run(*files, *roots).output
    assert "tree size" in text
    assert "stamped at" in text


def test_a_time_stamp_without_an_authority_to_trust_is_told_as_unchecked(tmp_path: Path) -> None:
    files = (EVIDENCED / "bundle.json", "--jwks", EVIDENCED / "jwks.json")
    told = json.loads(_run(*files, "--json").output)
    assert (told["verified"], told["unchecked"]) == (True, ["timestamp"])
    assert told["timestamp"]["proven"] is False
    (tmp_path / "none.pem").write_text("no certificate")
    assert _run(*files, "--tsa", tmp_path / "none.pem").exit_code == 2


@pytest.mark.parametrize("as_json", [False, True])
def test_an_input_that_cannot_be_read_gives_exit_code_2(as_json: bool, tmp_path: Path) -> None:
    not_keys = tmp_path / "not-keys.json"
    not_keys.write_text('{"keys": []}')
    large = tmp_path / "large.json"
    with large.open("wb") as file:
        file.truncate((1 << 20) + 1)
    flags = ["--json"] if as_json else []
    for bundle, jwks in (
        (tmp_path / "missing.json", JWKS),
        (tmp_path, JWKS),
        (BUNDLE, tmp_path / "missing.json"),
        (BUNDLE, not_keys),
        (BUNDLE, large),
    ):
        result = _run(bundle, "--jwks", jwks, *flags)
        assert result.exit_code == 2
        assert "Traceback" not in result.output
        if as_json:
            assert json.loads(result.output)["verified"] is None


def test_without_keys_nothing_is_verified() -> None:
    assert _run(BUNDLE).exit_code == 2
