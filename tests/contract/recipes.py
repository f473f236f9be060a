"""A right call of every endpoint of Trace: what fills its path, its query and its body.

Every test of this folder goes over all endpoints that are declared. One without a recipe here fails
`test_every_endpoint_has_a_recipe`, and is to be added.
"""

from __future__ import annotations

import asyncio
import functools
import json
import os
import tempfile
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
from tests.contract.stage import SWITCHERS, TREE, Customer

from tracewell.kernel.http.endpoint import Endpoint
from tracewell.main.products import open_products
from tracewell.main.settings import Settings, variable_name

Told = Callable[[httpx.Response], list[str | None]]
"""The slugs of the companies whose records an answer tells, each as often as it stands there."""

# Companies of the sample web: many partners, known by type twice; and two that share some.
HUB, FIRST, SECOND = "varda-systems", "brightquay.example", "farrow-pike.example"
DOMAINS = ["brightquay.example", "www.Farrow-Pike.example", "brightquay.example", "nobody.example"]


def _nothing(answer: httpx.Response) -> list[str | None]:
    return []


def _rows(key: str) -> Told:
    return lambda answer: [row[key] for row in answer.json()["data"]]


def _subject(answer: httpx.Response) -> list[str | None]:
    return [answer.json()["company"]["slug"]]


def _neighbours(answer: httpx.Response) -> list[str | None]:
    body = answer.json()
    return [node["slug"] for node in body["nodes"] if node["id"] != body["root"]]


def _found(answer: httpx.Response) -> list[str | None]:
    return [one["company"]["slug"] for one in answer.json()["results"] if one["company"]]


def _enriched(answer: httpx.Response) -> list[str | None]:
    return [row["partner_slug"] for one in answer.json()["results"] for row in one["partnerships"]]


def _lines(answer: httpx.Response) -> list[str | None]:
    return [json.loads(line)["slug"] for line in answer.text.splitlines()]


@dataclass(frozen=True)
class Recipe:
    """How an endpoint is called rightly.

    `told` reads what a metered endpoint is paid for; `repeats`: the answer to this call tells some
    company twice. `path` goes before what `path_of` gives. `unknown` is a body that names what is
    not there, where bodies name something. `changes`: a second call finds another
    state than the first.
    """

    path: Mapping[str, str] = field(default_factory=dict)
    query: Mapping[str, Any] = field(default_factory=dict)
    body: Any = None
    unknown: Any = None
    told: Told = _nothing
    repeats: bool = False
    changes: bool = False


def _made(body: Any) -> Recipe:
    return Recipe(body=body, changes=True)


_BY_HAND = {"domains": ["kestrel-audio.example", "nobody.example", "no domain"]}
_SIDES: dict[str, Recipe] = {
    f"{method} /v1/lists/{{list_id}}/{side}-domains{rest}": recipe
    for side, stands in (("added", "farrow-pike.example"), ("excluded", "solveig-marine.example"))
    for method, rest, recipe in (
        ("GET", "", Recipe()),
        ("POST", "", _made(_BY_HAND)),
        ("POST", "/remove", _made({"domains": [stands]})),
        ("DELETE", "/{domain}", Recipe(path={"domain": stands}, changes=True)),
    )
}

# Segments so small that what is told of them is charged as their companies.
_SMALL = {
    "registry_version": 1,
    "root": {"field": "domain", "operator": "any_of", "value": list(SWITCHERS)},
}
_GONE = {"list_id": "no-such-list"}
_SWITCHED = {
    "dropped": {"technology": "wordpress"}, "adopted": {"technology": "joomla"},
    "from_month": "2026-06", "to_month": "2026-08",
}  # fmt: skip


def _switchers(answer: httpx.Response) -> list[str | None]:
    return [host.partition(".")[0] for host in SWITCHERS]


def _computed(body: dict[str, Any], gone: str, told: Told) -> Recipe:
    return Recipe(body=body, unknown={**body, gone: _GONE}, told=told)


