"""What an operator does, from a bare database on: each command by hand and by program."""

from __future__ import annotations

import re
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from tests.cli.conftest import Console

TIME = r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ"


def test_the_whole_of_administration_by_program(console_on: Console) -> None:
    admin = console_on.admin
    org = admin("org", "create", "Acme", "--plan", "starter")
    assert (org["name"], org["plan"]) == ("Acme", "starter")
    assert re.fullmatch(TIME, org["created_at"])
    assert admin("org", "list") == [{**org, "balance": 2000}]
    granted = admin("credits", "grant", "Acme", "500", "--reason", "pilot")
    assert granted == {
        "org": "Acme", "granted": 500, "balance": 2500, "reason": "pilot",
        "request_id": granted["request_id"], "booked": True,
    }  # fmt: skip
    again = ("credits", "grant", "Acme", "500", "--reason", "pilot", "--request-id")
    assert admin(*again, granted["request_id"]) == {**granted, "booked": False}
    assert admin("org", "set-plan", "Acme", "pro")["topped_up"] == 8_000
    shown = admin("credits", "show", "Acme")
    assert (shown["balance"], shown["plan"]) == (10_500, "pro")
    assert shown["next_grant_credits"] == 10_000
    assert re.fullmatch(r"\d{4}-\d\d-01T00:00:00Z", shown["next_grant_at"])
    assert admin("credits", "settle") == {"orgs_settled": 0}

    jane = admin("user", "create", "Jane@Acme.example", "--org", "Acme", "--verified")
    assert jane["email"] == "jane@acme.example"
    assert re.fullmatch(TIME, jane["verified_at"])
    assert jane["verification_link"] is None
    bob = admin("user", "create", "bob@acme.example", "--org", str(org["org_id"]))
    assert bob["verified_at"] is None
    assert bob["verification_link"].startswith(
        "http://127.0.0.1:8000/trace/auth/verify-email?token="
    )
    assert "token=ey" in admin("user", "send-link", "bob@acme.example")["verification_link"]
    assert console_on(
        "admin", "user", "set-password", "bob@acme.example", "--json", stdin=b"long enough it is\n"
    ).json["email"] == "bob@acme.example"  # fmt: skip

    user_key = admin("key", "create", "--user", "jane@acme.example")
    assert user_key["key"].startswith("trace_")
    assert user_key["kind"] == "user"
    org_key = admin("key", "create", "--org", "Acme", "--expires", "90d", "--per-minute", "7")
    assert org_key["key"].startswith("trace_org_")
    assert org_key["requests_per_minute"] == 7
    assert re.fullmatch(TIME, org_key["expires_at"])
    service_key = admin(
        "key", "create", "--service", "crm", "--roles", "analyst,auditor",
        "--expires", "2030-01-01T00:00:00Z",
    )  # fmt: skip
    assert service_key["key"].startswith("intrace_")
    assert service_key["roles"] == ["analyst", "auditor"]
    assert service_key["expires_at"] == "2030-01-01T00:00:00Z"

    rotated = admin("key", "rotate", service_key["key_id"], "--grace", "1h")
    assert rotated["key"] != service_key["key"]
    assert rotated["roles"] == service_key["roles"]
    revoked = admin("key", "revoke", org_key["key_id"])
    assert re.fullmatch(TIME, revoked["revoked_at"])
    keys = {key["key_id"]: key for key in admin("key", "list")}
    assert len(keys) == 4
    assert keys[service_key["key_id"]]["successor_id"] == rotated["key_id"]
    assert all("key" not in key and key["key_id"] for key in keys.values())
    assert admin("user", "detach", "jane@acme.example")["org_id"] is None


def test_the_whole_of_administration_by_hand(console: Console) -> None:
    told = console("admin", "org", "create", "Acme Ltd").out
    assert re.search(r"^name +Acme Ltd$", told, re.MULTILINE)
    assert re.search(r"^plan +free$", told, re.MULTILINE)
    assert re.search(r"^balance +100$", console("admin", "org", "list").out, re.MULTILINE)
    granted = console("admin", "credits", "grant", "Acme Ltd", "5", "--reason", "thanks").out
    assert re.search(r"^balance +105$", granted, re.MULTILINE)
    jane = "jane@acme.example"
    told = console("admin", "user", "create", jane, "--org", "Acme Ltd").out
    assert "/trace/auth/verify-email?token=" in told
    assert "/trace/auth/verify-email?token=" in console("admin", "user", "send-link", jane).out
    password = b"a good long one\r\n"
    assert jane in console("admin", "user", "set-password", jane, stdin=password).out

    made = console("admin", "key", "create", "--user", jane)
    assert "shown this once" in made.err
    key_id = re.search(r"^key id +(key_\w+)$", made.out, re.MULTILINE)
    assert key_id is not None
    rotated = console("admin", "key", "rotate", key_id[1])
    assert len(re.findall(r"trace_\w{36}", rotated.out)) == 1
    assert console("admin", "key", "list").out.count("key id") == 2
    assert "revoked at" in console("admin", "key", "revoke", key_id[1]).out
    assert "org id" not in console("admin", "user", "detach", jane).out


