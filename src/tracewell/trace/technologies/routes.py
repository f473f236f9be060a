"""The wire models and routes of technologies, vendors and categories. Free of charge."""

from __future__ import annotations

from dataclasses import asdict
from typing import Annotated, Any

from fastapi import Query, Request
from pydantic import BaseModel, ConfigDict
from starlette.responses import Response

from tracewell.kernel.http.answer import as_response, json_answer
from tracewell.kernel.http.endpoint import Access, Endpoint
from tracewell.trace import errors
from tracewell.trace.paging import LIMIT_DEFAULT, Page, Paged, PageLimit, PageNumber, Pager
from tracewell.trace.technologies.model import CountedTechnology, Vendor
from tracewell.trace.technologies.service import Technologies
from tracewell.trace.texts import SLUG_CHARS_MAX, SLUG_PATTERN, SearchText

_TAG = "Technologies"

CategorySlug = Annotated[str, Query(max_length=SLUG_CHARS_MAX, pattern=f"^{SLUG_PATTERN}$")]


class TechnologyAnswer(BaseModel):
    """A technology and how many companies run it now."""

    model_config = ConfigDict(extra="forbid")

    slug: str
    name: str
    description: str | None
    website: str | None
    categories: list[str]
    vendor: str | None
    company_count: int


class ImpliedTechnology(BaseModel):
    """A technology that comes with another."""

    model_config = ConfigDict(extra="forbid")

    slug: str
    name: str


class MonthAnswer(BaseModel):
    """What happened in a month (`2026-06`, UTC): companies by their first use and by their drop;
    `active_count` at its end."""

    model_config = ConfigDict(extra="forbid")

    month: str
    adopted_count: int
    dropped_count: int
    active_count: int


class TechnologyDetailAnswer(TechnologyAnswer):
    """A technology with what it implies and how its use has grown, by month."""

    implies: list[ImpliedTechnology]
    adoption: list[MonthAnswer]


class CategoryAnswer(BaseModel):
    """A category, its technologies and the companies that run at least one of them now."""

    model_config = ConfigDict(extra="forbid")

    slug: str
    name: str
    technology_count: int
    company_count: int


class VendorAnswer(BaseModel):
    """A maker of technologies and the companies that run at least one of them now."""

    model_config = ConfigDict(extra="forbid")

    slug: str
    name: str
    technology_count: int
    company_count: int


def technology_endpoints(service: Technologies, pager: Pager) -> tuple[Endpoint, ...]:
    """The endpoints of the catalogue."""

    async def list_technologies(
        request: Request,
        q: Annotated[SearchText | None, Query(description="Part of the name.")] = None,
        category: CategorySlug | None = None,
        vendor: CategorySlug | None = None,
        page: PageNumber = 1,
        limit: PageLimit = LIMIT_DEFAULT,
    ) -> Response:
        """The technologies that can be detected, by name."""
        wanted = Page(page, limit)
        found, total = await service.list_technologies(q, category, vendor, wanted)
        rows = [technology_row(one) for one in found]
        return as_response(json_answer(pager.envelope(request.scope, wanted, rows, total)))

    async def get_technology(slug: str) -> Response:
        """One technology by its slug."""
        found = await service.get_technology(slug)
        body = technology_row(CountedTechnology(found.technology, found.company_count))
        body["implies"] = [{"slug": slug, "name": name} for slug, name in found.implies]
        body["adoption"] = [asdict(month) for month in found.adoption]
        return as_response(json_answer(body))

    async def list_categories(
        request: Request,
        q: Annotated[SearchText | None, Query(description="Part of the name.")] = None,
        page: PageNumber = 1,
        limit: PageLimit = LIMIT_DEFAULT,
    ) -> Response:
        """The categories of technologies, by slug."""
        wanted = Page(page, limit)
        found, total = await service.list_categories(q, wanted)
        rows = [asdict(one) for one in found]
        return as_response(json_answer(pager.envelope(request.scope, wanted, rows, total)))

    async def get_category(slug: str) -> Response:
        """One category by its slug."""
        return as_response(json_answer(asdict(await service.get_category(slug))))

    async def list_vendors(
        request: Request,
        q: Annotated[SearchText | None, Query(description="Part of the name.")] = None,
        page: PageNumber = 1,
        limit: PageLimit = LIMIT_DEFAULT,
    ) -> Response:
        """The makers of technologies, by slug."""
        wanted = Page(page, limit)
        found, total = await service.list_vendors(q, wanted)
        rows = [vendor_row(one) for one in found]
        return as_response(json_answer(pager.envelope(request.scope, wanted, rows, total)))

    async def get_vendor(slug: str) -> Response:
        """One vendor by its slug."""
        return as_response(json_answer(vendor_row(await service.get_vendor(slug))))

    free = Access()
    return (
        Endpoint(
            "GET", "/v1/technologies", list_technologies, free, "List technologies",
            Paged[TechnologyAnswer], _TAG,
        ),
        Endpoint(
            "GET", "/v1/technologies/{slug}", get_technology, free, "Get a technology",
            TechnologyDetailAnswer, _TAG, errors=(errors.TECHNOLOGY_NOT_FOUND,),
        ),
        Endpoint(
            "GET", "/v1/categories", list_categories, free, "List categories",
            Paged[CategoryAnswer], _TAG,
        ),
        Endpoint(
            "GET", "/v1/categories/{slug}", get_category, free, "Get a category",
            CategoryAnswer, _TAG, errors=(errors.CATEGORY_NOT_FOUND,),
        ),
        Endpoint(
            "GET", "/v1/vendors", list_vendors, free, "List vendors",
            Paged[VendorAnswer], _TAG,
        ),
        Endpoint(
            "GET", "/v1/vendors/{slug}", get_vendor, free, "Get a vendor",
            VendorAnswer, _TAG, errors=(errors.VENDOR_NOT_FOUND,),
        ),
    )  # fmt: skip


def technology_row(counted: CountedTechnology) -> dict[str, Any]:
    """A technology as it is told."""
    technology = counted.technology
    return {
        "slug": technology.slug,
        "name": technology.name,
        "description": technology.description,
        "website": technology.website,
        "categories": technology.categories,
        "vendor": technology.vendor,
        "company_count": counted.company_count,
    }


def vendor_row(vendor: Vendor) -> dict[str, Any]:
    """A vendor as it is told."""
    return {
        "slug": vendor.slug,
        "name": vendor.name,
        "technology_count": vendor.technology_count,
        "company_count": vendor.company_count,
    }
