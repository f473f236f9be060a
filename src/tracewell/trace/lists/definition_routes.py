"""The wire models and routes of what a list is made of: filter fields, definitions, their history,
and domains added or excluded by hand. Free of charge."""

from __future__ import annotations

from datetime import datetime
from functools import cache
from typing import Annotated, Any, Literal

from fastapi import Path, Request
from pydantic import BaseModel, BeforeValidator, ConfigDict, Field
from starlette.responses import Response

from tracewell.kernel.clock import format_utc
from tracewell.kernel.http.answer import as_response, json_answer
from tracewell.kernel.http.endpoint import Endpoint
from tracewell.trace import errors
from tracewell.trace.companies.domains import parse_identifier
from tracewell.trace.filters.fields import FIELDS
from tracewell.trace.filters.kinds import VALUES_MAX
from tracewell.trace.filters.model import REGISTRY_VERSION
from tracewell.trace.filters.parsing import DEPTH_MAX, NODES_MAX
from tracewell.trace.lists.definitions import Definitions
from tracewell.trace.lists.model import DOMAINS_AT_ONCE_MAX, Definition, Side
from tracewell.trace.lists.routes import CHANGE, NEEDED, ONE, ONE_LIST, TAG, USERS, member_of
from tracewell.trace.paging import LIMIT_DEFAULT, Page, Paged, PageLimit, PageNumber, Pager

_VERSIONS = f"{ONE_LIST}/definition/versions"
_WRONG = (errors.INVALID_DEFINITION, errors.STALE_REGISTRY_VERSION)


def _number(given: Any) -> Any:
    # JSON's 1.0 is the integer 1; a text or a boolean is none.
    if isinstance(given, str | bool):
        raise ValueError("must be a whole number")
    return given


WholeNumber = Annotated[int, BeforeValidator(_number), Field(ge=0, le=2**31 - 1)]
Version = Annotated[int, Path(ge=1, le=2**31 - 1)]
DomainText = Annotated[str, Field(max_length=2_048)]


class FieldOperator(BaseModel):
    """An operator of a field and the JSON Schema of the values that it takes."""

    model_config = ConfigDict(extra="forbid")

    operator: str
    value_schema: dict[str, Any]


class FilterFieldAnswer(BaseModel):
    """A field of the filter language; `group` is what it is about."""

    model_config = ConfigDict(extra="forbid")

    name: str
    group: str
    description: str
    kind: str
    operators: list[FieldOperator]


class FilterLimits(BaseModel):
    """How large a tree may be."""

    model_config = ConfigDict(extra="forbid")

    depth_max: int
    nodes_max: int
    values_max: int


class FilterFields(BaseModel):
    """The filter language: what a definition with this `registry_version` may say."""

    model_config = ConfigDict(extra="forbid")

    registry_version: int
    limits: FilterLimits
    fields: list[FilterFieldAnswer]


class Tree(BaseModel):
    """A filter tree: nodes are `{"op": "and"|"or"|"not", "children": [...]}` or
    `{"field", "operator", "value"}`."""

    model_config = ConfigDict(extra="forbid")

    registry_version: WholeNumber
    root: Any


class NewDefinition(Tree):
    """A definition to be put. With `base_version` it is refused where a colleague was quicker."""

    base_version: WholeNumber | None = None


class DefinitionAnswer(BaseModel):
    """A version of a definition. Version 0, without a tree: none was put yet."""

    model_config = ConfigDict(extra="forbid")

    version: int
    registry_version: int
    root: Any
    author_id: int | None
    created_at: datetime | None
    restored_from: int | None


class Domains(BaseModel):
    """Domains to be added, excluded or taken back."""

    model_config = ConfigDict(extra="forbid")

    domains: list[DomainText] = Field(min_length=1, max_length=DOMAINS_AT_ONCE_MAX)


class DomainResult(BaseModel):
    """What came of a domain; `domain` is as it was sent where it is invalid. `changed`: it was put
    there, or taken away, by this call."""

    model_config = ConfigDict(extra="forbid")

    domain: str
    status: Literal["tracked", "not_tracked", "invalid"]
    changed: bool


