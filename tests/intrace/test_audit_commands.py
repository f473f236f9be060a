"""`tracewell audit` beside a running server: heads, proofs, checks, exports, watches."""

from __future__ import annotations

import contextlib
import json
import socket
import ssl
import threading
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import NameOID
from tests.intrace.lookup_calls import ADA, look_up
from tests.intrace.serving import Server
from tests.intrace.tampering import rebuild_tree, tamper

from tracewell.cli.audit import audit

SQLITE = pytest.mark.parametrize("dialect", ["sqlite"], indirect=True)
FORMATS = pytest.mark.parametrize("form", ["jsonl", "cef", "syslog"])


@dataclass
class Auditor:
    """Runs the commands with what an operator's environment holds."""

    server: Server
    folder: Path
    requests: list[str]

    @property
    def jwks(self) -> str:
        return str(self.folder / "jwks.json")

    def run(self, *arguments: str, code: int = 0) -> Result:
        environment = {
            "DATABASE_URL": self.server.database_url,
            "SIGNING_PRIVATE_KEY_PATH": str(self.server.signing_key_path),
            "ORGANIZATION_ID": "org_test",
            "TRACEWELL_DATA": str(self.folder / "data"),
            "TRACEWELL_API_KEY": self.server.keys["auditor"],
        }
        done = CliRunner(env=environment).invoke(audit, arguments)
        assert done.exit_code == code, (done.output, done.exception)
        return done

    def verify(self, *arguments: str, code: int = 0) -> dict[str, Any]:
        done = self.run("verify", "--jwks", self.jwks, "--json", *arguments, code=code)
        told: dict[str, Any] = json.loads(done.stdout)
        assert told["whole"] is (code == 0)
        return told

    def look_up(self) -> str:
        with self.server.client() as client:
            request_id: str = look_up(client, ADA, requester_reference="a=b|c\\d\ne").json()[
                "request_id"
            ]
        self.requests.append(request_id)
        return request_id

    def export(self, form: str, *more: str) -> Path:
        path = self.folder / f"audit.{form}"
        self.run("export", "--format", form, "--output", str(path), *more)
        return path


@pytest.fixture
def auditor(server: Server, tmp_path: Path) -> Auditor:
    (tmp_path / "jwks.json").write_bytes(server.signing.jwks())
    found = Auditor(server, tmp_path, [])
    for _ in range(3):
        found.look_up()
    return found


def edit(server: Server, seq: int, *more: object) -> None:
    statement = "UPDATE audit_records SET record = :record WHERE seq = :seq"
    tamper(server.database_url, statement, *more, record=b'{"forged":true}', seq=seq)  # type: ignore[arg-type]


def test_verify_tells_a_whole_log_and_names_an_altered_record(auditor: Auditor) -> None:
    told = auditor.verify()
    assert (told["leaves"], told["records"], told["findings"]) == (6, 3, [])

    edit(auditor.server, 2)

    [finding] = auditor.verify(code=1)["findings"]
    assert finding["request_ids"] == [auditor.requests[1]]
    done = auditor.run("verify", code=1)
    assert f"leaf 2 ({auditor.requests[1]}): edited" in done.stdout


def test_a_kept_head_tells_what_was_rewritten_from_the_begin(auditor: Auditor) -> None:
    kept = auditor.folder / "head.txt"
    kept.write_text(auditor.run("head").stdout)
    assert auditor.verify("--head", str(kept))["heads_matched"] == 2

    edit(auditor.server, 2, rebuild_tree)

    auditor.verify()
    [finding] = auditor.verify("--head", str(kept), code=1)["findings"]
    assert finding["problem"] == "rewritten"
    assert auditor.requests[1] in finding["request_ids"]
    kept.write_text(kept.read_text().replace("\n6\n", "\n5\n"))
    refused = auditor.run("verify", "--jwks", auditor.jwks, "--head", str(kept), code=1)
    assert "does not belong" in refused.output


