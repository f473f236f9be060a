"""A really started Intrace on a free port: uvicorn in a thread, the real gate, real keys.

Its connectors are a directory that the test fills and one that misbehaves as it is told.
"""

from __future__ import annotations

import asyncio
import contextlib
import socket
import threading
import time
from collections.abc import AsyncIterator, Callable, Coroutine, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar

import httpx
import uvicorn
from fastapi import FastAPI

from tracewell.intrace import errors, wire
from tracewell.intrace.app import Intrace, build_intrace
from tracewell.intrace.connectors.model import (
    AskContext,
    Connector,
    ConnectorSpec,
    CostClass,
    observe,
)
from tracewell.intrace.connectors.sources.email_domain import EmailDomain
from tracewell.intrace.connectors.sources.phone_plan import PhonePlan
from tracewell.intrace.gate import IntraceGate
from tracewell.intrace.identifiers import Identifier, IdentifierType
from tracewell.intrace.lookups.model import LookupRules
from tracewell.intrace.reports.authority import TimestampAuthority
from tracewell.intrace.reports.pdf.exporting import PdfExporter
from tracewell.kernel.clock import system_clock
from tracewell.kernel.database import Database, open_database
from tracewell.kernel.http.app import build_app
from tracewell.kernel.http.endpoint import EndpointTable
from tracewell.kernel.identity.keyring import Keyring as ApiKeyring
from tracewell.kernel.identity.keys import KeyHasher
from tracewell.kernel.identity.model import Principal
from tracewell.kernel.identity.service import Identity
from tracewell.kernel.identity.tokens import TokenSigner
from tracewell.kernel.ids import IdFactory
from tracewell.kernel.limits import open_limiter
from tracewell.kernel.limits.model import Quota
from tracewell.kernel.oidc import TokenFault, TokenInvalid
from tracewell.kernel.sealing import OPEN, Sealer
from tracewell.kernel.signing import Keyring, PublicKeyDirectory, SigningKeyFile, ensure_signing_key
from tracewell.kernel.signing.document_key import DocumentKeyFile
from tracewell.values import Observation

ROLES = ("analyst", "auditor", "admin")
T = TypeVar("T")


def _spec(connector_id: str, accepts: frozenset[IdentifierType]) -> ConnectorSpec:
    return ConnectorSpec(
        id=connector_id,
        name=connector_id,
        accepts=accepts,
        yields=("person.name",),
        terms_url=None,
        licence="CC0-1.0",
        cost_class=CostClass.LOCAL,
        timeout_s=30,
    )


Record = tuple[str, Sequence[tuple[str, str]]]


@dataclass
class Directory(Connector):
    """Knows what the test tells it; remembers what it was asked about."""

    spec = _spec("directory", frozenset(IdentifierType))
    records: dict[str, list[Record]] = field(default_factory=dict)
    asked: list[str] = field(default_factory=list)
    on_asked: Callable[[], None] | None = None

    async def ask(self, identifier: Identifier, context: AskContext) -> Sequence[Observation]:
        self.asked.append(identifier.value)
        if self.on_asked is not None:
            await asyncio.to_thread(self.on_asked)
        return [
            observation
            for subject, statements in self.records.get(identifier.value, ())
            for observation in observe(
                subject,
                statements,
                source_url=f"directory:{subject}",
                observed_at=1_700_000_000_000,
                record={"subject": subject, "statements": len(statements)},
            )
        ]


@dataclass
class Moody(Connector):
    """Answers nothing, hangs or raises, as it is told."""

    spec = _spec("moody", frozenset({IdentifierType.EMAIL}))
    mood: str = "quiet"

    async def ask(self, identifier: Identifier, context: AskContext) -> Sequence[Observation]:
        if self.mood == "hanging":
            await asyncio.sleep(3600)
        if self.mood == "raising":
            raise RuntimeError(f"cannot find {identifier.value}")
        return ()


