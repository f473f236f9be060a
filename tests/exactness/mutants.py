"""Planted bugs of this field, each small and plausible, to prove that the simulation sees them.

They live in the tests and are built from the product's own parts; nothing in `src` knows them.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

from tests.exactness.history import Told
from tests.exactness.server import Items, Server, read_items
from tests.exactness.world import PLAN, PLAN_CREDITS

from tracewell.kernel.clock import Clock
from tracewell.kernel.credits import (
    Call,
    Charge,
    ChargeBatcher,
    ChargeRequest,
    CreditsExhausted,
    Ledger,
    LedgerEntry,
    store,
)
from tracewell.kernel.credits.batch import _Waiting
from tracewell.kernel.credits.model import Standing
from tracewell.kernel.credits.rules import (
    UNLOCK_MS,
    ChargePlan,
    ItemKey,
    Unlock,
    Window,
    plan_charges,
)
from tracewell.kernel.database import DatabaseFailed, Transaction
from tracewell.kernel.ids import IdFactory

_CLAIM = """
    INSERT INTO credit_unlocks (org_id, item_id, window_no, expires_at, entry_id)
    VALUES (:org_id, :item_id, :window_no, :expires_at, :entry_id) ON CONFLICT DO NOTHING"""


class OpenLedger(Ledger):
    """No mutant: the product's charge with its steps laid open, and without its quick free path."""

    def __init__(self, clock: Clock, new_id: IdFactory) -> None:
        super().__init__(clock, new_id, monthly={PLAN: PLAN_CREDITS})
        self.clock = clock
        self.new_id = new_id

    async def free(self, tx: Transaction, requests: Sequence[ChargeRequest]) -> list[Charge | None]:
        """Nothing: all goes through `charge_all`."""
        return [None] * len(requests)

    async def charge_all(
        self, tx: Transaction, requests: Sequence[ChargeRequest]
    ) -> tuple[Charge | CreditsExhausted, ...]:
        """Lock, look, plan, write."""
        accounts = await store.lock_accounts(tx, (request.call.org_id for request in requests))
        windows = await self.look(tx, requests)
        now = self.clock()
        balances = await self.settled(tx, accounts, now)
        plan = self.plan(requests, windows, balances, now)
        await self.write(tx, requests, plan, now)
        return plan.outcomes

    async def settled(
        self, tx: Transaction, accounts: Mapping[int, Standing], now: int
    ) -> dict[int, int]:
        """The balances, the grants that are due booked."""
        return await self._grants.settle(tx, accounts, now)

    async def look(
        self, tx: Transaction, requests: Sequence[ChargeRequest]
    ) -> dict[ItemKey, Window]:
        """The newest windows."""
        keys = [(request.call.org_id, item) for request in requests for item in request.items]
        return await store.fetch_windows(tx, keys)

    def plan(
        self,
        requests: Sequence[ChargeRequest],
        windows: Mapping[ItemKey, Window],
        balances: Mapping[int, int],
        now: int,
    ) -> ChargePlan:
        """Who pays what."""
        return plan_charges(requests, windows, balances, now)

    async def write(
        self, tx: Transaction, requests: Sequence[ChargeRequest], plan: ChargePlan, now: int
    ) -> None:
        """Entries, windows and balances."""
        if plan.unlocks or plan.spent:
            entry_ids = {unlock.request_index: self.new_id("led") for unlock in plan.unlocks}
            await store.write_plan(tx, requests, plan, entry_ids, now, now + UNLOCK_MS)


class _OneByOne(Server):
    """Serves a read as a page of one item, for bugs that lie around the transaction."""

    ledger: OpenLedger

    def make_ledger(self, clock: Clock, new_id: IdFactory) -> Ledger:
        return OpenLedger(clock, new_id)

    async def read(self, call: Call, items: Items) -> Told:
        told = await self.page(call, items)
        return told if told.items else Told(call.request_id, "absent")

    async def decide(
        self, tx: Transaction, call: Call, items: Items
    ) -> tuple[Items, ChargeRequest, ChargePlan, int]:
        """The data, and the plan of charging for them. Raises CreditsExhausted."""
        (found,) = await read_items(tx, [items])
        told = () if found is None else found.items
        request = ChargeRequest(call, told)
        windows = await self.ledger.look(tx, [request])
        accounts = await store.fetch_accounts(tx, [call.org_id])
        balances = {org_id: account.balance for org_id, account in accounts.items()}
        now = self.clock()
        plan = plan_charges([request], windows, balances, now)
        if isinstance(plan.outcomes[0], CreditsExhausted):
            raise plan.outcomes[0]
        return told, request, plan, now


