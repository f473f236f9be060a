"""Trace in one process over a real database: gate, app, orgs, keys, and pages to take in."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import orjson
import pytest

from tracewell.detection import FingerprintSet, load_fingerprints
from tracewell.kernel.credits import Call, Ledger
from tracewell.kernel.database import Database
from tracewell.kernel.database.unit import JoiningDatabase
from tracewell.kernel.http.app import build_app
from tracewell.kernel.http.endpoint import EndpointTable
from tracewell.kernel.http.gate import Gate
from tracewell.kernel.idempotency import Idempotency
from tracewell.kernel.identity.keyring import Keyring
from tracewell.kernel.identity.keys import KeyHasher
from tracewell.kernel.identity.model import Org, User
from tracewell.kernel.identity.service import Identity
from tracewell.kernel.identity.tokens import TokenSigner
from tracewell.kernel.ids import IdFactory
from tracewell.kernel.limits import open_limiter
from tracewell.trace import errors, wire
from tracewell.trace.app import build_trace
from tracewell.trace.ingest import IngestSummary, ingest_captures
from tracewell.values import Capture

NOW = 1_790_000_000_000
DAY_MS = 86_400_000
KEPT_BYTES_MAX = 100_000

MONTHLY = {"thirty": 30, "seventy": 70}
"""What plans of these names grant a month; orgs of others get what a test books."""

TECHNOLOGIES = {
    "nginx": {
        "cats": [1],
        "website": "https://nginx.org",
        "headers": {"Server": r"nginx(?:/([\d.]+))?\;version:\1"},
    },
    "WordPress": {
        "cats": [2],
        "website": "https://wordpress.org",
        "meta": {"generator": r"^WordPress ?([\d.]+)?\;version:\1"},
        "implies": "PHP",
    },
    "PHP": {"cats": [3], "website": "https://php.net"},
    "C++": {"cats": [3], "website": "https://isocpp.org", "html": "made with c\\+\\+"},
}
CATEGORIES = {
    "1": {"name": "Web servers"},
    "2": {"name": "CMS"},
    "3": {"name": "Programming languages"},
}


@dataclass
class FakeClock:
    """Time that stands still until a test moves it."""

    now: int = NOW

    def __call__(self) -> int:
        return self.now


@dataclass
class World:
    """Everything that a test of Trace talks to."""

    database: Database
    clock: FakeClock
    identity: Identity
    ledger: Ledger
    fingerprints: FingerprintSet
    client: httpx.AsyncClient
    plain_client: httpx.AsyncClient
    kept: Idempotency
    warm: Callable[[], Awaitable[None]]

    async def make_org(self, name: str, credits: int = 100, plan: str = "free") -> Org:
        async def opened(tx: Any, org: Org) -> None:
            await self.ledger.open_account(tx, org.org_id)
            call = Call(org.org_id, "app", None, "test", "req_0")
            if credits:
                await self.ledger.book(tx, call, "grant", credits, "a test")

        return await self.identity.create_org(name, plan, opened)

    async def make_user(self, org: Org, email: str, *, verified: bool = True) -> User:
        return await self.identity.create_user(email, org, verified=verified)

    async def org_key(self, org: Org) -> dict[str, str]:
        return {"X-API-Key": (await self.identity.create_key("org", org=org)).text}

    async def user_key(self, user: User) -> dict[str, str]:
        return {"X-API-Key": (await self.identity.create_key("user", user=user)).text}

    async def balance(self, org: Org) -> int:
        async with self.database.snapshot() as tx:
            return (await self.ledger.get_account(tx, org.org_id)).balance

    async def ledger_sum(self, org: Org) -> int:
        async with self.database.snapshot() as tx:
            entries, _ = await self.ledger.list_entries(tx, org.org_id, limit=1000, offset=0)
        return sum(entry.credits for entry in entries)

    async def ingest(self, captures: Iterable[Capture]) -> IngestSummary:
        return await ingest_captures(self.database, self.fingerprints, captures)


def page(
    url: str,
    body: str = "<p>A page.</p>",
    *,
    at: int = NOW,
    headers: Mapping[str, str] | None = None,
    status: int = 200,
    robots: str | None = None,
) -> Capture:
    """A capture of an HTML page."""
    given = {"Content-Type": "text/html; charset=utf-8", **(headers or {})}
    return Capture(
        url=url,
        status=status,
        headers=tuple(given.items()),
        body=body.encode(),
        captured_at=at,
        capture_id="test.warc.gz:0",
        robots_txt=robots,
    )


def organization(**members: Any) -> str:
    """A script element with the JSON-LD of an organisation."""
    node = {"@context": "https://schema.org", "@type": "Organization", **members}
    text = orjson.dumps(node).decode().replace("</", "<\\/")
    return f'<script type="application/ld+json">{text}</script>'


@pytest.fixture
def fingerprints(tmp_path: Path) -> FingerprintSet:
    """A few fingerprints in the public format."""
    folder = tmp_path / "fingerprints"
    (folder / "technologies").mkdir(parents=True)
    (folder / "technologies" / "all.json").write_bytes(orjson.dumps(TECHNOLOGIES))
    (folder / "categories.json").write_bytes(orjson.dumps(CATEGORIES))
    loaded = load_fingerprints(folder)
    assert loaded.problems == ()
    assert set(loaded.technologies) == set(TECHNOLOGIES)
    return loaded


@pytest.fixture
async def world(
    database: Database, fingerprints: FingerprintSet, tmp_path: Path
) -> AsyncIterator[World]:
    """Trace over a fresh database; `client` has the gate's fast handlers, `plain_client` not."""
    clock = FakeClock()
    new_id = IdFactory(clock)
    hasher = KeyHasher(b"h" * 32)
    identity = Identity(database, hasher, TokenSigner(b"s" * 32, clock), clock, new_id)
    ledger = Ledger(clock, new_id, monthly=MONTHLY)
    limiter = open_limiter(None, tmp_path / "limits")
    keyring = Keyring(database, hasher, clock)
    trace = build_trace(
        database=JoiningDatabase(database),
        ledger=ledger,
        identity=identity,
        limiter=limiter,
        clock=clock,
        new_id=new_id,
    )
    rules = wire.TraceRules(keyring, identity, requests_per_minute=100_000)
    app = build_app(
        title="Trace",
        description="",
        version="0",
        endpoints=trace.endpoints,
        usual_errors=errors.USUAL,
        body_errors=errors.WITH_BODY,
        path_errors=errors.WITH_PATH,
        document=wire.document,
        rules=rules,
        handled=wire.HANDLED,
        security=wire.SECURITY,
        key_errors=errors.WITH_KEY,
    )
    app.include_router(trace.accounts, prefix="/auth")
    table = EndpointTable(trace.endpoints)
    kept = Idempotency(database, clock, DAY_MS, org_bytes_max=KEPT_BYTES_MAX)
    gates = [Gate(app, table, rules, limiter, new_id, fast, kept=kept) for fast in (trace.fast, {})]
    base = "http://trace.test"
    async with (
        httpx.AsyncClient(transport=httpx.ASGITransport(gates[0]), base_url=base) as client,
        httpx.AsyncClient(transport=httpx.ASGITransport(gates[1]), base_url=base) as plain,
    ):
        yield World(
            database, clock, identity, ledger, fingerprints, client, plain, kept, trace.warm
        )
    await limiter.close()