class DomainResults(BaseModel):
    """What came of each domain, each once, in the order they were sent."""

    model_config = ConfigDict(extra="forbid")

    results: list[DomainResult]


class RemovedDomains(BaseModel):
    """The domains that stood there and were taken away."""

    model_config = ConfigDict(extra="forbid")

    removed: list[str]


class ListedDomainAnswer(BaseModel):
    """A domain by hand. One that no company has yet counts as soon as it is tracked."""

    model_config = ConfigDict(extra="forbid")

    domain: str
    is_tracked: bool
    user_id: int
    created_at: datetime


def definition_endpoints(service: Definitions, pager: Pager) -> tuple[Endpoint, ...]:
    """The filter language, and the definition of a list with its history."""

    async def list_filter_fields(request: Request) -> Response:
        """The fields that a definition may use, their operators, and the JSON Schema of their
        values."""
        return as_response(json_answer(filter_fields()))

    async def get_definition(request: Request, list_id: str) -> Response:
        """The definition in force."""
        found = await service.get_definition(member_of(request), list_id)
        return as_response(json_answer(_definition(found)))

    async def put_definition(request: Request, list_id: str, wanted: NewDefinition) -> Response:
        """Appends a version, which is in force from now on; members are computed anew when they are
        read next. A tree that is wrong is told by the path of each wrong node."""
        made = await service.put_definition(
            member_of(request), list_id, wanted.registry_version, wanted.root, wanted.base_version
        )
        return as_response(json_answer(_definition(made)))

    async def list_versions(
        request: Request, list_id: str, page: PageNumber = 1, limit: PageLimit = LIMIT_DEFAULT
    ) -> Response:
        """The versions of the definition, the newest first."""
        wanted = Page(page, limit)
        found, total = await service.list_versions(member_of(request), list_id, wanted)
        rows = [_definition(one) for one in found]
        return as_response(json_answer(pager.envelope(request.scope, wanted, rows, total)))

    async def get_version(request: Request, list_id: str, version: Version) -> Response:
        """A version of the definition."""
        found = await service.get_definition(member_of(request), list_id, version)
        return as_response(json_answer(_definition(found)))

    async def restore_version(request: Request, list_id: str, version: Version) -> Response:
        """Appends a copy of an earlier version: nothing of the history is lost."""
        made = await service.restore(member_of(request), list_id, version)
        return as_response(json_answer(_definition(made)))

    gone = errors.DEFINITION_NOT_FOUND
    return (
        Endpoint(
            "GET", "/v1/lists/filter-fields", list_filter_fields, USERS, "List the filter fields",
            FilterFields, TAG, errors=NEEDED,
        ),
        Endpoint(
            "GET", f"{ONE_LIST}/definition", get_definition, USERS, "Get a list's definition",
            DefinitionAnswer, TAG, errors=ONE,
        ),
        Endpoint(
            "PUT", f"{ONE_LIST}/definition", put_definition, USERS, "Put a list's definition",
            DefinitionAnswer, TAG, errors=(*CHANGE, *_WRONG, errors.DEFINITION_CONFLICT),
            takes_body=True,
        ),
        Endpoint(
            "GET", _VERSIONS, list_versions, USERS, "List a definition's versions",
            Paged[DefinitionAnswer], TAG, errors=ONE,
        ),
        Endpoint(
            "GET", f"{_VERSIONS}/{{version}}", get_version, USERS, "Get a version of a definition",
            DefinitionAnswer, TAG, errors=(*ONE, gone),
        ),
        Endpoint(
            "POST", f"{_VERSIONS}/{{version}}/restore", restore_version, USERS,
            "Restore a version of a definition", DefinitionAnswer, TAG,
            errors=(*CHANGE, *_WRONG, gone),
        ),
    )  # fmt: skip