def _told(call: Call, items: tuple[int, ...], plan: ChargePlan) -> Told:
    (outcome,) = plan.outcomes
    assert isinstance(outcome, Charge)
    numbers = (outcome.credits, outcome.remaining)
    return Told(call.request_id, "charged", items=items, numbers=numbers)


class CheckThenCharge(_OneByOne):
    """Looks without a lock, then writes what it decided."""

    async def page(self, call: Call, items: Items) -> Told:
        async with self.database.snapshot() as snapshot:
            told, request, plan, now = await self.decide(snapshot, call, items)
        async with self.database.transaction() as tx:
            await self.ledger.write(tx, [request], plan, now)
        return _told(call, told, plan)


class ClaimBeforeWrite(_OneByOne):
    """Commits the windows first and the money after them."""

    async def page(self, call: Call, items: Items) -> Told:
        entry_id = self.ledger.new_id("led")
        async with self.database.transaction() as tx:
            await store.lock_accounts(tx, [call.org_id])
            told, _, plan, now = await self.decide(tx, call, items)
            await tx.execute_many(_CLAIM, _claims(call, plan, entry_id, now))
        if plan.unlocks:
            async with self.database.transaction() as tx:
                await _pay(tx, call, entry_id, len(plan.unlocks), now)
        return _told(call, told, plan)


class NonIdempotentRetry(_OneByOne):
    """Writes once more when the commit's answer was lost: the windows are there, so they cost
    nothing in the table, but the money is taken again."""

    async def page(self, call: Call, items: Items) -> Told:
        plan: ChargePlan | None = None
        for last in (False, True):
            try:
                async with self.database.transaction() as tx:
                    await store.lock_accounts(tx, [call.org_id])
                    if plan is None:
                        told, _, plan, now = await self.decide(tx, call, items)
                    entry_id = self.ledger.new_id("led")
                    await tx.execute_many(_CLAIM, _claims(call, plan, entry_id, now))
                    if plan.unlocks:
                        await _pay(tx, call, entry_id, len(plan.unlocks), now)
                break
            except DatabaseFailed:
                if last or plan is None:
                    raise
        assert plan is not None
        return _told(call, told, plan)


def _claims(call: Call, plan: ChargePlan, entry_id: str, now: int) -> list[dict[str, object]]:
    return [
        {
            "org_id": call.org_id,
            "item_id": unlock.item_id,
            "window_no": unlock.window_no,
            "expires_at": now + UNLOCK_MS,
            "entry_id": entry_id,
        }
        for unlock in plan.unlocks
    ]


async def _pay(tx: Transaction, call: Call, entry_id: str, credits: int, now: int) -> None:
    await store.add_to_balance(tx, call.org_id, -credits)
    await store.add_entry(
        tx,
        LedgerEntry(
            entry_id, call.org_id, "charge", -credits, call.channel, call.key_id, call.endpoint,
            credits, call.request_id, None, now,
        ),
    )  # fmt: skip


class _LateEdge(OpenLedger):
    async def look(
        self, tx: Transaction, requests: Sequence[ChargeRequest]
    ) -> dict[ItemKey, Window]:
        windows = await super().look(tx, requests)
        return {key: window._replace(expires_at=window.expires_at + 1)
                for key, window in windows.items()}  # fmt: skip


class _Extending(OpenLedger):
    async def charge_all(
        self, tx: Transaction, requests: Sequence[ChargeRequest]
    ) -> tuple[Charge | CreditsExhausted, ...]:
        outcomes = await super().charge_all(tx, requests)
        windows = await self.look(tx, requests)
        now = self.clock()
        for request, outcome in zip(requests, outcomes, strict=True):
            if isinstance(outcome, Charge) and outcome.credits == 0:
                again = [
                    Unlock(0, item, windows[request.call.org_id, item].number + 1)
                    for item in dict.fromkeys(request.items)
                ]
                plan = ChargePlan((), tuple(again), {})
                await tx.execute_many(_CLAIM, _claims(request.call, plan, "extended", now))
        return outcomes


