"""Every status that an endpoint declares, over HTTP, each answer held against the declaration."""

from __future__ import annotations

import re
import socket
from collections.abc import Iterator
from typing import Any

import httpx
import pytest
import schemathesis
from tests.contract.provoking import JSON, STATUSES, Cast, Scene
from tests.contract.recipes import RECIPES, body_of, call, endpoints, path_of
from tests.contract.stage import Customer, Stage

from tracewell.kernel.http.endpoint import Endpoint
from tracewell.trace import errors

NAMES = list(endpoints())
_INSTANT = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ")


@pytest.fixture(scope="module")
def document(stage: Stage) -> schemathesis.BaseSchema:
    """What the server tells of itself."""
    return schemathesis.openapi.from_url(f"{stage.server.trace}/openapi.json")


@pytest.fixture(scope="module")
def cast(stage: Stage) -> Cast:
    """The customers for whom something is amiss."""
    hurried, unread = stage.new_key(per_minute=1), stage.new_key()
    assert stage.client(hurried).get("/v1/credits").status_code == 200
    return Cast(
        stage.new_customer(credits=0),
        stage.new_customer(is_verified=False),
        stage.client(hurried),
        stage.client(unread),
    )


def operation_of(endpoint: Endpoint, document: schemathesis.BaseSchema) -> dict[str, Any]:
    """What the document says of the endpoint."""
    found: dict[str, Any] = document.raw_schema["paths"][endpoint.path][endpoint.method.lower()]
    return found


def declared(endpoint: Endpoint, document: schemathesis.BaseSchema) -> dict[int, Any]:
    """The responses of an endpoint by status."""
    responses = operation_of(endpoint, document)["responses"]
    return {int(status): response for status, response in responses.items()}


def check_kept(
    endpoint: Endpoint, document: schemathesis.BaseSchema, answer: httpx.Response
) -> None:
    """The answer is one that the document has, with its media type and all keys of its schema."""
    response = declared(endpoint, document)[answer.status_code]
    content = response.get("content", {})
    if answer.status_code == 204:
        assert (content, answer.content) == ({}, b"")
        return
    media_type = answer.headers["content-type"].partition(";")[0]
    assert media_type in content, (endpoint.name, answer.status_code)
    assert answer.headers["x-request-id"]
    if media_type == "application/json":
        document[endpoint.path][endpoint.method].validate_response(answer)
        check_times(answer.json())


def check_times(value: Any, key: str = "") -> None:
    """Timestamps are UTC to the second, and stand under keys that end in `_at`."""
    if isinstance(value, dict):
        for name, item in value.items():
            check_times(item, name)
    elif isinstance(value, list):
        for item in value:
            check_times(item, key)
    elif isinstance(value, str) and (key.endswith("_at") or _INSTANT.fullmatch(value)):
        assert key.endswith("_at"), key
        assert _INSTANT.fullmatch(value), (key, value)


@pytest.mark.parametrize("name", NAMES)
def test_a_right_call_is_answered_as_declared(
    stage: Stage, document: schemathesis.BaseSchema, name: str
) -> None:
    endpoint = endpoints()[name]
    answer = call(endpoint, stage.rich)
    assert answer.status_code == endpoint.status, answer.text
    check_kept(endpoint, document, answer)
    if endpoint.answer is not None:
        endpoint.answer.model_validate_json(answer.content)
        assert not missing_from(document.raw_schema, declared(endpoint, document)[endpoint.status])
    assert {"x-ratelimit-limit", "x-ratelimit-remaining", "x-ratelimit-reset"} <= set(
        answer.headers
    )
    assert ("x-credits-charged" in answer.headers) == (endpoint.access.charges is not None)


def missing_from(document: dict[str, Any], schema: Any, seen: tuple[str, ...] = ()) -> list[str]:
    """Properties that a schema lets answers leave out, and objects to which it lets them add."""
    if isinstance(schema, list):
        return [name for one in schema for name in missing_from(document, one, seen)]
    if not isinstance(schema, dict):
        return []
    found: list[str] = []
    if (ref := schema.get("$ref")) and ref not in seen:
        target = document["components"]["schemas"][ref.rpartition("/")[2]]
        found += missing_from(document, target, (*seen, ref))
    if "properties" in schema:
        found += [name for name in schema["properties"] if name not in schema.get("required", ())]
        if schema.get("additionalProperties") is not False:
            found.append(f"{schema.get('title')} is open")
    return found + missing_from(document, list(schema.values()), seen)