def test_a_proof_is_checked_alone_and_no_change_of_it_passes(auditor: Auditor) -> None:
    proof = auditor.folder / "proof.json"
    proof.write_text(auditor.run("proof", auditor.requests[0]).stdout)

    told = auditor.verify("--inclusion", str(proof))
    assert (told["request_id"], told["record_leaf"]) == (auditor.requests[0], 0)
    assert str(told["report_hash"]).startswith("sha256:")
    for old, new in ((auditor.requests[0], auditor.requests[1]), ("127.0.0.1", "127.0.0.2"),
                     ('"report_hash":"sha256:', '"report_hash":"sha256:0'),
                     ("index 0", "index 1"), ('"leaf_index": 0', '"leaf_index": 1'),
                     ("tlog-proof@v1", "tlog-proof@v3")):  # fmt: skip
        proof.write_text(auditor.run("proof", auditor.requests[0]).stdout.replace(old, new))
        assert "reason" in auditor.verify("--inclusion", str(proof), code=1)
    assert "no record" in auditor.run("proof", "req_unknown", code=1).output


@FORMATS
def test_an_export_is_checked_with_the_public_keys_alone(auditor: Auditor, form: str) -> None:
    path = auditor.export(form)

    told = auditor.verify("--export", str(path))
    assert (told["leaves"], told["heads_matched"]) == (6, 1)
    assert len(path.read_bytes().splitlines()) == 8
    auditor.look_up()
    newer = auditor.export(form, "--from-leaf", "6")
    told = auditor.verify("--export", str(newer))
    assert (told["first_leaf"], told["leaves"]) == (6, 2)


@SQLITE
@FORMATS
def test_no_change_of_an_export_passes(auditor: Auditor, form: str) -> None:
    lines = auditor.export(form).read_bytes().splitlines(keepends=True)
    head = auditor.folder / "head.txt"
    head.write_text(auditor.run("head").stdout)
    older = [*lines[:3], lines[-1]]
    altered = {
        "edited": [*lines[:3], lines[3].replace(b"127.0.0.1", b"127.0.0.2"), *lines[4:]],
        "deleted": [*lines[:3], *lines[4:]],
        "inserted": [*lines[:4], lines[3], *lines[4:]],
        "swapped": [*lines[:3], lines[4], lines[3], *lines[5:]],
        "cut": lines[:-1],
        "cut, head kept": older,
        "without begin": lines[1:],
        "empty": [],
    }
    for name, changed in altered.items():
        path = auditor.folder / "altered"
        path.write_bytes(b"".join(changed))
        done = auditor.run("verify", "--jwks", auditor.jwks, "--export", str(path), code=1)
        assert "NOT WHOLE" in done.output or "line" in done.output or "is" in done.output, name


@SQLITE
def test_an_edited_line_of_an_export_is_named(auditor: Auditor) -> None:
    path = auditor.export("jsonl")
    path.write_bytes(path.read_bytes().replace(b'"127.0.0.1"', b'"127.0.0.2"', 1))

    [finding] = auditor.verify("--export", str(path), code=1)["findings"]
    assert (finding["problem"], finding["first_leaf"]) == ("edited", 0)
    assert finding["request_ids"] == [auditor.requests[0]]


@SQLITE
def test_an_export_that_another_program_wrote_anew_is_still_checked(auditor: Auditor) -> None:
    path = auditor.export("jsonl")
    lines = [json.loads(line) for line in path.read_text("utf-8").splitlines()]
    path.write_text("\n".join(json.dumps(line, sort_keys=True, indent=None) for line in lines))

    assert auditor.verify("--export", str(path))["leaves"] == 6


@SQLITE
def test_an_older_honest_export_does_not_pass_for_the_newest(auditor: Auditor) -> None:
    path = auditor.export("cef")
    auditor.look_up()
    head = auditor.folder / "head.txt"
    head.write_text(auditor.run("head").stdout)

    auditor.verify("--export", str(path))
    told = auditor.verify("--export", str(path), "--head", str(head), code=1)
    [finding] = told["findings"]
    assert (finding["problem"], finding["first_leaf"]) == ("truncated", 6)


