"""The use cases of entities: give lasting ids, keep what was met, tell a history, undo."""

from __future__ import annotations

from dataclasses import replace

from tracewell.intrace import errors
from tracewell.intrace.audit.model import Action, AuditRecord, Caller, Change, Resource
from tracewell.intrace.audit.service import Audit
from tracewell.intrace.entities import store
from tracewell.intrace.entities.model import Assignment, EntityHistory, Event, Found, Known
from tracewell.intrace.entities.rules import assign, canonical_id
from tracewell.kernel.clock import Clock
from tracewell.kernel.database import Database, Transaction
from tracewell.kernel.errors import ApiError
from tracewell.kernel.ids import IdFactory


class Entities:
    """The entities of one deployment."""

    def __init__(self, database: Database, clock: Clock, new_id: IdFactory, audit: Audit) -> None:
        self._database = database
        self._clock = clock
        self._new_id = new_id
        self._audit = audit

    async def recognise(self, found: tuple[Found, ...]) -> Assignment:
        """Which of them were met before, and under which ids. Writes nothing."""
        digests = {key.digest for one in found for key in one.keys if key.kind != "name"}
        async with self._database.snapshot() as tx:
            holders = await store.find_holders(tx, digests)
            holders |= {one.content_id for one in found}
            events = await store.read_events(tx, holders)
            holders |= {i for e in events for i in (e.entity_id, e.other_id)}
            keys = await store.read_keys(tx, holders)
            sightings = await store.read_sightings(tx, holders)
        known: dict[str, Known] = {}
        for entity_id, _, _, seen_at in sightings:
            lasting = canonical_id(entity_id, events)
            one = known.get(lasting, Known(lasting, frozenset(), seen_at))
            known[lasting] = replace(one, first_seen_at=min(one.first_seen_at, seen_at))
        for entity_id, key in keys:
            lasting = canonical_id(entity_id, events)
            if lasting in known:
                known[lasting] = replace(known[lasting], keys=known[lasting].keys | {key})
        apart = {
            frozenset((event.entity_id, event.other_id)) for event in events if not event.joins
        }
        return assign(found, tuple(known.values()), apart)

    async def keep(
        self,
        tx: Transaction,
        record: AuditRecord,
        found: tuple[Found, ...],
        assignment: Assignment,
    ) -> None:
        """Notes what a lookup has met and decided, in the transaction that stores its report."""
        caller = record.caller
        for one in found:
            lasting = assignment.ids[one.content_id]
            await store.add_sighting(tx, lasting, caller.request_id, caller.owner, record.logged_at)
            await store.add_keys(tx, lasting, caller.request_id, one.keys)
        for decision in assignment.decisions:
            event = Event(
                event_id=self._new_id("evt"),
                kind=decision.kind,
                entity_id=decision.entity_id,
                other_id=decision.other_id,
                request_id=caller.request_id,
                decided_by=caller.owner,
                decided_at=record.logged_at,
                evidence=decision.evidence,
            )
            await store.add_event(tx, event)

    async def get_history(self, caller: Caller, entity_id: str) -> EntityHistory:
        """Of an entity that a stored lookup of the caller's has met, under any id it ever had.

        Raises ApiError (`not_found`) and DatabaseFailed.
        """
        async with self._database.snapshot() as tx:
            events = await store.read_events(tx, {entity_id})
            names = {entity_id, *(i for e in events for i in (e.entity_id, e.other_id))}
            sightings = await store.read_sightings(tx, names)
        lasting = canonical_id(entity_id, events)
        aliases = {name for name in names if canonical_id(name, events) == lasting}
        own = sorted(
            {(r, at) for name, r, owner, at in sightings
             if name in aliases and owner == caller.owner}
        )  # fmt: skip
        if not own:
            raise ApiError(errors.NOT_FOUND)
        told = tuple(e for e in events if e.entity_id in aliases or e.other_id in aliases)
        return EntityHistory(lasting, tuple(sorted(aliases - {lasting})), tuple(own), told)

    async def undo(self, caller: Caller, event_id: str, *, is_operator: bool = False) -> Event:
        """Takes a merge apart, or joins what was split: for later lookups. Audited.

        By whoever has met either entity, or by the operator. Undoing twice changes nothing.
        Raises ApiError (`not_found`) and DatabaseFailed.
        """
        async with self._database.transaction() as tx:
            event = await store.find_event(tx, event_id)
            if event is None:
                raise ApiError(errors.NOT_FOUND)
            sightings = await store.read_sightings(tx, {event.entity_id, event.other_id})
            if not is_operator and all(owner != caller.owner for _, _, owner, _ in sightings):
                raise ApiError(errors.NOT_FOUND)
            now = self._clock()
            if await store.undo_event(tx, event_id, caller.owner, now):
                change = Change(Action.UNDONE, Resource.ENTITY, event_id)
                await self._audit.record_change(tx, caller, change)
                event = replace(event, undone_by=caller.owner, undone_at=now)
        return event


async def find_aliases(tx: Transaction, entity_id: str) -> frozenset[str]:
    """Every other id that, as things stand, names the same entity."""
    events = await store.read_events(tx, {entity_id})
    names = {i for event in events for i in (event.entity_id, event.other_id)}
    lasting = canonical_id(entity_id, events)
    return frozenset(name for name in names if canonical_id(name, events) == lasting) - {entity_id}
