"""Looks into the kept captures of each company again and replaces what they said before.

A company is one transaction, and remembers with which fingerprints it was done: a redetection that
was stopped goes on where it was, and readers see a company before it or after it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

from tracewell.detection import FingerprintSet
from tracewell.kernel.database import Database, Transaction
from tracewell.trace.companies import store as companies
from tracewell.trace.companies.indexing import ensure_indexed_catalogue
from tracewell.trace.companies.model import Company, Sighting, Use
from tracewell.trace.companies.rules import name_of, observe
from tracewell.trace.ingest.model import Observed
from tracewell.trace.ingest.rules import Page, judge, sighting_of
from tracewell.trace.ingest.workers import Look, open_lookers
from tracewell.trace.partnerships import store as partnerships
from tracewell.trace.partnerships.replacing import replace_claims
from tracewell.trace.partnerships.rules import add_claims
from tracewell.trace.postings import store as postings
from tracewell.trace.redetection import store
from tracewell.trace.redetection.model import Ingested, RedetectionSummary
from tracewell.trace.redetection.rules import content_of, strip_company
from tracewell.trace.technologies.model import Technology
from tracewell.values import Capture

Read = Callable[[str], Capture | None]
"""The capture of an id, None where no archive holds it any more."""
OnProgress = Callable[[RedetectionSummary], None]

PAGES_AT_ONCE = 8
TRIES_MAX = 3


class _OnlyTried(Exception):  # noqa: N818 - takes back what a dry run has written
    pass


class _Moved(Exception):  # noqa: N818
    """Further captures of the company were taken in meanwhile."""


async def redetect_companies(
    database: Database,
    fingerprints: FingerprintSet,
    digest: str,
    read: Read,
    *,
    jobs: int = 1,
    is_dry: bool = False,
    on_progress: OnProgress = lambda _: None,
) -> RedetectionSummary:
    """Redetects every company that was not looked into with the fingerprints of that digest.

    With `is_dry` everything is done and taken back, company by company; the catalogue alone learns
    the fingerprints' names. What came from captures that cannot be read stays. Raises
    DatabaseFailed.
    """
    async with database.transaction() as tx:
        await companies.lock_companies(tx)
        catalogue = await ensure_indexed_catalogue(tx, fingerprints.technologies.values())
        total = await store.count_due(tx, digest)
    async with open_lookers(fingerprints, jobs) as look:
        work = _Redetection(
            database, catalogue, digest, read, look, is_dry, RedetectionSummary(total)
        )
        after = 0
        while (company_id := await work.find_next(after)) is not None:
            after = company_id
            await work.redetect(company_id)
            on_progress(work.summary)
    return work.summary


@dataclass(slots=True)
class _Redetection:
    database: Database
    catalogue: Mapping[str, Technology]
    digest: str
    read: Read
    look: Look
    is_dry: bool
    summary: RedetectionSummary

    async def find_next(self, after: int) -> int | None:
        async with self.database.snapshot() as tx:
            return await store.find_next_due(tx, after, self.digest)

    async def redetect(self, company_id: int) -> None:
        """Does one company; one whose captures keep coming is left for another time."""
        for _ in range(TRIES_MAX):
            async with self.database.snapshot() as tx:
                ingested = await store.list_ingested(tx, company_id)
            observed = await self._observe(ingested)
            try:
                async with self.database.transaction() as tx:
                    await companies.lock_companies(tx)
                    if await store.list_ingested(tx, company_id) != ingested:
                        raise _Moved
                    before, after = await self._replace(tx, company_id, ingested, observed)
                    await store.note_digest(tx, company_id, self.digest)
                    if self.is_dry:
                        raise _OnlyTried
            except _Moved:
                continue
            except _OnlyTried:
                pass
            self._count(before, after, ingested, observed)
            return
        self.summary.companies_put_off += 1

    async def _observe(self, ingested: Sequence[Ingested]) -> dict[str, Observed]:
        """What the captures that are still there say now, by their hashes."""
        found: dict[str, Observed] = {}
        pages: list[Page] = []
        for number, one in enumerate(ingested, 1):
            capture = self.read(one.capture)
            judged = judge(capture) if capture is not None else None
            # A file of the same name may hold something else by now.
            if isinstance(judged, Page) and judged.key == one.key:
                pages.append(judged)
            if len(pages) == PAGES_AT_ONCE or (pages and number == len(ingested)):
                found |= {observed.key: observed for observed in await self.look(pages)}
                pages = []
        return found

    async def _replace(
        self,
        tx: Transaction,
        company_id: int,
        ingested: Sequence[Ingested],
        observed: Mapping[str, Observed],
    ) -> tuple[Company, Company]:
        by_id = {one.technology_id: one for one in self.catalogue.values()}
        before = await companies.get_company(tx, company_id, by_id)
        if not observed:
            return before, before
        missing = [one for one in ingested if one.key not in observed]
        sightings: list[Sighting] = [sighting_of(one, self.catalogue) for one in observed.values()]
        read_again = [one for one in ingested if one.key in observed]
        after = observe(strip_company(before, missing, read_again), sightings)
        touched = await self._replace_claims(tx, after, missing, observed.values())
        await self._replace_postings(tx, after, observed.values())
        has = {use.technology.technology_id for use in after.uses}
        gone = [use for use in before.uses if use.technology.technology_id not in has]
        after = await self._save(tx, after, gone)
        for other in sorted(touched - {company_id}):
            await self._save(tx, await companies.get_company(tx, other, by_id))
        return before, after

    async def _replace_claims(
        self,
        tx: Transaction,
        company: Company,
        missing: Sequence[Ingested],
        observed: Iterable[Observed],
    ) -> set[int]:
        own = {domain.domain for domain in company.domains}
        claims = add_claims(
            claim for one in observed for claim in one.claims if claim.partner_domain not in own
        )
        publisher = (name_of(company), company.primary_domain)
        gone = {one.capture for one in missing}
        return await replace_claims(tx, company.company_id, publisher, claims, gone)

    async def _replace_postings(
        self, tx: Transaction, company: Company, observed: Iterable[Observed]
    ) -> None:
        observed = list(observed)
        read_again = {one.capture for one in observed}
        before = await store.drop_postings(tx, company.company_id, read_again)
        seen = (posting for one in observed for posting in one.postings)
        await postings.save_postings(tx, company.company_id, seen, self.catalogue)
        await store.keep_first_sights(tx, company.company_id, before)

    async def _save(self, tx: Transaction, company: Company, gone: Sequence[Use] = ()) -> Company:
        at = company.last_crawled_at
        counted = replace(
            await partnerships.with_partners(tx, company),
            posting_count=await postings.count_open(tx, company.company_id, at),
        )
        await companies.save_company(tx, counted, gone)
        return counted

    def _count(
        self,
        before: Company,
        after: Company,
        ingested: Sequence[Ingested],
        observed: Mapping[str, Observed],
    ) -> None:
        summary = self.summary
        had = {use.technology.name for use in before.uses}
        has = {use.technology.name for use in after.uses}
        summary.companies_done += 1
        summary.companies_changed += content_of(before) != content_of(after)
        summary.companies_without_captures += not observed
        summary.captures_read += len(observed)
        summary.captures_missing += len(ingested) - len(observed)
        summary.partnerships_before += before.partnership_count
        summary.partnerships_after += after.partnership_count
        summary.postings_before += before.posting_count
        summary.postings_after += after.posting_count
        summary.gained.update(has - had)
        summary.lost.update(had - has)
