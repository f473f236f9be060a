"""Every operation says who may call it and what it costs; no route stands beside the list."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
from fastapi import FastAPI
from fastapi.routing import APIRoute

from tracewell.intrace import errors as intrace_errors
from tracewell.intrace.access import DEFAULT_ROLES, SCOPES
from tracewell.kernel.http.endpoint import Access, Endpoint
from tracewell.main.products import open_products
from tracewell.main.settings import Settings, variable_name
from tracewell.trace import errors as trace_errors

PRODUCTS = ("trace", "intrace")
CATALOGUES = {"trace": trace_errors.CATALOGUE, "intrace": intrace_errors.CATALOGUE}


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Mapping[str, tuple[list[Endpoint], Any]]:
    """Each product's endpoints and its app, as a server with default settings has them."""

    async def wire(folder: Path) -> dict[str, tuple[list[Endpoint], Any]]:
        async with open_products(Settings(data=folder)) as products:
            return {
                name: (list(products.endpoints[name]), products.apps[prefix]._app)  # type: ignore[attr-defined]
                for name, prefix in products.prefixes.items()
            }

    with pytest.MonkeyPatch.context() as patch:
        for name in Settings.model_fields:
            patch.delenv(variable_name(name), raising=False)
        return asyncio.run(wire(tmp_path_factory.mktemp("laws")))


Served = Mapping[str, tuple[list[Endpoint], Any]]


@pytest.mark.parametrize("product", PRODUCTS)
def test_every_endpoint_says_who_may_call_it(served: Served, product: str) -> None:
    endpoints, _ = served[product]
    assert len(endpoints) >= 5
    assert len({endpoint.name for endpoint in endpoints}) == len(endpoints)
    for endpoint in endpoints:
        assert isinstance(endpoint.access, Access), endpoint.name
        assert re.fullmatch(r"/v1(/([a-z-]+|\{[a-z_]+\}))+", endpoint.path), endpoint.name
        assert endpoint.summary, endpoint.name
        assert (endpoint.handler.__doc__ or "").strip(), f"{endpoint.name} has no description"
        if endpoint.takes_body:
            assert endpoint.method in ("POST", "PUT", "PATCH"), endpoint.name


def test_every_endpoint_of_intrace_needs_a_scope_that_some_role_has(served: Served) -> None:
    granted = {scope for scopes in DEFAULT_ROLES.values() for scope in scopes}
    for endpoint in served["intrace"][0]:
        assert endpoint.access.scopes, endpoint.name
        assert endpoint.access.scopes <= set(SCOPES) & granted, endpoint.name
        assert endpoint.access.charges is None, endpoint.name


def test_the_endpoints_of_trace_know_no_scopes_and_lists_are_for_users(served: Served) -> None:
    for endpoint in served["trace"][0]:
        assert not endpoint.access.scopes, endpoint.name
        is_list = endpoint.path.startswith("/v1/lists")
        assert endpoint.access.user_only == is_list, endpoint.name


@pytest.mark.parametrize("product", PRODUCTS)
def test_every_error_of_an_endpoint_is_its_product_s(served: Served, product: str) -> None:
    codes = {kind.code for kind in CATALOGUES[product]}
    for endpoint in served[product][0]:
        assert {kind.code for kind in endpoint.errors} <= codes, endpoint.name


@pytest.mark.parametrize("product", PRODUCTS)
def test_no_route_stands_beside_the_list(served: Served, product: str) -> None:
    endpoints, app = served[product]
    assert isinstance(app, FastAPI)
    routed = {
        f"{method} {route.path}"
        for route in app.routes
        if isinstance(route, APIRoute) and route.path.startswith("/v1")
        for method in route.methods or ()
    }
    assert routed == {endpoint.name for endpoint in endpoints}


@pytest.mark.parametrize("product", PRODUCTS)
def test_the_openapi_document_has_each_endpoint_with_its_errors(
    served: Served, product: str
) -> None:
    endpoints, app = served[product]
    paths = app.openapi()["paths"]
    for endpoint in endpoints:
        operation = paths[endpoint.path][endpoint.method.lower()]
        assert str(endpoint.status) in operation["responses"], endpoint.name
        for kind in endpoint.errors:
            assert str(kind.status) in operation["responses"], (endpoint.name, kind.code)
        assert {"401", "403", "429", "500"} <= operation["responses"].keys(), endpoint.name


def test_every_post_of_trace_takes_an_idempotency_key_and_says_what_that_may_answer(
    served: Served,
) -> None:
    endpoints, app = served["trace"]
    paths = app.openapi()["paths"]
    posts = [endpoint for endpoint in endpoints if endpoint.method == "POST"]
    assert len(posts) >= 13
    for endpoint in endpoints:
        operation = paths[endpoint.path][endpoint.method.lower()]
        named = {parameter["name"] for parameter in operation.get("parameters", ())}
        assert ("Idempotency-Key" in named) == (endpoint in posts), endpoint.name
        if endpoint in posts:
            statuses = {str(kind.status) for kind in trace_errors.WITH_KEY}
            assert statuses <= operation["responses"].keys(), endpoint.name
    # Intrace's gate keeps no answers, and its document promises none.
    assert "Idempotency-Key" not in str(served["intrace"][1].openapi())
