"""From captures to companies: judge, look into, add up, write; a stream of any length.

The same captures in any order, in any number of runs and at once, give the same companies; a
capture that was taken in before changes nothing.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import AsyncIterator, Iterable, Iterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import replace
from itertools import islice
from typing import TypeVar

from tracewell.detection import Fingerprint, FingerprintSet
from tracewell.kernel.clock import DAY_MS, system_clock
from tracewell.kernel.database import Database, Transaction
from tracewell.trace.companies import store as companies
from tracewell.trace.companies.indexing import ensure_indexed_catalogue
from tracewell.trace.companies.model import Company
from tracewell.trace.companies.rules import add_alias, name_of, observe
from tracewell.trace.companies.slugs import iter_slugs
from tracewell.trace.ingest import store
from tracewell.trace.ingest.model import IngestSummary, Observed, OnProgress, Redirect, Tally
from tracewell.trace.ingest.rules import Outcome, Page, Skipped, judge, sighting_of
from tracewell.trace.ingest.workers import Look, open_lookers
from tracewell.trace.loading.service import settle_waiting
from tracewell.trace.partnerships import store as partnerships
from tracewell.trace.partnerships.rules import add_claims
from tracewell.trace.postings import store as postings
from tracewell.trace.technologies.model import Technology
from tracewell.trace.technologies.store import count_technologies, fetch_catalogue
from tracewell.values import Capture

CHUNK_CAPTURES = 8
"""Captures that are read and looked into together: bounds what is in memory with `jobs`."""
BATCH_CAPTURES = 100
"""Captures that are written in one transaction: bounds how long a writer waits for its turn."""

_AHEAD = "dated in the future"
_Judged = TypeVar("_Judged", bound=Observed | Page | Redirect | Skipped)


async def ingest_captures(
    database: Database,
    fingerprints: FingerprintSet,
    captures: Iterable[Capture],
    *,
    jobs: int = 1,
    on_progress: OnProgress | None = None,
) -> IngestSummary:
    """Takes captures in; `jobs` above 1 look into them in that many processes.

    `captures` is read in a thread, no faster than it is worked on. `on_progress` is called in the
    event loop after each chunk. What was written stays when it ends early, and a second run does
    the rest. Raises DatabaseFailed, and whatever reading `captures` raises.
    """
    async with open_ingestion(database, fingerprints, jobs=jobs) as ingestion:
        return await ingestion.take(captures, on_progress=on_progress)


@asynccontextmanager
async def open_ingestion(
    database: Database, fingerprints: FingerprintSet, *, jobs: int = 1
) -> AsyncIterator[Ingestion]:
    """For whoever takes captures in again and again: fingerprints and processes are made ready
    once. Raises DatabaseFailed."""
    async with database.transaction() as tx:
        await companies.lock_companies(tx)
        catalogue = await ensure_indexed_catalogue(tx, fingerprints.technologies.values())
    async with open_lookers(fingerprints, jobs) as look:
        yield Ingestion(database, catalogue, look, chunks_max=2 * jobs)


class Ingestion:
    """Takes captures in; any number of calls may be under way at once."""

    def __init__(
        self,
        database: Database,
        catalogue: Mapping[str, Technology],
        look: Look,
        *,
        chunks_max: int,
    ) -> None:
        self._database = database
        self._catalogue = catalogue
        self._look = look
        self._chunks_max = chunks_max

    async def take(
        self, captures: Iterable[Capture], *, on_progress: OnProgress | None = None
    ) -> IngestSummary:
        """As `ingest_captures`."""
        ingest = _Ingest(self._database, await self.renew_catalogue(), on_progress)
        await ingest.run(iter(captures), self._look, chunks_max=self._chunks_max)
        return ingest.tally.summary()

    async def renew_catalogue(self) -> Mapping[str, Technology]:
        """The technologies by name, those included that others have added meanwhile."""
        async with self._database.snapshot() as tx:
            if await count_technologies(tx) != len(self._catalogue):
                self._catalogue = await fetch_catalogue(tx)
        return self._catalogue


async def load_outcomes(
    database: Database,
    technologies: Iterable[Fingerprint],
    outcomes: Iterable[Outcome],
    *,
    on_progress: OnProgress | None = None,
) -> IngestSummary:
    """Writes what was observed elsewhere, and gives what `ingest_captures` of those captures gives.

    `technologies` are all that the outcomes may name. What was taken in before changes nothing.
    Raises DatabaseFailed, and whatever reading `outcomes` raises.
    """
    async with database.transaction() as tx:
        await companies.lock_companies(tx)
        catalogue = await ensure_indexed_catalogue(tx, technologies)
    ingest = _Ingest(database, catalogue, on_progress)
    await ingest.load(iter(outcomes))
    return ingest.tally.summary()


class _Ingest:
    """One run."""

    def __init__(
        self,
        database: Database,
        catalogue: Mapping[str, Technology],
        on_progress: OnProgress | None,
    ) -> None:
        self._database = database
        self._catalogue = catalogue
        self._by_id = {one.technology_id: one for one in catalogue.values()}
        self._on_progress = on_progress
        self._batch: list[Observed] = []
        # What needs a company that a later capture may bring.
        self._redirects: list[Redirect] = []
        self._sideways: list[Observed] = []
        self.tally = Tally()

    async def run(self, captures: Iterator[Capture], look: Look, chunks_max: int) -> None:
        under_way: deque[asyncio.Future[list[Observed]]] = deque()
        try:
            while chunk := await asyncio.to_thread(_judge_chunk, captures):
                pages = await self._sort_out(_none_ahead(chunk))
                if pages:
                    under_way.append(look(pages))
                if len(under_way) >= chunks_max:
                    await self._take(await under_way.popleft())
            while under_way:
                await self._take(await under_way.popleft())
        finally:
            for future in under_way:
                future.cancel()
        await self._finish()

    async def load(self, outcomes: Iterator[Outcome]) -> None:
        while chunk := await asyncio.to_thread(list, islice(outcomes, BATCH_CAPTURES)):
            dated = _none_ahead(chunk)
            self._set_aside(dated)
            observed = [one for one in dated if isinstance(one, Observed)]
            self.tally.read += len(observed)
            await self._take(observed)
        await self._finish()

    async def _finish(self) -> None:
        await self._write_batch()
        await self._write_sideways()
        # Records of lists and registers that were kept aside may be those of these companies.
        await settle_waiting(self._database)
        self._tell()

    def _set_aside(self, chunk: Iterable[object]) -> None:
        """Counts what is skipped and keeps redirects for the end."""
        for one in chunk:
            if isinstance(one, Skipped):
                self.tally.read += one.captures
                self.tally.skipped[one.reason] += one.captures
            elif isinstance(one, Redirect):
                self.tally.read += 1
                self._redirects.append(one)

    async def _sort_out(self, chunk: Sequence[Page | Redirect | Skipped]) -> list[Page]:
        """Counts what is skipped or known, keeps redirects; the pages to look into."""
        self._set_aside(chunk)
        pages = {judged.key: judged for judged in chunk if isinstance(judged, Page)}
        page_count = sum(isinstance(one, Page) for one in chunk)
        self.tally.read += page_count
        self.tally.known += page_count - len(pages)
        if pages:
            async with self._database.snapshot() as tx:
                known = await store.fetch_known_keys(tx, list(pages))
            self.tally.known += len(known)
            return [page for key, page in pages.items() if key not in known]
        return []

    async def _take(self, observed: Iterable[Observed]) -> None:
        for one in observed:
            (self._batch if one.is_page else self._sideways).append(one)
        if len(self._batch) >= BATCH_CAPTURES:
            await self._write_batch()
        self._tell()

    def _tell(self) -> None:
        if self._on_progress is not None:
            self._on_progress(self.tally.summary())

    async def _write_batch(self) -> None:
        batch, self._batch = self._batch, []
        if not batch:
            return
        async with self._database.transaction() as tx:
            await companies.lock_companies(tx)
            touched: set[int] = set()
            for domain, fresh in await self._fresh(tx, batch):
                company_id = await companies.find_company_id(tx, domain)
                if company_id is None:
                    begun = min(one.captured_at for one in fresh)
                    company = await companies.add_company(
                        tx, await _free_slug(tx, domain), domain, begun
                    )
                    self.tally.new.add(company.company_id)
                    touched |= await self._welcome(tx, company.company_id, domain)
                else:
                    company = await companies.get_company(tx, company_id, self._by_id)
                touched |= await self._add_up(tx, company, fresh)
            await self._count_anew(tx, touched)

    async def _fresh(
        self, tx: Transaction, batch: Sequence[Observed]
    ) -> list[tuple[str, list[Observed]]]:
        """What was not taken in before, by domain. Exact: writers of companies take turns."""
        by_key = {one.key: one for one in batch}
        known = await store.fetch_known_keys(tx, list(by_key))
        self.tally.known += len(batch) - len(by_key) + len(known)
        by_domain: dict[str, list[Observed]] = {}
        for key, one in by_key.items():
            if key not in known:
                by_domain.setdefault(one.domain, []).append(one)
        return list(by_domain.items())

    async def _add_up(
        self, tx: Transaction, company: Company, fresh: Sequence[Observed]
    ) -> set[int]:
        """Writes the company with what is new; which other companies' partners have changed."""
        company_id = company.company_id
        await store.add_captures(tx, company_id, fresh)
        company = observe(company, [sighting_of(one, self._catalogue) for one in fresh])
        own = {domain.domain for domain in company.domains}
        claims = add_claims(
            claim for one in fresh for claim in one.claims if claim.partner_domain not in own
        )
        publisher = (name_of(company), company.primary_domain)
        touched = await partnerships.save_claims(tx, company_id, publisher, claims)
        seen = (posting for one in fresh for posting in one.postings)
        await postings.save_postings(tx, company_id, seen, self._catalogue)
        await self._save_counted(tx, company)
        self.tally.ingested += len(fresh)
        self.tally.updated.add(company.company_id)
        self.tally.technologies.update(use.name for one in fresh for use in one.uses)
        return touched

    async def _welcome(self, tx: Transaction, company_id: int, domain: str) -> set[int]:
        """Who named the domain as a partner's before has a company as partner from now on."""
        return await partnerships.lead_to_company(tx, f"domain:{domain}", company_id)

    async def _count_anew(self, tx: Transaction, company_ids: Iterable[int]) -> None:
        """Renders companies of which others' pages told something."""
        for company_id in sorted(company_ids):
            company = await companies.get_company(tx, company_id, self._by_id)
            await self._save_counted(tx, company)

    async def _save_counted(self, tx: Transaction, company: Company) -> None:
        counted = replace(
            await partnerships.with_partners(tx, company),
            posting_count=await postings.count_open(
                tx, company.company_id, company.last_crawled_at
            ),
        )
        await companies.save_company(tx, counted)

    async def _write_sideways(self) -> None:
        """Aliases, and what robots.txt shows, of companies that exist by now."""
        redirects, self._redirects = self._redirects, []
        sideways, self._sideways = self._sideways, []
        for start in range(0, len(redirects), BATCH_CAPTURES):
            async with self._database.transaction() as tx:
                await companies.lock_companies(tx)
                for redirect in redirects[start : start + BATCH_CAPTURES]:
                    await self._write_alias(tx, redirect)
        for start in range(0, len(sideways), BATCH_CAPTURES):
            async with self._database.transaction() as tx:
                await companies.lock_companies(tx)
                batch = sideways[start : start + BATCH_CAPTURES]
                for domain, fresh in await self._fresh(tx, batch):
                    company_id = await companies.find_company_id(tx, domain)
                    if company_id is None:
                        self.tally.skipped["robots.txt alone"] += len(fresh)
                        continue
                    company = await companies.get_company(tx, company_id, self._by_id)
                    await self._count_anew(tx, await self._add_up(tx, company, fresh))
        async with self._database.transaction() as tx:
            await companies.lock_companies(tx)
            await self._count_anew(tx, await partnerships.resolve_names(tx))

    async def _write_alias(self, tx: Transaction, redirect: Redirect) -> None:
        company_id = await companies.find_company_id(tx, redirect.domain)
        taken_by = await companies.find_company_id(tx, redirect.alias)
        if company_id is None:
            self.tally.skipped["redirect to a site that no capture shows"] += 1
        elif taken_by not in (None, company_id):
            self.tally.skipped["redirect from a company of its own"] += 1
        else:
            self.tally.aliases += 1
            company = await companies.get_company(tx, company_id, self._by_id)
            changed = add_alias(company, redirect.alias, redirect.captured_at)
            if changed != company:
                await companies.save_company(tx, changed)
                await self._count_anew(tx, await self._welcome(tx, company_id, redirect.alias))
                self.tally.updated.add(company_id)


def _judge_chunk(captures: Iterator[Capture]) -> list[Page | Redirect | Skipped]:
    return [judge(capture) for capture in islice(captures, CHUNK_CAPTURES)]


def _none_ahead(chunk: Sequence[_Judged]) -> list[_Judged | Skipped]:
    """Skips what is dated in the future: nothing that is observed until then would count beside it.

    A day is left to the clocks of crawlers.
    """
    latest = system_clock() + DAY_MS
    return [
        one if isinstance(one, Skipped) or one.captured_at <= latest else Skipped(_AHEAD)
        for one in chunk
    ]


async def _free_slug(tx: Transaction, domain: str) -> str:
    for slug in iter_slugs(domain):
        if not await companies.is_slug_taken(tx, slug):
            return slug
    raise AssertionError("the slugs of a domain do not end")
