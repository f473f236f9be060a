"""The products of one server process: wired, behind their gates, opened and closed together."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from typing import Any

import orjson
from starlette.types import ASGIApp

from tracewell.intrace.access import AccessBook
from tracewell.intrace.audit.tree import AuditTree
from tracewell.intrace.reports.stamping import Stamping
from tracewell.kernel.database import DatabaseFailed
from tracewell.kernel.http.endpoint import Endpoint
from tracewell.kernel.http.metrics import render_depth
from tracewell.kernel.identity.keyring import Keyring
from tracewell.kernel.limits import open_limiter
from tracewell.kernel.queue import count_tasks
from tracewell.kernel.signing import Keyring as SigningKeyring
from tracewell.kernel.signing import SigningFailed
from tracewell.main.audit_keeping import keep_audit_log
from tracewell.main.ground import Ground, open_ground
from tracewell.main.intrace_product import wire_intrace
from tracewell.main.role_watch import RoleWatch
from tracewell.main.sealing import require_result_keys
from tracewell.main.settings import Settings
from tracewell.main.signing import open_document_key, open_signing
from tracewell.main.trace_product import wire_trace
from tracewell.resolution import warm
from tracewell.trace.app import Trace
from tracewell.trace.jobs.model import KIND

PURGE_EVERY_S = 3600.0

_log = logging.getLogger("tracewell")


@dataclass(slots=True)
class Products:
    """`apps` by prefix; `prefixes` and `endpoints` by the product's name.

    `sign_in` answers `/auth`, which has no prefix: identity providers are told its addresses.
    """

    ground: Ground
    apps: Mapping[str, ASGIApp]
    prefixes: Mapping[str, str]
    endpoints: Mapping[str, tuple[Endpoint, ...]]
    signing: SigningKeyring
    roles: RoleWatch | None = None
    audit_tree: AuditTree | None = None
    sign_in: ASGIApp | None = None
    stamping: Stamping | None = None

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

    def warnings(self) -> dict[str, str]:
        """What the operator should mend although the server serves."""
        problems = {
            "role_file": None if self.roles is None else self.roles.problem,
            "audit_log": None if self.audit_tree is None else self.audit_tree.problem,
            "timestamps": None if self.stamping is None else self.stamping.problem,
        }
        return {name: problem for name, problem in problems.items() if problem is not None}

    async def render_queue(self) -> bytes:
        """The queue's depth as Prometheus reads it; nothing while the database cannot say."""
        if "trace" not in self.prefixes:
            return b""
        try:
            async with self.ground.database.statement() as tx:
                depth = await count_tasks(tx, KIND)
        except DatabaseFailed:
            return b""
        return render_depth(KIND, depth.waiting, depth.running)

    def public_keys(self) -> Any:
        """The JWK set of the reports' keys, and of the certificates of their PDF files."""
        found = orjson.loads(self.signing.jwks())
        found["keys"] += open_document_key(self.ground.settings).list_jwks()
        return found


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
        signing = open_signing(settings)
        served = ("trace", "intrace") if settings.product == "both" else (settings.product,)
        prefixes = {name: f"/{name}" if len(served) > 1 else "" for name in served}
        apps: dict[str, ASGIApp] = {}
        roles: RoleWatch | None = None
        audit_tree: AuditTree | None = None
        stamping: Stamping | None = None
        endpoints: dict[str, tuple[Endpoint, ...]] = {}
        sign_in: ASGIApp | None = None
        if "trace" in prefixes:
            gate, trace, kept = wire_trace(ground, keyring, limiter)
            apps[prefixes["trace"]], endpoints["trace"] = gate, trace.endpoints
            stack.push_async_callback(_cancelled, asyncio.create_task(_warm(trace)))
            forgetting = asyncio.create_task(_purge_regularly("kept answers", kept.purge_expired))
            stack.push_async_callback(_cancelled, forgetting)
        if "intrace" in prefixes:
            warm()  # what a first lookup would otherwise wait for
            access = AccessBook()
            roles = _watched_roles(settings, access)
            if roles is not None:
                stack.push_async_callback(_cancelled, asyncio.create_task(roles.watch()))
            gate, intrace, sign_in = wire_intrace(ground, keyring, limiter, signing, access)
            apps[prefixes["intrace"]], endpoints["intrace"] = gate, intrace.endpoints
            audit_tree = intrace.tree
            await require_result_keys(ground.database, settings, ground.clock)
            await audit_tree.ensure_built()
            _publish_certificate(settings, ground)
            stack.push_async_callback(intrace.means.close)
            purges = (intrace.lookups.purge_expired, intrace.analyses.purge_expired)
            purging = asyncio.create_task(_purge_regularly("expired results", *purges))
            stack.push_async_callback(_cancelled, purging)
            stamping = intrace.stamping
            if stamping is not None:
                asking = asyncio.create_task(stamping.stamp_regularly())
                stack.push_async_callback(_cancelled, asking)
            keeping = asyncio.create_task(keep_audit_log(intrace, settings.audit_retention_days))
            stack.push_async_callback(_cancelled, keeping)
        yield Products(
            ground, apps, prefixes, endpoints, signing, roles, audit_tree, sign_in, stamping
        )


def _publish_certificate(settings: Settings, ground: Ground) -> None:
    """Whoever has fetched the public keys before the first PDF file can check that file too."""
    try:
        open_document_key(settings).get_key(now_ms=ground.clock())
    except SigningFailed as error:
        _log.warning("no PDF file can be signed: %s", error)


async def _warm(trace: Trace) -> None:
    """Reads what searches are sorted by; a database that is away now is asked by the first one."""
    try:
        await trace.warm()
    except DatabaseFailed as error:
        _log.warning("the columns of companies were not read ahead: %s", error)


async def _purge_regularly(what: str, *purges: Callable[[], Awaitable[object]]) -> None:
    """Erases what has expired; a database that is away now is tried again next time."""
    while True:
        try:
            for purge in purges:
                await purge()
        except DatabaseFailed as error:
            _log.warning("%s were not erased: %s", what, error)
        await asyncio.sleep(PURGE_EVERY_S)


def _watched_roles(settings: Settings, access: AccessBook) -> RoleWatch | None:
    """Loads the role file, if there is one. Raises RoleFileWrong."""
    if settings.role_file is None:
        return None
    watched = RoleWatch(settings.role_file, access)
    watched.load()
    return watched


async def _cancelled(task: asyncio.Task[None]) -> None:
    task.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await task
