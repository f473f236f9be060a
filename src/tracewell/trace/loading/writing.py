"""What a workspace has become, written: new companies in bulk, changed ones whole, records."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

from tracewell.kernel.database import Transaction
from tracewell.trace.companies import store as companies
from tracewell.trace.companies.bulk import insert_companies, reserve_company_ids
from tracewell.trace.companies.model import Company, Domain
from tracewell.trace.loading import store
from tracewell.trace.loading.known import Known
from tracewell.trace.loading.workspace import Workspace
from tracewell.trace.partnerships import store as partnerships
from tracewell.trace.technologies.model import Technology
from tracewell.trace.technologies.store import count_technologies, fetch_catalogue

NEVER_CRAWLED = 0
"""`last_crawled_at` of a company of which no page was ever read; the profile shows null."""


class Writer:
    """Writes workspaces; keeps the catalogue of technologies between them."""

    def __init__(self) -> None:
        self._catalogue: Mapping[int, Technology] = {}

    async def write(self, tx: Transaction, workspace: Workspace) -> None:
        """Writes what has changed. The caller has locked the companies."""
        ids = await self._add(tx, [one for one in workspace.changed if one < 0], workspace)
        changed = [workspace.companies[one] for one in workspace.changed if one > 0]
        if changed or ids:
            await self._renew_catalogue(tx)
        new = [replace(workspace.companies[one], company_id=ids[one]) for one in ids]
        await store.write_keys(tx, [*new, *changed])
        domains = {domain: known.company_id for known in new for domain in known.domains}
        for known in changed:
            domains.update(await self._change(tx, known))
        await self._welcome(tx, domains)
        kept = [one for one in workspace.kept.values() if one.is_changed]
        for one in kept:
            if one.company_id is not None:
                one.company_id = ids.get(one.company_id, one.company_id)
        await store.save_kept(tx, kept)

    async def _add(
        self, tx: Transaction, new: Sequence[int], workspace: Workspace
    ) -> dict[int, int]:
        """The ids of the new companies by those that they had in the workspace."""
        if not new:
            return {}
        ids = dict(zip(new, await reserve_company_ids(tx, len(new)), strict=True))
        await insert_companies(tx, [_company(workspace.companies[one], ids[one]) for one in new])
        return ids

    async def _change(self, tx: Transaction, known: Known) -> dict[str, int]:
        """Writes a company that was there; the domains that it had not."""
        company = await companies.get_company(tx, known.company_id, self._catalogue)
        have = {domain.domain for domain in company.domains}
        further = [domain for domain in known.domains if domain not in have]
        at = max(fact.observed_at for fact in known.facts)
        aliases = tuple(Domain(domain, False, at, at) for domain in further)
        company = replace(company, facts=known.facts, domains=(*company.domains, *aliases))
        await companies.save_company(tx, company)
        return dict.fromkeys(further, known.company_id)

    async def _welcome(self, tx: Transaction, domains: Mapping[str, int]) -> None:
        """Who named the domain as a partner's before has a company as partner from now on."""
        if not domains:
            return
        touched: set[int] = set()
        for domain in sorted(await store.list_named_domains(tx, list(domains))):
            touched |= await partnerships.lead_to_company(tx, f"domain:{domain}", domains[domain])
        await self.count_anew(tx, touched)

    async def count_anew(self, tx: Transaction, company_ids: set[int]) -> None:
        """Renders companies anew whose partners have changed."""
        if company_ids:
            await self._renew_catalogue(tx)
        for company_id in sorted(company_ids):
            company = await companies.get_company(tx, company_id, self._catalogue)
            count = await partnerships.count_partners(tx, company_id)
            await companies.save_company(tx, replace(company, partnership_count=count))

    async def _renew_catalogue(self, tx: Transaction) -> None:
        if await count_technologies(tx) != len(self._catalogue):
            found = await fetch_catalogue(tx)
            self._catalogue = {one.technology_id: one for one in found.values()}


def _company(known: Known, company_id: int) -> Company:
    at = known.first_observed_at
    domains = tuple(
        Domain(domain, domain == known.primary_domain, at, at) for domain in known.domains
    )
    return Company(
        company_id, known.slug, known.primary_domain, domains, (), known.facts, 0, 0, at, at,
        NEVER_CRAWLED, (),
    )  # fmt: skip
