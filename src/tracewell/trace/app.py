"""Trace as a whole: its features' endpoints, in one place, for main to wire."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass

from fastapi import APIRouter

from tracewell.kernel.clock import Clock
from tracewell.kernel.credits import Ledger
from tracewell.kernel.database import Database
from tracewell.kernel.http.endpoint import Endpoint
from tracewell.kernel.http.gate import FastHandler
from tracewell.kernel.identity.service import Identity
from tracewell.kernel.ids import IdFactory
from tracewell.kernel.limits import Limiter
from tracewell.trace.accounts.routes import accounts_router
from tracewell.trace.accounts.service import Accounts
from tracewell.trace.companies.routes import company_endpoints, company_fast_handlers
from tracewell.trace.companies.service import Companies
from tracewell.trace.computations.routes import computation_endpoints
from tracewell.trace.credits.routes import credit_endpoints
from tracewell.trace.credits.service import Credits
from tracewell.trace.details.routes import detail_endpoints
from tracewell.trace.details.service import Details
from tracewell.trace.enrichment.routes import enrichment_endpoints
from tracewell.trace.enrichment.service import Enrichment
from tracewell.trace.filters.sources import CompanyMemory
from tracewell.trace.flags.routes import flag_endpoints
from tracewell.trace.flags.service import Flags
from tracewell.trace.jobs.routes import job_endpoints
from tracewell.trace.jobs.service import Jobs
from tracewell.trace.lists.builder_routes import builder_endpoints
from tracewell.trace.lists.definition_routes import definition_endpoints, domain_endpoints
from tracewell.trace.lists.definitions import Definitions
from tracewell.trace.lists.member_routes import member_endpoints
from tracewell.trace.lists.members import Members
from tracewell.trace.lists.routes import list_endpoints
from tracewell.trace.lists.service import Lists
from tracewell.trace.lists.sharing import Sharing
from tracewell.trace.lists.sharing_routes import sharing_endpoints
from tracewell.trace.paging import Pager
from tracewell.trace.partnerships.routes import partnership_endpoints
from tracewell.trace.partnerships.service import Partnerships
from tracewell.trace.search.routes import search_endpoints
from tracewell.trace.search.service import Search
from tracewell.trace.search.users import Users, user_endpoints
from tracewell.trace.technologies.routes import technology_endpoints
from tracewell.trace.technologies.service import Technologies


@dataclass(frozen=True, slots=True)
class Trace:
    """What main wires: endpoints behind the gate, those that the gate answers itself by name, and
    the routes for `/auth`, which stand outside of it; `warm` reads what first answers would wait
    for."""

    endpoints: tuple[Endpoint, ...]
    fast: Mapping[str, FastHandler]
    accounts: APIRouter
    warm: Callable[[], Awaitable[None]]


def build_trace(
    *,
    database: Database,
    ledger: Ledger,
    identity: Identity,
    limiter: Limiter,
    clock: Clock,
    new_id: IdFactory,
    public_url: str | None = None,
) -> Trace:
    """Makes the product's services over the ground's parts."""
    pager = Pager(public_url)
    companies = Companies(database, ledger)
    search = Search(database, ledger, CompanyMemory())
    members = Members(database, ledger, search, clock)
    return Trace(
        endpoints=(
            *company_endpoints(companies, pager),
            *search_endpoints(search, pager),
            *partnership_endpoints(Partnerships(database, ledger), pager),
            *enrichment_endpoints(Enrichment(database, ledger)),
            *detail_endpoints(Details(database, ledger), pager),
            *user_endpoints(Users(database, ledger, search), pager),
            *technology_endpoints(Technologies(database), pager),
            *credit_endpoints(Credits(database, ledger, clock), pager),
            *flag_endpoints(Flags(database, clock, new_id)),
            *job_endpoints(Jobs(database, clock, new_id)),
            *_list_endpoints(database, search, members, clock, new_id, pager),
            *computation_endpoints(database, ledger, search, members, clock, pager),
        ),
        fast=company_fast_handlers(companies),
        accounts=accounts_router(Accounts(identity, limiter)),
        warm=search.warm,
    )


def _list_endpoints(
    database: Database,
    search: Search,
    members: Members,
    clock: Clock,
    new_id: IdFactory,
    pager: Pager,
) -> tuple[Endpoint, ...]:
    definitions = Definitions(database, clock)
    # FastAPI takes the first route that fits: fixed paths stand before `/v1/lists/{list_id}`.
    return (
        *builder_endpoints(database, search),
        *definition_endpoints(definitions, pager),
        *member_endpoints(members, pager),
        *list_endpoints(Lists(database, clock, new_id), pager),
        *domain_endpoints(definitions, pager, "added"),
        *domain_endpoints(definitions, pager, "excluded"),
        *sharing_endpoints(Sharing(database, clock), pager),
    )
