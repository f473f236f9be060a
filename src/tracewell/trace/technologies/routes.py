"""The wire models and routes of technologies and categories. Free of charge."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import Query, Request
from pydantic import BaseModel, ConfigDict
from starlette.responses import Response

from tracewell.kernel.http.answer import as_response, json_answer
from tracewell.kernel.http.endpoint import Access, Endpoint
from tracewell.trace import errors
from tracewell.trace.paging import LIMIT_DEFAULT, Page, Paged, PageLimit, PageNumber, Pager
from tracewell.trace.technologies.model import CountedTechnology
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


class CategoryAnswer(BaseModel):
    """A category and how many technologies are in it."""

    model_config = ConfigDict(extra="forbid")

    slug: str
    name: str
    technology_count: int


def technology_endpoints(service: Technologies, pager: Pager) -> tuple[Endpoint, ...]:
    """The endpoints of the catalogue."""

    async def list_technologies(
        request: Request,
        q: Annotated[SearchText | None, Query(description="Part of the name.")] = None,
        category: CategorySlug | None = None,
        page: PageNumber = 1,
        limit: PageLimit = LIMIT_DEFAULT,
    ) -> Response:
        """The technologies that can be detected, by name."""
        wanted = Page(page, limit)
        found, total = await service.list_technologies(q, category, wanted)
        rows = [_technology(one) for one in found]
        return as_response(json_answer(pager.envelope(request.scope, wanted, rows, total)))

    async def get_technology(slug: str) -> Response:
        """One technology by its slug."""
        return as_response(json_answer(_technology(await service.get_technology(slug))))

    async def list_categories(
        request: Request, page: PageNumber = 1, limit: PageLimit = LIMIT_DEFAULT
    ) -> Response:
        """The categories of technologies, by slug."""
        wanted = Page(page, limit)
        found, total = await service.list_categories(wanted)
        rows = [
            {"slug": one.slug, "name": one.name, "technology_count": one.technology_count}
            for one in found
        ]
        return as_response(json_answer(pager.envelope(request.scope, wanted, rows, total)))

    free = Access()
    return (
        Endpoint(
            "GET", "/v1/technologies", list_technologies, free, "List technologies",
            Paged[TechnologyAnswer], _TAG,
        ),
        Endpoint(
            "GET", "/v1/technologies/{slug}", get_technology, free, "Get a technology",
            TechnologyAnswer, _TAG, errors=(errors.TECHNOLOGY_NOT_FOUND,),
        ),
        Endpoint(
            "GET", "/v1/categories", list_categories, free, "List categories",
            Paged[CategoryAnswer], _TAG,
        ),
    )  # fmt: skip


def _technology(counted: CountedTechnology) -> dict[str, Any]:
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
