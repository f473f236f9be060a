"""Writes the audit log, durable before it returns, and reads it."""

from __future__ import annotations

import contextlib

from tracewell.intrace import errors
from tracewell.intrace.audit import purging, store
from tracewell.intrace.audit.model import (
    Access,
    AuditFilter,
    AuditPage,
    AuditRecord,
    Caller,
    Change,
    Completion,
    MakeRecord,
    Purge,
    Resource,
    whole_second,
)
from tracewell.kernel.clock import DAY_MS, Clock
from tracewell.kernel.database import Database, DatabaseFailed, Transaction
from tracewell.kernel.errors import ApiError

PURGED_AT_ONCE_MAX = 5_000
"""Bounds how long a purge keeps the next record waiting."""


class Audit:
    """The log of one organisation. Nothing may be answered before its record has been written."""

    def __init__(self, database: Database, clock: Clock, organization_id: str) -> None:
        self._database = database
        self._clock = clock
        self._organization_id = organization_id

    async def record_lookup(
        self, caller: Caller, *, identifiers_queried: int, requester_reference: str | None
    ) -> AuditRecord:
        """Logs a lookup that is about to be made. Raises DatabaseFailed."""
        return await self._record(caller, identifiers_queried, requester_reference)

    async def record_analysis(
        self, caller: Caller, *, requester_reference: str | None
    ) -> AuditRecord:
        """Logs an analysis that is about to be made: it asks for an entity, no identifier.

        What becomes of it is told by `complete` (with the hash of its stored result) or
        `complete_failed`. Raises DatabaseFailed.
        """
        return await self._record(caller, 0, requester_reference)

    async def _record(
        self, caller: Caller, identifiers_queried: int, requester_reference: str | None
    ) -> AuditRecord:

        def make(logged_at: int) -> AuditRecord:
            return AuditRecord(
                caller, self._organization_id, requester_reference, identifiers_queried, logged_at
            )

        return await self._append(make)

    async def admit_reader(
        self, caller: Caller, owner: str, resource: Resource, request_id: str
    ) -> None:
        """Lets a caller read a lookup; of somebody else's only after it has been logged.

        Raises ApiError (`not_found`: whose it is, is not told either) and DatabaseFailed.
        """
        if caller.owner == owner:
            return
        if not caller.reads_others:
            raise ApiError(errors.NOT_FOUND)

        def make(logged_at: int) -> AuditRecord:
            accessed = Access(resource, request_id)
            return AuditRecord(caller, self._organization_id, None, 0, logged_at, accessed)

        await self._append(make)

    async def _append(self, make: MakeRecord) -> AuditRecord:
        async with self._database.transaction() as tx:
            return await store.add_record(tx, make, self._clock)

    async def record_change(self, tx: Transaction, caller: Caller, change: Change) -> None:
        """Logs an erasure or an undoing in the transaction that makes it."""

        def make(logged_at: int) -> AuditRecord:
            return AuditRecord(caller, self._organization_id, None, 0, logged_at, changed=change)

        await store.add_record(tx, make, self._clock)

    async def complete(self, tx: Transaction, request_id: str, report_hash: str) -> None:
        """Logs, in the transaction that stores the report, that the lookup has one."""
        completion = Completion(whole_second(self._clock()), report_hash=report_hash)
        await store.add_completion(tx, request_id, completion)

    async def complete_failed(self, request_id: str, failure: str) -> None:
        """Logs that the lookup has no result; where even that fails, its record stands alone."""
        with contextlib.suppress(DatabaseFailed):
            async with self._database.transaction() as tx:
                await self.complete_without_result(tx, request_id, failure)

    async def complete_without_result(self, tx: Transaction, request_id: str, failure: str) -> None:
        """Logs, in the transaction that stores the failure itself, that there is no result."""
        completion = Completion(whole_second(self._clock()), failure=failure)
        await store.add_completion(tx, request_id, completion)

    async def purge_expired(self, retention_days: int) -> Purge | None:
        """Takes the content of the oldest expired records, a bounded number, and logs that.

        None: no record has expired. Raises DatabaseFailed.
        """
        now = self._clock()
        cutoff_ms = now - retention_days * DAY_MS
        async with self._database.transaction() as tx:
            return await purging.purge_expired(tx, cutoff_ms, whole_second(now), PURGED_AT_ONCE_MAX)

    async def get_record(self, request_id: str) -> bytes:
        """A record's bytes. Raises ApiError (`not_found`)."""
        async with self._database.statement() as tx:
            found = await store.find_record(tx, request_id)
        if not found:  # unknown, or without content since its retention ended
            raise ApiError(errors.NOT_FOUND)
        return found

    async def list_records(
        self, wanted: AuditFilter, *, cursor: str | None, limit: int
    ) -> AuditPage:
        """One page, the newest first; records that come meanwhile do not shift the next pages."""
        if wanted.user_id is not None and not wanted.user_id.isprintable():
            return AuditPage((), 0, None)  # no token with such a subject is ever accepted
        before = int(cursor) if cursor is not None else None
        async with self._database.snapshot() as tx:
            purged = await purging.get_purged_through(tx)
            total = await store.count_records(tx, wanted, purged)
            rows = await store.list_records(tx, wanted, purged, before, limit + 1)
        page = rows[:limit]
        more = str(page[-1][0]) if len(rows) > limit else None
        return AuditPage(tuple(record for _, record in page), total, more)
