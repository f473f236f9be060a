"""What every command and server stands on: database, secrets, identity, ledger."""

from __future__ import annotations

import hashlib
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from importlib.resources import files

from tracewell.kernel.clock import Clock, system_clock
from tracewell.kernel.credits import Ledger
from tracewell.kernel.database import Database, Migrations, Transaction, open_database
from tracewell.kernel.database.migrate import load_migrations
from tracewell.kernel.identity.keys import KeyHasher
from tracewell.kernel.identity.model import Org
from tracewell.kernel.identity.service import Identity
from tracewell.kernel.identity.tokens import TokenSigner
from tracewell.kernel.ids import IdFactory
from tracewell.kernel.mail import MailServer
from tracewell.main.secret_files import ensure_secret
from tracewell.main.settings import Settings

ROOMS = ("kernel", "trace", "intrace")
"""The rooms that have migrations, from the ground up."""


@dataclass(frozen=True, slots=True)
class Ground:
    """The concrete parts that services are made of."""

    settings: Settings
    database: Database
    clock: Clock
    new_id: IdFactory
    hasher: KeyHasher
    identity: Identity
    ledger: Ledger
    mail: MailServer | None

    async def open_org(self, tx: Transaction, org: Org) -> None:
        """What a new org has from its first moment: an account with its plan's credits."""
        await self.ledger.open_account_of_plan(tx, org.org_id)


def all_migrations() -> Migrations:
    """Every room's migrations, in order."""
    return Migrations(
        [
            step
            for room in ROOMS
            for step in load_migrations(room, files(f"tracewell.{room}") / "migrations")
        ]
    )


def secret_of(settings: Settings, name: str) -> bytes:
    """A secret that was set, or the one of the data folder. Raises SecretUnusable."""
    given = getattr(settings, name)
    if given is None:
        return ensure_secret(settings.data, name.removesuffix("_secret"))
    # A secret of any length becomes one of 32 bytes.
    return hashlib.blake2b(given.get_secret_value().encode(), digest_size=32).digest()


@asynccontextmanager
async def open_ground(
    settings: Settings, clock: Clock = system_clock, *, migrate: bool = True
) -> AsyncIterator[Ground]:
    """Opens the database, brings it up to this release, and makes the services of the kernel.

    Raises DatabaseFailed, MigrationFailed, IdentityRefused (a wrong API_KEY_HASH_SECRET).
    """
    database = await open_database(settings.database)
    try:
        if migrate:
            await all_migrations().up(database)
        new_id = IdFactory(clock)
        hasher = KeyHasher(secret_of(settings, "api_key_hash_secret"))
        signer = TokenSigner(secret_of(settings, "session_secret"), clock)
        identity = Identity(database, hasher, signer, clock, new_id)
        await identity.ensure_hash_secret()
        smtp = settings.smtp_url
        mail = MailServer(smtp.get_secret_value(), settings.smtp_from) if smtp else None
        plans = settings.plan_table.values()
        monthly = {plan.name: plan.credits_per_month for plan in plans}
        ledger = Ledger(clock, new_id, monthly=monthly)
        yield Ground(settings, database, clock, new_id, hasher, identity, ledger, mail)
    finally:
        await database.close()
