"""Secrets that a deployment did not set: made once, kept in the data folder for its owner only."""

from __future__ import annotations

import os
import secrets
from pathlib import Path

SECRET_BYTES = 32


def ensure_secret(data: Path, name: str) -> bytes:
    """The secret of that name; made on first use. Two processes that begin at once agree."""
    folder = data / "secrets"
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    path = folder / name
    if not path.exists():
        fresh = folder / f".{name}.{os.getpid()}.{secrets.token_hex(4)}"
        descriptor = os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(descriptor, "wb") as file:
            file.write(secrets.token_bytes(SECRET_BYTES).hex().encode())
            file.flush()
            os.fsync(file.fileno())
        try:
            os.link(fresh, path)  # fails where another process was first
        except FileExistsError:
            pass
        finally:
            fresh.unlink()
    return bytes.fromhex(path.read_text("ascii"))
