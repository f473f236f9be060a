"""A time-stamp authority that is half configured keeps a server from starting, and says how."""

from __future__ import annotations

import pytest
from tests.cli.conftest import Console


@pytest.mark.parametrize("content", [None, b"no certificate"], ids=["missing", "no certificate"])
def test_an_authority_without_certificates_is_told(console: Console, content: bytes | None) -> None:
    console.environment["TIMESTAMP_URL"] = "https://timestamp.example.com/"
    if content is not None:
        path = console.folder / "roots.pem"
        path.write_bytes(content)
        console.environment["TIMESTAMP_CERTIFICATES_PATH"] = str(path)
    told = console("serve", "--port", "0", code=2)
    assert "TIMESTAMP_CERTIFICATES_PATH" in told.err
    assert "for example" in told.err


def test_an_address_that_is_none_is_told(console: Console) -> None:
    console.environment["TIMESTAMP_URL"] = "timestamp.example.com"
    assert "TIMESTAMP_URL" in console("serve", "--port", "0", code=2).err
