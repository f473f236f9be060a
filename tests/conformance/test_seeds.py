"""The suite itself: its rows are the error pages' rows, and none is without a case."""

from __future__ import annotations

import importlib
from pathlib import Path

import pytest
from tests.conformance import seeds
from tests.conformance.seeds import BODIES, CODES, RATE_HEADERS, STATUSES, Page, Product
from tests.conformance.table import Case, iter_declared

from tracewell.intrace.errors import CATALOGUE as INTRACE_CATALOGUE
from tracewell.trace.errors import CATALOGUE as TRACE_CATALOGUE

PRODUCTS: tuple[Product, ...] = ("trace", "intrace")
_CATALOGUES = {"trace": TRACE_CATALOGUE, "intrace": INTRACE_CATALOGUE}


def _page(product: Product) -> Page:
    path = seeds.find_page(product)
    if path is None:
        pytest.skip(f"the error page {seeds.FILES[product]} is not at hand")
    text = path.read_text("utf-8")
    return seeds.parse_trace_page(text) if product == "trace" else seeds.parse_intrace_page(text)


@pytest.fixture(scope="module")
def declared() -> set[Case]:
    for path in sorted(Path(__file__).parent.glob("test_*.py")):
        importlib.import_module(f"tests.conformance.{path.stem}")
    return set(iter_declared())


@pytest.mark.parametrize("product", PRODUCTS)
def test_the_rows_here_are_those_of_the_error_page(product: Product) -> None:
    page = _page(product)
    assert page.statuses == STATUSES[product]
    assert page.codes == CODES[product]
    if product == "intrace":
        assert page.headers == RATE_HEADERS


def test_the_bodies_here_are_those_of_the_error_pages() -> None:
    shown = {code: body for product in PRODUCTS for code, body in _page(product).bodies.items()}
    assert shown == BODIES
    # Key order counts as well.
    assert {code: seeds.compact(body) for code, body in shown.items()} == {
        code: seeds.compact(body) for code, body in BODIES.items()
    }


@pytest.mark.parametrize("product", PRODUCTS)
def test_every_row_of_the_error_page_is_provoked(product: Product, declared: set[Case]) -> None:
    proven = {(case.code, case.status) for case in declared if case.product == product}
    assert set(CODES[product].items()) - proven == set()
    assert set(STATUSES[product]) - {status for _, status in proven} == set()


@pytest.mark.parametrize("product", PRODUCTS)
def test_every_error_of_the_catalogue_is_provoked(product: Product, declared: set[Case]) -> None:
    catalogue = {(kind.code, kind.status) for kind in _CATALOGUES[product]}
    proven = {(case.code, case.status) for case in declared if case.product == product}
    assert proven == catalogue
