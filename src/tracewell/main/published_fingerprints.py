"""Public fingerprint collections that a user may install: by package name, version and checksum.

Nothing of them is part of the project. The archive is checked before a byte of it is read.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import io
import os
import shutil
import subprocess
import tarfile
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

import aiohttp

from tracewell.detection.loading import FILE_BYTES_MAX
from tracewell.kernel.clock import Clock
from tracewell.main.fingerprint_errors import CollectionRefused, RegistryUnreachable
from tracewell.main.fingerprint_store import (
    COLLECTION_BYTES_MAX,
    FILES_MAX,
    Collection,
    FingerprintStore,
)

ARCHIVE_BYTES_MAX = 32 * 1024 * 1024
_TIMEOUT_S = 120
_MEMBERS_MAX = 5_000


@dataclass(frozen=True, slots=True)
class Published:
    """A package of a npm registry; `integrity` is its checksum in the form of a lock file."""

    package: str
    version: str
    licence: str
    integrity: str

    @property
    def path(self) -> str:
        """Where a registry keeps the archive, under its own address."""
        return f"{self.package}/-/{self.package}-{self.version}.tgz"


PUBLISHED: Mapping[str, Published] = {
    # The last state of the original project under a permissive licence.
    "wappalyzer-mit": Published(
        "wappalyzer",
        "6.10.47",
        "MIT",
        "sha512-5FW0KWxB+3a+5GIkumvRksbYNZdOojby2Op4qHwTCGa/uzvifRjaw99CL/QIIw0K8xVMa7uU36YmV+/Rkq1tYg==",
    )
}


def find_registry(environment: Mapping[str, str] = os.environ) -> str:
    """The registry that the npm client is set to. Raises RegistryUnreachable where none is."""
    for variable in ("npm_config_registry", "NPM_CONFIG_REGISTRY"):
        if environment.get(variable):
            return environment[variable]
    npm = shutil.which("npm", path=environment.get("PATH"))
    if npm is None:
        raise RegistryUnreachable("npm is not installed: name a registry with --registry")
    try:
        done = subprocess.run(  # noqa: S603 - the user's own npm, with fixed arguments
            [npm, "config", "get", "registry"],
            capture_output=True,
            text=True,
            timeout=30,
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        raise RegistryUnreachable("npm does not answer: name one with --registry") from error
    told = done.stdout.strip()
    if not told.startswith(("https://", "http://")):
        raise RegistryUnreachable("npm names no registry: name one with --registry")
    return told


async def fetch_archive(published: Published, registry: str) -> bytes:
    """The package's archive, not yet checked. Raises RegistryUnreachable and CollectionRefused."""
    if urlsplit(registry).scheme not in ("https", "http") or not urlsplit(registry).netloc:
        raise CollectionRefused(f"{registry!r} is not the address of a registry")
    address = f"{registry.rstrip('/')}/{published.path}"
    timeout = aiohttp.ClientTimeout(total=_TIMEOUT_S)
    try:
        # The user's own proxy settings hold here: this is a download, no crawl.
        async with (
            aiohttp.ClientSession(timeout=timeout, trust_env=True) as session,
            session.get(address, max_redirects=5) as answer,
        ):
            if answer.status != 200:
                raise RegistryUnreachable(f"{address} answers {answer.status}")
            body = await answer.content.read(ARCHIVE_BYTES_MAX + 1)
            while not answer.content.at_eof() and len(body) <= ARCHIVE_BYTES_MAX:
                body += await answer.content.read(ARCHIVE_BYTES_MAX + 1 - len(body))
    except (aiohttp.ClientError, TimeoutError, ValueError) as error:
        reason = str(error) or type(error).__name__
        raise RegistryUnreachable(f"{address} cannot be read: {reason}") from error
    return body


def install_archive(
    published: Published,
    archive: bytes,
    store: FingerprintStore,
    clock: Clock,
    *,
    name: str,
    replace: bool = False,
) -> Collection:
    """Checks an archive and adds what it holds. Raises CollectionRefused."""
    verify_integrity(published, archive)
    with tempfile.TemporaryDirectory(prefix="tracewell-fingerprints-") as folder:
        _unpack(archive, Path(folder))
        origin = f"npm:{published.package}@{published.version} ({published.licence})"
        return store.add(Path(folder), clock, name=name, origin=origin, replace=replace)


def verify_integrity(published: Published, archive: bytes) -> None:
    """Raises CollectionRefused unless the archive is the one that was meant."""
    told = "sha512-" + base64.b64encode(hashlib.sha512(archive).digest()).decode("ascii")
    if len(archive) > ARCHIVE_BYTES_MAX or not hmac.compare_digest(told, published.integrity):
        raise CollectionRefused(
            f"the archive of {published.package}@{published.version} is not the expected one "
            f"(its checksum is {told}); nothing was installed"
        )


def _unpack(archive: bytes, target: Path) -> None:
    (target / "technologies").mkdir()
    files = total = 0
    try:
        with tarfile.open(fileobj=io.BytesIO(archive), mode="r:gz") as members:
            for number, member in enumerate(members):
                place = _place_of(member)
                if place is None:
                    continue
                files += 1
                total += member.size
                too_large = member.size > FILE_BYTES_MAX or total > COLLECTION_BYTES_MAX
                if too_large or files > FILES_MAX or number > _MEMBERS_MAX:
                    raise CollectionRefused("the archive holds more than a collection may")
                content = members.extractfile(member)
                if content is not None:
                    (target / place).write_bytes(content.read())
    except (tarfile.TarError, EOFError, OSError) as error:
        raise CollectionRefused(f"the archive cannot be read: {error}") from error


def _place_of(member: tarfile.TarInfo) -> Path | None:
    """Where a member belongs: only fingerprints and categories are taken, by their last name."""
    parts = Path(member.name).parts
    if not member.isfile() or ".." in parts:
        return None
    if len(parts) == 3 and parts[1] == "technologies" and parts[2].endswith(".json"):
        return Path("technologies") / parts[2]
    if len(parts) == 2 and parts[1] in ("categories.json", "groups.json", "LICENSE", "README.md"):
        return Path(parts[1])
    return None