@pytest.mark.parametrize("name", NAMES)
def test_every_declared_error_status_can_be_provoked_and_costs_nothing(
    stage: Stage, document: schemathesis.BaseSchema, cast: Cast, name: str
) -> None:
    endpoint = endpoints()[name]
    before = stage.rich.entries, stage.rich.balance
    scene = Scene(stage, endpoint, operation_of(endpoint, document), cast)
    told = set()
    for status in declared(endpoint, document):
        if status in (endpoint.status, *ELSEWHERE):
            continue
        answer = STATUSES[status](scene)
        assert answer.status_code == status, (status, answer.status_code, answer.text)
        assert not {"x-credits-charged", "x-credits-remaining"} & set(answer.headers)
        check_kept(endpoint, document, answer)
        told.add(status)
    assert {400, 401, 403, 405, 429, 431, 500} <= told
    assert (stage.rich.entries, stage.rich.balance) == before


@pytest.mark.parametrize("name", NAMES)
def test_a_parameter_out_of_bounds_is_named(
    stage: Stage, document: schemathesis.BaseSchema, cast: Cast, name: str
) -> None:
    endpoint = endpoints()[name]
    scene = Scene(stage, endpoint, operation_of(endpoint, document), cast)
    for place, answer in scene.wrong_parameters():
        assert answer.status_code == 422, (place, answer.text)
        assert [tuple(one["loc"]) for one in answer.json()["detail"]] == [place]


@pytest.mark.parametrize("name", [name for name in NAMES if endpoints()[name].access.charges])
def test_a_slip_in_a_query_string_is_not_paid_for(
    stage: Stage, document: schemathesis.BaseSchema, name: str
) -> None:
    endpoint, recipe = endpoints()[name], RECIPES[name]
    told = operation_of(endpoint, document).get("parameters", ())
    taken = [one["name"] for one in told if one["in"] == "query"]

    def refused(*params: tuple[str, str]) -> list[tuple[str, str]]:
        body, path = body_of(endpoint, recipe, stage.rich), path_of(endpoint, recipe, stage.rich)
        before = stage.rich.entries
        sent = [*recipe.query.items(), *params]
        answer = stage.rich.owner.request(endpoint.method, path, json=body, params=sent)
        if answer.status_code == endpoint.status:
            return []
        assert (answer.status_code, stage.rich.entries) == (422, before), answer.text
        return [(one["loc"][1], one["type"]) for one in answer.json()["detail"]]

    assert refused(("cache", "1"), ("cache", "2")) == []
    for parameter in taken:
        assert (parameter, "multiple_argument_values") in refused(
            (parameter, "1"), (parameter, "1")
        )
        if len(parameter) > 1:
            slip = f"{parameter}x"
            assert refused((slip, "1")) == [(slip, "extra_forbidden")]


ELSEWHERE = {
    408: "test_a_body_that_does_not_come_is_told_of_at_every_endpoint",
    409: "tests/conformance: two writers of one thing",
}


@pytest.mark.parametrize("name", [one for one in NAMES if endpoints()[one].access.user_only])
def test_an_org_key_is_refused_where_a_user_is_needed(
    stage: Stage, document: schemathesis.BaseSchema, name: str
) -> None:
    endpoint = endpoints()[name]
    answer = call(endpoint, stage.rich, stage.rich.org_key)
    assert (answer.status_code, answer.json()["error"]) == (403, "user_credential_required")
    check_kept(endpoint, document, answer)


_REFUSED_TO_VIEWERS = [
    name for name in NAMES if errors.LIST_PERMISSION_DENIED in endpoints()[name].errors
]


@pytest.mark.parametrize("name", _REFUSED_TO_VIEWERS)
def test_a_viewer_is_refused_where_an_editor_is_needed(
    stage: Stage, document: schemathesis.BaseSchema, name: str
) -> None:
    endpoint = endpoints()[name]
    answer = call(endpoint, stage.rich, stage.rich.colleague)
    assert answer.status_code == 403
    assert answer.json()["error"]["code"] == "list_permission_denied"
    check_kept(endpoint, document, answer)


@pytest.fixture(scope="module", autouse=True)
def unfinished(
    stage: Stage, document: schemathesis.BaseSchema, cast: Cast
) -> Iterator[list[tuple[Scene, socket.socket]]]:
    """For each endpoint that takes a body a request whose body never comes, sent early."""
    scenes = [
        Scene(stage, one, operation_of(one, document), cast)
        for one in endpoints().values()
        if one.takes_body
    ]
    sent = [(scene, scene.raw("Content-Length: 100", f"Content-Type: {JSON}")) for scene in scenes]
    yield sent
    for _, connection in sent:
        connection.close()


def test_a_body_that_does_not_come_is_told_of_at_every_endpoint(
    stage: Stage, document: schemathesis.BaseSchema, unfinished: list[tuple[Scene, socket.socket]]
) -> None:
    assert len(unfinished) >= 10
    for scene, connection in unfinished:
        answer = scene.answer(connection)
        assert answer.status_code == 408, scene.endpoint.name
        check_kept(scene.endpoint, document, answer)


def test_nothing_of_this_was_charged_to_who_has_nothing(cast: Cast) -> None:
    poor: Customer = cast.poor
    assert (poor.entries, poor.balance) == ([], 0)