@SQLITE
def test_cef_lines_hold_what_a_siem_reads(auditor: Auditor) -> None:
    lines = auditor.export("cef").read_text("utf-8").splitlines()

    record = next(line for line in lines if "|audit.record|" in line)
    assert record.startswith("CEF:0|Tracewell|Intrace|")
    for part in (f"externalId={auditor.requests[0]}", "suser=analyst-bot", "src=127.0.0.1", "cnt=1",
                 "cs1=a\\=b|c\\\\d\\ne "):  # fmt: skip
        assert part in record
    completion = next(line for line in lines if "|audit.completion|" in line)
    assert "outcome=success" in completion
    assert "lovelace" not in "\n".join(lines)


class Collector:
    """A syslog server that keeps what it is sent."""

    def __init__(self, kind: int) -> None:
        self.socket = socket.socket(socket.AF_INET, kind)
        self.socket.bind(("127.0.0.1", 0))
        self.received = b""
        self.port = self.socket.getsockname()[1]
        self.socket.settimeout(20)

    def take_stream(self, context: ssl.SSLContext | None = None, connections: int = 1) -> None:
        for _ in range(connections):
            connection, _address = self.socket.accept()
            with (
                contextlib.suppress(ssl.SSLError),
                contextlib.closing(
                    context.wrap_socket(connection, server_side=True) if context else connection
                ) as stream,
            ):
                while piece := stream.recv(65536):
                    self.received += piece

    def messages(self) -> list[bytes]:
        found, rest = [], self.received
        while rest:
            count, _, rest = rest.partition(b" ")
            found.append(rest[: int(count)])
            rest = rest[int(count) :]
        return found


@pytest.fixture
def stream_collector() -> Iterator[Collector]:
    collector = Collector(socket.SOCK_STREAM)
    collector.socket.listen()
    with collector.socket:
        yield collector


@SQLITE
def test_a_syslog_server_gets_messages_that_are_checked_alone(
    auditor: Auditor, stream_collector: Collector
) -> None:
    taking = threading.Thread(target=stream_collector.take_stream)
    taking.start()
    address = f"tcp://127.0.0.1:{stream_collector.port}"
    auditor.run("export", "--format", "syslog", "--send", address)
    taking.join(20)

    messages = stream_collector.messages()
    assert len(messages) == 8
    assert all(message.startswith(b"<109>1 2") for message in messages)
    path = auditor.folder / "received"
    path.write_bytes(b"".join(message + b"\n" for message in messages))
    assert auditor.verify("--export", str(path))["leaves"] == 6


@SQLITE
def test_a_syslog_server_is_believed_by_its_certificate_alone(
    auditor: Auditor, stream_collector: Collector, monkeypatch: pytest.MonkeyPatch
) -> None:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate(auditor.folder))
    taking = threading.Thread(target=stream_collector.take_stream, args=(context, 2))
    taking.start()
    send = f"tls://localhost:{stream_collector.port}"
    command = ["export", "--format", "syslog", "--send", send]

    assert "CERTIFICATE_VERIFY_FAILED" in auditor.run(*command, code=3).output
    monkeypatch.setenv("SSL_CERT_FILE", str(auditor.folder / "server.pem"))
    auditor.run(*command)
    taking.join(20)
    assert len(stream_collector.messages()) == 8