_COMPUTATIONS: dict[str, Recipe] = {
    "GET /v1/computations/overlap/{a}/{b}": Recipe(
        path={"a": FIRST, "b": SECOND},
        told=lambda answer: [one["slug"] for one in answer.json()["companies"]],
    ),
    "POST /v1/computations/overlap": _computed({"a": _SMALL, "b": TREE}, "b", _switchers),
    "POST /v1/computations/overlap/companies": _computed(
        {"a": TREE, "b": TREE}, "a", _rows("slug")
    ),
    "GET /v1/computations/look-alikes/{identifier}": Recipe(told=_rows("slug")),
    "POST /v1/computations/look-alikes": _computed(
        {"company": HUB, "segment": TREE}, "segment", _rows("slug")
    ),
    "POST /v1/computations/adoption": _computed(
        {"technology": "php", "segment": _SMALL}, "segment", _switchers
    ),
    "POST /v1/computations/churn": _computed(
        {**_SWITCHED, "segment": _SMALL}, "segment", _switchers
    ),
    "POST /v1/computations/churn/companies": _computed(_SWITCHED, "segment", _rows("slug")),
}

RECIPES: Mapping[str, Recipe] = {
    "GET /v1/companies/{identifier}": Recipe(told=lambda answer: [answer.json()["slug"]]),
    "GET /v1/companies": Recipe(query={"technology_any": "php,nginx"}, told=_rows("slug")),
    "POST /v1/companies/batch": Recipe(body={"domains": DOMAINS}, told=_found, repeats=True),
    "GET /v1/companies/{identifier}/technologies": Recipe(
        query={"include": "evidence"}, told=_subject
    ),
    "GET /v1/companies/{identifier}/technologies/history": Recipe(told=_subject),
    "GET /v1/companies/{identifier}/postings": Recipe(told=_subject),
    "GET /v1/companies/{identifier}/partnerships": Recipe(told=_rows("partner_slug"), repeats=True),
    "GET /v1/companies/{identifier}/partnerships/graph": Recipe(
        query={"depth": 2, "limit_nodes": 20}, told=_neighbours
    ),
    "GET /v1/partnerships/{partner_domain}/companies": Recipe(
        path={"partner_domain": "stratopeak.example"}, told=_rows("company_slug")
    ),
    "GET /v1/partnerships/{a}/{b}": Recipe(
        path={"a": FIRST, "b": "stratopeak"},
        told=lambda answer: [one["slug"] for one in answer.json()["companies"]],
    ),
    "GET /v1/partnerships/{a}/{b}/shared": Recipe(
        path={"a": FIRST, "b": SECOND}, told=_rows("partner_slug")
    ),
    "POST /v1/enrich/partnerships": Recipe(body={"domains": DOMAINS}, told=_enriched, repeats=True),
    "GET /v1/technologies/{slug}/companies": Recipe(path={"slug": "php"}, told=_rows("slug")),
    "GET /v1/vendors/{slug}/companies": Recipe(path={"slug": "google"}, told=_rows("slug")),
    "GET /v1/lists/{list_id}/members": Recipe(told=_rows("slug")),
    "GET /v1/lists/{list_id}/export": Recipe(query={"format": "jsonl"}, told=_lines),
    "POST /v1/companies/refresh": _made({"domains": ["brightquay.example", "no domain"]}),
    "GET /v1/jobs/{job_id}": Recipe(),
    "POST /v1/companies/{identifier}/flags": _made({"description": "They have moved."}),
    "GET /v1/flags/{flag_id}": Recipe(),
    "GET /v1/technologies": Recipe(query={"q": "a"}),
    "GET /v1/technologies/{slug}": Recipe(path={"slug": "php"}),
    "GET /v1/vendors": Recipe(query={"q": "goo"}),
    "GET /v1/vendors/{slug}": Recipe(path={"slug": "google"}),
    "GET /v1/categories": Recipe(),
    "GET /v1/categories/{slug}": Recipe(path={"slug": "cms"}),
    "GET /v1/credits": Recipe(),
    "GET /v1/credits/ledger": Recipe(),
    "GET /v1/credits/usage": Recipe(query={"group_by": "endpoint"}),
    "POST /v1/lists": _made({"name": "Prospects", "description": "Of the spring."}),
    "GET /v1/lists": Recipe(),
    "GET /v1/lists/filter-fields": Recipe(),
    "GET /v1/lists/company-search": Recipe(query={"q": "br"}),
    "POST /v1/lists/preview-count": Recipe(body=TREE),
    "GET /v1/lists/{list_id}": Recipe(),
    "PATCH /v1/lists/{list_id}": _made({"name": "Leads"}),
    "DELETE /v1/lists/{list_id}": Recipe(changes=True),
    "GET /v1/lists/{list_id}/audit-log": Recipe(),
    "POST /v1/lists/{list_id}/materialize": Recipe(changes=True),
    "GET /v1/lists/{list_id}/definition": Recipe(),
    "PUT /v1/lists/{list_id}/definition": _made(TREE),
    "GET /v1/lists/{list_id}/definition/versions": Recipe(),
    "GET /v1/lists/{list_id}/definition/versions/{version}": Recipe(),
    "POST /v1/lists/{list_id}/definition/versions/{version}/restore": Recipe(changes=True),
    "GET /v1/lists/{list_id}/shares": Recipe(),
    "POST /v1/lists/{list_id}/shares": Recipe(changes=True),
    "PATCH /v1/lists/{list_id}/shares/{user_id}": _made({"access_level": "editor"}),
    "DELETE /v1/lists/{list_id}/shares/{user_id}": Recipe(changes=True),
    "POST /v1/lists/{list_id}/transfer": Recipe(changes=True),
    **_SIDES,
    **_COMPUTATIONS,
}


