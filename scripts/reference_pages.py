"""Generates the reference pages of the docs from the lists in the code.

`python -m scripts.reference_pages`; the pages are committed, and a law test says when they are out
of step.
"""

from __future__ import annotations

import asyncio
import re
import tempfile
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

from tracewell.intrace import errors as intrace_errors
from tracewell.intrace.access import DEFAULT_ROLES, SCOPES
from tracewell.kernel.errors import Catalogue
from tracewell.kernel.http.endpoint import Endpoint
from tracewell.main.products import open_products
from tracewell.main.settings import Settings, variable_name
from tracewell.resolution.vocabulary import DETAILS, PREDICATES
from tracewell.trace import errors as trace_errors

ROOT = Path(__file__).resolve().parent.parent
REFERENCE = ROOT / "docs" / "reference"
GUIDE = ROOT / "docs" / "trace.md"
_MADE = "<!-- Made by `python -m scripts.reference_pages`; change the code, not this page. -->\n\n"


def _cell(text: object) -> str:
    return str(text).replace("|", "\\|").replace("\n", " ")


def _table(heads: Sequence[str], rows: Iterable[Sequence[object]]) -> str:
    lines = [f"| {' | '.join(heads)} |", f"|{' --- |' * len(heads)}"]
    lines += [f"| {' | '.join(map(_cell, row))} |" for row in rows]
    return "\n".join(lines) + "\n"


def _errors_page(product: str, catalogue: Catalogue) -> str:
    rows = [
        (f"`{kind.code}`", kind.status, kind.shape, kind.cause, kind.remedy) for kind in catalogue
    ]
    return f"# {product}: errors\n\n{_MADE}" + _table(
        ("code", "status", "shape", "cause", "what to do"), rows
    )


def _trace_endpoints(endpoints: Iterable[Endpoint]) -> str:
    rows = [
        (
            f"`{endpoint.name}`",
            endpoint.summary,
            endpoint.access.charges or "free",
            "user key or session" if endpoint.access.user_only else "any key",
        )
        for endpoint in endpoints
    ]
    return f"# Trace: endpoints and charges\n\n{_MADE}" + _table(
        ("endpoint", "what it does", "charge", "credential"), rows
    )


_CHARGES = re.compile(r"(<!-- charges: .*? -->\n)(.*?)(<!-- /charges -->)", re.DOTALL)


def _with_charges(page: Path, endpoints: Iterable[Endpoint]) -> str:
    """The page with its table of what each metered endpoint charges."""
    rows = [(f"`{one.name}`", one.access.charges) for one in endpoints if one.access.charges]
    table = _table(("endpoint", "charge"), rows)
    text, count = _CHARGES.subn(lambda at: f"{at[1]}\n{table}\n{at[3]}", page.read_text("utf-8"))
    if count != 1:
        raise ValueError(f"{page} wants one place for the charges, not {count}")
    return text


def _intrace_endpoints(endpoints: Iterable[Endpoint]) -> str:
    rows = [
        (f"`{endpoint.name}`", endpoint.summary, ", ".join(sorted(endpoint.access.scopes)))
        for endpoint in endpoints
    ]
    roles = [
        (f"`{role}`", ", ".join(scope for scope in SCOPES if scope in scopes))
        for role, scopes in DEFAULT_ROLES.items()
    ]
    return (
        f"# Intrace: endpoints and scopes\n\n{_MADE}"
        + _table(("endpoint", "what it does", "scope"), rows)
        + "\n## Roles\n\n"
        + _table(("role", "scopes"), roles)
    )


def _settings_page() -> str:
    rows = [
        (
            f"`{variable_name(name)}`",
            "" if field.default is None else f"`{field.default}`",
            field.description,
            f"`{(field.examples or [''])[0]}`",
        )
        for name, field in Settings.model_fields.items()
    ]
    return f"# Settings\n\n{_MADE}" + _table(("variable", "default", "meaning", "example"), rows)


def _predicates_page() -> str:
    details = {name: [d for d, of in DETAILS.items() if of == name] for name in PREDICATES}
    rows = [
        (
            f"`{predicate.name}`",
            predicate.words,
            ", ".join(f"`{kind}`" for kind in predicate.answers),
            ", ".join(f"`{detail}`" for detail in details[predicate.name]),
        )
        for predicate in PREDICATES.values()
    ]
    heads = (
        "predicate",
        "meaning",
        "answers identifiers of type",
        "details of the one in its record",
    )
    return (
        f"# Predicates\n\n{_MADE}What connectors may state of a subject, also as the meaning of a "
        "column in `records.yaml` and `sql_records.yaml`.\n\n" + _table(heads, rows)
    )


def _decisions_page() -> str:
    pages = sorted((ROOT / "docs" / "decisions").glob("[0-9]*.md"))
    lines = [
        f"- [{page.read_text('utf-8').splitlines()[0].lstrip('# ')}]({page.name})" for page in pages
    ]
    return f"# Decisions\n\n{_MADE}" + "\n".join(lines) + "\n"


async def _endpoints() -> Mapping[str, tuple[Endpoint, ...]]:
    """The endpoints as a server with default settings has them."""
    with tempfile.TemporaryDirectory() as folder:
        async with open_products(Settings(data=Path(folder))) as products:
            return products.endpoints


def render_pages() -> dict[Path, str]:
    """Every generated page by its path."""
    endpoints = asyncio.run(_endpoints())
    return {
        REFERENCE / "trace-errors.md": _errors_page("Trace", trace_errors.CATALOGUE),
        REFERENCE / "intrace-errors.md": _errors_page("Intrace", intrace_errors.CATALOGUE),
        REFERENCE / "trace-endpoints.md": _trace_endpoints(endpoints["trace"]),
        GUIDE: _with_charges(GUIDE, endpoints["trace"]),
        REFERENCE / "intrace-endpoints.md": _intrace_endpoints(endpoints["intrace"]),
        REFERENCE / "settings.md": _settings_page(),
        REFERENCE / "predicates.md": _predicates_page(),
        ROOT / "docs" / "decisions" / "index.md": _decisions_page(),
    }


def main() -> None:
    """Writes the pages."""
    REFERENCE.mkdir(parents=True, exist_ok=True)
    for path, text in render_pages().items():
        path.write_text(text, "utf-8")


if __name__ == "__main__":
    main()
