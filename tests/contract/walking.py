"""Walks over the pages of any paged endpoint: by `next_url`, by page numbers, backwards."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

import httpx
from tests.contract.growing import Growth, Side
from tests.contract.recipes import endpoints

from tracewell.kernel.http.endpoint import Endpoint

Row = Mapping[str, Any]
WALK_LIMIT = 2
AWKWARD = {"unknown": "ä & b=?/#", "empty": ""}
"""Parameters that no endpoint knows: `next_url` repeats them all the same."""


@dataclass(frozen=True)
class Plan:
    """How the rows of an endpoint are told apart, and by which query rows that are added stand
    before or behind all others; a side without a query is none where rows can be added."""

    key: tuple[str, ...]
    path: Mapping[str, str] = field(default_factory=dict)
    query: Mapping[str, Any] = field(default_factory=dict)
    body: Any = None
    sides: Mapping[Side, Mapping[str, Any]] = field(default_factory=dict)

    def key_of(self, row: Row) -> tuple[Any, ...]:
        """Which row it is, whatever has changed of it."""
        return tuple(row[name] for name in self.key)


def _by_name(*key: str, sort: str | None = None, **path: str) -> Plan:
    query = {} if sort is None else {"sort": sort}
    return Plan(key, path, sides={"front": query, "end": query})


def _newest_first(*key: str, **path: str) -> Plan:
    return Plan(key, path, sides={"front": {}})


def _observed(key: str, **path: str) -> Plan:
    sides: dict[Side, dict[str, str]] = {"front": {}, "end": {"sort": "last_observed_at"}}
    return Plan((key, "partnership_type"), path, sides=sides)


def _computed(key: str, grows: bool, **body: Any) -> Plan:
    """A computation by POST; some rows are in the order of a score, which has no sides."""
    return Plan((key,), body=body, sides={"front": {}, "end": {}} if grows else {})


_RUNS = {
    "registry_version": 1,
    "root": {"field": "technology", "operator": "any_of", "value": ["walked"]},
}
_ALL = {"registry_version": 1, "root": {"field": "technology_count", "operator": "gte", "value": 0}}
_WALKED = {"identifier": "walked.example"}
PLANS: Mapping[str, Plan] = {
    "GET /v1/companies": _by_name("slug", sort="name"),
    "GET /v1/technologies/{slug}/companies": _by_name("slug", sort="name", slug="walked"),
    "GET /v1/vendors/{slug}/companies": _by_name("slug", sort="name", slug="walked-works"),
    "GET /v1/companies/{identifier}/technologies": _by_name("slug", **_WALKED),
    "GET /v1/companies/{identifier}/technologies/history": _newest_first(
        "slug", "event", "occurred_at", **_WALKED
    ),
    "GET /v1/companies/{identifier}/postings": _newest_first("url", **_WALKED),
    "GET /v1/companies/{identifier}/partnerships": _observed("partner_name", **_WALKED),
    "GET /v1/partnerships/{partner_domain}/companies": _observed(
        "company_slug", partner_domain="walked-hub.example"
    ),
    "GET /v1/partnerships/{a}/{b}/shared": _by_name(
        "partner_name", a="walked.example", b="walked-too.example"
    ),
    "GET /v1/computations/look-alikes/{identifier}": Plan(
        ("slug",), {"identifier": "mmm-001-grown.example"}
    ),
    "POST /v1/computations/look-alikes": _computed(
        "slug", False, company="mmm-001-grown.example", segment=_RUNS
    ),
    "POST /v1/computations/overlap": _computed("slug", False, a=_ALL, b=_ALL),
    "POST /v1/computations/overlap/companies": _computed("slug", True, a=_RUNS, b=_ALL),
    "POST /v1/computations/churn/companies": _computed(
        "slug",
        True,
        dropped={"technology": "earlier"},
        adopted={"technology": "later"},
        from_month="2026-04",
        to_month="2026-06",
    ),
    "GET /v1/technologies": _by_name("slug"),
    "GET /v1/vendors": _by_name("slug"),
    "GET /v1/categories": _by_name("slug"),
    "GET /v1/credits/ledger": _newest_first("entry_id"),
    "GET /v1/credits/usage": Plan(("group",), query={"group_by": "key"}, sides={"end": {}}),
    "GET /v1/lists": Plan(("list_id",), sides={"end": {}}),
    "GET /v1/lists/{list_id}/audit-log": _newest_first("number"),
    "GET /v1/lists/{list_id}/definition/versions": _newest_first("version"),
    "GET /v1/lists/{list_id}/added-domains": _by_name("domain"),
    "GET /v1/lists/{list_id}/excluded-domains": _by_name("domain"),
    "GET /v1/lists/{list_id}/shares": _by_name("email"),
    "GET /v1/lists/{list_id}/members": _by_name("slug"),
}


def paged() -> list[str]:
    """The endpoints whose answers are pages."""
    return [
        name
        for name, one in endpoints().items()
        if one.answer is not None and "pagination" in one.answer.model_fields
    ]


@dataclass
class Walker:
    """One endpoint over the rows that grow."""

    growth: Growth
    endpoint: Endpoint

    @property
    def plan(self) -> Plan:
        """What is known of its rows."""
        return PLANS[self.endpoint.name]

    @property
    def by_offset(self) -> bool:
        """Whether it takes `offset` in place of `page`."""
        return self.endpoint.name == "GET /v1/lists/{list_id}/members"

    @property
    def client(self) -> httpx.Client:
        """Who walks; the ledger that grows by one entry a step is another org's."""
        is_ledger = self.endpoint.path.startswith("/v1/credits/")
        return (self.growth.payer if is_ledger else self.growth.customer).owner

    def get(self, url: str | None = None, **query: Any) -> dict[str, Any]:
        """A page, by address or by its query."""
        answer = self.ask(url, **query)
        assert answer.status_code == 200, answer.text
        body: dict[str, Any] = answer.json()
        return body

    def ask(self, url: str | None = None, **query: Any) -> httpx.Response:
        """The answer, whatever it is."""
        is_audit = self.endpoint.path.endswith("/audit-log")
        list_id = self.growth.audited_id if is_audit else self.growth.list_id
        path = self.endpoint.path.format(**{"list_id": list_id, **self.plan.path})
        body = {} if self.plan.body is None else {"json": self.plan.body}
        asked = None if url else {**self.plan.query, **query}
        return self.client.request(self.endpoint.method, url or path, params=asked, **body)

    def keys(self, body: dict[str, Any]) -> list[tuple[Any, ...]]:
        """Which rows a page holds."""
        return [self.plan.key_of(row) for row in body["data"]]

    def forwards(self, limit: int, **query: Any) -> Iterator[list[tuple[Any, ...]]]:
        """The rows of each page, by `next_url` to the end."""
        body = self.get(limit=limit, **query)
        yield self.keys(body)
        while (url := body["pagination"]["next_url"]) is not None:
            body = self.get(url)
            yield self.keys(body)

    def backwards(self, limit: int, **query: Any) -> Iterator[list[tuple[Any, ...]]]:
        """The rows of each page, from the last page of now to the first; rows as they stand."""
        total = self.get(limit=limit, **query)["pagination"]["total_results"]
        for number in range(-(-total // limit), 0, -1):
            at: dict[str, Any] = (
                {"offset": (number - 1) * limit} if self.by_offset else {"page": number}
            )
            yield self.keys(self.get(limit=limit, **at, **query))
