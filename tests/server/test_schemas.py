"""Schemathesis: what the OpenAPI documents promise, tried on the real server.

Generated calls, right ones and wrong ones, with real keys, every other one of what is there: no
500, no status, header or body that the document does not have, no wrong call taken for a right one.
`make test-schemas` tries far more calls, others in each run.
"""

from __future__ import annotations

import itertools
import os
import re
from collections.abc import Mapping, Sequence
from typing import Any

import httpx
import pytest
import schemathesis
from hypothesis import HealthCheck, Phase, settings
from schemathesis import GenerationMode
from schemathesis.core.parameters import ParameterLocation
from schemathesis.specs.openapi.checks import positive_data_acceptance
from tests.server.deployment import Deployment
from tests.servers import Server

pytestmark = pytest.mark.usefixtures("nothing_failed")
EXAMPLES = int(os.environ.get("TRACEWELL_SCHEMA_EXAMPLES", "12"))
IS_LONG_RUN = "TRACEWELL_SCHEMA_EXAMPLES" in os.environ
_numbers = itertools.count()
SETTINGS = settings(
    max_examples=EXAMPLES,
    derandomize=not IS_LONG_RUN,
    deadline=None,
    database=None,
    phases=[Phase.explicit, Phase.generate],
    suppress_health_check=list(HealthCheck),
)


@pytest.fixture(scope="module")
def trace_key(shared_deployment: Deployment) -> str:
    return shared_deployment.add_customer(credits=1_000_000).key


@pytest.fixture(scope="module")
def intrace_key(shared_deployment: Deployment) -> str:
    return shared_deployment.add_service(("analyst", "auditor", "admin"))


def _schema(url: str) -> schemathesis.BaseSchema:
    schema = schemathesis.openapi.from_url(f"{url}/openapi.json")
    schema.config.generation.update(
        modes=[GenerationMode.POSITIVE, GenerationMode.NEGATIVE],
        # A made-up bearer token would decide over the real key, and all answers be 401.
        with_security_parameters=False,
    )
    schema.hook("filter_query")(_is_said_once)
    return schema


def _is_said_once(context: schemathesis.HookContext, query: dict[str, Any] | None) -> bool:
    """Of a parameter that is repeated the last counts, as in any FastAPI app: not an error."""
    return not any(isinstance(value, list) for value in (query or {}).values())


@pytest.fixture(scope="module")
def trace_schema(shared_server: Server) -> schemathesis.BaseSchema:
    return _schema(shared_server.trace)


@pytest.fixture(scope="module")
def intrace_schema(shared_server: Server) -> schemathesis.BaseSchema:
    return _schema(shared_server.intrace)


trace_calls = schemathesis.pytest.from_fixture("trace_schema")
intrace_calls = schemathesis.pytest.from_fixture("intrace_schema")


# What a right call means is more than a schema can say: which links are live, which identifiers
# fit their type, which connectors there are, what a filter tree may say, how long a window is.
MEANT_BEYOND_THE_SCHEMA = {
    "GET /auth/verify-email",
    "POST /auth/password",
    "POST /v1/lookup",
    "POST /v1/lookup/plan",
    "PUT /v1/lists/{list_id}/definition",
    "POST /v1/lists/preview-count",
    "POST /v1/computations/overlap",
    "POST /v1/computations/overlap/companies",
    "POST /v1/computations/look-alikes",
    "POST /v1/computations/adoption",
    "POST /v1/computations/churn",
    "POST /v1/computations/churn/companies",
    "GET /v1/credits/usage",
}


Things = Mapping[str, Sequence[str]]
"""By the name of a path's parameter what is there."""

# What these take away the other calls ask for.
TAKING_AWAY = {"DELETE /v1/lists/{list_id}", "DELETE /v1/lookup/{request_id}"}


