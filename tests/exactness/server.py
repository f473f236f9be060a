"""A server in small: the product's ledger over a database, asked in the three ways that exist.

Reads (of one item or several) go through the group commit, pages through a transaction of their
own, grants are booked.
Mutants replace parts of this; nothing here is replaced in a run that is to pass.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import orjson
from tests.exactness.history import Asked, Told
from tests.exactness.world import ITEMS, PLAN, PLAN_CREDITS, World, is_there

from tracewell.kernel.clock import Clock
from tracewell.kernel.credits import Call, ChargeBatcher, ChargeRequest, CreditsExhausted, Ledger
from tracewell.kernel.credits.batch import Found
from tracewell.kernel.database import Database, DatabaseFailed, Sql, Transaction
from tracewell.kernel.ids import IdFactory

Items = tuple[int, ...]

_READ = Sql(
    sqlite="""
        SELECT item_id FROM sim_items WHERE item_id IN (SELECT value FROM json_each(:items))""",
    postgresql="""
        SELECT item_id FROM sim_items WHERE item_id = ANY(CAST(:items AS BIGINT[]))""",
)


async def read_items(tx: Transaction, wanted: Sequence[Items]) -> list[Found[Items] | None]:
    """The data of bundles of items, set-based, as a product's reader does it."""
    every = list({item for items in wanted for item in items})
    asked = orjson.dumps(every).decode() if tx.dialect == "sqlite" else every
    there = {row[0] for row in await tx.fetch_all(_READ, items=asked)}
    present = [tuple(item for item in items if item in there) for items in wanted]
    return [Found(items, items) if items else None for items in present]


class Server:
    """One process's worth of the product."""

    def __init__(self, database: Database, clock: Clock, new_id: IdFactory) -> None:
        self.database = database
        self.clock = clock
        self.ledger = self.make_ledger(clock, new_id)
        self.batcher = self.make_batcher()

    def make_ledger(self, clock: Clock, new_id: IdFactory) -> Ledger:
        """The ledger; mutants have another."""
        return Ledger(clock, new_id, monthly={PLAN: PLAN_CREDITS})

    def make_batcher(self) -> ChargeBatcher[Items, Items]:
        """The group commit; mutants have another."""
        return ChargeBatcher(self.database, self.ledger, read_items)

    async def answer(self, asked: Asked) -> Told:
        """What a client is told; a failed database is a lost answer."""
        intention = asked.intention
        call = Call(intention.org_id, "api", "key", intention.kind, asked.request_id)
        try:
            if intention.kind == "grant":
                booked = call._replace(request_id=asked.booking_id)
                told = await self.grant(booked, intention.credits)
                return replace(told, request_id=asked.request_id)
            if intention.kind == "page":
                return await self.page(call, intention.items)
            return await self.read(call, intention.items)
        except CreditsExhausted as error:
            return Told(asked.request_id, "refused", numbers=(error.requested, error.shortfall))
        except DatabaseFailed as error:
            return Told(asked.request_id, "lost", error=str(error))

    async def read(self, call: Call, items: Items) -> Told:
        """One item or a few, charged in a group with what is read at the same time."""
        answered = await self.batcher.serve(call, items)
        if answered is None:
            return Told(call.request_id, "absent")
        told, charge = answered
        numbers = (charge.credits, charge.remaining)
        return Told(call.request_id, "charged", items=told, numbers=numbers)

    async def page(self, call: Call, items: Items) -> Told:
        """Several items, charged in the transaction that reads them."""
        async with self.database.transaction() as tx:
            (found,) = await read_items(tx, [items])
            told = () if found is None else found.items
            (charge,) = await self.ledger.charge_all(tx, [ChargeRequest(call, told)])
        if isinstance(charge, CreditsExhausted):
            raise charge
        numbers = (charge.credits, charge.remaining)
        return Told(call.request_id, "charged", items=told, numbers=numbers)

    async def grant(self, call: Call, credits: int) -> Told:
        """Credits for an org, once for each request id."""
        async with self.database.transaction() as tx:
            booking = await self.ledger.book(tx, call, "grant", credits, "simulation")
        return Told(call.request_id, "granted", numbers=(booking.balance,))


async def prepare(database: Database) -> None:
    """The items' table, and on PostgreSQL a column that tells the order of the ledger's entries."""
    async with database.transaction() as tx:
        await tx.execute("CREATE TABLE sim_items (item_id BIGINT PRIMARY KEY)")
        await tx.execute_many(
            "INSERT INTO sim_items (item_id) VALUES (:item)",
            [{"item": item} for item in range(1, ITEMS + 1) if is_there(item)],
        )
        if tx.dialect == "postgresql":
            await tx.execute("ALTER TABLE credit_ledger ADD COLUMN told_order BIGSERIAL")


async def populate(database: Database, ledger: Ledger, world: World) -> None:
    """The run's orgs with their opening balances."""
    async with database.transaction() as tx:
        for org_id in world.org_ids:
            await tx.execute(
                "INSERT INTO orgs (org_id, name, plan, created_at)"
                " VALUES (:org_id, :name, :plan, 0)",
                org_id=org_id,
                name=f"org {org_id}",
                plan=PLAN,
            )
            await ledger.open_account(tx, org_id)
            call = Call(org_id, "api", None, "opening", f"opening-{org_id}")
            await ledger.book(tx, call, "grant", world.opening_balance(org_id), "opening")
