"""A certificate authority for the tests, and server certificates of it, good and bad."""

from __future__ import annotations

import datetime
import ssl
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

START = datetime.datetime(2020, 1, 1, tzinfo=datetime.UTC)
END = datetime.datetime(2120, 1, 1, tzinfo=datetime.UTC)
PAST = datetime.datetime(2021, 1, 1, tzinfo=datetime.UTC)


def _name(organisation: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(x509.NameOID.ORGANIZATION_NAME, organisation)])


class Authority:
    """`Acme Trust Co`; its certificates and keys are PEM files in `folder`."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._key = ec.generate_private_key(ec.SECP256R1())
        own = (
            x509.CertificateBuilder()
            .not_valid_before(START)
            .not_valid_after(END)
            .subject_name(_name("Acme Trust Co"))
            .issuer_name(_name("Acme Trust Co"))
            .public_key(self._key.public_key())
            .serial_number(1)
            .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
            .sign(self._key, hashes.SHA256())
        )
        self.path = folder / "ca.pem"
        self.path.write_bytes(own.public_bytes(serialization.Encoding.PEM))

    @property
    def trust(self) -> Callable[[], ssl.SSLContext]:
        """Makes contexts that trust this authority alone."""
        return partial(ssl.create_default_context, cafile=str(self.path))

    def issue(
        self,
        names: Sequence[str] = ("shop.example", "www.shop.example"),
        *,
        end: datetime.datetime = END,
        is_self_signed: bool = False,
    ) -> tuple[Path, Path]:
        """Certificate and key for a server of those names."""
        key = ec.generate_private_key(ec.SECP256R1())
        certificate = (
            x509.CertificateBuilder()
            .not_valid_before(START)
            .not_valid_after(end)
            .subject_name(_name("Shop"))
            .issuer_name(_name("Shop" if is_self_signed else "Acme Trust Co"))
            .public_key(key.public_key())
            .serial_number(2)
            .add_extension(
                x509.SubjectAlternativeName([x509.DNSName(name) for name in names]), critical=False
            )
            .sign(key if is_self_signed else self._key, hashes.SHA256())
        )
        stem = f"server-{len(list(self._folder.iterdir()))}"
        paths = self._folder / f"{stem}.pem", self._folder / f"{stem}.key"
        paths[0].write_bytes(certificate.public_bytes(serialization.Encoding.PEM))
        paths[1].write_bytes(
            key.private_bytes(
                serialization.Encoding.PEM,
                serialization.PrivateFormat.PKCS8,
                serialization.NoEncryption(),
            )
        )
        return paths

    def serve_with(self, paths: tuple[Path, Path], *alpn: str) -> ssl.SSLContext:
        """The server's side of TLS."""
        context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
        context.load_cert_chain(*paths)
        if alpn:
            context.set_alpn_protocols(list(alpn))
        return context