@pytest.fixture(scope="module")
def trace_things(shared_server: Server, trace_key: str) -> Things:
    companies = ("c0", "c1.example", "c2")
    with httpx.Client(base_url=shared_server.trace, headers={"X-API-Key": trace_key}) as client:

        def make(path: str, body: Any) -> Any:
            return client.post(path, json=body).raise_for_status().json()

        lists = [make("/v1/lists", {"name": name})["list_id"] for name in ("Plain", "Defined")]
        fields = client.get("/v1/lists/filter-fields").raise_for_status().json()
        leaf = {"field": "technology", "operator": "any_of", "value": ["bauhaus-cms"]}
        tree = {"registry_version": fields["registry_version"], "root": leaf}
        client.put(f"/v1/lists/{lists[1]}/definition", json=tree).raise_for_status()
        return {
            "identifier": companies, "a": companies, "b": companies, "partner_domain": companies,
            "slug": ("bauhaus-cms", "cms"), "list_id": lists, "version": ("1",),
            "domain": ("c0.example",),
            "job_id": (make("/v1/companies/refresh", {"domains": ["c0.example"]})["job_id"],),
            "flag_id": (make("/v1/companies/c0/flags", {})["flag_id"],),
        }  # fmt: skip


@pytest.fixture(scope="module")
def intrace_things(shared_server: Server, intrace_key: str) -> Things:
    identifiers = [
        {"type": "domain", "value": "c0.example"},
        {"type": "email", "value": "jane@c0.example"},
    ]
    headers = {"X-API-Key": intrace_key}
    with httpx.Client(base_url=shared_server.intrace, headers=headers, timeout=30) as client:

        def get(path: str, body: Any = None) -> Any:
            answer = client.post(path, json=body) if body else client.get(path)
            return answer.raise_for_status().json()

        made = get("/v1/lookup", {"identifiers": identifiers})
        requests = (made["request_id"],)
        entities = [entity["entity_id"] for entity in made["entities"]]
        types = [kind["analysis_type"] for kind in get("/v1/analysis/types")["types"]]
        subject = {"subject": {"type": "entity", "entity_id": entities[0]}}
        done = [get("/v1/analysis", {**subject, "analysis_type": kind}) for kind in types]
        return {
            "request_id": requests, "id": (*requests, *entities), "entity_id": entities,
            "analysis_id": [each["analysis_id"] for each in done], "analysis_type": types,
            "connector_id": [c["id"] for c in get("/v1/connectors")["connectors"]],
        }  # fmt: skip