class TestBearer:
    """`Bearer user:<sub>` is an analyst: what is tested here follows the gate."""

    __test__ = False

    async def authenticate(self, token: str) -> Principal:
        if not token.startswith("user:"):
            raise TokenInvalid(TokenFault.MALFORMED)
        subject = token.removeprefix("user:")
        return Principal(
            kind="bearer",
            limit_id=f"sub:{subject}",
            roles=("analyst",),
            subject=subject,
            email=f"{subject}@example.com",
            idp_session_id=f"session-of-{subject}",
        )


@dataclass
class Server:
    """A running server, its parts, and the keys of its service accounts."""

    url: str
    folder: Path
    database_url: str
    loop: asyncio.AbstractEventLoop
    intrace: Intrace
    app: FastAPI
    signing: Keyring
    document_key: DocumentKeyFile
    directory: Directory
    moody: Moody
    clock_offset_ms: list[int]
    keys: dict[str, str]

    def run(self, coroutine: Coroutine[Any, Any, T]) -> T:
        """Runs a coroutine in the server's loop."""
        return asyncio.run_coroutine_threadsafe(coroutine, self.loop).result(30)

    def client(self, role: str = "analyst") -> httpx.Client:
        """A client with the key of a service account that has the role."""
        return httpx.Client(base_url=self.url, headers={"X-API-Key": self.keys[role]}, timeout=30)

    def user(self, subject: str) -> httpx.Client:
        """A client with a person's token."""
        headers = {"Authorization": f"Bearer user:{subject}"}
        return httpx.Client(base_url=self.url, headers=headers, timeout=30)

    @property
    def signing_key_path(self) -> Path:
        """The file that the signing key is read from."""
        return self.folder / "signing" / "signing-key.pem"


@dataclass(frozen=True)
class Options:
    """What differs between the servers of tests."""

    requests_per_minute: int = 100_000
    deep_per_minute: int = 1_000
    connector_timeout_s: float = 0.3
    retention_days: int = 30
    authority: TimestampAuthority | None = None
    sealer: Sealer = OPEN
    requires_reference: bool = False


@contextlib.contextmanager
def serve(database_url: str, folder: Path, options: Options = Options()) -> Iterator[Server]:
    """Starts a server over a migrated database and ends it."""
    started: list[Server] = []
    failures: list[BaseException] = []
    ready = threading.Event()
    stop = threading.Event()
    thread = threading.Thread(
        target=_live, args=(database_url, folder, options, started, failures, ready, stop)
    )
    thread.start()
    try:
        ready.wait(30)
        if not started:
            raise RuntimeError("the server did not start") from (failures[0] if failures else None)
        yield started[0]
    finally:
        stop.set()
        thread.join(30)


def _live(
    database_url: str,
    folder: Path,
    options: Options,
    started: list[Server],
    failures: list[BaseException],
    ready: threading.Event,
    stop: threading.Event,
) -> None:
    async def main() -> None:
        async with _started(database_url, folder, options) as server:
            started.append(server)
            ready.set()
            while not stop.is_set():
                await asyncio.sleep(0.02)

    try:
        asyncio.run(main())
    except BaseException as error:  # noqa: BLE001 - told by the thread that waits
        failures.append(error)
    finally:
        ready.set()


