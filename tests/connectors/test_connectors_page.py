"""The page `docs/connectors.md` says what is: its examples run, its tables hold every connector."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest
import yaml
from click.testing import CliRunner

from tracewell.cli.connectors import connectors
from tracewell.intrace.connectors.declared.model import parse_manifest
from tracewell.intrace.connectors.model import OutcomeStatus
from tracewell.intrace.connectors.registry import ConnectorSettings, build_connectors
from tracewell.intrace.connectors.sources.sql_records import SqlManifest
from tracewell.intrace.connectors.testing import ask_faulty, ask_recorded, load_connector
from tracewell.main.settings import Settings, variable_name

PAGE = (Path(__file__).parents[2] / "docs" / "connectors.md").read_text("utf-8")
BLOCKS = re.findall(r"```(\w+)\n(.*?)```", PAGE, re.DOTALL)
_ROW = re.compile(r"^\| `([a-z_]+)` \|", re.MULTILINE)


def block(kind: str, word: str) -> str:
    [found] = [text for name, text in BLOCKS if name == kind and word in text]
    return str(found)


def test_the_tables_hold_every_connector_where_it_belongs() -> None:
    inside, outside = PAGE.split("### Outside")
    outside = outside.split("## Keys")[0]
    built = build_connectors(ConnectorSettings(clock=lambda: 0))
    assert set(_ROW.findall(inside)) == {c.spec.id for c in built if not c.spec.sends_out}
    assert set(_ROW.findall(outside)) == {c.spec.id for c in built if c.spec.sends_out}


def test_the_page_names_each_outcome_and_only_settings_that_there_are() -> None:
    outcomes = PAGE.split("## Outcomes")[1].split("## Own files")[0]
    assert set(_ROW.findall(outcomes)) == {str(status) for status in OutcomeStatus}
    named = set(re.findall(r"\b(CONNECTORS?_[A-Z_]+|[A-Z]+_PATH)\b", PAGE))
    assert named <= {variable_name(name) for name in Settings.model_fields}


def test_the_manifest_of_the_page_is_one_and_works(tmp_path: Path) -> None:
    path = tmp_path / "acme.yaml"
    path.write_text(block("yaml", "id: acme"))
    connector = load_connector(path)
    found = {"id": "1", "name": "Ada", "github_login": "Ada-L", "created": 1173923446,
             "profile_url": "https://acme.example/ada"}  # fmt: skip
    told = ask_recorded(connector, ("username", "ada"), {"/v1/users/ada": (200, found)})
    assert told.outcome.status == "answered", told.outcome
    assert told.statements == (
        ("person.name", "Ada"), ("social.account", "github:ada-l"),
        ("social.created_at", "2007-03-15"),
    )  # fmt: skip
    assert parse_manifest(block("yaml", "id: acme")).key is not None


def test_the_code_of_the_page_works_and_takes_no_fault_for_an_answer(tmp_path: Path) -> None:
    path = tmp_path / "acme.py"
    path.write_text(block("python", "class Acme"))
    connector = load_connector(path)
    answers = {"/domains/acme.example": (200, {"registrar": "Names Ltd"})}
    told = ask_recorded(connector, ("domain", "acme.example"), answers)
    assert ("domain.registrar", "Names Ltd") in told.statements
    for fault, told in ask_faulty(connector, ("domain", "acme.example")).items():
        assert told.outcome.status in ("failed", "rate_limited"), fault


def test_the_databases_of_the_page_are_read() -> None:
    SqlManifest.model_validate(yaml.safe_load(block("yaml", "databases:")))


def test_the_files_of_the_page_are_read_as_it_says(tmp_path: Path) -> None:
    (tmp_path / "records").mkdir()
    (tmp_path / "records" / "records.yaml").write_text(block("yaml", "file: customers.csv"))
    (tmp_path / "records" / "customers.csv").write_text(
        "customer_id;mail;mobile;born;employer;first_name;last_name;secret\n"
        "7;ada@example.com;020 7946 0958;10.12.1985;Engines Ltd;Ada;Lovelace;not read\n"
    )
    arguments = ["test", "own_records", "--identifier", "email:ada@example.com", "--health"]
    done = CliRunner().invoke(connectors, [*arguments, "--json", "--data", str(tmp_path)])
    told = json.loads(done.stdout)
    assert {(one["predicate"], one["value"]) for one in told["observations"]} == {
        ("email.address", "ada@example.com"), ("phone.number", "+442079460958"),
        ("person.dob", "1985-12-10"), ("company.name", "Engines Ltd"),
        ("person.name", "Ada Lovelace"),
    }  # fmt: skip
    assert told["observations"][0]["source_url"] == "own-records:customers.csv#7"
    assert told["health"]["status"] == "reachable"


@pytest.mark.parametrize("line", ["CONNECTOR_ENABLED=local,dns,rdap,gleif,github"])
def test_the_choice_of_the_page_names_connectors(line: str) -> None:
    assert line in PAGE
    named = set(line.partition("=")[2].split(",")) - {"local"}
    assert named <= {c.spec.id for c in build_connectors(ConnectorSettings(clock=lambda: 0))}
