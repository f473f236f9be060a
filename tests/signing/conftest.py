"""Keys for the signing tests: made by openssl where it matters that somebody else made them."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from tracewell.kernel.signing import SigningKey, VerificationKeys, parse_signing_key


def new_pem() -> bytes:
    return Ed25519PrivateKey.generate().private_bytes(
        Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()
    )


def openssl(*arguments: str, cwd: Path | None = None) -> bytes:
    return subprocess.run(["openssl", *arguments], check=True, capture_output=True, cwd=cwd).stdout


@pytest.fixture
def key() -> SigningKey:
    return parse_signing_key(new_pem())


@pytest.fixture
def keys(key: SigningKey) -> VerificationKeys:
    return VerificationKeys.of([key.public])
