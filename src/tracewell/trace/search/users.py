"""The companies that run a technology, or something of a vendor: searches with a condition."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Any, Literal

from fastapi import Query as Parameter
from fastapi import Request
from pydantic import BaseModel, ConfigDict
from starlette.responses import Response

from tracewell.kernel.credits import Call, Charge, Ledger
from tracewell.kernel.credits.batch import Found
from tracewell.kernel.database import Database, Transaction
from tracewell.kernel.http.answer import as_response, json_answer
from tracewell.kernel.http.app import passed
from tracewell.kernel.http.endpoint import Endpoint
from tracewell.trace import errors
from tracewell.trace.filters.kinds import UseValue, Version
from tracewell.trace.filters.model import Leaf
from tracewell.trace.metering import call_of, charge_headers, metered
from tracewell.trace.paging import (
    LIMIT_DEFAULT,
    Page,
    PageLimit,
    PageNumber,
    Pager,
    Pagination,
)
from tracewell.trace.search.model import CompanyQuery
from tracewell.trace.search.routes import PAID_PAGE, CompanyFilters, CompanySummary, summaries
from tracewell.trace.search.service import Rows, Search
from tracewell.trace.technologies.model import CountedTechnology, Vendor
from tracewell.trace.technologies.routes import (
    TechnologyAnswer,
    VendorAnswer,
    technology_row,
    vendor_row,
)
from tracewell.trace.technologies.service import get_technology, get_vendor


class TechnologyCompanies(BaseModel):
    """A page of the companies that run a technology."""

    model_config = ConfigDict(extra="forbid")

    technology: TechnologyAnswer
    data: list[CompanySummary]
    pagination: Pagination


class VendorCompanies(BaseModel):
    """A page of the companies that run something of a vendor."""

    model_config = ConfigDict(extra="forbid")

    vendor: VendorAnswer
    data: list[CompanySummary]
    pagination: Pagination


@dataclass(frozen=True, slots=True)
class Users:
    """Who runs what; charged for the page's companies."""

    database: Database
    ledger: Ledger
    search: Search

    async def of_technology(
        self, call: Call, slug: str, use: UseValue, query: CompanyQuery, page: Page
    ) -> tuple[tuple[CountedTechnology, Rows], Charge]:
        """Raises ApiError (technology_not_found), CreditsExhausted, DatabaseFailed."""

        async def read(tx: Transaction) -> Found[tuple[CountedTechnology, Rows]]:
            technology = await get_technology(tx, slug)
            leaf = Leaf("technology_use", "matches", use)
            rows = await self.search.read_page(tx, query, page, leaf)
            return Found((technology, rows), tuple(row.company_id for row in rows[0]))

        return await metered(self.database, self.ledger, call, read)

    async def of_vendor(
        self, call: Call, slug: str, query: CompanyQuery, page: Page
    ) -> tuple[tuple[Vendor, Rows], Charge]:
        """Raises ApiError (vendor_not_found), CreditsExhausted, DatabaseFailed."""

        async def read(tx: Transaction) -> Found[tuple[Vendor, Rows]]:
            vendor = await get_vendor(tx, slug)
            leaf = Leaf("vendor", "any_of", [slug])
            rows = await self.search.read_page(tx, query, page, leaf)
            return Found((vendor, rows), tuple(row.company_id for row in rows[0]))

        return await metered(self.database, self.ledger, call, read)


def user_endpoints(service: Users, pager: Pager) -> tuple[Endpoint, ...]:
    """The endpoints of who runs what."""

    async def list_technology_companies(
        request: Request,
        slug: str,
        query: CompanyFilters,
        status: Literal["active", "dropped"] = "active",
        version: Annotated[
            Version | None, Parameter(description="Exact or a beginning: `6.1` finds 6.1.3.")
        ] = None,
        min_confidence: Annotated[int, Parameter(ge=0, le=100)] = 0,
        page: PageNumber = 1,
        limit: PageLimit = LIMIT_DEFAULT,
    ) -> Response:
        """The companies that run the technology, or have dropped it, and fit every filter."""
        wanted, call = Page(page, limit), call_of(passed(request))
        use = UseValue.model_construct(
            technology=slug, status=status, version=version, min_confidence=min_confidence
        )
        (technology, (rows, total)), charge = await service.of_technology(
            call, slug, use, query, wanted
        )
        body: dict[str, Any] = {
            "technology": technology_row(technology),
            **pager.envelope(request.scope, wanted, summaries(rows), total),
        }
        return as_response(json_answer(body, headers=charge_headers(charge)))

    async def list_vendor_companies(
        request: Request,
        slug: str,
        query: CompanyFilters,
        page: PageNumber = 1,
        limit: PageLimit = LIMIT_DEFAULT,
    ) -> Response:
        """The companies that run something of the vendor and fit every filter."""
        wanted, call = Page(page, limit), call_of(passed(request))
        (vendor, (rows, total)), charge = await service.of_vendor(call, slug, query, wanted)
        body = {
            "vendor": vendor_row(vendor),
            **pager.envelope(request.scope, wanted, summaries(rows), total),
        }
        return as_response(json_answer(body, headers=charge_headers(charge)))

    return (
        Endpoint(
            "GET", "/v1/technologies/{slug}/companies", list_technology_companies, PAID_PAGE,
            "List the companies of a technology", TechnologyCompanies, "Technologies",
            errors=(errors.TECHNOLOGY_NOT_FOUND, errors.CREDIT_EXHAUSTED),
        ),
        Endpoint(
            "GET", "/v1/vendors/{slug}/companies", list_vendor_companies, PAID_PAGE,
            "List the companies of a vendor", VendorCompanies, "Technologies",
            errors=(errors.VENDOR_NOT_FOUND, errors.CREDIT_EXHAUSTED),
        ),
    )  # fmt: skip
