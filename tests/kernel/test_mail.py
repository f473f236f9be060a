"""Mail is handed in to a real SMTP server: in the clear, under TLS, with a password, or not."""

from __future__ import annotations

import asyncio
import datetime
import email
import ipaddress
import socket
import ssl
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from email.message import EmailMessage, Message
from email.policy import default
from pathlib import Path
from typing import Any

import pytest
from aiosmtpd.controller import Controller
from aiosmtpd.smtp import SMTP, AuthResult, Envelope, LoginPassword, Session
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID
from tests.kernel.conftest import StandingClock

from tracewell.kernel.ids import IdFactory
from tracewell.kernel.mail import MailFailed, MailServer, parse_mail_url

pytestmark = pytest.mark.anyio

SENDER = "accounts@tracewell.example"
PASSWORD = "p@ss:word/ with% signs"
LINK = "https://api.example.com/trace/auth/verify-email?token=" + "a.b-c_d" * 60


@dataclass
class Inbox:
    """What the server took in, and what it answers."""

    answer: str = "250 OK"
    mails: list[Message] = field(default_factory=list)
    under_tls: list[bool] = field(default_factory=list)
    users: list[bytes] = field(default_factory=list)

    async def handle_DATA(  # noqa: N802 - aiosmtpd's name
        self, server: SMTP, session: Session, envelope: Envelope
    ) -> str:
        assert isinstance(envelope.content, bytes)
        self.mails.append(email.message_from_bytes(envelope.content, policy=default))
        self.under_tls.append(session.ssl is not None)
        return self.answer

    def authenticate(
        self, server: SMTP, session: Session, envelope: Envelope, way: str, data: Any
    ) -> AuthResult:
        assert isinstance(data, LoginPassword)
        self.users.append(data.login)
        return AuthResult(success=data.password == PASSWORD.encode(), handled=False)


