"""Reads the sample web's directory into `model.Web` and checks what no single field can tell.

Rendering and serving live next door.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any, TypeVar

import yaml
from examples.web.model import Company, Product, Use, Web
from pydantic import TypeAdapter, ValidationError

_T = TypeVar("_T")

HERE = Path(__file__).resolve().parent

_FILE_BYTES_MAX = 1_000_000
_COMPANIES_MAX = 1_000
_COMPANY = TypeAdapter(Company)
_PRODUCTS = TypeAdapter(dict[str, Product])
_LABELS = TypeAdapter(dict[str, dict[str, str]])


class SampleWebError(ValueError):
    """A file of the sample web does not say what it must; the message names file and field."""


def load_web(directory: Path = HERE) -> Web:
    """The sample web of a directory with `products.yaml`, `labels.yaml` and `companies/*.yaml`.

    Raises SampleWebError with the file's name and the field's path.
    """
    products = _checked(_PRODUCTS, _parsed(directory / "products.yaml"), "products.yaml")
    labels = _checked(_LABELS, _parsed(directory / "labels.yaml"), "labels.yaml")
    files = sorted((directory / "companies").glob("*.yaml"))
    if not 0 < len(files) <= _COMPANIES_MAX:
        raise SampleWebError(f"companies/: {len(files)} files, want 1 to {_COMPANIES_MAX}")
    companies = {file.stem: _company(file) for file in files}
    web = Web(companies, products, labels)
    problems = [problem for company in companies.values() for problem in _problems(web, company)]
    problems += _host_problems(web)
    if problems:
        raise SampleWebError("\n".join(problems))
    return web


def _company(file: Path) -> Company:
    name = f"companies/{file.name}"
    fields = _parsed(file)
    if not isinstance(fields, dict):
        raise SampleWebError(f"{name}: not a mapping")
    return _checked(_COMPANY, {**fields, "domain": file.stem}, name)


def _parsed(file: Path) -> Any:
    try:
        with file.open("rb") as stream:
            content = stream.read(_FILE_BYTES_MAX + 1)
        if len(content) > _FILE_BYTES_MAX:
            raise SampleWebError(f"{file.name}: over {_FILE_BYTES_MAX} bytes")
        return yaml.safe_load(content)
    except (OSError, yaml.YAMLError) as error:
        raise SampleWebError(f"{file.name}: {error}") from error


def _checked(adapter: TypeAdapter[_T], value: object, name: str) -> _T:
    try:
        return adapter.validate_python(value)
    except ValidationError as error:
        lines = (
            f"{name}: {'.'.join(str(part) for part in problem['loc'])}: {problem['msg']}"
            for problem in error.errors()
        )
        raise SampleWebError("\n".join(lines)) from error


def _problems(web: Web, company: Company) -> Iterator[str]:
    where = f"companies/{company.domain}.yaml"
    stack_problems = [
        f"{where}: stack.{name}: {problem}"
        for name, use in company.stack.items()
        for problem in _use_problems(web, company, use, name)
    ]
    yield from stack_problems
    if not stack_problems:
        count = sum("Server" in show.headers for show in web.iter_shows(company, "home"))
        if count > 1:
            yield f"{where}: stack: {count} products set the header Server"
    for index, partner in enumerate(company.partners):
        named = bool(partner.name) != bool(partner.to)
        if not named or (partner.to and (partner.domain or partner.to not in web.companies)):
            yield f"{where}: partners.{index}: want `to` (a company of this web) or `name`"
        if partner.how in ("link", "detail") and not (partner.to or partner.domain):
            yield f"{where}: partners.{index}: a link needs a domain"
    for name in company.decoys.absent:
        if name in company.stack or name not in web.products:
            yield f"{where}: decoys.absent: {name} is in the stack, or no product"


def _use_problems(web: Web, company: Company, use: Use, name: str) -> Iterator[str]:
    product = web.products.get(name)
    if product is None:
        yield "no such product in products.yaml"
        return
    unknown = [show for show in use.shows if show not in product.shows]
    if unknown:
        yield f"products.yaml has no show {', '.join(unknown)}"
        return
    tells_version = any(product.shows[show].tells_version() for show in use.shows)
    if tells_version != (use.version is not None):
        yield "a version is given and not shown, or shown and not given"
    for kind in use.pages:
        if kind not in company.paths():
            yield f"there is no page {kind}"


def _host_problems(web: Web) -> Iterator[str]:
    hosts = Counter(
        host
        for company in web.companies.values()
        for host in (company.domain, *(alias.host for alias in company.site.aliases))
    )
    outside = {
        partner.domain
        for company in web.companies.values()
        for partner in company.partners
        if partner.domain
    }
    for host, count in hosts.items():
        if count > 1 or host in outside:
            yield f"the host {host} has more than one owner"