def domain_endpoints(service: Definitions, pager: Pager, side: Side) -> tuple[Endpoint, ...]:
    """The domains on one side."""
    path = f"{ONE_LIST}/{side}-domains"

    async def list_domains(
        request: Request, list_id: str, page: PageNumber = 1, limit: PageLimit = LIMIT_DEFAULT
    ) -> Response:
        """The domains, in alphabetical order."""
        wanted = Page(page, limit)
        found, total = await service.list_domains(member_of(request), list_id, side, wanted)
        rows = [
            {
                "domain": one.domain,
                "is_tracked": one.is_tracked,
                "user_id": one.user_id,
                "created_at": format_utc(one.created_at),
            }
            for one in found
        ]
        return as_response(json_answer(pager.envelope(request.scope, wanted, rows, total)))

    async def add_domains(request: Request, list_id: str, wanted: Domains) -> Response:
        """Adds domains; one that stood on the other side changes sides. What is no domain is told
        and left out; what no company has yet is kept and counts once it is tracked."""
        parsed = {text: find_domain(text) for text in wanted.domains}
        domains = list(dict.fromkeys(one for one in parsed.values() if one is not None))
        done = await service.add_domains(member_of(request), list_id, side, domains)
        results: dict[str, dict[str, Any]] = {}
        for text, domain in parsed.items():
            changed, is_tracked = done[domain] if domain is not None else (False, False)
            status = "tracked" if is_tracked else "not_tracked"
            status = "invalid" if domain is None else status
            name = domain or text
            results.setdefault(name, {"domain": name, "status": status, "changed": changed})
        return as_response(json_answer({"results": list(results.values())}))

    async def remove_domains(request: Request, list_id: str, wanted: Domains) -> Response:
        """Takes domains back; what does not stand there is passed over."""
        parsed = (find_domain(text) for text in wanted.domains)
        domains = list(dict.fromkeys(one for one in parsed if one is not None))
        removed = await service.remove_domains(member_of(request), list_id, side, domains)
        return as_response(json_answer({"removed": removed}))

    async def remove_domain(request: Request, list_id: str, domain: str) -> Response:
        """Takes one domain back; done also where it does not stand there."""
        parsed = find_domain(domain)
        domains = [] if parsed is None else [parsed]
        await service.remove_domains(member_of(request), list_id, side, domains)
        return Response(status_code=204)

    return (
        Endpoint(
            "GET", path, list_domains, USERS, f"List a list's {side} domains",
            Paged[ListedDomainAnswer], TAG, errors=ONE,
        ),
        Endpoint(
            "POST", path, add_domains, USERS, f"Add to a list's {side} domains", DomainResults,
            TAG, errors=(*CHANGE, errors.LIST_TOO_LARGE), takes_body=True,
        ),
        Endpoint(
            "POST", f"{path}/remove", remove_domains, USERS,
            f"Take many from a list's {side} domains", RemovedDomains, TAG, errors=CHANGE,
            takes_body=True,
        ),
        Endpoint(
            "DELETE", f"{path}/{{domain}}", remove_domain, USERS,
            f"Take one from a list's {side} domains", None, TAG, status=204, errors=CHANGE,
        ),
    )  # fmt: skip


def find_domain(text: str) -> str | None:
    """The domain that a text names, written in any of the ways of `{identifier}`; no slug."""
    try:
        found = parse_identifier(text)
    except ValueError:
        return None
    return found if "." in found else None


@cache
def filter_fields() -> dict[str, Any]:
    """The field registry as it is told."""
    return {
        "registry_version": REGISTRY_VERSION,
        "limits": {"depth_max": DEPTH_MAX, "nodes_max": NODES_MAX, "values_max": VALUES_MAX},
        "fields": [
            {
                "name": field.name,
                "group": field.group,
                "description": field.description,
                "kind": field.kind.name,
                "operators": [
                    {"operator": operator, "value_schema": adapter.json_schema()}
                    for operator, adapter in field.kind.operators.items()
                ],
            }
            for field in FIELDS.values()
        ],
    }


def _definition(found: Definition) -> dict[str, Any]:
    return {
        "version": found.version,
        "registry_version": found.registry_version,
        "root": found.root,
        "author_id": found.author_id,
        "created_at": None if found.created_at is None else format_utc(found.created_at),
        "restored_from": found.restored_from,
    }