@dataclass(frozen=True)
class Authority:
    """A certificate for 127.0.0.1 that signs itself."""

    path: Path

    def for_server(self) -> ssl.SSLContext:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(self.path)
        return context

    def for_client(self) -> ssl.SSLContext:
        return ssl.create_default_context(cafile=str(self.path))


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "the tests' own authority")])
    now = datetime.datetime.now(datetime.UTC)
    address = x509.IPAddress(ipaddress.ip_address("127.0.0.1"))
    certificate = (
        x509.CertificateBuilder(name, name, key.public_key(), x509.random_serial_number())
        .not_valid_before(now - datetime.timedelta(days=1))
        .not_valid_after(now + datetime.timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([address]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .sign(key, hashes.SHA256())
    )
    path = tmp_path_factory.mktemp("tls") / "server.pem"
    path.write_bytes(
        key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )
        + certificate.public_bytes(serialization.Encoding.PEM)
    )
    return Authority(path)


Start = Callable[..., int]


@pytest.fixture
def start() -> Iterator[Start]:
    """Starts an SMTP server on a free port and returns the port."""
    running: list[Controller] = []

    def begin(inbox: Inbox, **options: Any) -> int:
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            port = int(probe.getsockname()[1])
        controller = Controller(inbox, hostname="127.0.0.1", port=port, **options)
        running.append(controller)
        controller.start()
        return port

    yield begin
    for controller in running:
        controller.stop(no_assert=True)


async def test_a_mail_arrives_as_it_was_written(start: Start, clock: StandingClock) -> None:
    inbox = Inbox()
    port = start(inbox)
    server = MailServer(f"smtp://127.0.0.1:{port}", SENDER, clock, IdFactory(clock))
    await server.send("jane@acme.example", "Grüße: verify", f"Open this:\n\n{LINK}\n")
    (mail,) = inbox.mails
    assert isinstance(mail, EmailMessage)
    assert (mail["From"], mail["To"]) == (SENDER, "jane@acme.example")
    assert mail["Subject"] == "Grüße: verify"
    assert LINK in mail.get_content()
    assert mail["Date"].datetime.timestamp() * 1000 == clock.now
    assert mail["Message-ID"].startswith("<mail_")
    assert mail["Message-ID"].endswith("@tracewell.example>")
    assert inbox.under_tls == [False]


async def test_starttls_and_a_password_with_signs(start: Start, authority: Authority) -> None:
    inbox = Inbox()
    port = start(
        inbox,
        tls_context=authority.for_server(),
        require_starttls=True,
        authenticator=inbox.authenticate,
        auth_required=True,
    )
    url = f"smtp+starttls://robot:p%40ss%3Aword%2F%20with%25%20signs@127.0.0.1:{port}"
    await MailServer(url, SENDER, tls=authority.for_client()).send("j@x.example", "s", "t")
    assert (inbox.under_tls, inbox.users) == ([True], [b"robot"])


async def test_tls_from_the_start(start: Start, authority: Authority) -> None:
    inbox = Inbox()
    port = start(inbox, ssl_context=authority.for_server())
    server = MailServer(f"smtps://127.0.0.1:{port}", SENDER, tls=authority.for_client())
    await server.send("j@x.example", "s", "t")
    assert len(inbox.mails) == 1


async def failure(server: MailServer, to: str = "j@x.example", subject: str = "s") -> str:
    with pytest.raises(MailFailed) as caught:
        await server.send(to, subject, "t")
    return str(caught.value)


@pytest.mark.parametrize("scheme", ["smtps", "smtp+starttls"])
async def test_a_server_whose_certificate_nobody_vouches_for_gets_no_mail(
    start: Start, authority: Authority, scheme: str
) -> None:
    inbox = Inbox()
    way = "ssl_context" if scheme == "smtps" else "tls_context"
    port = start(inbox, **{way: authority.for_server()})
    told = await failure(MailServer(f"{scheme}://127.0.0.1:{port}", SENDER))
    assert "SSLCertVerificationError" in told
    assert inbox.mails == []


async def test_a_server_that_lacks_starttls_gets_no_mail(start: Start) -> None:
    inbox = Inbox()
    port = start(inbox)
    await failure(MailServer(f"smtp+starttls://127.0.0.1:{port}", SENDER))
    assert inbox.mails == []


@pytest.mark.parametrize("answer", ["550 no such mailbox", "451 try later", "nonsense"])
async def test_a_server_that_refuses_is_told(start: Start, answer: str) -> None:
    port = start(Inbox(answer))
    assert "mail server failed" in await failure(MailServer(f"smtp://127.0.0.1:{port}", SENDER))


@pytest.mark.parametrize(
    ("password", "error"),
    [("wrong", "SMTPAuthenticationError"), ("p%C3%A4ss", "UnicodeEncodeError")],
)
async def test_a_password_that_is_refused_or_cannot_be_sent_is_told_without_it(
    start: Start, authority: Authority, password: str, error: str
) -> None:
    inbox = Inbox()
    port = start(
        inbox,
        tls_context=authority.for_server(),
        authenticator=inbox.authenticate,
        auth_required=True,
    )
    url = f"smtp+starttls://robot:{password}@127.0.0.1:{port}"
    told = await failure(MailServer(url, SENDER, tls=authority.for_client()))
    assert told == f"the mail server failed: {error}"
    assert inbox.mails == []


async def test_a_server_that_is_not_there_or_hangs_up_is_told() -> None:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
        assert "ConnectionRefused" in await failure(MailServer(f"smtp://127.0.0.1:{port}", SENDER))

    async def hang_up(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"220 hello\r\n")
        writer.close()

    server = await asyncio.start_server(hang_up, "127.0.0.1", 0)
    async with server:
        port = server.sockets[0].getsockname()[1]
        await failure(MailServer(f"smtp://127.0.0.1:{port}", SENDER))


async def test_no_header_can_be_smuggled_in(start: Start) -> None:
    inbox = Inbox()
    url = f"smtp://127.0.0.1:{start(inbox)}"
    smuggled = "j@x.example\r\nBcc: all@x.example"
    assert "line break" in await failure(MailServer(url, SENDER), to=smuggled)
    assert "line break" in await failure(MailServer(url, SENDER), subject="a\nBcc: b@x.example")
    assert "line break" in await failure(MailServer(url, smuggled))
    assert inbox.mails == []


@pytest.mark.parametrize(
    "url", ["http://x", "smtp://", "smtp://h:0", "smtp://h:99999", "smtp://u:secret@h:x", "x", ""]
)
async def test_a_url_that_names_no_mail_server_is_told_with_the_forms(url: str) -> None:
    with pytest.raises(ValueError, match="smtp\\+starttls") as caught:
        parse_mail_url(url)
    assert "secret" not in str(caught.value)
    assert "smtp+starttls" in await failure(MailServer(url, SENDER))
