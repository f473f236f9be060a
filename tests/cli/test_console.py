"""What every command has in common: help with examples, exit codes, settings told by name."""

from __future__ import annotations

import email
import re
import socket
import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from email.policy import default
from pathlib import Path

import click
import pytest
from aiosmtpd.controller import Controller
from aiosmtpd.smtp import SMTP, Envelope, Session
from tests.cli.conftest import Console
from tests.databases import all_migrations

from tracewell.cli import _tracewell


def commands() -> Iterator[tuple[str, click.Context]]:
    """Every command, by its full name."""
    pending = [("tracewell", click.Context(_tracewell, info_name="tracewell"))]
    while pending:
        name, context = pending.pop()
        yield name, context
        if isinstance(context.command, click.Group):
            for sub in context.command.list_commands(context):
                command = context.command.get_command(context, sub)
                assert command is not None
                child = click.Context(command, parent=context, info_name=sub)
                pending.append((f"{name} {sub}", child))


COMMANDS = dict(commands())


@pytest.mark.parametrize("name", COMMANDS)
def test_the_help_of_every_command_says_what_it_does_and_shows_how(name: str) -> None:
    context = COMMANDS[name]
    text = context.command.get_help(context)
    assert re.search(rf"^ +(\w+=\S+ )?{name}( |$)", text, re.MULTILINE), f"no example in\n{text}"
    for parameter in context.command.params:
        if isinstance(parameter, click.Option) and parameter.name not in ("plan", "port"):
            assert parameter.help, f"{name}: {parameter.opts} says nothing"


def test_every_admin_command_and_migrate_print_json_on_request() -> None:
    for name, context in COMMANDS.items():
        leaf = not isinstance(context.command, click.Group)
        if leaf and (name.startswith("tracewell admin") or name == "tracewell migrate"):
            options = {option for parameter in context.command.params for option in parameter.opts}
            assert {"--json", "--data"} <= options, name


def test_help_and_version_need_no_setting_and_touch_nothing(console: Console) -> None:
    console.environment["DATABASE_URL"] = "nonsense"
    assert "Usage:" in console("--help").out
    assert "Examples:" in console("admin", "key", "create", "-h").out
    assert console("--version").out.startswith("tracewell, version 0.")
    assert list(console.folder.iterdir()) == []


@pytest.mark.parametrize(
    "arguments",
    [(), ("nonsense",), ("admin", "nonsense"), ("admin", "org", "create"),
     ("admin", "org", "list", "x"),
     ("serve", "--port", "65536"), ("serve", "--workers", "0"), ("migrate", "--down", "trace")],
)  # fmt: skip
def test_wrong_usage_has_code_two_and_shows_the_usage(
    console: Console, arguments: tuple[str, ...]
) -> None:
    assert "Usage:" in console(*arguments, code=2).err
    assert list(console.folder.iterdir()) == []


@pytest.mark.parametrize(
    ("variable", "value", "example"),
    [
        ("DATABASE_URL", "mysql://root:hunter2@localhost/x", "postgresql://"),
        ("DATABASE_URL", "sqlite://relative/hunter2.db", "sqlite:///"),
        ("SMTP_URL", "http://user:hunter2@mail", "smtp+starttls://"),
        ("SMTP_URL", "smtp://user:hunter2@mail:port", "smtp+starttls://"),
        ("API_KEY_HASH_SECRET", "hunter2", "openssl rand"),
        ("SESSION_SECRET", "hunter2", "openssl rand"),
        ("TRACE_REQUESTS_PER_MINUTE", "hunter2", "600"),
        ("RATE_LIMIT_BURST", "-1", "10"),
        ("AUDIT_RETENTION_DAYS", "364", "2555"),
        ("AUTH_MODE", "hunter2", "both"),
        ("AUTH_MODE", "oidc", "OIDC_ISSUER_URL"),
        ("AUTH_MODE", "saml", "SAML_METADATA_URL"),
        ("TRACEWELL_PRODUCT", "hunter2", "trace"),
        ("CONNECTOR_TIMEOUT_SECONDS", "0", "10"),
    ],
)
def test_a_wrong_setting_is_told_by_its_variable_with_an_example_and_without_its_value(
    console: Console, variable: str, value: str, example: str
) -> None:
    console.environment[variable] = value
    told = console("admin", "org", "list", code=2).err
    assert variable in told
    assert example in told
    assert "hunter2" not in told


