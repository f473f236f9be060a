"""What the tests need of a running server: what the operator's commands make, companies to pay for,
clients, raw connections."""

from __future__ import annotations

import asyncio
import functools
import itertools
import socket
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import httpx
from tests.servers import Server

from tracewell.kernel.clock import system_clock
from tracewell.kernel.database import open_database
from tracewell.trace.companies.store import add_company, save_company

COMPANIES = 160
AMPLE = "100000"
"""A limit per minute that no test reaches."""
SOCKET_TIMEOUT_S = 60


@dataclass
class World:
    """One server with its operator. Every call of a `new_` method makes something of its own."""

    server: Server
    _numbers: itertools.count[int] = field(default_factory=lambda: itertools.count(1), init=False)

    def new_org(self, plan: str = "pro") -> str:
        """An org's name."""
        name = f"Org {next(self._numbers)}"
        self.server.prepare("org", "create", name, "--plan", plan)
        return name

    def new_user(self, org: str, *options: str) -> dict[str, Any]:
        """A user, as the command tells it."""
        email = f"user-{next(self._numbers)}@customer.example"
        return dict(self.server.prepare("user", "create", email, "--org", org, *options))

    def new_key(self, *options: str, per_minute: str | None = AMPLE) -> dict[str, Any]:
        """A key, as the command tells it."""
        limit = ("--per-minute", per_minute) if per_minute is not None else ()
        return dict(self.server.prepare("key", "create", *options, *limit))

    def new_service(self, roles: str = "analyst", per_minute: str | None = AMPLE) -> str:
        """The text of a service account's key."""
        name = f"service-{next(self._numbers)}"
        options = ("--service", name, "--roles", roles)
        return str(self.new_key(*options, per_minute=per_minute)["key"])

    def new_customer(self, plan: str = "pro", per_minute: str | None = AMPLE) -> str:
        """The text of a key of a verified user in an org of the user's own."""
        user = self.new_user(self.new_org(plan), "--verified")
        return str(self.new_key("--user", user["email"], per_minute=per_minute)["key"])

    @functools.cached_property
    def org(self) -> str:
        """An org for whoever only reads."""
        return self.new_org()

    @functools.cached_property
    def email(self) -> str:
        """A verified user of that org."""
        return str(self.new_user(self.org, "--verified")["email"])

    @functools.cached_property
    def user(self) -> httpx.Client:
        """Trace, by that user's key."""
        return self.trace(self.new_key("--user", self.email)["key"])

    @functools.cached_property
    def analyst(self) -> httpx.Client:
        """Intrace, by a service account that makes lookups."""
        return self.intrace(self.new_service("analyst"))

    @functools.cached_property
    def auditor(self) -> httpx.Client:
        """Intrace, by a service account that reads the audit log."""
        return self.intrace(self.new_service("auditor"))

    def trace(self, key: str | None = None, **headers: str) -> httpx.Client:
        """A client of Trace."""
        return connect(self.server.trace, _with_key(headers, key))

    def intrace(self, key: str | None = None, **headers: str) -> httpx.Client:
        """A client of Intrace."""
        return connect(self.server.intrace, _with_key(headers, key))

    def add_companies(self) -> None:
        """`company-000.example` and so on, as the crawler would leave them."""
        asyncio.run(_add_companies(self.server.database_url))

    def raw(self, request: bytes) -> httpx.Response:
        """Sends bytes that no HTTP client would; the answer, after which the server hung up."""
        with self.open_raw(request) as connection:
            return read_raw(connection)

    def open_raw(self, request: bytes) -> socket.socket:
        """A connection over which the bytes were sent."""
        address = ("127.0.0.1", self.server.port)
        connection = socket.create_connection(address, SOCKET_TIMEOUT_S)
        connection.sendall(request)
        return connection


def connect(base_url: str, headers: Mapping[str, str]) -> httpx.Client:
    """A client that nothing in the environment diverts."""
    return httpx.Client(
        base_url=base_url, headers=headers, timeout=60, trust_env=False, verify=False
    )


def _with_key(headers: Mapping[str, str], key: str | None) -> dict[str, str]:
    return {**headers, **({} if key is None else {"X-API-Key": key})}


def read_raw(connection: socket.socket) -> httpx.Response:
    """Reads an answer to its end, which the server marks by closing."""
    received = b""
    while chunk := connection.recv(65_536):
        received += chunk
    head, mark, body = received.partition(b"\r\n\r\n")
    assert mark, received
    first, *lines = head.decode("latin-1").split("\r\n")
    headers = [tuple(line.split(": ", 1)) for line in lines]
    return httpx.Response(int(first.split(" ")[1]), headers=headers, content=body)  # type: ignore[arg-type]


async def _add_companies(database_url: str) -> None:
    database = await open_database(database_url)
    try:
        async with database.transaction() as tx:
            for number in range(COMPANIES):
                slug = f"company-{number:03}"
                made = await add_company(tx, slug, f"{slug}.example", system_clock())
                await save_company(tx, made)
    finally:
        await database.close()
