"""TLS is always verified, and who signed the certificate is noted."""

from __future__ import annotations

import asyncio
import datetime
import ssl
from collections.abc import Callable
from functools import partial
from pathlib import Path

from aiohttp import web
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from tracewell.web.exchange import Fetched, FetchFailure, FetchOutcome
from tracewell.web.fetcher import Fetcher

Build = Callable[..., Fetcher]


def _make_authority(directory: Path) -> tuple[Path, Path, Path]:
    """A certificate authority, and a server certificate of it for shop.example, as PEM files."""
    start = datetime.datetime(2020, 1, 1, tzinfo=datetime.UTC)
    end = datetime.datetime(2120, 1, 1, tzinfo=datetime.UTC)

    def name(organisation: str) -> x509.Name:
        return x509.Name([x509.NameAttribute(x509.NameOID.ORGANIZATION_NAME, organisation)])

    ca_key, key = ec.generate_private_key(ec.SECP256R1()), ec.generate_private_key(ec.SECP256R1())
    blank = x509.CertificateBuilder().not_valid_before(start).not_valid_after(end)
    authority = (
        blank.subject_name(name("Acme Trust Co"))
        .issuer_name(name("Acme Trust Co"))
        .public_key(ca_key.public_key())
        .serial_number(1)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .sign(ca_key, hashes.SHA256())
    )
    certificate = (
        blank.subject_name(name("Shop"))
        .issuer_name(authority.subject)
        .public_key(key.public_key())
        .serial_number(2)
        .add_extension(x509.SubjectAlternativeName([x509.DNSName("shop.example")]), critical=False)
        .sign(ca_key, hashes.SHA256())
    )
    pem = serialization.Encoding.PEM
    paths = tuple(directory / part for part in ("ca.pem", "cert.pem", "key.pem"))
    paths[0].write_bytes(authority.public_bytes(pem))
    paths[1].write_bytes(certificate.public_bytes(pem))
    paths[2].write_bytes(
        key.private_bytes(pem, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    )
    return paths[0], paths[1], paths[2]


def test_tls_is_verified_and_the_issuer_is_noted(fetcher: Build, tmp_path: Path) -> None:
    ca, certificate, key = _make_authority(tmp_path)

    async def hello(request: web.Request) -> web.Response:
        return web.Response(text="secret")

    async def run() -> list[FetchOutcome]:
        app = web.Application()
        app.router.add_get("/", hello)
        runner = web.AppRunner(app)
        await runner.setup()
        server_tls = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
        server_tls.load_cert_chain(certificate, key)
        listener = web.TCPSite(runner, "127.0.0.1", 0, ssl_context=server_tls)
        await listener.start()
        port = runner.addresses[0][1]
        outcomes = []
        try:
            trusting = partial(ssl.create_default_context, cafile=str(ca))
            for tls, url in (
                (ssl.create_default_context, "https://shop.example/"),
                (trusting, "https://shop.example/"),
                (trusting, "https://other.example/"),
            ):
                async with fetcher(f"*.example=127.0.0.1:{port}", tls=tls) as client:
                    outcomes.append(await client.fetch(url))
        finally:
            await runner.cleanup()
        return outcomes

    unknown, trusted, wrong_name = asyncio.run(run())
    assert isinstance(unknown, FetchFailure)
    assert unknown.code == "tls_failed"
    assert isinstance(trusted, Fetched)
    assert trusted.capture.body == b"secret"
    assert trusted.capture.certificate_issuer == "Acme Trust Co"
    assert isinstance(wrong_name, FetchFailure)
    assert wrong_name.code == "tls_failed"
