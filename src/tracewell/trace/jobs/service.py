"""The use cases of refresh jobs: make, tell, cancel, retry. The doing of them is `refreshing`."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence

from tracewell.kernel.clock import DAY_MS, Clock
from tracewell.kernel.database import Database, Transaction
from tracewell.kernel.errors import ApiError
from tracewell.kernel.ids import IdFactory
from tracewell.kernel.queue import put_tasks
from tracewell.trace import errors
from tracewell.trace.jobs import store
from tracewell.trace.jobs.model import DOMAINS_MAX, KIND, DomainState, Job
from tracewell.trace.jobs.outcomes import outcome
from tracewell.trace.jobs.rules import parse_wanted

_PREFIX = "job"
_ID = re.compile(r"job_[0-9A-Z]{26}")
PURGED_AT_ONCE_MAX = 200
"""Jobs removed in one transaction."""
SCHEDULED_MAX = 1_000
"""Domains queued by one look for stale companies."""


class Jobs:
    """Refresh jobs of a deployment."""

    def __init__(self, database: Database, clock: Clock, new_id: IdFactory) -> None:
        self._database = database
        self._clock = clock
        self._new_id = new_id

    async def create_job(self, org_id: int, domains: Iterable[str]) -> str:
        """Queues a refresh of the domains; the job's id. What is no domain has failed at once."""
        async with self._database.transaction() as tx:
            return await self._create(tx, org_id, parse_wanted(domains))

    async def get_job(self, org_id: int, job_id: str) -> Job:
        """A job of the org. Raises ApiError (job_not_found)."""
        job = await self.find_job(job_id)
        if job is None or job.org_id != org_id:
            raise ApiError(errors.JOB_NOT_FOUND)
        return job

    async def find_job(self, job_id: str) -> Job | None:
        """A job of whomever, for the operator."""
        # What is no id of ours may hold what a database cannot compare (NUL).
        if _ID.fullmatch(job_id) is None:
            return None
        async with self._database.snapshot() as tx:
            return await store.find_job(tx, job_id)

    async def list_jobs(self, *, limit: int, is_open: bool) -> list[Job]:
        """The newest jobs of all, for the operator."""
        async with self._database.snapshot() as tx:
            return await store.list_jobs(tx, limit=limit, is_open=is_open)

    async def cancel_job(self, job_id: str) -> int:
        """Ends the domains that no worker has begun; how many."""
        async with self._database.transaction() as tx:
            return await store.cancel_queued(tx, job_id, self._clock(), outcome("cancelled"))

    async def retry_job(self, job_id: str) -> int:
        """Queues the failed domains again; how many. What is no domain stays so."""
        async with self._database.transaction() as tx:
            places = await store.queue_failed_again(tx, job_id)
            await self._put(tx, job_id, places)
        return len(places)

    async def refresh_stale(self, days: int) -> int:
        """Queues companies that were not crawled for so many days; how many. A domain that failed
        is not tried again sooner than after as many days."""
        now = self._clock()
        async with self._database.transaction() as tx:
            await store.lock_schedule(tx)
            stale = await store.list_stale_domains(tx, now - days * DAY_MS, SCHEDULED_MAX)
            for start in range(0, len(stale), DOMAINS_MAX):
                wanted = [(domain, True) for domain in stale[start : start + DOMAINS_MAX]]
                await self._create(tx, None, wanted)
        return len(stale)

    async def purge_done(self, days: int) -> int:
        """Removes jobs of which every domain ended so many days ago, a few at a time; how many."""
        before = self._clock() - days * DAY_MS
        count = 0
        while True:
            async with self._database.transaction() as tx:
                removed = await store.remove_done_jobs(tx, before, PURGED_AT_ONCE_MAX)
            count += removed
            if removed < PURGED_AT_ONCE_MAX:
                return count

    async def _create(
        self, tx: Transaction, org_id: int | None, wanted: Sequence[tuple[str, bool]]
    ) -> str:
        job_id, now = self._new_id(_PREFIX), self._clock()
        refused = outcome("invalid_domain")
        domains = [
            DomainState(domain, "queued", None, None, None)
            if is_domain
            else DomainState(domain, "failed", refused, None, now)
            for domain, is_domain in wanted
        ]
        await store.add_job(tx, job_id, org_id, now, domains)
        places = [place for place, one in enumerate(domains) if one.status == "queued"]
        await self._put(tx, job_id, places)
        return job_id

    async def _put(self, tx: Transaction, job_id: str, places: Iterable[int]) -> None:
        payloads = [f"{job_id}/{place}" for place in places]
        await put_tasks(tx, KIND, payloads, self._clock())
