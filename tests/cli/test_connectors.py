"""`tracewell connectors`: what is written passes its tests, what is tried says what came."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from tracewell.cli.connectors import connectors


def run(*arguments: str, data: Path, environment: dict[str, str] | None = None) -> Result:
    return CliRunner(env=environment or {}).invoke(
        connectors, [*arguments, "--data", str(data)], catch_exceptions=False
    )


def rows(result: Result) -> Any:
    assert result.exit_code == 0, result.output
    return json.loads(result.stdout)


def test_a_new_connector_passes_its_tests_as_it_is_and_is_loaded(tmp_path: Path) -> None:
    told = rows(run("new", "acme_people", "--json", data=tmp_path))
    folder = tmp_path / "connectors"
    assert sorted(Path(path).name for path in told["written"]) == [
        "acme_people.yaml", "acme_people_code.py", "test_acme_people.py",
        "test_acme_people_code.py",
    ]  # fmt: skip
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "-n0", str(folder)],
        capture_output=True, text=True, cwd=tmp_path, timeout=120,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr
    assert "6 passed" in done.stdout
    listed = {row["id"]: row for row in rows(run("list", "--json", data=tmp_path))}
    assert listed["acme_people"]["reason"] == (
        "it tells identifiers to others: CONNECTOR_ENABLED must name it"
    )
    assert listed["acme_people_code"]["sends_out"] is True


def test_nothing_that_is_there_is_overwritten(tmp_path: Path) -> None:
    assert run("new", "acme", "--kind", "yaml", data=tmp_path).exit_code == 0
    again = run("new", "acme", data=tmp_path)
    assert again.exit_code == 1
    assert "is there already" in again.output
    assert not (tmp_path / "connectors" / "acme_code.py").exists()


@pytest.mark.parametrize("name", ["Acme", "a", "../acme", "acme-people", "1acme", "a" * 40])
def test_a_name_that_is_none_is_refused(tmp_path: Path, name: str) -> None:
    refused = run("new", name, data=tmp_path)
    assert refused.exit_code == 1
    assert "is no name for a connector" in refused.output


def test_a_connector_is_tried_and_shows_its_observations(tmp_path: Path) -> None:
    arguments = ("test", "email_domain", "--identifier", "email:ada@gmail.com", "--health")
    told = rows(run(*arguments, "--json", data=tmp_path))
    assert told["status"] == "answered"
    assert told["health"]["status"] == "reachable"
    stated = {o["predicate"]: o["value"] for o in told["observations"]}
    assert stated["email.provider"] == "Google Gmail"
    shown = run(*arguments, data=tmp_path)
    assert "email.is_free_mail" in shown.output


def test_a_connector_that_cannot_answer_ends_with_code_1(tmp_path: Path) -> None:
    told = run("test", "hibp", "--identifier", "email:ada@example.com", "--json", data=tmp_path)
    assert told.exit_code == 1
    assert json.loads(told.stdout)["reason"] == "no key is configured for it (CONNECTOR_KEYS)"


def test_a_file_is_tried_without_being_installed(tmp_path: Path) -> None:
    broken = tmp_path / "broken.yaml"
    broken.write_text("id: broken\nname: x\n")
    told = run("test", str(broken), "--identifier", "username:ada", data=tmp_path)
    assert told.exit_code == 1
    assert "terms_url: is needed" in told.output


@pytest.mark.parametrize(
    ("identifier", "word"),
    [("ada", "TYPE:VALUE"), ("shoe:42", "Must be one of"), ("email:nobody", "e-mail address")],
)
def test_a_bad_identifier_is_told_before_anybody_is_asked(
    tmp_path: Path, identifier: str, word: str
) -> None:
    told = run("test", "email_domain", "--identifier", identifier, data=tmp_path)
    assert told.exit_code == 2
    assert word in told.output


def test_a_plan_with_a_connector_that_is_none_is_refused_as_over_http(tmp_path: Path) -> None:
    arguments = ("plan", "--identifier", "email:ada@example.com", "--connector", "email_domian")
    told = run(*arguments, data=tmp_path)
    assert told.exit_code == 2
    assert "there is no connector 'email_domian'; there are own_records, " in told.output


def test_a_plan_says_who_would_be_asked_and_why_others_not(tmp_path: Path) -> None:
    keys = tmp_path / "keys"
    keys.write_text("# of the sources\n\nhibp=a-key\n")
    environment = {"CONNECTOR_ENABLED": "local,hibp,dns", "CONNECTOR_KEYS_PATH": str(keys)}
    planned = {
        row["connector_id"]: row
        for row in rows(
            run("plan", "--identifier", "email:ada@example.com", "--identifier", "ip:192.0.2.1",
                "--json", data=tmp_path, environment=environment)
        )
    }  # fmt: skip
    assert planned["hibp"]["will_run"] is True
    assert planned["hibp"]["identifiers"] == [0]
    assert planned["dns"]["identifiers"] == [0, 1]
    assert (planned["github"]["status"], planned["github"]["reason"]) == (
        "not_configured", "not enabled in this deployment",
    )  # fmt: skip
    assert planned["phone_plan"]["status"] == "skipped"
    assert planned["watchlists"]["status"] == "not_configured"
