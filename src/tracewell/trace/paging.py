"""Pages of the contract: `page` and `limit` in, the `pagination` object out."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Annotated, Any, Generic, TypeVar
from urllib.parse import parse_qsl, quote, urlencode

from fastapi import Query
from pydantic import BaseModel, ConfigDict
from starlette.types import Scope

PAGE_MAX = 10_000
LIMIT_DEFAULT = 50
LIMIT_MAX = 100

Row = TypeVar("Row")

PageNumber = Annotated[int, Query(ge=1, le=PAGE_MAX, description="Pages begin at 1.")]
PageLimit = Annotated[int, Query(ge=1, le=LIMIT_MAX, description="Rows on a page.")]


@dataclass(frozen=True, slots=True)
class Page:
    """Which rows are wanted."""

    number: int
    limit: int

    @property
    def offset(self) -> int:
        """Rows before the page."""
        return (self.number - 1) * self.limit


class Pagination(BaseModel):
    """Where a page stands. `next_url` is null on the last page."""

    model_config = ConfigDict(extra="forbid")

    page: int
    limit: int
    total_results: int
    total_pages: int
    has_next: bool
    has_prev: bool
    next_url: str | None


class Paged(BaseModel, Generic[Row]):
    """One page of rows."""

    model_config = ConfigDict(extra="forbid")

    data: list[Row]
    pagination: Pagination


@dataclass(frozen=True, slots=True)
class Pager:
    """Makes the envelope; `public_url` is where callers reach the server, if that is set."""

    public_url: str | None

    def envelope(self, scope: Scope, page: Page, rows: Sequence[Any], total: int) -> dict[str, Any]:
        """`{"data": [...], "pagination": {...}}` for the request of `scope`."""
        pages = -(-total // page.limit)
        has_next = page.number < min(pages, PAGE_MAX)
        return {
            "data": rows,
            "pagination": {
                "page": page.number,
                "limit": page.limit,
                "total_results": total,
                "total_pages": pages,
                "has_next": has_next,
                "has_prev": page.number > 1,
                "next_url": self.url_with(scope, page=page.number + 1) if has_next else None,
            },
        }

    def url_with(self, scope: Scope, **numbers: int) -> str:
        """The request's own address with another `page` or `offset`; every other parameter is
        repeated."""
        query = scope.get("query_string", b"").decode("latin-1")
        sent = parse_qsl(query, keep_blank_values=True, max_num_fields=1_000)
        params = [(key, value) for key, value in sent if key not in numbers]
        params += [(name, str(number)) for name, number in numbers.items()]
        path = scope.get("raw_path", b"").decode("ascii", "replace") or quote(scope["path"])
        return f"{self._origin(scope)}{path}?{urlencode(params)}"

    def _origin(self, scope: Scope) -> str:
        if self.public_url is not None:
            return self.public_url.rstrip("/")
        host = next((value for key, value in scope["headers"] if key == b"host"), b"")
        if not host and scope.get("server"):
            name, port = scope["server"]
            host = f"{name}:{port}".encode()
        return f"{scope.get('scheme', 'http')}://{host.decode('latin-1')}"
