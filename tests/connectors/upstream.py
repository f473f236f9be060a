"""A real HTTPS server on the loopback address that answers, or misbehaves, as a test says.

It speaks for every host of a test certificate; the connectors reach it under their sources' own
names, through entries of the address guard.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import socket
import ssl
import struct
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

HOSTS = (
    "api.github.com", "gitlab.com", "api.gravatar.com", "hacker-news.firebaseio.com",
    "api.stackexchange.com", "keybase.io", "dev.to", "mastodon.social", "example.com",
    "api.gleif.org", "haveibeenpwned.com", "data.iana.org", "rdap.names.example", "crt.sh",
    "api.source.example", "other.example", "www.example.com",
)  # fmt: skip


@dataclass(frozen=True)
class Asked:
    """A request as it came: header names in lower case."""

    method: str
    host: str
    target: str
    headers: Mapping[str, str]


class Wire:
    """The server's end of a connection, for answers that no web framework would give."""

    def __init__(self, writer: asyncio.StreamWriter) -> None:
        self.writer = writer

    async def send(self, data: bytes) -> None:
        """Raises ConnectionError when the client has gone: a flood must end with its reader."""
        await asyncio.sleep(0)
        if self.writer.transport.is_closing():
            raise ConnectionError("the client has gone")
        self.writer.write(data)
        await self.writer.drain()

    async def reply(
        self,
        status: int = 200,
        body: bytes = b"",
        *,
        content_type: str = "application/json",
        headers: Mapping[str, str] | None = None,
    ) -> None:
        lines = [f"HTTP/1.1 {status} Told", f"Content-Length: {len(body)}"]
        if content_type:
            lines.append(f"Content-Type: {content_type}")
        lines += [f"{name}: {value}" for name, value in (headers or {}).items()]
        await self.send("\r\n".join(lines).encode("latin-1") + b"\r\n\r\n" + body)

    async def reply_json(self, value: Any, status: int = 200, **headers: str) -> None:
        await self.reply(status, json.dumps(value).encode(), headers=headers)

    def reset(self) -> None:
        """Ends the connection with RST."""
        raw = self.writer.transport.get_extra_info("socket")
        raw.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.writer.transport.abort()


Handler = Callable[[Asked, Wire], Awaitable[None]]


@dataclass
class Upstream:
    """A running server: its port, and what it was asked."""

    port: int
    asked: list[Asked] = field(default_factory=list)

    @property
    def allow(self) -> tuple[str, ...]:
        """The guard's entries that lead every host here."""
        return tuple(f"{host}=127.0.0.1:{self.port}" for host in HOSTS)


@contextlib.asynccontextmanager
async def serve(handler: Handler, certificates: Certificates) -> AsyncIterator[Upstream]:
    """A server for the time of a test."""
    upstream = Upstream(0)

    async def connected(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        wire = Wire(writer)
        try:
            while (asked := await _read(reader)) is not None:
                upstream.asked.append(asked)
                await handler(asked, wire)
                if writer.transport.is_closing():
                    return
        except (ConnectionError, asyncio.IncompleteReadError, asyncio.CancelledError):
            pass
        finally:
            writer.transport.abort()

    server = await asyncio.start_server(connected, "127.0.0.1", 0, ssl=certificates.server())
    upstream.port = server.sockets[0].getsockname()[1]
    try:
        yield upstream
    finally:
        server.close()


async def _read(reader: asyncio.StreamReader) -> Asked | None:
    head = await reader.readuntil(b"\r\n\r\n")
    first, *lines = head.decode("latin-1").split("\r\n")
    method, target, _ = first.split(" ", 2)
    headers = {}
    for line in filter(None, lines):
        name, _, value = line.partition(":")
        headers[name.lower()] = value.strip()
    return Asked(method, headers.get("host", ""), target, headers)


@dataclass(frozen=True)
class Certificates:
    """A certificate authority of a test run, and the certificate of all hosts."""

    authority: Path
    chain: Path

    def client(self) -> ssl.SSLContext:
        """Trusts the authority."""
        return ssl.create_default_context(cafile=str(self.authority))

    def server(self) -> ssl.SSLContext:
        """Has the certificate."""
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(self.chain)
        return context


def make_certificates(folder: Path) -> Certificates:
    """Fresh ones, valid for a day."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "Connector tests")])
    now = datetime.now(UTC)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(hours=1))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .add_extension(
            x509.SubjectAlternativeName([x509.DNSName(host) for host in HOSTS]), critical=False
        )
        .sign(key, hashes.SHA256())
    )
    pem = certificate.public_bytes(serialization.Encoding.PEM)
    authority, chain = folder / "authority.pem", folder / "chain.pem"
    authority.write_bytes(pem)
    chain.write_bytes(
        pem
        + key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )
    )
    return Certificates(authority, chain)
