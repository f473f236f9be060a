"""The company search of a list's builder: a few names to pick from, free. No company records."""

from __future__ import annotations

from typing import Annotated

from fastapi import Query, Request
from pydantic import BaseModel, ConfigDict
from starlette.responses import Response

from tracewell.kernel.database import Database
from tracewell.kernel.http.answer import as_response, json_answer
from tracewell.kernel.http.endpoint import Endpoint
from tracewell.trace.lists.routes import NEEDED, TAG, USERS
from tracewell.trace.paging import Page
from tracewell.trace.search.model import CompanyQuery
from tracewell.trace.search.service import Search
from tracewell.trace.texts import NO_NUL_PATTERN

SUGGESTIONS_MAX = 10

BuilderText = Annotated[
    str,
    Query(
        min_length=2, max_length=200, pattern=NO_NUL_PATTERN,
        description="Part of name, slug or domain.",
    ),
]  # fmt: skip


class Suggestion(BaseModel):
    """As much of a company as is needed to pick it."""

    model_config = ConfigDict(extra="forbid")

    slug: str
    name: str
    primary_domain: str


class Suggestions(BaseModel):
    """The companies that fit best."""

    model_config = ConfigDict(extra="forbid")

    data: list[Suggestion]


def builder_endpoints(database: Database, search: Search) -> tuple[Endpoint, ...]:
    """The company search of the builder."""

    async def suggest_companies(request: Request, q: BuilderText) -> Response:
        """Up to ten companies to add or exclude: those whose name, slug or domain begins with the
        text, then those that hold it."""
        async with database.snapshot() as tx:
            rows, _ = await search.read_page(tx, CompanyQuery(q=q), Page(1, SUGGESTIONS_MAX))
        data = [
            {"slug": row.slug, "name": row.name, "primary_domain": row.primary_domain}
            for row in rows
        ]
        return as_response(json_answer({"data": data}))

    return (
        Endpoint(
            "GET", "/v1/lists/company-search", suggest_companies, USERS,
            "Search companies to put on a list", Suggestions, TAG, errors=NEEDED,
        ),
    )  # fmt: skip
