"""Which test proves which row of the error pages, and the table that is printed at the end.

`@proves` writes the row on the test; the result travels with the test's report, so that the table
is whole under pytest-xdist as well.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, TypeVar

import pytest
from tests.conformance.seeds import Product

Test = TypeVar("Test", bound=Callable[..., Any])

PROPERTY = "conformance"
MARKER = "proves(product, status, code, cause): the row of an error page that a test provokes"


@dataclass(frozen=True)
class Case:
    """A row and the real cause by which a test provokes it; `code` is "" for a bare status."""

    product: Product
    status: int
    code: str
    cause: str


_declared: dict[str, list[Case]] = defaultdict(list)


def proves(product: Product, status: int, code: str, cause: str) -> Callable[[Test], Test]:
    """Declares that the test provokes `code` with `status` by `cause`; may stand several times."""
    case = Case(product, status, code, cause)

    def declare(test: Test) -> Test:
        _declared[test.__module__].append(case)
        marked: Test = pytest.mark.proves(product, status, code, cause)(test)
        return marked

    return declare


def iter_declared() -> Iterator[Case]:
    """The cases of all test modules that have been imported."""
    for cases in _declared.values():
        yield from cases


def attach_cases(item: pytest.Item) -> None:
    """Writes the cases of a test and its dialect on its report."""
    callspec = getattr(item, "callspec", None)
    dialect = callspec.params.get("server_dialect", "") if callspec is not None else ""
    for mark in item.iter_markers("proves"):
        item.user_properties.append((PROPERTY, [*mark.args, dialect]))


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Prints code, cause and result on each database; nothing where no such test has run."""
    results: dict[Case, dict[str, str]] = defaultdict(dict)
    for outcome in ("passed", "skipped", "failed", "error"):
        for report in terminalreporter.stats.get(outcome, ()):
            for name, value in getattr(report, "user_properties", ()):
                if name == PROPERTY:
                    *row, dialect = value
                    _keep_worst(results[Case(*row)], dialect, outcome)
    if not results:
        return
    terminalreporter.section("conformance: code -> cause -> result")
    for case in sorted(results, key=lambda one: (one.product, one.status, one.code, one.cause)):
        told = ", ".join(
            f"{dialect}: {result}" if dialect else result
            for dialect, result in sorted(results[case].items(), reverse=True)
        )
        code = case.code or "-"
        terminalreporter.write_line(
            f"{case.product:<7} {case.status} {code:<31} {case.cause:<66} {told}"
        )


_WORDS = {"passed": "pass", "skipped": "skip", "failed": "FAIL", "error": "FAIL"}
_RANK = ("pass", "skip", "FAIL")


def _keep_worst(results: dict[str, str], dialect: str, outcome: str) -> None:
    word = _WORDS[outcome]
    known = results.get(dialect, word)
    results[dialect] = max(known, word, key=_RANK.index)