class _Repeating(OpenLedger):
    def plan(
        self,
        requests: Sequence[ChargeRequest],
        windows: Mapping[ItemKey, Window],
        balances: Mapping[int, int],
        now: int,
    ) -> ChargePlan:
        plan = super().plan(requests, windows, balances, now)
        spent = dict(plan.spent)
        for unlock in plan.unlocks:
            request = requests[unlock.request_index]
            org_id = request.call.org_id
            more = request.items.count(unlock.item_id) - 1
            spent[org_id] += min(more, balances[org_id] - spent[org_id])
        return replace(plan, spent=spent)


class _SpendingRefusals(OpenLedger):
    def plan(
        self,
        requests: Sequence[ChargeRequest],
        windows: Mapping[ItemKey, Window],
        balances: Mapping[int, int],
        now: int,
    ) -> ChargePlan:
        plan = super().plan(requests, windows, balances, now)
        spent = dict(plan.spent)
        for request, outcome in zip(requests, plan.outcomes, strict=True):
            if isinstance(outcome, CreditsExhausted) and balances.get(request.call.org_id):
                spent[request.call.org_id] = balances[request.call.org_id]
        return replace(plan, spent=spent)


class _SharedUnlocks(OpenLedger):
    def plan(
        self,
        requests: Sequence[ChargeRequest],
        windows: Mapping[ItemKey, Window],
        balances: Mapping[int, int],
        now: int,
    ) -> ChargePlan:
        first: dict[int, int] = {}
        for request in requests:
            for item in request.items:
                first.setdefault(item, request.call.org_id)
        own = [
            replace(request, items=tuple(i for i in request.items
                                         if first[i] == request.call.org_id))
            for request in requests
        ]  # fmt: skip
        return super().plan(own, windows, balances, now)


class _HastyBatcher(ChargeBatcher[Items, Items]):
    async def _pay(self, group: Sequence[_Waiting[Items, Items]]) -> None:
        async with self._database.transaction() as tx:
            found = await self._read(tx, [member.wanted for member in group])
            there = [(m, f) for m, f in zip(group, found, strict=True) if f is not None]
            requests = [ChargeRequest(member.call, item.items) for member, item in there]
            charges = await self._ledger.charge_all(tx, requests)
            for (member, item), outcome in zip(there, charges, strict=True):
                if isinstance(outcome, CreditsExhausted):
                    member.fail(outcome)
                else:
                    member.tell((item.answer, outcome))


class Control(Server):
    """No mutant: the opened ledger, which must pass."""

    def make_ledger(self, clock: Clock, new_id: IdFactory) -> Ledger:
        return OpenLedger(clock, new_id)


class WindowEndsLate(Server):
    """Free at the very moment at which the window ends."""

    def make_ledger(self, clock: Clock, new_id: IdFactory) -> Ledger:
        return _LateEdge(clock, new_id)


class FreeAccessExtends(Server):
    """A free answer begins the window anew."""

    def make_ledger(self, clock: Clock, new_id: IdFactory) -> Ledger:
        return _Extending(clock, new_id)


class RepeatsCost(Server):
    """An item that stands twice in one answer is paid twice."""

    def make_ledger(self, clock: Clock, new_id: IdFactory) -> Ledger:
        return _Repeating(clock, new_id)


class RefusalSpends(Server):
    """A call that cannot be paid takes what is left."""

    def make_ledger(self, clock: Clock, new_id: IdFactory) -> Ledger:
        return _SpendingRefusals(clock, new_id)


class GroupSharesUnlocks(Server):
    """In one group, what one org pays is free for another."""

    def make_ledger(self, clock: Clock, new_id: IdFactory) -> Ledger:
        return _SharedUnlocks(clock, new_id)


class AnswerBeforeCommit(Server):
    """Tells a group's answers before its commit is durable."""

    def make_batcher(self) -> ChargeBatcher[Items, Items]:
        return _HastyBatcher(self.database, self.ledger, read_items)


MUTANTS: tuple[type[Server], ...] = (
    CheckThenCharge,
    ClaimBeforeWrite,
    NonIdempotentRetry,
    WindowEndsLate,
    FreeAccessExtends,
    RepeatsCost,
    RefusalSpends,
    GroupSharesUnlocks,
    AnswerBeforeCommit,
)
