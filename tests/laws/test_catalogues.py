"""Both error catalogues hold what the contracts' error pages say, and each code once."""

from __future__ import annotations

import json
import re

import pytest
from tests.laws.sources import SHARED

from tracewell.intrace import errors as intrace_errors
from tracewell.kernel.errors import Catalogue, ErrorKind
from tracewell.trace import errors as trace_errors

CATALOGUES = {"trace": trace_errors.CATALOGUE, "intrace": intrace_errors.CATALOGUE}
_TRACE_ROW = re.compile(r"^`?([a-z_]+)`? \|\s*(\d{3}) \|", re.MULTILINE)
_TRACE_STATUS = re.compile(r"^`?(\d{3})`? \|$", re.MULTILINE)
_FLAT_BODY = re.compile(r'\{ "error": "[a-z_]+",.*?\}(?!\})')
_INTRACE_SECTION = re.compile(r"^(\d{3}) [A-Z]")
_INTRACE_ROW = re.compile(r"^([a-z]+(?:_[a-z]+)+)(?=[A-Z])")
TRACE_PAGE, INTRACE_PAGE = "000_*.txt", "004_*.txt"


def page(pattern: str) -> str:
    found = sorted((SHARED / "seeds").glob(pattern))
    if not found:
        pytest.skip(f"the contract's error page is not here: {SHARED / 'seeds' / pattern}")
    return found[0].read_text("utf-8")


def kinds_of(module: object) -> list[ErrorKind]:
    return [value for value in vars(module).values() if isinstance(value, ErrorKind)]


@pytest.mark.parametrize("product", CATALOGUES)
def test_every_error_kind_stands_in_the_catalogue(product: str) -> None:
    module = {"trace": trace_errors, "intrace": intrace_errors}[product]
    declared = kinds_of(module)
    assert declared
    assert {kind.code for kind in declared} == {kind.code for kind in CATALOGUES[product]}


@pytest.mark.parametrize("product", CATALOGUES)
def test_every_code_says_its_cause_and_what_to_do(product: str) -> None:
    for kind in CATALOGUES[product]:
        assert re.fullmatch(r"[a-z][a-z_]*[a-z]", kind.code)
        assert 400 <= kind.status < 600
        assert kind.cause.endswith("."), kind.code
        assert kind.remedy.endswith("."), kind.code


def test_a_catalogue_refuses_the_same_code_twice() -> None:
    kind = next(iter(trace_errors.CATALOGUE))
    with pytest.raises(ValueError, match="twice"):
        Catalogue(kind, kind)


def test_trace_has_each_code_of_its_page_with_its_status() -> None:
    rows = dict(_TRACE_ROW.findall(page(TRACE_PAGE)))
    assert len(rows) == 7
    for code, status in rows.items():
        assert CATALOGUES["trace"][code].status == int(status), code


def test_trace_has_an_error_of_each_status_of_its_page() -> None:
    statuses = {int(status) for status in _TRACE_STATUS.findall(page(TRACE_PAGE))}
    assert statuses == {400, 401, 402, 403, 404, 422, 429, 500}
    assert statuses <= {kind.status for kind in CATALOGUES["trace"]}


def test_trace_says_the_messages_of_its_page_word_for_word() -> None:
    bodies = [json.loads(body) for body in _FLAT_BODY.findall(page(TRACE_PAGE))]
    assert len(bodies) == 4
    for body in bodies:
        kind = CATALOGUES["trace"][body["error"]]
        assert (kind.message, kind.shape) == (body["message"], "flat")


def test_intrace_has_each_code_of_its_page_with_its_status() -> None:
    rows: dict[str, int] = {}
    status = 0
    for line in page(INTRACE_PAGE).splitlines():
        if (section := _INTRACE_SECTION.match(line)) is not None:
            status = int(section[1])
        elif (row := _INTRACE_ROW.match(line)) is not None:
            rows[row[1]] = status
    assert len(rows) == 17
    for code, status in rows.items():
        assert CATALOGUES["intrace"][code].status == status, code


def test_intrace_says_the_message_of_its_page_word_for_word() -> None:
    found = re.search(r'"code": "([a-z_]+)",\s*"message": "([^"]+)"', page(INTRACE_PAGE))
    assert found is not None
    assert CATALOGUES["intrace"][found[1]].message == found[2]
