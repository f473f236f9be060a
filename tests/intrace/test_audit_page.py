"""docs/audit.md: what the page shows is taken from the page and run; its tables are complete."""

from __future__ import annotations

import json
import re
import shlex
import subprocess
import sys
from pathlib import Path

import httpx
import pytest
from click.testing import CliRunner
from tests.intrace.lookup_calls import ADA, look_up
from tests.intrace.serving import Server

from tracewell.cli.audit import audit
from tracewell.intrace.audit.findings import Problem
from tracewell.main.settings import Settings

PAGE = (Path(__file__).parents[2] / "docs" / "audit.md").read_text("utf-8")

pytestmark = pytest.mark.parametrize("dialect", ["sqlite"], indirect=True)


def commands(verb: str) -> list[list[str]]:
    """The page's commands of one verb, as arguments of `tracewell audit`."""
    found = re.findall(rf"^\$ tracewell audit ({verb}\b.*)$", PAGE, re.MULTILINE)
    assert found, f"the page shows no {verb}"
    return [shlex.split(command) for command in found]


@pytest.fixture
def place(server: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with the public keys, in which commands reach the server's log."""
    folder = tmp_path / "auditor"
    folder.mkdir()
    (folder / "jwks.json").write_bytes(server.signing.jwks())
    monkeypatch.chdir(folder)
    for name, value in {
        "DATABASE_URL": server.database_url,
        "SIGNING_PRIVATE_KEY_PATH": str(server.signing_key_path),
        "ORGANIZATION_ID": "org_test",
        "TRACEWELL_DATA": str(tmp_path / "data"),
        "TRACEWELL_API_KEY": server.keys["auditor"],
    }.items():
        monkeypatch.setenv(name, value)
    return folder


def run(arguments: list[str]) -> str:
    done = CliRunner().invoke(audit, arguments)
    assert done.exit_code == 0, (arguments, done.output, done.exception)
    return done.stdout


def test_the_commands_of_the_page_do_what_it_says(
    server: Server, analyst: httpx.Client, place: Path
) -> None:
    request_id = look_up(analyst, ADA).json()["request_id"]
    (place / "head.txt").write_text(run(["head"]))
    (place / "head-2026-06-01.txt").write_text(run(["head"]))
    (place / "proof.json").write_text(run(["proof", request_id]))

    for command in commands("watch"):
        command = [server.url if part.startswith("https://") else part for part in command]
        command = command[: command.index("--every")]
        assert "WHOLE" in run(command)
    for command in commands("export"):
        if "--send" not in command:
            run(command)
    for command in commands("verify"):
        told = run(command)
        assert json.loads(told)["whole"] if "--json" in command else "WHOLE" in told


def test_the_page_checks_a_proof_by_hand_and_no_change_of_it_passes(
    server: Server, analyst: httpx.Client, place: Path
) -> None:
    recipe = re.search(r"<!-- test: python -->\n```python\n(.*?)```", PAGE, re.DOTALL)
    assert recipe
    (place / "check.py").write_text(recipe[1], "utf-8")
    for _ in range(4):
        answer = look_up(analyst, ADA, requester_reference="Ünïcødé \U0001f50e \n").json()
    with server.client("auditor") as auditor:
        proof = auditor.get(f"/v1/audit/{answer['request_id']}/inclusion").text

    def checked(text: str) -> subprocess.CompletedProcess[str]:
        (place / "proof.json").write_text(text, "utf-8")
        return subprocess.run(
            [sys.executable, "check.py", "proof.json", "jwks.json"],
            capture_output=True, text=True, timeout=60,
        )  # fmt: skip

    done = checked(proof)
    assert (done.returncode, done.stdout.count("PROVEN")) == (0, 2), done.stderr
    assert answer["report"]["hash"] in done.stdout
    for old, new in (("127.0.0.1", "127.0.0.2"), ("sha256:", "sha256:0"), ("index 6", "index 5"),
                     ("org_test\\n8\\n", "org_test\\n9\\n")):  # fmt: skip
        assert old in proof
        assert checked(proof.replace(old, new)).returncode != 0, old


def test_the_page_names_every_problem_endpoint_and_setting(server: Server) -> None:
    for problem in Problem:
        assert f"| `{problem}` |" in PAGE
    assert set(re.findall(r"^\| `(\w+)` \|", PAGE, re.MULTILINE)) == {str(p) for p in Problem}
    paths = {endpoint.path for endpoint in server.intrace.endpoints}
    for path in re.findall(r"`(?:GET )?(/v1/audit[^`]*)`", PAGE):
        assert path in paths, path
    assert Settings.model_fields["audit_retention_days"].default == 2555
