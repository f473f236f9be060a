"""`tracewell resolve`: records in, a line for each record or entity out."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from tracewell.cli.resolve import resolve_command

RECORDS: list[dict[str, Any]] = [
    {"record_id": "b", "source": "crm", "kind": "person", "names": ["Hale, Robert"],
     "dates": {"birth": "1978-11-12"}, "addresses": ["14 Larch Close, Brookfield"]},
    {"record_id": "a", "source": "shop", "kind": "person", "names": ["Bob Hale"],
     "dates": {"birth": "1978-11-12"}, "addresses": ["14 Larch Cl Brookfield"]},
    {"record_id": "c", "source": "shop", "kind": "person", "names": ["Patricia Hale"],
     "dates": {"birth": "1978-11-12"}, "addresses": ["14 Larch Cl Brookfield"]},
]  # fmt: skip


def run(*arguments: str, given: str = "") -> Result:
    return CliRunner().invoke(resolve_command, list(arguments), input=given)


def lines(text: str) -> list[dict[str, Any]]:
    return [json.loads(line) for line in text.splitlines()]


@pytest.fixture
def records_file(tmp_path: Path) -> Path:
    path = tmp_path / "records.jsonl"
    path.write_text("".join(json.dumps(r) + "\n" for r in RECORDS) + "\n", "utf-8")
    return path


def test_every_record_is_answered_in_the_order_of_the_file(records_file: Path) -> None:
    result = run(str(records_file))
    assert result.exit_code == 0, result.output
    told = lines(result.stdout)
    assert [line["record_id"] for line in told] == ["b", "a", "c"]
    assert told[0]["entity_id"] == told[1]["entity_id"] != told[2]["entity_id"]
    assert all(0 < line["confidence"] < 1 for line in told)
    assert set(told[0]) == {"record_id", "source", "entity_id", "confidence", "possibly_same_as"}


def test_the_explanation_of_a_record_is_about_that_record(records_file: Path) -> None:
    told = lines(run(str(records_file), "--explain").stdout)
    why = told[0]["explanation"]["why"]
    assert [["crm", "b"], ["shop", "a"]] in [sorted(link["records"]) for link in why]
    assert any("short form" in r["evidence"] for link in why for r in link["reasons"])
    assert told[2]["explanation"]["why_not"]
    assert told[2]["explanation"]["how"]["records"] == 3


def test_entities_go_to_a_file_and_standard_input_is_read(records_file: Path) -> None:
    output = records_file.with_name("entities.jsonl")
    given = records_file.read_text("utf-8")
    result = run("-", "--entities", "--output", str(output), given=given)
    assert result.exit_code == 0, result.output
    assert result.stdout == ""
    assert sorted(len(e["members"]) for e in lines(output.read_text("utf-8"))) == [1, 2]


@pytest.mark.parametrize(
    "text, told",
    [
        ("{nonsense secret-value", "line 1: is not JSON"),
        ('{"record_id": "1"}\n[]', "line 2: is not an object"),
        ('{"record_id": "1", "kind": "secret-value"}', "line 1: kind must be"),
        ('{"record_id": "1"}\n{"record_id": "1"}', "is there twice"),
    ],
)
def test_a_broken_record_is_told_by_its_line_and_not_by_its_content(text: str, told: str) -> None:
    result = run("-", given=text)
    assert result.exit_code == 2
    assert told in result.stderr
    assert "secret-value" not in result.output


def test_a_file_that_is_not_there_is_told() -> None:
    result = run("nowhere.jsonl")
    assert result.exit_code == 2
    assert "nowhere.jsonl" in result.stderr


def test_the_help_shows_examples() -> None:
    result = run("--help")
    assert "tracewell resolve records.jsonl" in result.output
    assert "possibly_same_as" in result.output
