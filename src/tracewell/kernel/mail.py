"""Mail through SMTP (RFC 5321). The standard library's client, in a thread."""

from __future__ import annotations

import asyncio
import smtplib
import ssl
from dataclasses import dataclass, field
from datetime import UTC, datetime
from email.message import EmailMessage
from email.utils import format_datetime
from urllib.parse import SplitResult, unquote, urlsplit

from tracewell.kernel.clock import Clock, system_clock
from tracewell.kernel.ids import IdFactory

TIMEOUT_S = 15.0
_PORTS = {"smtp": 25, "smtps": 465, "smtp+starttls": 587}
URL_FORMS = (
    "smtp://host:25, smtps://user:password@host:465 or smtp+starttls://user:password@host:587"
)


class MailFailed(Exception):  # noqa: N818
    """The mail server could not be reached or refused the mail."""


def parse_mail_url(url: str) -> SplitResult:
    """The parts of a mail server's URL. Raises ValueError, with the forms that it may have."""
    try:
        parts = urlsplit(url)
        usable = parts.scheme in _PORTS and parts.hostname and parts.port != 0
    except ValueError:  # its text may quote the password
        usable = False
    if not usable:
        raise ValueError(f"a mail server's URL is {URL_FORMS}")
    return parts


@dataclass(frozen=True, slots=True)
class MailServer:
    """Where mail is handed in, and for whom it is sent.

    `tls` holds the authorities that a server's certificate may come from; the system's by default.
    """

    url: str
    sender: str
    clock: Clock = system_clock
    new_id: IdFactory = field(default_factory=IdFactory)
    tls: ssl.SSLContext = field(default_factory=ssl.create_default_context)

    async def send(self, to: str, subject: str, text: str) -> None:
        """Hands one plain-text mail in. Raises MailFailed."""
        try:
            message = self._compose(to, subject, text)
        except ValueError as error:
            raise MailFailed(
                "the mail's sender, addressee or subject holds a line break"
            ) from error
        await asyncio.to_thread(self._hand_in, message)

    def _compose(self, to: str, subject: str, text: str) -> EmailMessage:
        message = EmailMessage()
        message["From"] = self.sender
        message["To"] = to
        message["Subject"] = subject
        # RFC 5322: a mail has a date; without an id of its own some servers take it for spam.
        message["Date"] = format_datetime(datetime.fromtimestamp(self.clock() // 1000, UTC))
        message["Message-ID"] = (
            f"<{self.new_id('mail')}@{self.sender.rpartition('@')[2].strip('> ')}>"
        )
        message.set_content(text)
        return message

    def _hand_in(self, message: EmailMessage) -> None:
        try:
            parts = parse_mail_url(self.url)
        except ValueError as error:
            raise MailFailed(str(error)) from None
        host, port = parts.hostname or "", parts.port or _PORTS[parts.scheme]
        try:
            with (
                smtplib.SMTP_SSL(host, port, timeout=TIMEOUT_S, context=self.tls)
                if parts.scheme == "smtps"
                else smtplib.SMTP(host, port, timeout=TIMEOUT_S)
            ) as client:
                if parts.scheme == "smtp+starttls":
                    client.starttls(context=self.tls)
                if parts.username:
                    client.login(unquote(parts.username), unquote(parts.password or ""))
                client.send_message(message)
        # ValueError: a password that the protocol cannot carry (it is ASCII).
        except (OSError, smtplib.SMTPException, ValueError) as error:
            raise MailFailed(f"the mail server failed: {type(error).__name__}") from error
