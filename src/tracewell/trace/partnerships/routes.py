"""The routes of partnerships. Metered: one credit for each partner of ours."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import Path, Query, Request
from starlette.responses import Response

from tracewell.extraction import PARTNERSHIP_TYPES, PartnershipType
from tracewell.kernel.credits import Charge
from tracewell.kernel.http.answer import as_response, json_answer
from tracewell.kernel.http.app import passed
from tracewell.kernel.http.endpoint import Access, Endpoint
from tracewell.trace import errors
from tracewell.trace.metering import call_of, charge_headers
from tracewell.trace.paging import (
    LIMIT_DEFAULT,
    Page,
    PageLimit,
    PageNumber,
    Pager,
)
from tracewell.trace.partnerships import wire
from tracewell.trace.partnerships.graph import DEPTH_MAX, NODES_MAX
from tracewell.trace.partnerships.reading import (
    PartnerPage,
    Sort,
    Wanted,
)
from tracewell.trace.partnerships.service import Partnerships
from tracewell.trace.texts import SearchText

_TAG = "Partnerships"
_KIND = "|".join(PARTNERSHIP_TYPES)

Identifier = Annotated[str, Path(description="A domain or a slug.")]
Types = Annotated[
    str,
    Query(
        pattern=f"^(?:{_KIND})(?:,(?:{_KIND})){{0,{len(PARTNERSHIP_TYPES) - 1}}}$",
        description=f"Of {', '.join(PARTNERSHIP_TYPES)}, comma-separated; all unless given.",
    ),
]
Search = Annotated[SearchText, Query(description="Part of the partner's name or domain.")]


def partnership_endpoints(service: Partnerships, pager: Pager) -> tuple[Endpoint, ...]:
    """The endpoints of partnerships."""

    def told(
        request: Request,
        about: dict[str, Any],
        side: str,
        found: PartnerPage,
        at: Page,
        charge: Charge,
    ) -> Response:
        rows = [wire.row(side, row) for row in found.rows]
        body = {
            **about,
            "type_counts": wire.counts(found.type_counts),
            **pager.envelope(request.scope, at, rows, found.total),
        }
        return as_response(json_answer(body, headers=charge_headers(charge)))

    async def list_partnerships(
        request: Request,
        identifier: Identifier,
        q: Search | None = None,
        partnership_types: Types | None = None,
        sort: Sort = "-last_observed_at",
        page: PageNumber = 1,
        limit: PageLimit = LIMIT_DEFAULT,
    ) -> Response:
        """The partners of a company, by its own pages and by theirs."""
        at, wanted = Page(page, limit), Wanted(q or None, _types(partnership_types), sort)
        (head, found), charge = await service.list_partners(
            call_of(passed(request)), identifier, wanted, at
        )
        return told(request, {"company": wire.company(head)}, "partner", found, at, charge)

    async def list_partner_companies(
        request: Request,
        partner_domain: Identifier,
        q: Search | None = None,
        partnership_types: Types | None = None,
        sort: Sort = "-last_observed_at",
        page: PageNumber = 1,
        limit: PageLimit = LIMIT_DEFAULT,
    ) -> Response:
        """The companies whose pages name this one as a partner."""
        at, wanted = Page(page, limit), Wanted(q or None, _types(partnership_types), sort)
        (partner, found), charge = await service.list_publishers(
            call_of(passed(request)), partner_domain, wanted, at
        )
        return told(request, {"partner": wire.partner(partner)}, "company", found, at, charge)

    async def get_pair(request: Request, a: Identifier, b: Identifier) -> Response:
        """Whether two are partners, since when, and the pages that say so."""
        pair, charge = await service.get_pair(call_of(passed(request)), a, b)
        return as_response(json_answer(wire.pair(pair), headers=charge_headers(charge)))

    async def list_shared(
        request: Request,
        a: Identifier,
        b: Identifier,
        page: PageNumber = 1,
        limit: PageLimit = LIMIT_DEFAULT,
    ) -> Response:
        """The partners that two companies share, by name."""
        at = Page(page, limit)
        (first, second, rows, total), charge = await service.list_shared(
            call_of(passed(request)), a, b, at
        )
        body = {
            "companies": [wire.company(first), wire.company(second)],
            **pager.envelope(request.scope, at, [wire.shared(row) for row in rows], total),
        }
        return as_response(json_answer(body, headers=charge_headers(charge)))

    async def get_graph(
        request: Request,
        identifier: Identifier,
        depth: Annotated[int, Query(ge=1, le=DEPTH_MAX)] = 1,
        limit_nodes: Annotated[
            int, Query(ge=1, le=NODES_MAX, description="Nodes at most, the root among them.")
        ] = 100,
        partnership_types: Types | None = None,
    ) -> Response:
        """The partnerships around a company, nearest and last observed first."""
        graph, charge = await service.get_graph(
            call_of(passed(request)),
            identifier,
            depth=depth,
            nodes_max=limit_nodes,
            types=_types(partnership_types),
        )
        return as_response(json_answer(wire.graph(graph), headers=charge_headers(charge)))

    page = Access(charges="1 credit per company on the page that is not unlocked")
    pair = Access(charges="1 credit for each of the two companies that is not unlocked")
    graph = Access(charges="1 credit per company in the graph, but the root, that is not unlocked")
    company = (errors.COMPANY_NOT_FOUND, errors.CREDIT_EXHAUSTED)
    partner = (errors.PARTNER_NOT_FOUND, errors.CREDIT_EXHAUSTED)
    return (
        Endpoint(
            "GET", "/v1/companies/{identifier}/partnerships", list_partnerships, page,
            "List a company's partnerships", wire.CompanyPartnerships, _TAG, errors=company,
        ),
        Endpoint(
            "GET", "/v1/companies/{identifier}/partnerships/graph", get_graph, graph,
            "Get the graph of partnerships", wire.GraphAnswer, _TAG, errors=company,
        ),
        Endpoint(
            "GET", "/v1/partnerships/{partner_domain}/companies", list_partner_companies, page,
            "List who names a partner", wire.PartnerCompanies, _TAG, errors=partner,
        ),
        Endpoint(
            "GET", "/v1/partnerships/{a}/{b}", get_pair, pair, "Get a pair of partners",
            wire.PairAnswer, _TAG, errors=(errors.COMPANY_NOT_FOUND, *partner),
        ),
        Endpoint(
            "GET", "/v1/partnerships/{a}/{b}/shared", list_shared, page,
            "List shared partners", wire.SharedPartners, _TAG, errors=company,
        ),
    )  # fmt: skip


def _types(text: str | None) -> tuple[PartnershipType, ...]:
    asked = text.split(",") if text else []
    return tuple(one for one in PARTNERSHIP_TYPES if one in asked)
