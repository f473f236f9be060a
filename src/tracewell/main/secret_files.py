"""Secrets that a deployment did not set: made once, kept in the data folder for its owner only."""

from __future__ import annotations

import os
import secrets
from pathlib import Path

SECRET_BYTES = 32


class SecretUnusable(Exception):  # noqa: N818
    """A secret's file cannot be made, read or understood."""


def ensure_secret(data: Path, name: str) -> bytes:
    """The secret of that name; made on first use. Two processes that begin at once agree.

    Raises SecretUnusable.
    """
    path = data / "secrets" / name
    try:
        _ensure_file(path)
        secret = bytes.fromhex(path.read_text("ascii"))
    except OSError as error:
        raise SecretUnusable(f"{path} cannot be made or read: {error.strerror}") from error
    except ValueError:
        secret = b""
    if len(secret) != SECRET_BYTES:
        # No cause: its text would quote the secret.
        raise SecretUnusable(f"{path} is damaged: it holds {SECRET_BYTES * 2} hexadecimal digits")
    return secret


def _ensure_file(path: Path) -> None:
    folder = path.parent
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    if not path.exists():
        fresh = folder / f".{path.name}.{os.getpid()}.{secrets.token_hex(4)}"
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