@functools.cache
def endpoints() -> dict[str, Endpoint]:
    """Trace's endpoints by name, as a server with default settings declares them."""

    async def declared(folder: Path) -> tuple[Endpoint, ...]:
        async with open_products(Settings(data=folder)) as products:
            return products.endpoints["trace"]

    names = {variable_name(name) for name in Settings.model_fields}
    kept = {name: os.environ.pop(name) for name in names & set(os.environ)}
    try:
        with tempfile.TemporaryDirectory() as folder:
            return {one.name: one for one in asyncio.run(declared(Path(folder)))}
    finally:
        os.environ.update(kept)


def path_of(endpoint: Endpoint, recipe: Recipe, customer: Customer, *, anew: bool = False) -> str:
    """The path with its parameters filled; `anew`: over a list of the call's own."""
    values: dict[str, Any] = {"identifier": HUB, "version": 1, "user_id": customer.colleague_id}
    if "{list_id}" in endpoint.path:
        values["list_id"] = customer.new_list() if anew else customer.list_id
    for name in ("job_id", "flag_id"):
        if f"{{{name}}}" in endpoint.path:
            values[name] = getattr(customer, name)
    return endpoint.path.format(**{**values, **recipe.path})


def body_of(endpoint: Endpoint, recipe: Recipe, customer: Customer) -> Any:
    """The body; who is shared with is known only when the customer is."""
    if endpoint.path.endswith("/transfer"):
        return {"email": customer.colleague_email}
    if endpoint.name == "POST /v1/lists/{list_id}/shares":
        return {"email": customer.colleague_email, "access_level": "editor"}
    return recipe.body


def call(
    endpoint: Endpoint, customer: Customer, client: httpx.Client | None = None, **query: Any
) -> httpx.Response:
    """Calls the endpoint rightly, as the org's owner unless another client is given."""
    recipe = RECIPES[endpoint.name]
    path = path_of(endpoint, recipe, customer, anew=recipe.changes)
    body = body_of(endpoint, recipe, customer)
    parts = {} if body is None else {"json": body}
    return (client or customer.owner).request(
        endpoint.method, path, params={**recipe.query, **query}, **parts
    )