def test_a_key_is_printed_once_and_is_nowhere_at_rest(console: Console) -> None:
    console.admin("org", "create", "Acme")
    made = console("admin", "key", "create", "--org", "Acme", "--json")
    key = made.json["key"]
    assert (made.out + made.err).count(key) == 1
    listed = console("admin", "key", "list", "--json")
    assert key not in listed.out
    assert listed.json[0]["prefix"] == key[: len("trace_org_") + 6]
    kept = [path for path in console.data.rglob("*") if path.is_file()]
    assert kept
    for path in kept:
        content = path.read_bytes()
        assert key.encode() not in content
        assert key[-30:].encode() not in content


def test_secrets_are_their_owner_s_only(console: Console) -> None:
    console.admin("org", "list")
    folder = console.data / "secrets"
    assert folder.stat().st_mode & 0o777 == 0o700
    files = {path.name: path.stat().st_mode & 0o777 for path in folder.iterdir()}
    assert files == {"api_key_hash": 0o600, "session": 0o600}


@pytest.mark.parametrize(
    ("arguments", "code", "told"),
    [
        (("org", "create", "Acme"), 1, "already"),
        (("org", "create", " "), 1, "printable"),
        (("org", "create", "New", "--plan", "gold"), 1, "starter"),
        (("org", "set-plan", "Acme", "gold"), 1, "starter"),
        (("user", "create", "nobody", "--org", "Acme"), 1, "e-mail"),
        (("user", "create", "a@b.example", "--org", "None"), 1, "no org 'None'"),
        (("user", "set-password", "jane@acme.example"), 1, "10 to 256"),
        (("user", "detach", "nobody@acme.example"), 1, "no user"),
        (("user", "send-link", "nobody@acme.example"), 1, "no user"),
        (("key", "create"), 2, "--user"),
        (("key", "create", "--org", "Acme", "--user", "jane@acme.example"), 2, "one of"),
        (("key", "create", "--service", "crm"), 2, "analyst"),
        (("key", "create", "--service", "crm", "--roles", "king"), 2, "analyst"),
        (("key", "create", "--service", "", "--roles", "analyst"), 1, "printable"),
        (("key", "create", "--org", "Acme", "--roles", "analyst"), 2, "--roles"),
        (("key", "create", "--org", "Acme", "--expires", "soon"), 2, "30d"),
        (("key", "create", "--org", "Acme", "--per-minute", "0"), 2, "1<=x"),
        (("key", "revoke", "key_none"), 1, "no key 'key_none'"),
        (("key", "rotate", "key_none", "--grace", "1 week"), 2, "90s"),
        (("credits", "grant", "Acme", "0", "--reason", "x"), 2, "1<=x"),
        (("credits", "grant", "Acme", "5"), 2, "--reason"),
        (("credits", "grant", "Acme", "5", "--reason", " "), 1, "1 to 500"),
        (("credits", "grant", "None", "5", "--reason", "x"), 1, "no org"),
    ],
)
def test_what_cannot_be_done_is_told_in_a_line(
    acme: Console, arguments: tuple[str, ...], code: int, told: str
) -> None:
    outcome = acme("admin", *arguments, code=code, stdin=b"short\n")
    assert outcome.out == ""
    assert told in outcome.err


@pytest.fixture(scope="module")
def acme(tmp_path_factory: pytest.TempPathFactory) -> Console:
    """A database with one org and one user, which the refused commands leave as it is."""
    console = Console(tmp_path_factory.mktemp("acme"))
    console.admin("org", "create", "Acme")
    console.admin("user", "create", "jane@acme.example", "--org", "Acme", "--verified")
    return console


def test_text_that_is_no_text_is_told(console: Console) -> None:
    console.admin("org", "create", "Acme")
    console.admin("user", "create", "jane@acme.example", "--org", "Acme", "--verified")
    raw = b"\xff\xfe not utf-8 at all\n"
    refused = console("admin", "user", "set-password", "jane@acme.example", code=2, stdin=raw)
    assert "UTF-8" in refused.err


def test_an_operator_may_leave_the_data_folder_anywhere(tmp_path: Path) -> None:
    console = Console(tmp_path)
    for name in ("with space", "100%25 #1?x=y", "ümläut"):
        console("admin", "org", "create", "Acme", "--data", name, "--json")
        assert (tmp_path / name / "tracewell.db").exists()
        assert (tmp_path / name / "secrets" / "session").exists()
    assert {path.name for path in tmp_path.iterdir()} == {"with space", "100%25 #1?x=y", "ümläut"}


def test_another_hash_secret_than_the_keys_were_made_with_is_told(console: Console) -> None:
    console.admin("org", "list")
    console.environment["API_KEY_HASH_SECRET"] = "certainly another secret"
    told = console("admin", "org", "list", code=1).err
    assert "API_KEY_HASH_SECRET" in told
    assert "certainly another secret" not in told


def test_two_first_commands_at_once_agree_on_the_secrets(tmp_path: Path) -> None:
    console = Console(tmp_path)
    with ThreadPoolExecutor(4) as threads:
        made = list(threads.map(lambda n: console.admin("org", "create", f"o{n}"), range(4)))
    assert {org["name"] for org in made} == {"o0", "o1", "o2", "o3"}
    assert len(console.admin("org", "list")) == 4
