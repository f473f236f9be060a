"""`tracewell keys`: what an operator does with the keys that sign reports."""

from __future__ import annotations

from typing import Any

import pytest
from tests.cli.conftest import Console

from tracewell.kernel.signing.key_file import generate_key_pem
from tracewell.kernel.signing.keys import parse_signing_key


def rows(console: Console) -> dict[str, Any]:
    return {row["key_id"]: row for row in console("keys", "list", "--json").json}


def test_a_key_is_listed_rotated_and_revoked(console: Console) -> None:
    ((first, row),) = rows(console).items()
    assert row["state"] == "signs"
    assert console("keys", "rotate", "--dry-run", "--json").json == {
        "old_key_id": first, "new_key_id": None, "dry_run": True,
    }  # fmt: skip
    assert list(rows(console)) == [first]

    rotated = console("keys", "rotate", "--json").json
    second = rotated["new_key_id"]
    assert rotated["old_key_id"] == first
    assert {kid: row["state"] for kid, row in rows(console).items()} == {
        second: "signs", first: "retired",
    }  # fmt: skip

    order = ("keys", "revoke", first, "--reason", "compromised", "--at", "2026-11-01T00:00:00Z")
    assert console(*order, "--dry-run", "--json").json["revoked_at"] == "2026-11-01T00:00:00Z"
    assert rows(console)[first]["state"] == "retired"
    asked = console(*order, code=1, stdin=b"n\n")
    assert "for ever?" in asked.err
    console(*order, "--yes")
    assert rows(console)[first] == {
        "key_id": first, "state": "revoked", "revoked_at": "2026-11-01T00:00:00Z",
        "reason": "compromised",
    }  # fmt: skip
    assert "revoked already" in console(*order, "--yes", code=1).err


def test_revoking_the_key_that_signs_warns(console: Console) -> None:
    (kid,) = rows(console)
    asked = console("keys", "revoke", kid, "--reason", "superseded", stdin=b"y\n")
    assert "lookups fail until it is rotated" in asked.err
    console("keys", "rotate")
    assert [row["state"] for row in rows(console).values()] == ["signs", "revoked"]


def test_a_key_whose_id_begins_with_a_hyphen_is_revoked_like_any(console: Console) -> None:
    def is_hard(kid: str) -> bool:
        return kid.startswith("-") and "h" in kid  # as an option `h` asks for help

    path = console.folder / "own.pem"
    console.environment["SIGNING_PRIVATE_KEY_PATH"] = str(path)
    made = iter(generate_key_pem, None)
    path.write_bytes(next(pem for pem in made if is_hard(parse_signing_key(pem).kid)))
    path.chmod(0o600)
    (kid,) = rows(console)
    console("keys", "revoke", kid, "--reason", "superseded", "--dry-run")
    assert rows(console)[kid]["state"] == "signs"
    refused = console("keys", "revoke", kid, "--reasn", "superseded", code=2)
    assert "No such option" in refused.err
    console("keys", "revoke", kid, "--reason", "superseded", "--yes")
    assert rows(console)[kid]["state"] == "revoked"


@pytest.mark.parametrize("kid", ["-" + "h" * 42, "--" + "h" * 41, "--help" + "-" * 37])
def test_a_key_id_is_never_taken_for_an_option(console: Console, kid: str) -> None:
    options = ("--reason", "superseded", "--yes")
    for arguments in ((kid, *options), (*options, kid), (*options, "--", kid)):
        refused = console("keys", "revoke", *arguments, code=1)
        assert f"there is no key {kid}" in refused.err


def test_a_key_that_is_not_there_is_told(console: Console) -> None:
    refused = console("keys", "revoke", "nothing", "--reason", "superseded", "--yes", code=1)
    assert "there is no key nothing" in refused.err


def test_a_configured_key_is_rotated_where_it_lies(console: Console) -> None:
    path = console.folder / "own.pem"
    console.environment["SIGNING_PRIVATE_KEY_PATH"] = str(path)
    assert console("keys", "list", "--json").json == []
    made = console("keys", "rotate", "--json").json
    assert made["old_key_id"] is None
    assert path.stat().st_mode & 0o777 == 0o600
    assert list(rows(console)) == [made["new_key_id"]]
