"""The products of one server process: wired, behind their gates, opened and closed together."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import AsyncIterator, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from importlib.metadata import version
from typing import Any

import orjson
from starlette.types import ASGIApp

from tracewell.intrace import errors as intrace_errors
from tracewell.intrace import wire as intrace_wire
from tracewell.intrace.app import Intrace, build_intrace
from tracewell.intrace.bearer import OidcBearer
from tracewell.intrace.connectors.registry import ConnectorSettings, build_connectors
from tracewell.intrace.lookups.model import LookupRules
from tracewell.kernel.database import DatabaseFailed
from tracewell.kernel.http.app import build_app
from tracewell.kernel.http.endpoint import Endpoint, EndpointTable
from tracewell.kernel.http.gate import Gate
from tracewell.kernel.identity.keyring import Keyring
from tracewell.kernel.limits import Limiter, Quota, open_limiter
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
from tracewell.main.directory import TraceDirectory
from tracewell.main.ground import Ground, open_ground
from tracewell.main.secret_files import ensure_secret
from tracewell.main.settings import Settings
from tracewell.trace import errors as trace_errors
from tracewell.trace import wire as trace_wire
from tracewell.trace.app import build_trace

PURGE_EVERY_S = 3600.0

_log = logging.getLogger("tracewell")


@dataclass(slots=True)
class Products:
    """`apps` by prefix; `prefixes` and `endpoints` by the product's name."""

    ground: Ground
    apps: Mapping[str, ASGIApp]
    prefixes: Mapping[str, str]
    endpoints: Mapping[str, tuple[Endpoint, ...]]
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


@asynccontextmanager
async def open_products(settings: Settings) -> AsyncIterator[Products]:
    """Opens the ground, wires what is served, closes all of it at the end.

    Raises whatever keeps the server from starting; a signing key that cannot be used does not (the
    contract has an answer for it), but `/readyz` tells.
    """
    async with AsyncExitStack() as stack:
        ground = await stack.enter_async_context(open_ground(settings))
        keyring = Keyring(ground.database, ground.hasher, ground.clock)
        await keyring.start()
        stack.push_async_callback(keyring.stop)
        limiter = open_limiter(settings.redis_url, settings.data / "limits")
        stack.push_async_callback(limiter.close)
        signing = _signing(settings)
        served = ("trace", "intrace") if settings.product == "both" else (settings.product,)
        prefixes = {name: f"/{name}" if len(served) > 1 else "" for name in served}
        apps: dict[str, ASGIApp] = {}
        endpoints: dict[str, tuple[Endpoint, ...]] = {}
        if "trace" in prefixes:
            apps[prefixes["trace"]], endpoints["trace"] = _trace(ground, keyring, limiter)
        if "intrace" in prefixes:
            gate, intrace = _intrace(ground, keyring, limiter, signing)
            apps[prefixes["intrace"]], endpoints["intrace"] = gate, intrace.endpoints
            purging = asyncio.create_task(_purge_regularly(intrace))
            stack.push_async_callback(_cancelled, purging)
        yield Products(ground, apps, prefixes, endpoints, signing)


async def _purge_regularly(intrace: Intrace) -> None:
    """Erases expired results; a database that is away now is tried again next time."""
    while True:
        try:
            await intrace.lookups.purge_expired()
        except DatabaseFailed as error:
            _log.warning("expired results were not erased: %s", error)
        await asyncio.sleep(PURGE_EVERY_S)


async def _cancelled(task: asyncio.Task[None]) -> None:
    task.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await task


def _signing(settings: Settings) -> SigningKeyring:
    folder = settings.data / "keys"
    path = settings.signing_private_key_path or ensure_signing_key(folder)
    return SigningKeyring(SigningKeyFile(path), PublicKeyDirectory(folder / "public"))


