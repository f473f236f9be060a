"""A certified OpenID provider (npm `oidc-provider`) as a fixture, for every test that needs one.

Use: `from tests.oidc.provider import start_provider`, or take the fixture `oidc_provider` through
a conftest. Without Node.js and npm the tests skip; where CI=true they fail.
"""

from __future__ import annotations

import fcntl
import hashlib
import json
import os
import shutil
import subprocess
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlencode
from urllib.request import ProxyHandler, Request, build_opener

import pytest

AUDIENCE = "https://tracewell.example/api"

_HERE = Path(__file__).parent
_FILES = ("package.json", "package-lock.json", ".npmrc", "provider.mjs")
_INSTALL_TIMEOUT_S = 120
_START_TIMEOUT_S = 30
_direct = build_opener(ProxyHandler({}))


@dataclass(frozen=True)
class OidcProvider:
    """A running provider. `issuer` is its name and where its discovery document begins."""

    issuer: str
    grant: str
    client_id: str
    client_secret: str
    browser_client_id: str
    browser_client_secret: str

    @property
    def discovery_url(self) -> str:
        return f"{self.issuer}/.well-known/openid-configuration"

    def access_token(self, **wanted: Any) -> str:
        """An RFC 9068 access token; the arguments are those of `tokens`."""
        return self.tokens(**wanted)["access_token"]

    def id_token(self, **wanted: Any) -> str:
        """An OpenID Connect ID token; its audience is the client's id."""
        return self.tokens(**wanted)["id_token"]

    def tokens(
        self,
        *,
        sub: str = "user-7",
        email: str | None = "ada@example.org",
        groups: Sequence[str] = ("analysts",),
        lifetime_s: int = 300,
        audience: str = AUDIENCE,
        algorithm: str = "RS256",
        claims: Mapping[str, Any] | None = None,
        changes: Mapping[str, Any] | None = None,
        header: Mapping[str, Any] | None = None,
    ) -> dict[str, str]:
        """An access token and an ID token for a person, from the provider's token endpoint.

        `claims` are added to both. `changes` (None removes) and `header` are applied to the
        access token last, so that the provider itself signs whatever an attack needs.
        """
        wanted = {
            "sub": sub,
            "claims": {
                **({} if email is None else {"email": email}),
                "groups": list(groups),
                **(claims or {}),
            },
            "lifetime_s": lifetime_s,
            "audience": audience,
            "algorithm": algorithm,
            "changes": dict(changes or {}),
            "header": dict(header or {}),
        }
        form = {
            "grant_type": self.grant,
            "client_id": self.client_id,
            "client_secret": self.client_secret,
            "wanted": json.dumps(wanted),
        }
        answer: dict[str, str] = self._ask("/token", urlencode(form).encode())
        return answer

    def jwks(self) -> dict[str, Any]:
        """The provider's public keys."""
        answer: dict[str, Any] = self._ask("/jwks")
        return answer

    def serve_browsers_of(self, redirect_uri: str) -> None:
        """Lets the client for browsers send people to this address, and to none else."""
        self._ask(f"/control/browsers?{urlencode({'redirect_uri': redirect_uri})}")

    def rotate_keys(self) -> None:
        """All keys are new ones from here on; the old ones are no longer published."""
        self._ask("/control/rotate")

    def count_requests(self, path: str) -> int:
        """How often anybody has asked for a path, such as `/jwks`."""
        seen: dict[str, int] = self._ask("/control/seen")
        return seen.get(path, 0)

    @contextmanager
    def outage(self) -> Iterator[None]:
        """The provider answers 503 to everything."""
        self._ask("/control/out")
        try:
            yield
        finally:
            self._ask("/control/back")

    def _ask(self, path: str, body: bytes | None = None) -> Any:
        with _direct.open(Request(self.issuer + path, data=body), timeout=10) as response:
            return json.load(response)


@contextmanager
def start_provider() -> Iterator[OidcProvider]:
    """Start a provider on a free port of its own and stop it afterwards."""
    directory = _ensure_installed()
    process = subprocess.Popen(
        ["node", "provider.mjs"],
        cwd=directory,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    )
    try:
        assert process.stdout is not None
        told = json.loads(process.stdout.readline() or b"{}")
        assert "issuer" in told, f"the provider did not start: exit code {process.poll()}"
        yield OidcProvider(
            told["issuer"],
            told["grant"],
            told["client"]["id"],
            told["client"]["secret"],
            told["browsers"]["id"],
            told["browsers"]["secret"],
        )
    finally:
        process.kill()
        process.communicate(timeout=_START_TIMEOUT_S)


@pytest.fixture(scope="session")
def oidc_provider() -> Iterator[OidcProvider]:
    """One provider for all tests of a worker: whoever rotates its keys starts another."""
    with start_provider() as provider:
        yield provider


@pytest.fixture(scope="session")
def other_oidc_provider() -> Iterator[OidcProvider]:
    """A second provider, another issuer with other keys."""
    with start_provider() as provider:
        yield provider


def _ensure_installed() -> Path:
    """The provider with its packages, in a cache directory that is named by their content."""
    if shutil.which("node") is None or shutil.which("npm") is None:
        _give_up("Node.js and npm are needed for the identity provider of these tests")
    content = b"\0".join((_HERE / name).read_bytes() for name in _FILES)
    caches = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
    cache = caches / "tracewell-tests"
    directory = cache / f"oidc-{hashlib.sha256(content).hexdigest()[:16]}"
    cache.mkdir(parents=True, exist_ok=True)
    with (cache / ".lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)  # the workers of one run install once
        if not (directory / ".installed").exists():
            shutil.rmtree(directory, ignore_errors=True)
            directory.mkdir()
            for name in _FILES:
                shutil.copy(_HERE / name, directory)
            _install(directory)
            (directory / ".installed").touch()
    return directory


def _install(directory: Path) -> None:
    command = ["npm", "ci", "--ignore-scripts", "--no-audit", "--no-fund"]
    try:
        done = subprocess.run(
            command, cwd=directory, capture_output=True, timeout=_INSTALL_TIMEOUT_S
        )
    except subprocess.TimeoutExpired:
        _give_up("npm ci took too long")
    if done.returncode != 0:
        _give_up(f"npm ci failed: {done.stderr.decode(errors='replace')[-400:]}")


def _give_up(reason: str) -> None:
    if os.environ.get("CI") == "true":
        pytest.fail(reason)
    pytest.skip(reason)