@contextlib.asynccontextmanager
async def _started(database_url: str, folder: Path, options: Options) -> AsyncIterator[Server]:
    database = await open_database(database_url)
    offset = [0]

    def clock() -> int:
        return system_clock() + offset[0]

    new_id = IdFactory()
    hasher = KeyHasher(b"a secret of the tests")
    identity = Identity(database, hasher, TokenSigner(bytes(32), clock), clock, new_id)
    keys = {
        role: (await identity.create_key("service", service_name=f"{role}-bot", roles=(role,))).text
        for role in ROLES
    }
    keys["supervisor"] = (
        await identity.create_key(
            "service", service_name="supervisor-bot", roles=("analyst", "auditor")
        )
    ).text
    signing = Keyring(
        SigningKeyFile(ensure_signing_key(folder / "signing")),
        PublicKeyDirectory(folder / "signing" / "public"),
    )
    document_key = DocumentKeyFile(folder / "signing", None, "org_test")
    directory, moody = Directory(), Moody()
    limiter = open_limiter(None, folder / "limits")
    intrace = build_intrace(
        database=database,
        clock=clock,
        new_id=new_id,
        signer=signing,
        limiter=limiter,
        deep_quota=Quota(options.deep_per_minute),
        rules=_lookup_rules(options, directory, moody),
        organization_id="org_test",
        exporter=PdfExporter(document_key),
        authority=options.authority,
    )
    api_keys = ApiKeyring(database, hasher, clock)
    rules = wire.IntraceRules(api_keys, TestBearer(), True, options.requests_per_minute, burst=0)
    app = _app(intrace, rules)
    gate = IntraceGate(app, EndpointTable(intrace.endpoints), rules, limiter, new_id, {})
    await api_keys.start()
    uvicorn_server, port, task = await _listen(gate)
    try:
        yield Server(
            f"http://127.0.0.1:{port}", folder, database_url, asyncio.get_running_loop(), intrace,
            app, signing, document_key, directory, moody, offset, keys,
        )  # fmt: skip
    finally:
        uvicorn_server.should_exit = True
        await task
        await api_keys.stop()
        await limiter.close()
        await database.close()


def _lookup_rules(options: Options, directory: Directory, moody: Moody) -> LookupRules:
    return LookupRules(
        connectors=(directory, moody, PhonePlan(), EmailDomain()),
        connector_timeout_s=options.connector_timeout_s,
        result_retention_days=options.retention_days,
        entity_id_key=b"key",
        sealer=options.sealer,
        requires_reference=options.requires_reference,
    )


def _app(intrace: Intrace, rules: wire.IntraceRules) -> FastAPI:
    return build_app(
        title="Intrace",
        description="",
        version="0",
        endpoints=intrace.endpoints,
        usual_errors=errors.USUAL,
        body_errors=errors.WITH_BODY,
        document=wire.document,
        rules=rules,
        handled=wire.HANDLED,
        security=wire.SECURITY,
    )


async def _listen(gate: IntraceGate) -> tuple[uvicorn.Server, int, asyncio.Task[None]]:
    listening = socket.socket()
    listening.bind(("127.0.0.1", 0))
    config = uvicorn.Config(gate, lifespan="off", log_config=None, access_log=False)
    server = uvicorn.Server(config)
    server.capture_signals = contextlib.nullcontext  # type: ignore[assignment,method-assign]
    task = asyncio.create_task(server.serve(sockets=[listening]))
    deadline = time.monotonic() + 20
    while not server.started and time.monotonic() < deadline:
        await asyncio.sleep(0.01)
    return server, int(listening.getsockname()[1]), task


def in_database(url: str, work: Callable[[Database], Coroutine[Any, Any, T]]) -> T:
    """Does something to the database as a stranger with its password would: past the server."""

    async def run() -> T:
        database = await open_database(url)
        try:
            return await work(database)
        finally:
            await database.close()

    return asyncio.run(run())


def alter(url: str, statement: str, **params: Any) -> int:
    """Runs one statement past the server; returns how many rows it changed."""

    async def run(database: Database) -> int:
        async with database.transaction() as tx:
            return await tx.execute(statement, **params)

    return in_database(url, run)


def read(url: str, statement: str, **params: Any) -> list[tuple[Any, ...]]:
    """The rows of a statement, past the server."""

    async def run(database: Database) -> list[tuple[Any, ...]]:
        async with database.snapshot() as tx:
            return [tuple(row) for row in await tx.fetch_all(statement, **params)]

    return in_database(url, run)