def test_all_wrong_settings_are_told_at_once_and_an_empty_one_is_unset(console: Console) -> None:
    console.environment |= {"RATE_LIMIT_BURST": "x", "AUDIT_RETENTION_DAYS": "1", "SMTP_URL": ""}
    told = console("admin", "org", "list", code=2).err
    assert "RATE_LIMIT_BURST" in told
    assert "AUDIT_RETENTION_DAYS" in told
    assert "SMTP_URL" not in told


@pytest.mark.parametrize(
    "url",
    ["postgresql://user:hunter2@127.0.0.1:1/x", "postgresql://user:hunter2@host:port/x",
     "sqlite:////dev/null/below.db"],
)  # fmt: skip
def test_a_database_that_cannot_be_reached_has_code_three(console: Console, url: str) -> None:
    console.environment["DATABASE_URL"] = url
    for arguments in (("admin", "org", "list"), ("migrate", "--dry-run")):
        told = console(*arguments, code=3).err
        assert "SQL" in told
        assert "hunter2" not in told


def test_a_file_that_is_no_database_and_a_folder_that_is_none_have_code_three(
    console: Console,
) -> None:
    console.data.mkdir()
    (console.data / "tracewell.db").write_text("no database at all\n" * 99)
    assert "NotADB" in console("admin", "org", "list", code=3).err
    console.environment |= {"TRACEWELL_DATA": "/dev/null/x"}
    console("admin", "org", "list", code=3)


@pytest.mark.parametrize("content", ["", "zz", "ab" * 31, "ab" * 33])
def test_a_damaged_secret_is_told_by_its_path_and_never_replaced(
    console: Console, content: str
) -> None:
    secret = console.data / "secrets" / "session"
    secret.parent.mkdir(parents=True)
    secret.write_text(content)
    told = console("admin", "org", "list", code=3).err
    assert str(secret) in told
    assert secret.read_text() == content


def test_settings_are_listed_with_their_examples(console: Console) -> None:
    rows = console("settings", "--json").json
    assert {"variable", "default", "meaning", "example"} == set(rows[0])
    assert all(row["meaning"] and row["example"] for row in rows)
    assert "DATABASE_URL" in console("settings").out


def test_a_dry_run_of_migrate_says_all_and_writes_nothing(console: Console) -> None:
    told = console("migrate", "--dry-run", "--json").json["would_run"]
    assert told == [f"{s.room} {s.version:04} {s.name}" for s in all_migrations().steps]
    with sqlite3.connect(console.data / "tracewell.db") as file:
        assert file.execute("SELECT COUNT(*) FROM sqlite_schema").fetchone() == (0,)
    assert console("migrate", "--json").json["ran"] == told
    assert console("migrate", "--json").json["ran"] == []
    assert console("migrate", "--dry-run", "--json").json["would_run"] == []


def test_migrations_go_down_only_when_that_is_confirmed(console_on: Console) -> None:
    console_on("migrate")
    down = ("migrate", "--down", "trace", "--to", "0")
    would = console_on(*down, "--dry-run", "--json").json["would_run"]
    assert would
    assert "Drop the tables of trace" in console_on(*down, code=1).out
    assert "Drop the tables of trace" in console_on(*down, code=1, stdin=b"n\n").out
    refused = console_on("migrate", "--down", "kernel", "--to", "0", "--yes", code=1)
    assert "kernel carries intrace, trace" in refused.err
    assert console_on(*down, "--yes", "--json").json["ran"] == would
    assert console_on("migrate", "--json").json["ran"] == would[::-1]