def _trace(
    ground: Ground, keyring: Keyring, limiter: Limiter
) -> tuple[ASGIApp, tuple[Endpoint, ...]]:
    settings = ground.settings
    rules = trace_wire.TraceRules(
        keyring,
        ground.identity,
        settings.trace_requests_per_minute,
        settings.rate_limit_window_seconds,
    )
    trace = build_trace(
        database=ground.database,
        ledger=ground.ledger,
        identity=ground.identity,
        limiter=limiter,
        clock=ground.clock,
        new_id=ground.new_id,
        public_url=settings.public_url,
    )
    app = build_app(
        title="Trace",
        description="Company intelligence: technologies, partnerships, firmographics, postings.",
        version=version("tracewell"),
        endpoints=trace.endpoints,
        usual_errors=trace_errors.USUAL,
        body_errors=trace_errors.WITH_BODY,
        document=trace_wire.document,
        rules=rules,
        handled=trace_wire.HANDLED,
        security=trace_wire.SECURITY,
    )
    app.include_router(trace.accounts, prefix="/auth")
    gate = Gate(
        app,
        EndpointTable(trace.endpoints),
        rules,
        limiter,
        ground.new_id,
        trace.fast,
        settings.request_arrival_timeout_seconds,
    )
    return gate, trace.endpoints


def _intrace(
    ground: Ground, keyring: Keyring, limiter: Limiter, signing: SigningKeyring
) -> tuple[ASGIApp, Intrace]:
    settings = ground.settings
    window_s = settings.rate_limit_window_seconds
    rules = intrace_wire.IntraceRules(
        keyring,
        _bearer(ground),
        settings.auth_mode in ("api_key", "both"),
        settings.rate_limit_requests_per_minute,
        settings.rate_limit_burst,
        window_s,
    )
    intrace = build_intrace(
        database=ground.database,
        clock=ground.clock,
        new_id=ground.new_id,
        signer=signing,
        limiter=limiter,
        deep_quota=Quota(settings.rate_limit_deep_lookups_per_minute, window_s=window_s),
        rules=_lookup_rules(ground),
        organization_id=settings.organization_id,
    )
    app = build_app(
        title="Intrace",
        description="Identifiers in; entities with confidence, sources and a signed report out.",
        version=version("tracewell"),
        endpoints=intrace.endpoints,
        usual_errors=intrace_errors.USUAL,
        body_errors=intrace_errors.WITH_BODY,
        document=intrace_wire.document,
        rules=rules,
        handled=intrace_wire.HANDLED,
        security=intrace_wire.SECURITY,
    )
    gate = Gate(
        app,
        EndpointTable(intrace.endpoints),
        rules,
        limiter,
        ground.new_id,
        {},
        settings.request_arrival_timeout_seconds,
    )
    return gate, intrace


def _bearer(ground: Ground) -> OidcBearer | None:
    settings = ground.settings
    if settings.auth_mode not in ("oidc", "both"):
        return None
    assert settings.oidc_issuer_url is not None
    assert settings.oidc_audience is not None
    claims = (settings.oidc_roles_claim,)
    return OidcBearer(
        OidcVerifier(
            settings.oidc_issuer_url, settings.oidc_audience, ground.clock, groups_claims=claims
        )
    )


def _lookup_rules(ground: Ground) -> LookupRules:
    settings = ground.settings
    records = settings.own_records_path or settings.data / "records"
    has_trace = settings.product == "both"
    base_url = f"{(settings.public_url or 'http://127.0.0.1:8000').rstrip('/')}/trace"
    connectors = build_connectors(
        ConnectorSettings(
            clock=ground.clock,
            own_records_directory=records if records.is_dir() else None,
            mmdb_directory=settings.mmdb_path,
            company_directory=TraceDirectory(ground.database, base_url) if has_trace else None,
        )
    )
    return LookupRules(
        connectors,
        settings.connector_timeout_seconds,
        settings.result_retention_days,
        ensure_secret(settings.data, "entity_ids"),
        settings.enabled_connectors,
    )
