"""Mail through SMTP (RFC 5321). The standard library's client, in a thread."""

from __future__ import annotations

import asyncio
import smtplib
import ssl
from dataclasses import dataclass
from email.message import EmailMessage
from urllib.parse import unquote, urlsplit

TIMEOUT_S = 15.0
_PORTS = {"smtp": 25, "smtps": 465, "smtp+starttls": 587}
URL_FORMS = "smtp://host:25, smtps://user:password@host:465 or smtp+starttls://..."


class MailFailed(Exception):  # noqa: N818
    """The mail server could not be reached or refused the mail."""


@dataclass(frozen=True, slots=True)
class MailServer:
    """Where mail is handed in, and for whom it is sent."""

    url: str
    sender: str

    async def send(self, to: str, subject: str, text: str) -> None:
        """Hands one plain-text mail in. Raises MailFailed."""
        message = EmailMessage()
        message["From"] = self.sender
        message["To"] = to
        message["Subject"] = subject
        message.set_content(text)
        await asyncio.to_thread(self._hand_in, message)

    def _hand_in(self, message: EmailMessage) -> None:
        parts = urlsplit(self.url)
        if parts.scheme not in _PORTS or not parts.hostname:
            raise MailFailed(f"a mail server's URL is {URL_FORMS}")
        port = parts.port or _PORTS[parts.scheme]
        context = ssl.create_default_context()
        try:
            with (
                smtplib.SMTP_SSL(parts.hostname, port, timeout=TIMEOUT_S, context=context)
                if parts.scheme == "smtps"
                else smtplib.SMTP(parts.hostname, port, timeout=TIMEOUT_S)
            ) as client:
                if parts.scheme == "smtp+starttls":
                    client.starttls(context=context)
                if parts.username:
                    client.login(unquote(parts.username), unquote(parts.password or ""))
                client.send_message(message)
        except (OSError, smtplib.SMTPException) as error:
            raise MailFailed(f"the mail server failed: {type(error).__name__}") from error
