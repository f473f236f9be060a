"""Where the signing keys of an installation lie: one place for the server and the commands."""

from __future__ import annotations

from tracewell.intrace.reports.authority import TimestampAuthority
from tracewell.kernel.signing import (
    Keyring,
    PublicKeyDirectory,
    SigningKeyFile,
    ensure_signing_key,
)
from tracewell.kernel.signing.document_key import DocumentKeyFile
from tracewell.kernel.signing.timestamps import parse_roots
from tracewell.main.settings import Settings


def open_signing(settings: Settings) -> Keyring:
    """The keyring; with a new key where none is configured and there is none.

    Raises SigningFailed.
    """
    folder = settings.data / "keys"
    path = settings.signing_private_key_path or ensure_signing_key(folder)
    return Keyring(SigningKeyFile(path), PublicKeyDirectory(folder / "public"))


def open_authority(settings: Settings) -> TimestampAuthority | None:
    """The time-stamp authority, if one is configured: `settings.together` has checked it."""
    path = settings.timestamp_certificates_path
    if settings.timestamp_url is None or path is None:
        return None
    roots = parse_roots(path.read_bytes())
    return TimestampAuthority(settings.timestamp_url, roots, settings.timestamp_timeout_seconds)


def open_document_key(settings: Settings) -> DocumentKeyFile:
    """The key that signs PDF files; made when a server starts where none is configured."""
    return DocumentKeyFile(
        settings.data / "keys", settings.pdf_signing_path, settings.organization_id
    )
