"""`tracewell roles check`: what a role file means, or why it cannot be used."""

from __future__ import annotations

import json
from pathlib import Path

from click.testing import CliRunner

from tracewell.cli.admin import admin
from tracewell.cli.roles import roles


def test_a_usable_file_is_explained(tmp_path: Path) -> None:
    file = tmp_path / "roles.yaml"
    file.write_text("roles: {reader: [lookup:read]}\ngroups: {desk: reader, boss: admin}")

    told = CliRunner().invoke(roles, ["check", str(file), "--groups", "desk,nobody"])
    as_json = CliRunner().invoke(roles, ["check", str(file), "--groups", "desk", "--json"])

    assert told.exit_code == as_json.exit_code == 0
    assert "role reader: lookup:read  (this file's)" in told.output
    assert "group desk: reader" in told.output
    assert "of desk, nobody: lookup:read" in told.output
    assert json.loads(as_json.output)["person"] == {"roles": ["reader"], "scopes": ["lookup:read"]}


def test_a_file_that_cannot_be_used_is_told_with_all_its_problems(tmp_path: Path) -> None:
    file = tmp_path / "roles.yaml"
    file.write_text("roles: {reader: [lookup:raed, audit]}")

    told = CliRunner().invoke(roles, ["check", str(file)])
    as_json = CliRunner().invoke(roles, ["check", str(file), "--json"])
    missing = CliRunner().invoke(roles, ["check", str(tmp_path / "none.yaml")])

    assert told.exit_code == as_json.exit_code == missing.exit_code == 1
    assert "roles.reader[0]: 'lookup:raed' is no scope; did you mean lookup:read?" in told.output
    assert len(json.loads(as_json.output)["problems"]) == 2
    assert "cannot be read: No such file or directory" in missing.output


def test_a_key_takes_the_roles_of_the_role_file(tmp_path: Path) -> None:
    file = tmp_path / "roles.yaml"
    file.write_text("roles: {reader: [lookup:read]}")
    arguments = ["key", "create", "--service", "crm", "--data", str(tmp_path / "data"), "--json"]
    runner = CliRunner(env={"ROLE_FILE": str(file)})

    made = runner.invoke(admin, [*arguments, "--roles", "reader"])
    refused = runner.invoke(admin, [*arguments, "--roles", "wizard"])
    without = runner.invoke(admin, arguments)

    assert json.loads(made.output)["roles"] == ["reader"]
    assert json.loads(made.output)["service_name"] == "crm"
    assert refused.exit_code == without.exit_code == 2
    assert "out of admin, analyst, auditor, reader, service" in refused.output