def _name(case: Any, things: Things) -> None:
    """Lets every other call whose path is right ask for what is there: behind 404 is nothing."""
    number = next(_numbers)
    path = case.meta.components.get(ParameterLocation.PATH)
    if number % 2 or not path or path.mode.is_negative or case.operation.label in TAKING_AWAY:
        return
    for name in case.path_parameters:
        if name in things:
            case.path_parameters[name] = things[name][number // 2 % len(things[name])]


def _validate(case: Any, url: str, key: str) -> schemathesis.Response:
    """Calls, and checks the answer by everything that Schemathesis knows."""
    key_sent = (case.headers or {}).get("Idempotency-Key")
    if key_sent is not None and re.fullmatch(r"[!#-\[\]-~]{1,255}", str(key_sent)):
        # A right key is one that no other request bears, which no schema can say.
        case.headers["Idempotency-Key"] = f"{str(key_sent)[:200]}-{next(_numbers)}"
    excluded = [positive_data_acceptance] if case.operation.label in MEANT_BEYOND_THE_SCHEMA else []
    return case.call_and_validate(  # type: ignore[no-any-return]
        base_url=url, headers={"X-API-Key": key}, excluded_checks=excluded
    )


@trace_calls.parametrize()
@SETTINGS
def test_trace_keeps_its_document(
    case: Any, shared_server: Server, trace_key: str, trace_things: Things
) -> None:
    _name(case, trace_things)
    _validate(case, shared_server.trace, trace_key)


@intrace_calls.parametrize()
@SETTINGS
def test_intrace_keeps_its_document(
    case: Any, shared_server: Server, intrace_key: str, intrace_things: Things
) -> None:
    _name(case, intrace_things)
    _validate(case, shared_server.intrace, intrace_key)


def test_what_trace_finds_is_as_documented(
    shared_server: Server, trace_schema: schemathesis.BaseSchema, trace_key: str
) -> None:
    def call(method: str, path: str, **parts: Any) -> Any:
        case = trace_schema[path][method].Case(**parts)
        answer = _validate(case, shared_server.trace, trace_key)
        assert answer.status_code in (200, 201, 204)
        return answer.json() if answer.content else None

    for identifier in ("c0", "c1.example"):
        parts = {"path_parameters": {"identifier": identifier}}
        assert call("GET", "/v1/companies/{identifier}", **parts)["technologies"]
    page = call("GET", "/v1/companies", query={"technology": "bauhaus-cms", "limit": 2})
    assert (len(page["data"]), page["pagination"]["has_next"]) == (2, True)
    assert call("GET", "/v1/technologies")["data"]
    call("GET", "/v1/technologies/{slug}", path_parameters={"slug": "bauhaus-cms"})
    assert call("GET", "/v1/categories")["data"]
    assert call("GET", "/v1/credits")["balance"] > 0
    assert call("GET", "/v1/credits/ledger")["data"]
    made = call("POST", "/v1/lists", body={"name": "Fintechs"}, media_type="application/json")
    assert made["access_level"] == "owner"
    one = {"path_parameters": {"list_id": made["list_id"]}}
    assert call("GET", "/v1/lists/{list_id}", **one) == made
    body = {"body": {"description": "Banks too"}, "media_type": "application/json"}
    assert call("PATCH", "/v1/lists/{list_id}", **one, **body)["description"] == "Banks too"
    assert call("GET", "/v1/lists")["data"]
    call("DELETE", "/v1/lists/{list_id}", **one)


def test_what_intrace_finds_is_as_documented(
    shared_server: Server, intrace_schema: schemathesis.BaseSchema, intrace_key: str
) -> None:
    def call(method: str, path: str, **parts: Any) -> Any:
        case = intrace_schema[path][method].Case(**parts)
        answer = _validate(case, shared_server.intrace, intrace_key)
        assert answer.status_code in (200, 204)
        return answer.json() if answer.content else None

    identifiers = [
        {"type": "domain", "value": "c0.example"},
        {"type": "phone", "value": "+442079460958"},
        {"type": "email", "value": "jane@c0.example"},
    ]
    for depth in ("standard", "deep"):
        body = {"identifiers": identifiers, "depth": depth}
        made = call("POST", "/v1/lookup", body=body, media_type="application/json")
        assert made["entities"]
    one = {"path_parameters": {"request_id": made["request_id"]}}
    assert call("GET", "/v1/lookup/{request_id}", **one) == made
    assert call("GET", "/v1/lookup")["lookups"]
    assert call("GET", "/v1/reports/{request_id}", **one)["report_hash"]
    assert call("GET", "/v1/reports/{request_id}/verify", **one)["verified"] is True
    assert call("GET", "/v1/audit", query={"limit": 5})["total"] >= 2
    assert call("GET", "/v1/audit/{request_id}", **one)["identifiers_queried"] == 3
    assert call("GET", "/v1/audit/{request_id}/inclusion", **one)["completion"]["leaf_index"] >= 1
    size = call("GET", "/v1/audit/tree-head")["tree_size"]
    assert call("GET", "/v1/audit/leaves", query={"first": 1})["tree_size"] == size
    assert call("GET", "/v1/audit/consistency", query={"old_size": 1})["size"] == size
    for connector in call("GET", "/v1/connectors")["connectors"]:
        parts = {"path_parameters": {"connector_id": connector["id"]}}
        assert call("GET", "/v1/connectors/{connector_id}/health", **parts)["id"] == connector["id"]
    call("DELETE", "/v1/lookup/{request_id}", **one)
