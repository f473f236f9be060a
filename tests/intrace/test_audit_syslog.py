"""`tracewell audit export --send`: to servers that speak UDP, TCP and TLS."""

from __future__ import annotations

import contextlib
import socket
import ssl
import threading
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import NameOID
from tests.intrace.auditing import Auditor, auditor

__all__ = ["auditor"]

SQLITE = pytest.mark.parametrize("dialect", ["sqlite"], indirect=True)


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
