"""What an operator does with a deployment, done in process, and the servers of these tests."""

from __future__ import annotations

import asyncio
import contextlib
import secrets
import threading
from collections.abc import Awaitable, Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TypeVar

from tests.servers import Server, start_server

from tracewell.detection import Fingerprint
from tracewell.kernel.clock import system_clock
from tracewell.kernel.credits import Call
from tracewell.kernel.database import Transaction
from tracewell.kernel.identity.model import Org
from tracewell.main.ground import Ground, open_ground
from tracewell.main.settings import Product, Settings
from tracewell.trace.companies.days import day_of
from tracewell.trace.companies.model import Use
from tracewell.trace.companies.store import add_company, save_company
from tracewell.trace.technologies.service import ensure_catalogue

Result = TypeVar("Result")


@dataclass(frozen=True)
class Customer:
    """A Trace org with one user and the user's key."""

    org: Org
    email: str
    key: str
    key_id: str


@dataclass(frozen=True)
class Deployment:
    """A data folder, its database, and what an operator does with them."""

    data: Path
    database_url: str | None = None
    """None for SQLite in the data folder."""

    @property
    def settings(self) -> Settings:
        """As a server of this deployment reads them."""
        return Settings(data=self.data, database_url=self.database_url)

    def start(
        self,
        product: Product = "both",
        *,
        workers: int = 1,
        environment: Mapping[str, str] | None = None,
    ) -> Server:
        """A server over the deployment that is ready."""
        return start_server(
            self.data,
            database_url=self.database_url,
            product=product,
            workers=workers,
            environment=environment,
        )

    def run(self, work: Callable[[Ground], Awaitable[Result]]) -> Result:
        """Does something over the deployment's services, beside whatever server runs."""

        async def run() -> Result:
            async with open_ground(self.settings) as ground:
                return await work(ground)

        return asyncio.run(run())

    def add_customer(self, credits: int = 1000, per_minute: int | None = 100_000) -> Customer:
        """A new org with exactly so many credits, a verified user in it, and a key."""
        name = f"Customer {secrets.token_hex(6)}"

        async def work(ground: Ground) -> Customer:
            async def open_account(tx: Transaction, org: Org) -> None:
                await ground.ledger.open_account(tx, org.org_id)
                if credits:
                    call = Call(org.org_id, "app", None, "test", ground.new_id("req"))
                    await ground.ledger.book(tx, call, "grant", credits, "a test's")

            org = await ground.identity.create_org(name, "free", open_account)
            email = f"jane-{secrets.token_hex(6)}@customer.example"
            user = await ground.identity.create_user(email, org, verified=True)
            minted = await ground.identity.create_key(
                "user", user=user, requests_per_minute=per_minute
            )
            return Customer(org, email, minted.text, minted.key.key_id)

        return self.run(work)

    def add_customer_key(
        self,
        *,
        expires_at: int | None = None,
        is_revoked: bool = False,
        is_verified: bool = True,
        has_org: bool = True,
    ) -> str:
        """The key of a new customer's user for which something is amiss."""
        org = self.add_customer().org

        async def work(ground: Ground) -> str:
            identity = ground.identity
            email = f"joe-{secrets.token_hex(6)}@customer.example"
            user = await identity.create_user(email, org, verified=is_verified)
            minted = await identity.create_key("user", user=user, expires_at=expires_at)
            if is_revoked:
                await identity.revoke_key(minted.key.key_id)
            if not has_org:
                await identity.detach_user(user)
            return minted.text

        return self.run(work)

    def add_service(
        self, roles: Sequence[str] = ("analyst",), per_minute: int | None = 100_000
    ) -> str:
        """The key of a new Intrace service account."""
        name = f"service-{secrets.token_hex(6)}"

        async def work(ground: Ground) -> str:
            minted = await ground.identity.create_key(
                "service", service_name=name, roles=tuple(roles), requests_per_minute=per_minute
            )
            return minted.text

        return self.run(work)

    def balance(self, org: Org) -> int:
        """What the account says."""

        async def work(ground: Ground) -> int:
            async with ground.database.snapshot() as tx:
                return (await ground.ledger.get_account(tx, org.org_id)).balance

        return self.run(work)

    def charges(self, org: Org) -> dict[str, int]:
        """Credits charged by the ledger for each request id."""

        async def work(ground: Ground) -> dict[str, int]:
            async with ground.database.snapshot() as tx:
                rows = await tx.fetch_all(
                    "SELECT request_id, credits FROM credit_ledger"
                    " WHERE org_id = :org AND kind = 'charge'",
                    org=org.org_id,
                )
            return {row[0]: -row[1] for row in rows}

        return self.run(work)

    @contextlib.contextmanager
    def accounts_locked(self) -> Iterator[None]:
        """Nobody else can charge anything while the block runs."""
        locked, done = threading.Event(), threading.Event()

        async def hold(ground: Ground) -> None:
            async with ground.database.transaction() as tx:
                await tx.execute("UPDATE credit_accounts SET balance = balance")
                locked.set()
                await asyncio.to_thread(done.wait)

        thread = threading.Thread(target=self.run, args=(hold,))
        thread.start()
        try:
            assert locked.wait(30)
            yield
        finally:
            done.set()
            thread.join()

    def add_companies(self, count: int, first: int = 0) -> None:
        """Companies `c<number>.example`, each running the one technology of the catalogue."""
        invented = Fingerprint(name="Bauhaus CMS", categories=("CMS",), description="Invented.")

        async def work(ground: Ground) -> None:
            now = system_clock()
            async with ground.database.transaction() as tx:
                technology = (await ensure_catalogue(tx, [invented]))["Bauhaus CMS"]
                for number in range(first, first + count):
                    company = await add_company(tx, f"c{number}", f"c{number}.example", now)
                    days = (day_of(now),)
                    use = Use(technology, "1.2", now, 90, "active", now, now, 1, (), days, None)
                    await save_company(tx, replace(company, uses=(use,)))

        self.run(work)
