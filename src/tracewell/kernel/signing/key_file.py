"""The private key's file: read anew whenever it changes, made when none is configured."""

from __future__ import annotations

import errno
import os
import stat
import tempfile
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    NoEncryption,
    PrivateFormat,
)

from tracewell.kernel.signing.errors import SigningFailed, SigningFailure
from tracewell.kernel.signing.keys import SigningKey, parse_signing_key

KEY_FILE_BYTES_MAX = 64 << 10
KEY_FILE_NAME = "signing-key.pem"


class SigningKeyFile:
    """A key file that an operator may replace, revoke or break while the engine runs.

    The file is read for every signature and parsed when its bytes changed. Reading costs some
    ten microseconds, and unlike a comparison of file times it notices a second change within the
    clock tick of the file system, and a permission that was taken away.
    """

    def __init__(self, path: Path, passphrase: bytes | None = None) -> None:
        self._path = path
        self._passphrase = passphrase
        self._parsed: tuple[bytes, SigningKey] | None = None

    @property
    def path(self) -> Path:
        """Where the key lies."""
        return self._path

    def get_key(self) -> SigningKey:
        """The key as it is on disk now; raises SigningFailed."""
        pem = read_key_file(self._path)
        if self._parsed is None or self._parsed[0] != pem:
            self._parsed = (pem, parse_signing_key(pem, self._passphrase))
        return self._parsed[1]


def generate_key_pem(passphrase: bytes | None = None) -> bytes:
    """A new Ed25519 private key in PKCS#8 PEM, encrypted where a passphrase is given."""
    encryption = BestAvailableEncryption(passphrase) if passphrase else NoEncryption()
    return Ed25519PrivateKey.generate().private_bytes(Encoding.PEM, PrivateFormat.PKCS8, encryption)


def replace_key_file(path: Path, pem: bytes) -> None:
    """Put a new private key in the place of the old one, whole and durable; raises SigningFailed.

    Mode 0600, or that of the file before with the owner kept. A link is refused: a mounted secret
    is replaced where it is mounted from.
    """
    if path.is_symlink():
        raise SigningFailed(SigningFailure.KEY_IS_A_LINK)
    try:
        handle, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
        try:
            with os.fdopen(handle, "wb") as file:
                file.write(pem)
                file.flush()
                if path.exists():
                    before = path.stat()
                    os.fchmod(handle, stat.S_IMODE(before.st_mode))
                    if (before.st_uid, before.st_gid) != (os.geteuid(), os.getegid()):
                        os.fchown(handle, before.st_uid, before.st_gid)
                os.fsync(handle)
            os.replace(name, path)
        except OSError:
            os.unlink(name)
            raise
        _sync_directory(path.parent)
    except OSError as error:
        raise SigningFailed(SigningFailure.KEY_NOT_WRITTEN) from error


def ensure_signing_key(directory: Path) -> Path:
    """The path of the key in a data directory; a new key, mode 0600, when there is none.

    Two processes that start at once agree on one key: the file appears complete or not at all,
    and the second to link it finds the first one's. Raises SigningFailed.
    """
    path = directory / KEY_FILE_NAME
    try:
        directory.mkdir(parents=True, exist_ok=True)
        if not path.exists():
            link_new_file(path, generate_key_pem(), mode=0o600)
    except OSError as error:
        raise SigningFailed(SigningFailure.KEY_NOT_WRITTEN) from error
    return path


def link_new_file(path: Path, content: bytes, *, mode: int) -> None:
    """Create a file whole and durable, or leave the one that is already there. Raises OSError."""
    handle, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(content)
            file.flush()
            os.fchmod(handle, mode)
            os.fsync(handle)
        try:
            os.link(name, path)
        except FileExistsError:
            return
        _sync_directory(path.parent)
    finally:
        os.unlink(name)


def _sync_directory(directory: Path) -> None:
    handle = os.open(directory, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def read_key_file(path: Path) -> bytes:
    """The bytes of a key's file, within a bound, whatever lies there. Raises SigningFailed."""
    try:
        # Without O_NONBLOCK a named pipe at this path would hold the caller for ever.
        handle = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    except OSError as error:
        missing = error.errno in (errno.ENOENT, errno.ENOTDIR)
        raise SigningFailed(
            SigningFailure.KEY_MISSING if missing else SigningFailure.KEY_UNREADABLE
        ) from error
    try:
        if not stat.S_ISREG(os.fstat(handle).st_mode):
            raise SigningFailed(SigningFailure.KEY_NOT_A_FILE)
        pem = os.read(handle, KEY_FILE_BYTES_MAX + 1)
    except OSError as error:
        raise SigningFailed(SigningFailure.KEY_UNREADABLE) from error
    finally:
        os.close(handle)
    if len(pem) > KEY_FILE_BYTES_MAX:
        raise SigningFailed(SigningFailure.KEY_TOO_LARGE)
    return pem
