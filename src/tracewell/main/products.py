"""The products of one server process: wired, behind their gates, opened and closed together."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from importlib.metadata import version
from typing import Any

import orjson
from starlette.types import ASGIApp

from tracewell.intrace import errors as intrace_errors
from tracewell.intrace import wire as intrace_wire
from tracewell.intrace.app import build_intrace
from tracewell.intrace.bearer import OidcBearer
from tracewell.kernel.database import DatabaseFailed
from tracewell.kernel.http.app import build_app
from tracewell.kernel.http.endpoint import Endpoint, EndpointTable
from tracewell.kernel.http.gate import FastHandler, Gate
from tracewell.kernel.identity.keyring import Keyring
from tracewell.kernel.limits import Limiter, open_limiter
from tracewell.kernel.oidc import OidcVerifier
from tracewell.kernel.signing import (
    Keyring as SigningKeyring,
)
from tracewell.kernel.signing import (
    PublicKeyDirectory,
    SigningFailed,
    SigningKeyFile,
    ensure_signing_key,
)
from tracewell.main.ground import Ground, open_ground
from tracewell.main.settings import Settings
from tracewell.trace import errors as trace_errors
from tracewell.trace import wire as trace_wire
from tracewell.trace.app import build_trace


@dataclass(slots=True)
class Products:
    """`apps` by prefix; `prefixes` by name."""

    ground: Ground
    apps: Mapping[str, ASGIApp]
    prefixes: Mapping[str, str]
    signing: SigningKeyring

    async def check(self) -> dict[str, str]:
        """What a server needs to serve, each `ok` or what is wrong with it."""
        checks = {"database": "ok", "signing_key": "ok"}
        try:
            async with self.ground.database.statement() as tx:
                await tx.fetch_value("SELECT 1")
        except DatabaseFailed:
            checks["database"] = "cannot be read"
        try:
            self.signing.sign(b"ready?", signed_at_ms=self.ground.clock())
        except SigningFailed as error:
            checks["signing_key"] = str(error)
        return checks

    def public_keys(self) -> Any:
        """The JWK set of the reports' keys."""
        return orjson.loads(self.signing.jwks())