class Inbox:
    """Keeps what an SMTP server was handed, or refuses it."""

    def __init__(self, answer: str = "250 OK") -> None:
        self.answer = answer
        self.mails: list[bytes] = []

    async def handle_DATA(  # noqa: N802 - aiosmtpd's name
        self, server: SMTP, session: Session, envelope: Envelope
    ) -> str:
        assert isinstance(envelope.content, bytes)
        self.mails.append(envelope.content)
        return self.answer


@pytest.fixture
def inbox(console: Console) -> Iterator[Inbox]:
    """A mail server that the console knows."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = int(probe.getsockname()[1])
    inbox = Inbox()
    controller = Controller(inbox, hostname="127.0.0.1", port=port)
    controller.start()
    console.environment |= {
        "SMTP_URL": f"smtp://127.0.0.1:{port}",
        "SMTP_FROM": "accounts@tracewell.example",
        "PUBLIC_URL": "https://api.tracewell.example/",
        "TRACEWELL_PRODUCT": "trace",
    }
    yield inbox
    controller.stop(no_assert=True)


def test_the_link_goes_by_mail_where_there_is_a_mail_server_and_is_not_printed(
    console: Console, inbox: Inbox
) -> None:
    console.admin("org", "create", "Acme")
    made = console("admin", "user", "create", "jane@acme.example", "--org", "Acme", "--json")
    assert made.json["verification_link"] is None
    assert "token=" not in made.out + made.err
    (content,) = inbox.mails
    mail = email.message_from_bytes(content, policy=default)
    assert (mail["From"], mail["To"]) == ("accounts@tracewell.example", "jane@acme.example")
    text = mail.get_payload(decode=True)
    assert isinstance(text, bytes)
    assert b"https://api.tracewell.example/auth/verify-email?token=ey" in text


def test_a_mail_that_fails_leaves_the_user_and_says_how_to_try_again(
    console: Console, inbox: Inbox
) -> None:
    console.admin("org", "create", "Acme")
    inbox.answer = "451 try again later"
    create = ("admin", "user", "create", "jane@acme.example", "--org", "Acme")
    told = console(*create, code=3).err
    assert "tracewell admin user send-link jane@acme.example" in told
    inbox.answer = "250 OK"
    console("admin", "user", "send-link", "jane@acme.example")
    assert len(inbox.mails) == 2


def test_a_pipe_that_closes_early_leaves_no_trace_of_a_failure(console: Console) -> None:
    script = Path(sys.executable).with_name("tracewell")
    finished = subprocess.run(
        ["sh", "-c", f"'{script}' settings | head -n 1"],
        capture_output=True,
        text=True,
        cwd=console.folder,
        check=False,
    )
    assert finished.stdout.startswith("TRACEWELL_DATA")
    assert finished.stderr == ""


def test_a_file_that_cannot_be_written_is_told_in_a_line(console: Console) -> None:
    record = b'{"record_id":"1","names":["Ada Lovelace"]}\n'
    told = console("resolve", "-", "--output", "nowhere/out.jsonl", stdin=record, code=2)
    assert told.err == "tracewell: nowhere/out.jsonl: No such file or directory\n"


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="a disk that is always full")
def test_a_full_disk_is_told_in_a_line(console: Console) -> None:
    record = b'{"record_id":"1","names":["Ada Lovelace"]}\n'
    told = console("resolve", "-", "--output", "/dev/full", stdin=record, code=3)
    assert told.err == "tracewell: No space left on device\n"


def test_the_package_runs_as_a_module_too(console: Console) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "tracewell", "--version"], capture_output=True, text=True
    )
    assert done.stdout == f"python -m {console('--version').out}"
    assert done.returncode == 0


def test_entities_of_a_mistyped_folder_are_refused_and_nothing_is_made(console: Console) -> None:
    for command in (("show", "ent_1"), ("undo", "evt_1")):
        told = console("entities", *command, code=1)
        assert "there is no database in " in told.err
    assert not console.data.exists()