def certificate(folder: Path) -> Path:
    """A certificate for localhost, of itself, with its key."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "localhost")])
    now = datetime.now(UTC)
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName("localhost")]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    path = folder / "server.pem"
    encoded = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    path.write_bytes(made.public_bytes(Encoding.PEM) + encoded)
    return path


@SQLITE
def test_datagrams_hold_a_message_each(auditor: Auditor) -> None:
    collector = Collector(socket.SOCK_DGRAM)
    with collector.socket:
        address = f"udp://127.0.0.1:{collector.port}"
        auditor.run("export", "--format", "syslog", "--send", address)
        messages = [collector.socket.recv(65536) for _ in range(8)]

    assert [b"|audit." in message for message in messages] == [True] * 8


@pytest.mark.parametrize("over", ["database", "http"])
def test_a_watch_keeps_the_last_head_and_names_what_was_altered(
    auditor: Auditor, over: str
) -> None:
    state = auditor.folder / "state.json"
    where = ["--url", auditor.server.url] if over == "http" else []
    command = ["watch", "--state", str(state), "--jwks", auditor.jwks, "--json", *where]

    first = json.loads(auditor.run(*command).stdout)
    auditor.look_up()
    second = json.loads(auditor.run(*command).stdout)
    assert (first["leaves_kept_before"], first["leaves"]) == (None, 6)
    assert (second["leaves_kept_before"], second["leaves"]) == (6, 8)
    assert len((auditor.folder / "state.json.leaves").read_bytes()) == 8 * 32

    edit(auditor.server, 3, rebuild_tree)
    kept = state.read_bytes()
    if over == "database":
        told = json.loads(auditor.run(*command, code=1).stdout)
        assert [f["first_leaf"] for f in told["findings"]] == [4]
    else:
        # The server itself signs nothing over a log that it knows otherwise.
        assert "500" in auditor.run(*command, code=1).output
    assert state.read_bytes() == kept
    findings = auditor.verify("--kept", str(state), code=1)["findings"]
    assert (4, [auditor.requests[2]]) in [(f["first_leaf"], f["request_ids"]) for f in findings]


@SQLITE
def test_a_watch_tells_of_a_log_that_was_cut(auditor: Auditor) -> None:
    state = auditor.folder / "state.json"
    command = ["watch", "--state", str(state), "--jwks", auditor.jwks]
    auditor.run(*command)

    tamper(
        auditor.server.database_url,
        "DELETE FROM lookups", "DELETE FROM reports",
        "DELETE FROM audit_completions WHERE leaf > 3",
        "DELETE FROM audit_records WHERE leaf > 3", rebuild_tree,
    )  # fmt: skip

    done = auditor.run(*command, code=1)
    assert "leaves 4 to 5: truncated: 6 leaves were kept, the log now has 4" in done.stdout


@SQLITE
def test_a_watch_that_was_ended_in_the_middle_goes_on(auditor: Auditor) -> None:
    state = auditor.folder / "state.json"
    command = ["watch", "--state", str(state), "--jwks", auditor.jwks]
    auditor.run(*command)
    leaves = auditor.folder / "state.json.leaves"
    leaves.write_bytes(leaves.read_bytes() + b"half a ha")

    auditor.look_up()
    auditor.run(*command)
    auditor.run(*command)
    leaves.write_bytes(bytes(32) + leaves.read_bytes()[32:])
    assert "does not belong" in auditor.run(*command, code=2).output


@SQLITE
def test_wrong_usage_is_told(auditor: Auditor) -> None:
    state = str(auditor.folder / "state.json")
    for arguments, code, told in (
        (["watch", "--state", state, "--url", "http://127.0.0.1:1"], 2, "--jwks"),
        (["watch", "--state", state, "--url", "http://127.0.0.1:1", "--jwks", auditor.jwks], 3,
         "127.0.0.1:1"),
        (["watch", "--state", state, "--url", "file:///etc", "--jwks", auditor.jwks], 1, "https"),
        (["watch", "--state", auditor.jwks, "--jwks", auditor.jwks], 2, "not the state"),
        (["verify", "--jwks", "missing.json"], 2, "missing.json"),
        (["verify", "--jwks", auditor.jwks, "--export", "missing"], 2, "missing"),
        (["verify", "--export", "a", "--inclusion", "b"], 2, "do not go together"),
        (["verify", "--jwks", auditor.jwks, "--head", auditor.jwks], 1, "not a signed note"),
        (["export", "--from-leaf", "7"], 1, "6 leaves"),
        (["export", "--send", "udp://127.0.0.1"], 2, "--format syslog"),
        (["export", "--format", "syslog", "--send", "http://a"], 2, "udp://"),
        (["export", "--format", "syslog", "--send", "tcp://127.0.0.1:1"], 3, "127.0.0.1:1"),
        (["export", "--output", str(auditor.folder / "none" / "file")], 2, "No such file"),
    ):  # fmt: skip
        assert told in auditor.run(*arguments, code=code).output, arguments
